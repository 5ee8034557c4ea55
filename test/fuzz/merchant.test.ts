import { brokerBooks } from "@lepta/lambdas";
import type { Merchant, Visit } from "@lepta/peer-sdk";
import {
  ANYBODY,
  type Beside,
  contentCodec,
  encodeAs,
  encodeCbor,
  hello,
  holdingsRequest,
  idBytes,
  type MessageType,
  offerRequest,
  orThrow,
  proveSpend,
  purchaseRequest,
  purchaseSpendCodec,
  readSign1,
  refundOrder,
  refundRequest,
  renewalRequest,
  returnSpendCodec,
  type Signed,
  sealMessage,
  sha256,
  sign1,
  toText,
  vendorscripRequest,
} from "@lepta/protocol";
import { afterAll, describe, expect, test } from "vitest";
import { bodyOf } from "../../peer-sdk/src/customer/records.ts";
import { CHUNK } from "../../peer-sdk/src/merchant/outstanding.ts";
import { merchantTables } from "../../peer-sdk/src/merchant/records.ts";
import { errorIn, euro, given, type Meeting, orderFor } from "../peer-sdk/support/hand.ts";
import { HOUR } from "../peer-sdk/support/world.ts";
import { barrage, type Layer, type Outcome } from "./support/barrage.ts";
import { kept } from "./support/corpus.ts";
import { exchanged, type Pool, poolOf } from "./support/exchange.ts";
import { expectLines, expectSound } from "./support/ledger.ts";
import { mutated, padded, type Seed, seedOf } from "./support/mutate.ts";
import { proves } from "./support/proof.ts";
import { type Draw, drawFor, SEED } from "./support/random.ts";
import { Tallies } from "./support/tallies.ts";
import { OUT_OF_ORDER, tenants } from "./support/tenants.ts";

const under = await tenants("merchant");
const { customer, merchant, world } = under;
const { network, runtime } = world;
const held = given((await customer.holdings(merchant.uid))[0], "VendorScrip");
const purse = await customer.purse();

let shop: Merchant;
let visit: Visit;
let meeting: Meeting;
/** Steps that listing a shop's free places takes, where it has not done so yet. */
let listing = 0;
await beginAnew();

/** A message to the merchant: what is signed, and what goes beside it in the seal. */
interface Message {
  readonly type: MessageType;
  readonly bytes: Uint8Array;
  readonly beside: Beside;
}

const samples: Uint8Array[] = [held.grant.body, encodeCbor([held.grant.body, held.grant.certificate])];
samples.push(purse.grant.body, encodeCbor([purse.grant.body, purse.grant.certificate]));
samples.push(encodeCbor([customer.uid, merchant.uid, network, customer.newTxn()].map(idBytes)));
for (const sku of ["page", "book", "broken", "nothing"])
  samples.push(encodeCbor([sku, "one page", "EUR", 20_000]));
/** Made of the first message of each type. */
let pool: Pool | undefined;

