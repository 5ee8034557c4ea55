import { brokerFor } from "@lepta/lambdas";
import type { Merchant } from "@lepta/peer-sdk";
import {
  type Codec,
  encodeAs,
  encodeCbor,
  isErrorCode,
  LeptaError,
  type SigningKey,
  scripBodyCodec,
} from "@lepta/protocol";
import { afterAll, describe, expect, test } from "vitest";
import { BrokerLink } from "../../peer-sdk/src/broker-link.ts";
import type { Customer } from "../../peer-sdk/src/customer/customer.ts";
import { LaneBook as CustomerLanes } from "../../peer-sdk/src/customer/lanes/book.ts";
import { meet, readMerchantAddress } from "../../peer-sdk/src/customer/meet.ts";
import { purseWith } from "../../peer-sdk/src/customer/purse.ts";
import { bodyOf, customerTables } from "../../peer-sdk/src/customer/records.ts";
import { SignerTable } from "../../peer-sdk/src/customer/signers.ts";
import { KeyedLock } from "../../peer-sdk/src/lock.ts";
import { LaneBook as MerchantLanes } from "../../peer-sdk/src/merchant/lanes/book.ts";
import { Orders } from "../../peer-sdk/src/merchant/lanes/orders.ts";
import { Recordings } from "../../peer-sdk/src/merchant/lanes/recordings.ts";
import { Visits } from "../../peer-sdk/src/merchant/lanes/visits.ts";
import { merchantTables } from "../../peer-sdk/src/merchant/records.ts";
import { ScripTable } from "../../peer-sdk/src/merchant/scrip-table.ts";
import type { Shop } from "../../peer-sdk/src/merchant/shop.ts";
import { Outbox } from "../../peer-sdk/src/outbox.ts";
import { returns } from "../../peer-sdk/src/parts/at-hand.ts";
import { openParty } from "../../peer-sdk/src/party.ts";
import { euro, given } from "../peer-sdk/support/hand.ts";
import { NEVER } from "../peer-sdk/support/world.ts";
import { barrage, type Layer, type Outcome } from "./support/barrage.ts";
import { kept } from "./support/corpus.ts";
import { poolOf } from "./support/exchange.ts";
import { expectSound } from "./support/ledger.ts";
import { damagedContent, type Liar, lied } from "./support/lies.ts";
import { mutated, seedOf } from "./support/mutate.ts";
import { drawFor, SEED } from "./support/random.ts";
import { type Reader, type Reading, readings } from "./support/readings.ts";
import { repeatingRuntime, replayOf } from "./support/replay.ts";
import { rewindPeerStore } from "./support/rewind.ts";
import { stepsSoFar } from "./support/steps.ts";
import { Tallies } from "./support/tallies.ts";
import { SHOP, tenants } from "./support/tenants.ts";

const under = await tenants("customer");
const { world } = under;
const { broker, wiring } = world;
const { suite } = wiring;
const keySets = await Promise.all(
  (["decide", "acknowledge", "enrol"] as const).map((purpose) => brokerFor(wiring, purpose).custody.keys()),
);
const signers = new Map<string, SigningKey>(
  [under.merchant.party.identity.signing, ...keySets.map(({ signing }) => signing.key)].map((key) => [
    key.id,
    key,
  ]),
);
const start = {
  merchantStore: await under.merchantStore.list(""),
  table: under.table.items(),
  store: await under.customerStore.list(""),
};
const pool = poolOf([
  ...start.store.map(([, value]) => value).filter((value) => value.length < 2000),
  encodeCbor(["page", "", "EUR", "text/plain", "insufficient", "scrip-spent", "aborted", "done", "refused"]),
]);

const replay = replayOf(world.transport, world.connect);
const runtime = repeatingRuntime(world.runtime.now());
/** Where the randomness of what is read begins: behind that of what was left under way. */
const AFRESH = 100_000;
const newcomer = rewindPeerStore();
const options = { broker, suite, runtime, transport: replay.transport };

const tallies = new Tallies();
afterAll(() => tallies.end());

test("every reply that was not touched is taken", async () => {
  for (const reading of readings) {
    const { reader, txn } = await begin(reading, "sealed");
    runtime.restart(AFRESH);
    await expect(reading.act(reader, txn).then(() => reading.name)).resolves.toBe(reading.name);
    await Promise.all(running.splice(0));
  }
});

