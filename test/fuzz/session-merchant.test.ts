/** A customer with good keys who says anything at all inside a session: it is refused or ended, and the merchant serves on. */
import { type Merchant, memoryPeerStore } from "@lepta/peer-sdk";
import {
  chainAfter,
  contentCodec,
  encodeAs,
  encodeCbor,
  idBytes,
  laneOpen,
  laneOrigin,
  laneResume,
  orderTail,
  orThrow,
  parseAmount,
  proveLane,
  proveResumption,
  readScrip,
  scripOf,
  sessionMessage,
  verifyCredential,
  writeBuy,
} from "@lepta/protocol";
import { afterAll, describe, expect, test } from "vitest";
import { packItems } from "../../peer-sdk/src/session/frame.ts";
import { openHandshake } from "../../peer-sdk/src/session/handshake.ts";
import { itemKind } from "../../peer-sdk/src/session/session.ts";
import { quiet } from "../peer-sdk/support/by-hand.ts";
import { Hand, Meeting, orderFor, spendingOf } from "../peer-sdk/support/hand.ts";
import { createWorld } from "../peer-sdk/support/world.ts";
import { exchanged, type Pool, poolOf } from "./support/exchange.ts";
import { mutated, type Seed, seedOf } from "./support/mutate.ts";
import { type Draw, drawFor, runs, SEED } from "./support/random.ts";
import { RawSession, SESSION_RUNS, SLOW, told, watchedPair } from "./support/raw-session.ts";
import { itemsOf } from "./support/session-items.ts";

type Layer = keyof typeof SESSION_RUNS;

const SHOP = "ws://shop.example/pay";
const PRICE = "EUR 0.01";
/** Each begins with a customer of its own, and ends with a look at everything. */
const BLOCKS = 10;

const world = await createWorld({ sessions: true, seed: `session-merchant ${SEED}` });
const merchant: Merchant = await world.merchant(SHOP, {
  catalogue: {
    page: { price: PRICE, deliver: () => "page" },
    slow: { price: PRICE, deliver: async () => "slow" },
  },
});
afterAll(() => world.close());

/** Sessions that did not get their lane. */
let refusedLanes = 0;

/** A customer of one block: a lane that stands, and what its items are made of. */
interface Block {
  readonly hand: Hand;
  readonly seeds: readonly Seed[];
  readonly items: readonly Uint8Array[];
  readonly pool: Pool;
  /** A session that goes on where the one before ended. */
  open(): Promise<RawSession>;
  readonly thrown: unknown[];
}

async function begin(): Promise<Block> {
  const store = memoryPeerStore();
  const wallet = await world.wallet({ store: { ...store, close: async () => {} } });
  await wallet.topUp("EUR 5.00");
  await wallet.obtain(SHOP, "EUR 1.00");
  await wallet.obtain(SHOP, "EUR 0.50");
  await wallet.close();
  const { broker, runtime, transport } = world;
  const hand = await Hand.open({ broker, runtime, transport, store });
  const thrown: unknown[] = [];
  let before: Uint8Array | undefined;
  const connect = async (): Promise<RawSession> => {
    const [ours, theirs] = watchedPair(false, thrown);
    const resumes = () => before;
    merchant.visit().attach?.(theirs);
    const { wire, keys } = await openHandshake(hand.party, ours, () => {}, resumes);
    before = keys.opening;
    return new RawSession(wire, keys);
  };

  const first = await connect();
  const [held, other] = await hand.holdings(merchant.uid);
  if (held === undefined || other === undefined) throw new Error("the wallet has two scrips");
  const scrip = orThrow(readScrip(held.grant.body));
  const origin = laneOrigin(first.opening, 1, scrip.id);
  const standing = chainAfter(origin, []);
  const buy = (sequence: number, sku = "page") =>
    writeBuy(1, sequence, orderTail(parseAmount(PRICE), orderFor(sku, PRICE)));
  const opened = encodeAs(laneOpen, [
    1,
    1,
    scripOf(held.grant),
    proveLane(held.secret, origin),
    new Uint8Array(0),
  ]);
  await first.send(opened);
  await first.next(2);
  await first.send(buy(1), buy(2));
  for (let i = 0; i < 2; i += 1) expect(await first.next(4)).toBeDefined();

  const trust = (await hand.party.link.keys()).trust;
  const { bytes } = await (await Hand.open({ broker, runtime, transport, store })).party.credential();
  const theirs = orThrow(await verifyCredential(bytes, trust, runtime.now()));
  const meeting = new Meeting(hand, merchant.visit(), { ...theirs, uid: merchant.uid });
  const request = await meeting.purchase(spendingOf(other), orderFor("page", PRICE));
  const items = [
    ...itemsOf({
      lane: 1,
      scrip: scripOf(held.grant),
      chain: standing,
      opening: first.opening,
      sequence: 3,
      remaining: 980_000,
    }),
    opened,
    buy(1),
    buy(3),
    buy(3, "slow"),
    buy(4, "nothing"),
    encodeAs(laneResume, [11, 1, 0, standing, proveResumption(held.secret, origin, first.opening)]),
    encodeAs(sessionMessage, [6, 7, encodeAs(contentCodec, { signed: request.bytes })]),
  ];
  return {
    hand,
    items,
    thrown,
    seeds: items.map(seedOf),
    pool: poolOf([...items, encodeCbor([hand.uid, merchant.uid, world.network].map(idBytes))]),
    open: async () => {
      const session = await connect();
      // The lane is taken up, so that what follows is about one that stands.
      const pop = proveResumption(held.secret, origin, session.opening);
      await session.send(encodeAs(laneResume, [11, 1, 0, standing, pop]));
      const taken = await session.next(2, 13);
      if (taken === undefined || itemKind(taken) !== 2) refusedLanes += 1;
      return session;
    },
  };
}