const makers: Readonly<Record<string, (draw?: Draw) => Promise<Message>>> = {
  hello: async (draw) => {
    const { bytes } = await customer.party.credential();
    const credential = draw?.below(2) && pool ? exchanged(draw, bytes, pool) : bytes;
    return sign(hello, { to: ANYBODY, credential }, {}, draw);
  },
  "offer-request": (draw) => sign(offerRequest, { to: merchant.uid, sku: "page" }, {}, draw),
  "vendorscrip-request": async (draw) => {
    const txn = customer.newTxn();
    const amount = euro("0.10");
    const part = await customer.part(merchant.uid, txn, draw?.below(3) === 0 ? euro("0.11") : amount, purse);
    const fields = {
      to: merchant.uid,
      txn,
      amount,
      minimumExpiry: runtime.now() + HOUR,
      part: toText(sha256(part.sealed)),
    };
    return sign(vendorscripRequest, fields, { attachments: [part.sealed] }, draw);
  },
  "purchase-request": async (draw) => {
    const order = { ...orderFor("page", "EUR 0.02"), description: "one page" };
    const spend = encodeAs(purchaseSpendCodec, {
      scrip: [held.grant.body, held.grant.certificate],
      order,
      salt: customer.party.runtime.random(16),
      amount: order.unitPrice,
      metered: false,
    });
    if (pool === undefined) samples.push(spend);
    const body = draw?.below(2) && pool ? exchanged(draw, spend, pool) : spend;
    const beside = held.authorization ? { attachments: [held.authorization] } : {};
    return sign(purchaseRequest, { to: merchant.uid, spend: proveSpend(held.secret, body) }, beside, draw);
  },
  "renewal-request": async (draw) => {
    const beside = held.authorization ? { attachments: [held.authorization] } : {};
    return sign(renewalRequest, { to: merchant.uid, spend: returning(draw) }, beside, draw);
  },
  "refund-request": async (draw) => {
    const txn = customer.newTxn();
    const { id: scrip, value: amount } = bodyOf(held);
    const asked = draw?.below(4) === 0 ? euro("0.11") : amount;
    const order = await customer.sign(refundOrder, {
      to: network,
      txn,
      merchant: merchant.uid,
      amount: asked,
      scrip,
    });
    const part = await customer.sealToBroker(order);
    const attachments = held.authorization ? [part, held.authorization] : [part];
    const fields = { to: merchant.uid, txn, spend: returning(draw), part: toText(sha256(part)) };
    return sign(refundRequest, fields, { attachments }, draw);
  },
  "holdings-request": (draw) => {
    const cursor = draw?.below(2) ? { cursor: draw.pick(["~", bodyOf(held).id, "/", "x".repeat(256)]) } : {};
    return sign(holdingsRequest, { to: merchant.uid, all: draw?.below(2) === 1, ...cursor }, {}, draw);
  },
};

/** The whole of the VendorScrip, shown to be renewed or given back. */
function returning(draw?: Draw) {
  const spend = encodeAs(returnSpendCodec, {
    scrip: [held.grant.body, held.grant.certificate],
    amount: bodyOf(held).value,
  });
  if (pool === undefined) samples.push(spend);
  const body = draw?.below(2) && pool ? exchanged(draw, spend, pool) : spend;
  return proveSpend(held.secret, body.length <= 2048 ? body : spend);
}

for (const make of Object.values(makers)) await make();
pool = poolOf(samples);

const tallies = new Tallies();
afterAll(() => tallies.end());

test("every message that a merchant takes has one to begin with", async () => {
  for (const [name, make] of Object.entries(makers)) {
    expect((await show(await travelling(await make()))).code, name).toBeUndefined();
    await beginAnew();
  }
});

describe.each(Object.entries(makers))(
  `%s, whatever comes of it, is answered or refused by name, and no value moves (seed ${SEED}):`,
  (name, make) => {
    test("damage to the bytes that travel changes nothing at all", async () => {
      const seeds = await played(make);
      const draw = drawFor(`merchant ${name} sealed`);
      const waiting = [...kept];
      await bombard(name, "sealed", async () => waiting.pop() ?? mutated(draw, seeds).slice(), unchanged());
    });

    test("damage to what a good seal, or a good hello, holds changes nothing at all", async () => {
      await played(make);
      const seeds = used.map(({ bytes, beside }) =>
        seedOf(encodeAs(contentCodec, { signed: bytes, ...beside })),
      );
      const { bytes: credential } = await customer.party.credential();
      const draw = drawFor(`merchant ${name} content`);
      const inputOf = async (): Promise<Uint8Array> => {
        const { type } = given(used[0]);
        if (type === hello)
          return (await sign(hello, { to: ANYBODY, credential: mutatedPart(draw, credential) }, {})).bytes;
        const plaintext = padded(draw, mutated(draw, seeds), type.paddingStep);
        return meeting.merchant.sealingKey.seal(type.mediaType, plaintext, (length) => draw.bytes(length));
      };
      await bombard(name, "content", inputOf, unchanged());
    });

    test("well-signed messages whose values are exchanged leave both sides' books true", async () => {
      await beginAnew();
      const draw = drawFor(`merchant ${name} signed`);
      let message: Message | undefined;
      const inputOf = async () => {
        message = await make(draw);
        return travelling(message);
      };
      await bombard(name, "signed", inputOf, beginAnew, async (wasLive) => {
        if (wasLive && !(await isLive()) && !proves(given(message).bytes, held.secret))
          throw new Error(`${name} has spent what it does not prove`);
      });
    });
  },
);

