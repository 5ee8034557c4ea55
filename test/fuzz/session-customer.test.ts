/** A merchant with good keys who says anything at all inside a session: the wallet signs nothing untrue, and opens again. */
import { type ConnectChannel, LeptaError, memoryPeerStore, type PeerStore, Wallet } from "@lepta/peer-sdk";
import {
  amountOf,
  chainAfter,
  decodeAs,
  decodePayload,
  encodeAs,
  encodeCbor,
  encodePayload,
  idBytes,
  isRefusal,
  laneElement,
  laneOpened,
  laneRefused,
  laneSold,
  orThrow,
  signStatement,
  statement,
  statementProposal,
  statementSigned,
  toText,
  utf8,
  verifyStatementBy,
} from "@lepta/protocol";
import { afterAll, describe, expect, test } from "vitest";
import { packItems } from "../../peer-sdk/src/session/frame.ts";
import { acceptHandshake, type Handshaken } from "../../peer-sdk/src/session/handshake.ts";
import { MerchantByHand, quiet } from "../peer-sdk/support/by-hand.ts";
import { given, Hand } from "../peer-sdk/support/hand.ts";
import { channelTo, createWorld, NEVER, type TestWire } from "../peer-sdk/support/world.ts";
import { exchanged, poolOf } from "./support/exchange.ts";
import { mutated, seedOf } from "./support/mutate.ts";
import { type Draw, drawFor, runs, SEED } from "./support/random.ts";
import { RawSession, SESSION_RUNS, SLOW, told, until, watchedPair } from "./support/raw-session.ts";
import { itemsOf } from "./support/session-items.ts";

type Layer = keyof typeof SESSION_RUNS;

const SHOP = "ws://shop.example/pay";
const PRICE = 10_000;
const WORTH = 1_000_000;
/** Sessions, after one of which in so many the wallet opens on what the session has left. */
const LOOKS = 10;

const world = await createWorld({ sessions: true, seed: `session-customer ${SEED}` });
afterAll(() => world.close());
const { broker, runtime, transport, network } = world;

/** A store, what its log holds, and the same again as often as wanted. */
interface Kept {
  readonly entries: Awaited<ReturnType<PeerStore["list"]>>;
  readonly records: readonly Uint8Array[];
}
const LOG = "buying";

async function keep(store: PeerStore): Promise<Kept> {
  const { found } = await store.openLog(LOG);
  return { entries: await store.list(""), records: found.map(({ record }) => record.slice()) };
}

async function again({ entries, records }: Kept): Promise<PeerStore> {
  const store = memoryPeerStore();
  await store.commit(entries.map(([key, value]) => ({ key, value })));
  const { log } = await store.openLog(LOG);
  for (const record of records) log.append(record);
  await log.sync();
  return store;
}

/** The next session that a wallet opens, from the merchant's end. */
let meeting: Promise<Handshaken> | undefined;
let thrown: unknown[] = [];

const merchantStore = memoryPeerStore();
const shop = await world.merchant(SHOP, {
  store: merchantStore,
  catalogue: { page: { price: "EUR 0.01", deliver: () => "page" } },
});
const hand = await Hand.open({ broker, runtime, transport, store: merchantStore });

/** Past the world's own list of what to close: one is opened for every session. */
const openWallet = (store: PeerStore, connect: ConnectChannel = meetByHand): Promise<Wallet> =>
  Wallet.open({
    broker,
    runtime,
    transport,
    noticeDelay: NEVER,
    store: { ...store, close: async () => {} },
    connect,
  });

async function meetByHand() {
  const [ours, theirs, faults] = watchedPair(true);
  thrown = faults;
  const first = new Promise<Uint8Array>((resolve) => {
    ours.listen({ message: resolve, closed: () => {} });
  });
  meeting = first.then((bytes) => acceptHandshake(hand.party, ours, bytes));
  return channelOn(theirs, shop.visit());
}

function channelOn(wire: TestWire, visit: Parameters<typeof channelTo>[0]) {
  const channel = channelTo(visit);
  return {
    get isOpen() {
      return channel.isOpen && wire.isOpen;
    },
    wire,
    request: channel.request,
    close: () => {
      channel.close();
      wire.close();
    },
  };
}