/** So many inputs, each sent inside a session that stands; `inputOf` makes one and sends it. */
async function bombard(
  name: Layer,
  inputOf: (draw: Draw, session: RawSession, block: Block) => Promise<Uint8Array>,
): Promise<void> {
  const draw = drawFor(`session merchant ${name}`);
  const inputs = runs(SESSION_RUNS[name]);
  let wentOn = 0;
  refusedLanes = 0;
  for (let block = 0; block < BLOCKS; block += 1) {
    const state = await begin();
    const before = await standing();
    let session = await state.open();
    for (let i = 0; i < inputs / BLOCKS; i += 1) {
      if (!session.isOpen) session = await state.open();
      const input = await inputOf(draw, session, state);
      const goesOn = await session.goesOn().catch((error: unknown) => {
        throw new Error(told(String(error), input));
      });
      if (goesOn) wentOn += 1;
      if (state.thrown.length > 0) throw new Error(told(String(state.thrown[0]), input));
      if (world.faults.length > 0) throw new Error(told(String(world.faults[0]), input));
    }
    session.close();
    await quiet();
    expect(world.faults).toEqual([]);
    // What is sold and what is live: nothing of it came or went.
    expect(await standing()).toBe(before);
    expect(world.books().conserved).toBe(true);
  }
  // Neither is everything taken as it is, nor is everybody who says something odd thrown out, unless nothing opened.
  expect(wentOn).toBeLessThan(inputs);
  expect(refusedLanes, "sessions without their lane").toBe(0);
  await servesOn();
}

async function standing(): Promise<bigint> {
  const { liveVendorScrip, sold } = await merchant.books("EUR");
  return liveVendorScrip + sold;
}

/** Somebody who is honest buys, and closes the lane. */
async function servesOn(): Promise<void> {
  const wallet = await world.wallet();
  await wallet.topUp("EUR 1.00");
  const { goods } = await wallet.buy(SHOP, "page", { max: PRICE });
  expect(goods.text()).toBe("page");
  await wallet.close();
}

describe(`whatever a customer sends in a session ends it or is refused (seed ${SEED}):`, () => {
  test("damage to the bytes that travel ends it", { timeout: SLOW }, async () => {
    await bombard("sealed", async (draw, session, { items }) => {
      const good = await session.sealed(packItems([draw.pick(items)]));
      const bytes = mutated(draw, [seedOf(good)]).slice();
      const isSame = Buffer.from(bytes).equals(good);
      session.sendAsIs(bytes);
      if (!isSame && (await session.goesOn())) throw new Error(told("it was taken", bytes));
      return bytes;
    });
  });

  test("damage to a message that a good seal holds", { timeout: SLOW }, async () => {
    await bombard("message", async (draw, session, { items }) => {
      const good = packItems([draw.pick(items), draw.pick(items), draw.pick(items)].slice(draw.below(3)));
      const plain = mutated(draw, [seedOf(good)]).slice();
      await session.sendPlain(plain);
      return plain;
    });
  });

  test("damage to items of a message that is whole", { timeout: SLOW }, async () => {
    await bombard("items", async (draw, session, { seeds }) => {
      const items = [1, 2, 3].slice(draw.below(3)).map(() => mutated(draw, seeds).slice());
      const some = items.filter(({ length }) => length > 0);
      const packed = packItems(some.length === 0 ? [new Uint8Array(1)] : some);
      await session.sendPlain(packed);
      return packed;
    });
  });

  test("items whose values are exchanged for others of their kind, and items in any order", {
    timeout: SLOW,
  }, async () => {
    await bombard("exchanged", async (draw, session, { items, pool }) => {
      const some = [1, 2, 3].slice(draw.below(3)).map(() => {
        const item = draw.pick(items);
        return draw.below(4) === 0 ? item : exchanged(draw, item, pool);
      });
      const packed = packItems(some);
      await session.sendPlain(packed);
      return packed;
    });
  });
});
