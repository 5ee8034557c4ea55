/** Metered purchases on a lane: what is charged is whole units, at most those that were ordered; anything else is no answer. */
import { memoryPeerStore, type PeerStore, Wallet } from "@lepta/peer-sdk";
import { amountOf, limits } from "@lepta/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type LaneAtHand, MerchantByHand, type MerchantSessionByHand, quiet } from "../support/by-hand.ts";
import { Hand } from "../support/hand.ts";
import { codeOf, createWorld, type World } from "../support/world.ts";

const SHOP = "ws://shop.example/pay";
const UNIT = 100n;
const PIECE = 50;

let world: World;
let liar: MerchantByHand;
let disk: PeerStore;
let wallet: Wallet;

beforeEach(async () => {
  world = await createWorld({ sessions: true });
  const store = memoryPeerStore();
  await world.merchant(SHOP, { store, catalogue: {} });
  disk = memoryPeerStore();
  wallet = await world.wallet({ store: { ...disk, close: async () => {} } });
  await wallet.topUp("EUR 5.00");
  await wallet.obtain(SHOP, "EUR 1.00");
  const { broker, runtime, transport } = world;
  liar = new MerchantByHand(await Hand.open({ broker, runtime, transport, store }));
  world.places.set(SHOP, () => liar.visit("page", "EUR 0.01"));
});
afterEach(() => world.close());

/** Orders a piece, as the fetch that pays does. */
async function order(quantity = PIECE) {
  const { customer, desk, provision } = Wallet.portsOf(wallet);
  const { part, merchants } = await desk();
  const merchant = await merchants.at(SHOP);
  if (merchant.session === undefined) throw new Error("the test has no session");
  const unitPrice = amountOf("EUR", UNIT);
  const bargain = {
    order: { sku: "token", description: "", unitPrice, quantity },
    price: amountOf("EUR", UNIT * BigInt(quantity)),
    isMetered: true,
  };
  return part.spendOnLane(customer, merchant, merchant.session, bargain, provision, () => {});
}

/** A piece is ordered on a new lane. */
async function begun() {
  const bought = order();
  const at = await liar.met();
  return { at, lane: await at.takeLane(), bought };
}

/** Answers the oldest order with so much, as the lane has it after that. */
const charge = (at: MerchantSessionByHand, lane: LaneAtHand, millionths: number) =>
  at.sell(lane, ([kind, number, sequence, ordered, left, goods, type]) => {
    const unused = ordered - millionths;
    lane.remaining += BigInt(unused);
    lane.total -= BigInt(unused);
    return [kind, number, sequence, millionths, left + unused, goods, type];
  });

describe("an answer", () => {
  test.each([0, 1, PIECE])(
    "that charges %i of 50 units is taken, and the rest can be bought with",
    async (units) => {
      const { at, lane, bought } = await begun();
      await charge(at, lane, units * Number(UNIT));
      expect((await bought).receipt.charged).toEqual(amountOf("EUR", BigInt(units) * UNIT));
      const second = order();
      await charge(at, lane, 0);
      expect((await second).receipt.charged.value).toBe(0n);
      expect(liar.sessions).toHaveLength(1);
    },
  );

  test.each([
    ["a part of a unit", 150],
    ["one unit more than was ordered", (PIECE + 1) * Number(UNIT)],
    ["one millionth more than was ordered", PIECE * Number(UNIT) + 1],
  ])("that charges %s is none, and the lane is lost", async (_lie, millionths) => {
    const { at, lane, bought } = await begun();
    const refused = codeOf(bought);
    await charge(at, lane, millionths);
    expect(await refused).toBe("scrip-mismatch");
    await quiet();
    expect((await wallet.pending()).map(({ status }) => status)).toEqual(["unknown"]);
  });

  test("that leaves something else than was not charged is none, and the lane is lost", async () => {
    const { at, lane, bought } = await begun();
    const refused = codeOf(bought);
    await at.sell(lane, ([kind, number, sequence, , left, goods, type]) => [
      kind,
      number,
      sequence,
      Number(UNIT),
      left,
      goods,
      type,
    ]);
    expect(await refused).toBe("scrip-mismatch");
  });

  test("is waited for while its units are used, but not for ever; it counts when it comes", async () => {
    const pass = await impatient();
    const { at, lane, bought } = await begun();
    const waited = codeOf(bought);
    let isOver = false;
    waited.finally(() => {
      isOver = true;
    });
    await pass(limits.pieceWithin - 1);
    expect(isOver).toBe(false);
    await pass(1);
    expect(await waited).toBe("unreachable");
    await charge(at, lane, 3 * Number(UNIT));
    await quiet();
    expect(await wallet.pending()).toHaveLength(0);
    expect((await wallet.history()).filter(({ kind }) => kind === "purchase")).toMatchObject([
      { amount: "EUR 0.0003", outcome: "done" },
    ]);
  });
});

/** A wallet that looks for answers when the test says so, after so much time; its other waits go by the clock. */
async function impatient(): Promise<(milliseconds: number) => Promise<void>> {
  await wallet.close();
  const looks = new Set<() => void>();
  const later: typeof world.runtime.later = (milliseconds, work) => {
    if (milliseconds !== 20_000) return world.runtime.later(milliseconds, work);
    looks.add(work);
    return () => looks.delete(work);
  };
  wallet = await world.wallet({
    store: { ...disk, close: async () => {} },
    runtime: { ...world.runtime, later },
  });
  return async (milliseconds) => {
    await quiet();
    world.runtime.advance(milliseconds);
    for (const work of [...looks]) {
      looks.delete(work);
      work();
    }
    await quiet();
  };
}