/** A wallet with a lane on which two purchases are under way, as it is on disk. */
async function prepare() {
  const store = memoryPeerStore();
  const wallet = await world.wallet({ store: { ...store, close: async () => {} } });
  await wallet.topUp("EUR 5.00");
  await wallet.obtain(SHOP, "EUR 1.00");
  const byHand = new MerchantByHand(hand);
  world.places.set(SHOP, () => byHand.visit("page", "EUR 0.01"));
  const bought = [1, 2].map(() => wallet.buy(SHOP, "page", { max: "EUR 0.01" }).catch(String));
  const at = await byHand.met();
  const lane = await at.takeLane();
  const items = [await at.items.next(3), await at.items.next(3)] as const;
  const kept = await keep(store);
  at.session.close("closed");
  world.places.delete(SHOP);
  await wallet.close();
  await Promise.all(bought);
  const key = at.customer.verifyingKey;
  return { kept, lane, items, key };
}

const { kept, lane, items: bought, key } = await prepare();
const origin = lane.stated.chain;
/** h of a lane on which nothing was answered. */
const standing = chainAfter(origin, []);
const { number, scrip } = lane;
const sold = (sequence: number, remaining: number) =>
  encodeAs(laneSold, [4, number, sequence, PRICE, remaining, utf8("page"), ""]);
const first = sold(1, WORTH - PRICE);
const money = (value: number) => amountOf("EUR", BigInt(value));
/** The one true statement about the first purchase. */
const truth = encodePayload(statement, {
  network,
  from: hand.uid,
  to: network,
  txn: toText(runtime.random(16)),
  issuedAt: runtime.now(),
  customer: key.id,
  session: lane.session,
  lane: number,
  scrip: scrip.id,
  first: 1,
  last: 1,
  total: money(PRICE),
  remaining: money(WORTH - PRICE),
  chain: chainAfter(origin, [laneElement(bought[0], first)]),
});
const signing = hand.party.identity.signing;
const propose = async (payload: Uint8Array, beside = new Uint8Array(0)) =>
  encodeAs(statementProposal, [14, number, payload, await signStatement(payload, signing), beside]);
const secret = new Uint8Array(32);
const items: readonly Uint8Array[] = [
  ...itemsOf({
    lane: number,
    scrip: [new Uint8Array(120), secret],
    chain: standing,
    opening: lane.session,
    sequence: 1,
    remaining: WORTH,
  }),
  first,
  sold(2, WORTH - 2 * PRICE),
  encodeAs(laneRefused, [5, number, 1, "unknown-item", WORTH]),
  encodeAs(laneRefused, [5, number, 2, "unknown-item", WORTH - PRICE]),
  encodeAs(laneOpened, [2, number, 0, money(WORTH), standing]),
  await propose(truth),
  await propose(truth, secret),
  ...bought,
];
const seeds = items.map(seedOf);
const pool = poolOf([...items, truth, encodeCbor([hand.uid, key.id, network].map(idBytes))]);

interface Open {
  readonly wallet: Wallet;
  readonly store: PeerStore;
  readonly session: RawSession;
}

/** The wallet on its disk as it was, in a session in which its lane goes on. */
async function open(): Promise<Open> {
  proposed = [];
  const store = await again(kept);
  meeting = undefined;
  const wallet = await openWallet(store);
  // By itself it takes up what was left under way.
  if (!(await until(() => meeting !== undefined))) throw new Error("the wallet meets nobody");
  const { wire, keys } = await given(meeting as Promise<Handshaken> | undefined, "meeting");
  const session = new RawSession(wire, keys);
  if ((await session.next(11)) === undefined) throw new Error("the wallet does not ask for its lane");
  await session.send(encodeAs(laneOpened, [2, number, 0, money(WORTH), standing]));
  for (const item of bought) expect(await session.next(3)).toEqual(item);
  return { wallet, store, session };
}

/** What was signed is true, and nothing was gained or lost that both sides have not said. */
async function look({ wallet, store, session }: Open, isThorough: boolean): Promise<void> {
  session.close();
  await wallet.close();
  for (const item of session.items) {
    if (item[1] !== 15) continue;
    const [, of, signature] = orThrow(decodeAs(statementSigned, item));
    expect(of).toBe(number);
    expect(await signedOf(signature)).toEqual(meaningOf(truth));
  }
  if (!isThorough) return;
  const reopened = await openWallet(store, () => Promise.reject(new LeptaError("unreachable", "nobody")));
  const { brokerScrip, vendorScrip } = await reopened.balance();
  expect(brokerScrip).toBe("EUR 4.00");
  for (const each of vendorScrip) expect(["EUR 1.00", "EUR 0.99", "EUR 0.98"]).toContain(each.amount);
  await reopened.close();
}

