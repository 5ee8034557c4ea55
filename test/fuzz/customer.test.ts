import { brokerFor } from "@lepta/lambdas";
import type { BrokerTransport, ConnectChannel, Wallet } from "@lepta/peer-sdk";
import {
  acknowledgement,
  contentCodec,
  decodeAs,
  encodeAs,
  encodeCbor,
  hello,
  isErrorCode,
  isRefusal,
  LeptaError,
  messageByMediaType,
  offer,
  orThrow,
  purchaseResponse,
  readEncrypt,
  readSign1,
  type SigningKey,
  sign1,
  transactionResponse,
} from "@lepta/protocol";
import { afterAll, describe, expect, test } from "vitest";
import { BrokerLink } from "../../peer-sdk/src/broker-link.ts";
import { bodyOf, customerTables } from "../../peer-sdk/src/customer/records.ts";
import { given } from "../peer-sdk/support/hand.ts";
import { barrage, type Layer } from "./support/barrage.ts";
import { kept } from "./support/corpus.ts";
import { exchanged, poolOf } from "./support/exchange.ts";
import { expectSound } from "./support/ledger.ts";
import { mutated, padded, seedOf } from "./support/mutate.ts";
import { type Draw, drawFor, SEED } from "./support/random.ts";
import { stepsSoFar } from "./support/steps.ts";
import { Tallies } from "./support/tallies.ts";
import { SHOP, tenants } from "./support/tenants.ts";

/** A COSE_Sign1 begins with tag 18; everything else that a wallet takes is sealed. */
const SIGN1_LEAD = 0xd2;

const under = await tenants("customer");
const { customer, merchant, world } = under;
const { opening } = customer.party.identity;
const keySets = await Promise.all(
  (["decide", "acknowledge", "enrol"] as const).map((purpose) =>
    brokerFor(world.wiring, purpose).custody.keys(),
  ),
);
/** Whoever signs replies: a lying merchant, and a broker whose operational keys have leaked. */
const signers = new Map<string, SigningKey>(
  [merchant.party.identity.signing, ...keySets.map(({ signing }) => signing.key)].map((key) => [key.id, key]),
);

/** What becomes of replies of one type on their way; the others pass. */
let target: string | undefined;
let mangle: (reply: Uint8Array) => Promise<Uint8Array> = async (reply) => reply;
let mangled = 0;
let last: Uint8Array = new Uint8Array(0);
/** The way to the broker, cut for what a test wants to be left under way. */
const cut = new Set<string>();

const passed = async (reply: Uint8Array): Promise<Uint8Array> => {
  if (target === undefined || typeOf(reply) !== target) return reply;
  mangled += 1;
  last = await mangle(reply);
  return last.slice();
};
const transport: BrokerTransport = async (method, url, body) => {
  const answer = await world.transport(method, url, body);
  if (cut.has(new URL(url).pathname)) throw new LeptaError("unreachable");
  return { contentType: answer.contentType, body: await passed(answer.body) };
};
const connect: ConnectChannel = async (url) => {
  const channel = await world.connect(url);
  return {
    get isOpen() {
      // A greeting that is under attack is made anew each time.
      return channel.isOpen && target !== hello.mediaType;
    },
    request: async (messages) => {
      const replies = await channel.request(messages);
      if (cut.has(SHOP) && !replies.some((each) => MEETING.includes(typeOf(each) ?? "")))
        throw new LeptaError("unreachable");
      return Promise.all(replies.map(passed));
    },
    close: () => channel.close(),
  };
};

let wallet: Wallet = await under.openWallet({ transport, connect });
/** What meets and offers is let through where the rest is cut. */
const MEETING: readonly string[] = [hello.mediaType, offer.mediaType];
const start = {
  merchantStore: await under.merchantStore.list(""),
  table: under.table.items(),
  store: await under.customerStore.list(""),
};

/** A reply that the wallet reads, how it comes to be under way, and what makes the wallet read it. */
interface Reading {
  readonly name: string;
  readonly media: string;
  readonly prepare: () => Promise<unknown>;
  /** The ways that are cut meanwhile, and whenever a wallet opens, which begins by ending what is under way. */
  readonly cuts: readonly string[];
  readonly act: () => Promise<unknown>;
}

const nothing = async (): Promise<void> => {};
const buyPage = () => wallet.buy(SHOP, "page", { max: "EUR 0.02" });