let used: readonly Message[] = [];

/** Two messages that were answered in the state at hand, so that they can only be answered again. */
async function played(make: (draw?: Draw) => Promise<Message>): Promise<readonly Seed[]> {
  await beginAnew();
  used = [await make(), await make()];
  const bodies = await Promise.all(used.map(travelling));
  for (const bytes of bodies) await visit([bytes]);
  return bodies.map(seedOf);
}

/** The stores as they were, a merchant that has just opened and a customer who has just said hello. */
async function beginAnew(): Promise<void> {
  await under.rewind();
  shop = await under.openShop();
  listing = CHUNK;
  visit = shop.visit();
  meeting = await customer.greet(visit);
}

function unchanged(): () => Promise<void> {
  const before = [under.table.items(), under.merchantStore.list("")] as const;
  return async () => {
    expect(under.table.items()).toEqual(before[0]);
    expect(await under.merchantStore.list("")).toEqual(await before[1]);
  };
}

async function sign(
  type: MessageType,
  fields: Readonly<Record<string, unknown>>,
  beside: Beside,
  draw?: Draw,
): Promise<Message> {
  const { bytes } = await customer.sign(type, fields);
  if (pool === undefined) samples.push(orThrow(readSign1(bytes)).payload);
  if (draw === undefined || pool === undefined || draw.below(3) === 0) return { type, bytes, beside };
  const { signing, uid } = customer.party.identity;
  const payload = exchanged(draw, orThrow(readSign1(bytes)).payload, pool);
  return { type, bytes: await sign1(signing, uid, type.mediaType, payload), beside };
}

/** A hello goes as it was signed, everything else sealed. */
const travelling = async (message: Message): Promise<Uint8Array> =>
  message.type === hello
    ? message.bytes
    : sealMessage(
        message as unknown as Signed<MessageType>,
        meeting.merchant.sealingKey,
        runtime.random,
        message.beside,
      );

async function show(input: Uint8Array): Promise<Outcome> {
  const [commits, steps] = [under.merchantStore.commits, under.clientSteps()];
  // Longer than a seed may grow, too: what `ws` lets through is looked at by the visit.
  const answers = await visit([input]);
  const code = errorIn(given(answers[0], "answer"));
  let made = under.clientSteps() - steps;
  // The first scrip that a shop makes after its start lists the places that are free, which no other input pays for again.
  if (made > listing) {
    made -= listing;
    listing = 0;
  }
  return { code, commits: under.merchantStore.commits - commits, steps: made };
}

function bombard(
  name: string,
  layer: Layer,
  inputOf: () => Promise<Uint8Array>,
  after: () => Promise<void>,
  check: (wasLive: boolean) => Promise<void> = async () => {},
) {
  const once = async () => {
    const input = await inputOf();
    const wasLive = await isLive();
    const outcome = await show(input);
    await check(wasLive);
    return { outcome, input };
  };
  return tallies.add(`${name} ${layer}`, () =>
    barrage(name, layer, once, async () => {
      await expectTrue();
      await after();
    }),
  );
}

/** Whether the VendorScrip that every request shows has not been spent. */
async function isLive(): Promise<boolean> {
  const scrip = await merchantTables(under.merchantStore).scrip.get(bodyOf(held).id);
  return scrip?.state !== "spent";
}

/** What the broker owes this merchant is what it sold and what is live; nobody was told of a fault but the handler's. */
async function expectTrue(): Promise<void> {
  const items = under.table.items();
  expectSound(items, runtime.now());
  expect(under.faults.filter((fault) => String(fault) !== `Error: ${OUT_OF_ORDER}`)).toEqual([]);
  const { liveVendorScrip, sold } = await shop.books("EUR");
  expect(liveVendorScrip + sold).toBe(brokerBooks(items, "EUR", runtime.now()).owedToMerchants);
  await expectLines(items, merchant.uid, merchantTables(under.merchantStore));
  for (const table of Object.values(merchantTables(under.merchantStore))) await table.list();
}

const mutatedPart = (draw: Draw, bytes: Uint8Array): Uint8Array => {
  const part = mutated(draw, [seedOf(bytes)]).slice(0, 3072);
  return part.length === 0 ? bytes : part;
};