describe.each(readings)(
  `$name, whatever becomes of it, is taken or refused by name, and no value comes or goes (seed ${SEED}):`,
  (reading) => {
    test("damage to the bytes that travel", async () => {
      const { bombard, draw } = await begin(reading, "sealed");
      const waiting = [...kept];
      await bombard(async (reply) => waiting.pop() ?? mutated(draw, [seedOf(reply)]).slice());
    });

    test("damage to what a good seal holds", async () => {
      const { bombard, liar } = await begin(reading, "content");
      await bombard((reply) => damagedContent(liar, reply));
    });

    test("well-signed lies", async () => {
      const { bombard, liar } = await begin(reading, "signed");
      await bombard(async (reply) => {
        const { bytes, saysInternal } = await lied(liar, reply);
        mayBeInternal ||= saysInternal;
        return bytes;
      });
    });
  },
);

test("a broker that tells another worth of a scrip that we hold is not believed", async () => {
  const { reader } = await begin({ name: "an account", media: "", act: async () => {} }, "signed");
  const { customer } = reader;
  const held = given(await customer.tables.purse.get("live"));
  const ours = bodyOf(held);
  const body = encodeAs(scripBodyCodec as Codec<unknown>, { ...ours, version: 1, value: euro("0.01") });
  const secrets = [{ scrip: ours.id, secret: held.secret }];
  const told = { grant: { ...held.grant, body }, replaced: "", secrets };
  expect(await codeOf(purseWith(customer, told, undefined))).toBe("scrip-mismatch");
});

test("the broker's list of keys, damaged in any way, is refused by name or holds the same keys", async () => {
  const { body } = await world.call("/keys", undefined, { method: "GET" });
  const draw = drawFor("keys");
  const seeds = [seedOf(body)];
  let list = body;
  const link = { address: broker, known: undefined, remembered: undefined, remember: async () => {}, suite };
  const once = async () => {
    list = mutated(draw, seeds).slice();
    const steps = stepsSoFar();
    const transport = async () => ({ contentType: "", body: list });
    const code = await codeOf(BrokerLink.open({ ...link, transport, runtime }));
    return { outcome: { code, commits: 0, steps: stepsSoFar() - steps }, input: list };
  };
  await tallies.add("keys", () => barrage("keys", "sealed", once, async () => {}));
});

/** The other side has said that it failed, or given a reason that nobody knows: that is told as `internal`. */
let mayBeInternal = false;

/** The state before anything, then what is to be under way, kept as where each input begins. */
async function begin(reading: Reading, layer: Layer) {
  replay.target = undefined;
  replay.cut.clear();
  replay.forget();
  under.table.keep(start.table);
  await Promise.all([under.customerStore.keep(start.store), under.merchantStore.keep(start.merchantStore)]);
  await under.rewind();
  const seller = await under.openShop();
  runtime.restart(0);
  const reader = await readerOf(seller);
  for (const each of reading.cuts ?? []) replay.cut.add(each);
  await reading.begin?.(reader).catch((error: unknown) => {
    if (!(error instanceof LeptaError) || reading.cuts === undefined) throw error;
  });
  await Promise.all(running.splice(0));
  replay.cut.clear();
  replay.forget();
  under.table.keep();
  await Promise.all([under.customerStore.keep(), under.merchantStore.keep()]);
  const [txn = ""] = (await reader.customer.tables.pending.list()).map(([id]) => id);
  const draw = drawFor(`customer ${reading.name} ${layer}`);
  const { opening } =
    reading.name === "an enrolment"
      ? await reader.enrol().then(async () => (await openParty({ ...options, store: newcomer })).identity)
      : (reading.name === "a settlement" ? reader.shop : reader.customer).party.identity;
  const liar: Liar = { suite, opening, signers, pool, draw };
  type Mangle = (reply: Uint8Array) => Promise<Uint8Array>;
  const change = (to: Mangle) => bombard(reading, layer, reader, txn, to);
  return { draw, liar, reader, txn, bombard: change };
}

/** What runs beside a flow. */
const running: Promise<unknown>[] = [];