const readings: readonly Reading[] = [
  {
    name: "a merchant's hello",
    media: hello.mediaType,
    prepare: nothing,
    cuts: [],
    act: () => wallet.offers(SHOP),
  },
  { name: "an offer", media: offer.mediaType, prepare: nothing, cuts: [], act: () => wallet.offers(SHOP) },
  {
    name: "M2 of figure 7",
    media: purchaseResponse.mediaType,
    prepare: buyPage,
    cuts: [SHOP],
    act: () => wallet.resume(),
  },
  {
    name: "how a top-up stands",
    media: transactionResponse.mediaType,
    prepare: () => wallet.topUp("EUR 1.00"),
    cuts: ["/brokerscrip", "/query", "/abort"],
    act: () => wallet.resume(),
  },
  {
    name: "how figure 8 stands, with M3, M4 and M5",
    media: transactionResponse.mediaType,
    prepare: () => wallet.obtain(SHOP, "EUR 0.10"),
    cuts: [SHOP, "/query", "/abort"],
    act: () => wallet.resume(),
  },
  {
    name: "an acknowledgement",
    media: acknowledgement.mediaType,
    prepare: buyPage,
    cuts: [],
    act: () => wallet.flushNotices(),
  },
];

/** The wallet's reading of replies is one handler: its ten thousand inputs are shared out, and a few more. */
const READINGS = readings.length - 1;

const tallies = new Tallies();
afterAll(() => tallies.end());

describe.each(readings)(
  `$name, whatever becomes of it, is taken or refused by name, and no value comes or goes (seed ${SEED}):`,
  (reading) => {
    test("damage to the bytes that travel", async () => {
      const draw = await begin(reading, "sealed");
      const waiting = [...kept];
      await bombard(
        reading,
        "sealed",
        async (reply) => waiting.pop() ?? mutated(draw, [seedOf(reply)]).slice(),
      );
    });

    test("damage to what a good seal holds", async () => {
      const draw = await begin(reading, "content");
      await bombard(reading, "content", async (reply) => {
        const { type, plaintext, isSealed } = await opened(reply);
        const content = mutated(draw, [seedOf(plaintext)]).slice();
        return isSealed ? sealedAgain(reply, padded(draw, content, type.paddingStep), draw) : content;
      });
    });

    test("well-signed lies", async () => {
      const draw = await begin(reading, "signed");
      const pool = poolOf([
        ...start.store.map(([, value]) => value).filter((value) => value.length < 2000),
        encodeCbor([
          "page",
          "",
          "EUR",
          "text/plain",
          "insufficient",
          "scrip-spent",
          "aborted",
          "done",
          "refused",
        ]),
      ]);
      const lie = async (signed: Uint8Array): Promise<Uint8Array> => {
        const { kid, contentType, payload } = orThrow(readSign1(signed));
        const key = given(signers.get(kid), "a key that signs replies");
        return sign1(key, kid, contentType, exchanged(draw, payload, pool));
      };
      await bombard(reading, "signed", async (reply) => {
        const { type, plaintext, isSealed } = await opened(reply);
        if (!isSealed) return lie(reply);
        const content = orThrow(decodeAs(contentCodec, plaintext));
        const { signed, attachments = [] } = content;
        const isInside = attachments.length > 0 && draw.below(2) === 0;
        const told = isInside
          ? { ...content, attachments: await Promise.all(attachments.map(lie)) }
          : { ...content, signed: await lie(signed) };
        const bytes = encodeAs(contentCodec, told);
        const padding = new Uint8Array(Math.floor(bytes.length / type.paddingStep + 1) * type.paddingStep);
        padding.set(bytes);
        padding[bytes.length] = 0x80;
        return sealedAgain(reply, padding, draw);
      });
    });
  },
);

test("the broker's list of keys, damaged in any way, is refused by name or holds the same keys", async () => {
  const { body } = await world.call("/keys", undefined, { method: "GET" });
  const draw = drawFor("keys");
  let list = body;
  const options = {
    address: world.broker,
    known: undefined,
    remembered: undefined,
    remember: async () => {},
    suite: world.wiring.suite,
    transport: async () => ({ contentType: "", body: list }),
    runtime: world.runtime,
  };
  await tallies.add("keys", () =>
    barrage(
      "keys",
      "sealed",
      async () => {
        list = mutated(draw, [seedOf(body)]).slice();
        const steps = stepsSoFar();
        const code = await codeOf(
          BrokerLink.open({ ...options, runtime: { ...world.runtime, later: () => () => {} } }),
        );
        return { outcome: { code, commits: 0, steps: stepsSoFar() - steps }, input: list };
      },
      nothing,
    ),
  );
});