/** Proposals that the merchant has signed in this session, besides the true one. */
let proposed: Uint8Array[] = [];

/** What the statement says that this signature is under. */
async function signedOf(signature: Uint8Array): Promise<unknown> {
  for (const payload of [truth, ...proposed])
    if (!isRefusal(await verifyStatementBy(payload, signature, key, key.id))) return meaningOf(payload);
  throw new Error("the wallet has signed what nobody has proposed");
}

/** All but when it was said and under which name. */
function meaningOf(payload: Uint8Array): unknown {
  const { txn: _txn, issuedAt: _at, ...meaning } = orThrow(decodePayload(statement, payload));
  return meaning;
}

async function bombard(
  name: Layer,
  inputOf: (draw: Draw, session: RawSession) => Promise<Uint8Array>,
): Promise<void> {
  const draw = drawFor(`session customer ${name}`);
  const inputs = runs(SESSION_RUNS[name]);
  let sessions = 0;
  let wentOn = 0;
  let at = await open();
  for (let i = 0; i < inputs; i += 1) {
    if (!at.session.isOpen) {
      sessions += 1;
      await look(at, sessions % LOOKS === 0);
      at = await open();
    }
    const input = await inputOf(draw, at.session);
    const goesOn = await at.session.goesOn().catch((error: unknown) => {
      throw new Error(told(String(error), input));
    });
    if (goesOn) wentOn += 1;
    if (thrown.length > 0) throw new Error(told(String(thrown[0]), input));
  }
  await quiet();
  await look(at, true);
  expect(wentOn).toBeLessThan(inputs);
  expect(await shop.books("EUR")).toMatchObject({ sold: 0n });
}

describe(`whatever a merchant sends in a session ends it or is refused (seed ${SEED}):`, () => {
  test("damage to the bytes that travel ends it", { timeout: SLOW }, async () => {
    const damage = async (draw: Draw, session: RawSession) => {
      const good = await session.sealed(packItems([draw.pick(items)]));
      const bytes = mutated(draw, [seedOf(good)]).slice();
      const isSame = Buffer.from(bytes).equals(good);
      session.sendAsIs(bytes);
      if (!isSame && (await session.goesOn())) throw new Error(told("it was taken", bytes));
      return bytes;
    };
    await bombard("sealed", damage);
  });

  test("damage to a message that a good seal holds", { timeout: SLOW }, async () => {
    await bombard("message", async (draw, session) => {
      const good = packItems([draw.pick(items), draw.pick(items), draw.pick(items)].slice(draw.below(3)));
      const plain = mutated(draw, [seedOf(good)]).slice();
      await session.sendPlain(plain);
      return plain;
    });
  });

  test("damage to items of a message that is whole", { timeout: SLOW }, async () => {
    await bombard("items", async (draw, session) => {
      const some = [1, 2, 3].slice(draw.below(3)).map(() => mutated(draw, seeds).slice());
      const whole = some.filter(({ length }) => length > 0);
      const packed = packItems(whole.length === 0 ? [new Uint8Array(1)] : whole);
      await session.sendPlain(packed);
      return packed;
    });
  });

  test("items whose values are exchanged for others of their kind, and items in any order", {
    timeout: SLOW,
  }, async () => {
    await bombard("exchanged", async (draw, session) => {
      const some = [1, 2, 3].slice(draw.below(3)).map(() => {
        const item = draw.pick(items);
        return draw.below(4) === 0 ? item : exchanged(draw, item, pool);
      });
      const packed = packItems(some);
      await session.sendPlain(packed);
      return packed;
    });
  });

  test("statements whose values are exchanged, well signed", { timeout: SLOW }, async () => {
    await bombard("exchanged", async (draw, session) => {
      const payload = exchanged(draw, truth, pool);
      const isWritable = payload.length > 0 && payload.length <= 2048;
      if (isWritable) proposed.push(payload);
      // After the answer that it is about, or before.
      const answer = draw.below(8) === 0 ? [] : [first];
      const packed = packItems([...answer, await propose(isWritable ? payload : truth)]);
      await session.sendPlain(packed);
      await quiet(3);
      return packed;
    });
  });
});