async function readerOf(seller: Merchant): Promise<Reader> {
  const party = await openParty({ ...options, store: under.customerStore });
  const selling = await openParty({ ...options, store: under.merchantStore });
  const customer: Customer = {
    party,
    tables: customerTables(party.store),
    lanes: await CustomerLanes.open(party, customerTables(party.store)),
    outbox: await Outbox.open(party),
    connect: replay.connect,
    lock: new KeyedLock(),
    noticeDelay: NEVER,
    moment: runtime.now,
    returns,
    signers: new SignerTable(party.store),
    background: (work) => running.push(work.catch(namedOnly)),
    copyLater: () => {},
    onBroken: () => {},
    underWay: new Set(),
  };
  const scrip = await ScripTable.open(selling);
  const shop: Shop = {
    party: selling,
    tables: { ...merchantTables(selling.store), scrip },
    lanes: await MerchantLanes.open(selling, { scrip }),
    visits: new Visits(),
    recorded: await Recordings.open(selling.store),
    orders: new Orders(new Map(), 0n),
    statementBelow: 0n,
    items: new Map(),
    outbox: await Outbox.open(selling),
    lock: new KeyedLock(),
    scripLife: NEVER,
    grace: NEVER,
    noticeDelay: NEVER,
    onError: (error) => expect.unreachable(String(error)),
    tendSoon: () => {},
  };
  const enrol = async () => {
    await newcomer.keep([]);
    await newcomer.rewind();
    return openParty({ ...options, store: newcomer });
  };
  return {
    customer,
    shop,
    seller,
    enrol,
    acquaintance: await meet(customer, readMerchantAddress(SHOP)),
    outbox: () => Outbox.open(party),
  };
}

async function bombard(
  { name, media, act, moves = [], effort = 1 }: Reading,
  layer: Layer,
  reader: Reader,
  txn: string,
  mangle: (reply: Uint8Array) => Promise<Uint8Array>,
): Promise<void> {
  const held = await holdings();
  const purse = await reader.customer.tables.purse.get("live");
  const purseId = purse && bodyOf(purse).id;
  replay.mangle = mangle;
  const once = async (): Promise<{ outcome: Outcome; input: Uint8Array }> => {
    await Promise.all([under.customerStore.rewind(), under.merchantStore.rewind()]);
    runtime.restart(AFRESH);
    mayBeInternal = false;
    const [commits, steps, before] = [under.customerStore.commits, own(), replay.mangled()];
    replay.target = media;
    const code = await codeOf(act(reader, txn));
    await Promise.all(running.splice(0));
    replay.target = undefined;
    const spent = own() - steps;
    if (replay.mangled() === before) throw new Error(`${name}: nothing was read`);
    if (under.customerStore.commits > commits) {
      const [passedOver] = await reader.customer.tables.superseded.list();
      // Scrip of our own id with another worth is let pass here: it has a test of its own below.
      const now = await reader.customer.tables.purse.get("live");
      const isSameId = now !== undefined && bodyOf(now).id === purseId;
      expectMoved(held, await holdings(), moves, name, passedOver !== undefined || isSameId);
    }
    // What was asked is written down before it is sent: that something was written says nothing.
    const told = code === "internal" && mayBeInternal ? "refused" : code;
    return { outcome: { code: told, commits: 0, steps: spent / effort }, input: replay.last() };
  };
  const after = async () => {
    for (const table of Object.values(customerTables(under.customerStore))) await table.list();
    for (const table of Object.values(merchantTables(under.merchantStore))) await table.list();
    expectSound(under.table.items(), world.runtime.now());
  };
  await tallies.add(`${name} ${layer}`, () => barrage(name, layer, once, after));
}

/** The reader's own steps: not those of who answers, nor of what mangles. */
const own = (): number => stepsSoFar() - replay.steps();

/** What the customer holds, in millionths. */
async function holdings(): Promise<readonly [purse: bigint, vendorscrip: bigint]> {
  const tables = customerTables(under.customerStore);
  const purse = await tables.purse.get("live");
  const scrip = await tables.vendorscrip.list();
  return [
    purse ? bodyOf(purse).value.value : 0n,
    scrip.reduce((sum, [, each]) => sum + bodyOf(each).value.value, 0n),
  ];
}

function expectMoved(
  [purse, vendorscrip]: readonly [bigint, bigint],
  [purseNow, vendorscripNow]: readonly [bigint, bigint],
  moves: NonNullable<Reading["moves"]>,
  name: string,
  isKept: boolean,
): void {
  const [a, b] = [purseNow - purse, vendorscripNow - vendorscrip];
  const isAllowed = a === 0n && b === 0n ? true : isMove(moves, a, b, isKept);
  if (!isAllowed)
    throw new Error(
      `${name}: purse moved by ${a}, VendorScrip by ${b}, at ${Buffer.from(replay.last()).toString("hex")}`,
    );
}

function isMove(
  moves: NonNullable<Reading["moves"]>,
  purse: bigint,
  vendorscrip: bigint,
  isKept: boolean,
): boolean {
  if (moves === "gifts") return purse === 0n && vendorscrip > 0n;
  if (moves === "superseded") return vendorscrip === 0n && isKept;
  return moves.some(([a, b]) => a === purse && b === vendorscrip);
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

function namedOnly(error: unknown): void {
  if (!(error instanceof LeptaError) || (error.code === "internal" && !mayBeInternal)) throw error;
}