/** The state before anything, then what is to be under way, kept as where each block begins. */
async function begin(reading: Reading, layer: Layer): Promise<Draw> {
  target = undefined;
  under.table.keep(start.table);
  await Promise.all([under.customerStore.keep(start.store), under.merchantStore.keep(start.merchantStore)]);
  await reopen([]);
  for (const each of reading.cuts) cut.add(each);
  await reading.prepare().catch((error: unknown) => {
    if (!(error instanceof LeptaError) || reading.cuts.length === 0) throw error;
  });
  under.table.keep();
  await Promise.all([under.customerStore.keep(), under.merchantStore.keep()]);
  await reopen(reading.cuts);
  return drawFor(`customer ${reading.name} ${layer}`);
}

async function bombard(
  { name, media, cuts, act }: Reading,
  layer: Layer,
  change: (reply: Uint8Array) => Promise<Uint8Array>,
): Promise<void> {
  const held = await holdings();
  mangle = change;
  target = media;
  const once = async () => {
    const [commits, steps] = [under.customerStore.commits, stepsSoFar()];
    const before = mangled;
    const code = await codeOf(act());
    if (mangled === before) throw new Error(`${name}: nothing was read`);
    const spent = stepsSoFar() - steps;
    if (under.customerStore.commits > commits) {
      await expectKept(held);
      await reopen(cuts);
    }
    // What the other side signs as `internal`, or calls by no known name, is told as that.
    return {
      outcome: { code: code === "internal" ? "refused" : code, commits: 0, steps: spent },
      input: last,
    };
  };
  await tallies.add(`${name} ${layer}`, () =>
    barrage(
      name,
      layer,
      once,
      async () => {
        await expectKept(held);
        expectSound(under.table.items(), world.runtime.now());
        await reopen(cuts);
      },
      1 / READINGS,
    ),
  );
  target = undefined;
}

/** Stores as they were, and a wallet that has just opened on them. */
async function reopen(cuts: readonly string[]): Promise<void> {
  const attacked = target;
  target = undefined;
  for (const each of cuts) cut.add(each);
  await wallet.close();
  await under.rewind();
  wallet = await under.openWallet({ transport, connect });
  await wallet.resume();
  // Who has met the merchant before writes nothing where a reply is bad.
  if (attacked !== hello.mediaType) await wallet.offers(SHOP);
  cut.clear();
  target = attacked;
}

/** What the wallet holds, in millionths: its purse, its VendorScrip. */
async function holdings(): Promise<readonly [purse: bigint, vendorscrip: bigint]> {
  const tables = customerTables(under.customerStore);
  for (const table of Object.values(tables)) await table.list();
  const purse = await tables.purse.get("live");
  const scrip = await tables.vendorscrip.list();
  return [
    purse ? bodyOf(purse).value.value : 0n,
    scrip.reduce((sum, [, held]) => sum + bodyOf(held).value.value, 0n),
  ];
}

/** Nothing comes from nowhere: the purse moves by what was topped up or turned, VendorScrip by that or by the price. */
async function expectKept([purse, vendorscrip]: readonly [bigint, bigint]): Promise<void> {
  const [now, nowVendor] = await holdings();
  expect([0n, 1_000_000n, -100_000n]).toContain(now - purse);
  expect([0n, -20_000n, 100_000n]).toContain(nowVendor - vendorscrip);
  if (nowVendor > vendorscrip) expect(now).toBeLessThan(purse);
}

async function codeOf(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    if (!(error instanceof LeptaError) || !isErrorCode(error.code)) throw error;
    return error.code;
  }
}

/** The media type that a reply claims; undefined where it claims none. */
function typeOf(reply: Uint8Array): string | undefined {
  const parts = reply[0] === SIGN1_LEAD ? readSign1(reply) : readEncrypt(reply);
  return isRefusal(parts) ? undefined : parts.contentType;
}

/** What is inside of a good reply, and its type. */
async function opened(reply: Uint8Array) {
  const type = given(messageByMediaType.get(typeOf(reply) ?? ""), "type");
  const isSealed = reply[0] !== SIGN1_LEAD;
  if (!isSealed) return { type, plaintext: reply, isSealed };
  const padding = orThrow(await opening.open(orThrow(readEncrypt(reply))));
  return { type, plaintext: padding.slice(0, padding.lastIndexOf(0x80)), isSealed };
}

async function sealedAgain(reply: Uint8Array, plaintext: Uint8Array, draw: Draw): Promise<Uint8Array> {
  const key = orThrow(await world.wiring.suite.sealingKey(opening.publicKey));
  return key.seal(typeOf(reply) ?? "", plaintext, (length) => draw.bytes(length));
}
