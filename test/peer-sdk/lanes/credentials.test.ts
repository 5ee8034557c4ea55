/** Credentials end while sessions stand: nothing is agreed on under them any more, and what was under way gets its answers. */
import { type Merchant, memoryPeerStore, type Wallet } from "@lepta/peer-sdk";
import { chainAfter, isRefusal, laneClose, verifyReceipt } from "@lepta/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CustomerByHand, quiet } from "../support/by-hand.ts";
import { Hand } from "../support/hand.ts";
import { createWorld, HOUR, type World, wiredTo } from "../support/world.ts";

const SHOP = "ws://shop.example/pay";
const max = "EUR 0.01";

let world: World;
let merchant: Merchant;
let made: string[];

beforeEach(async () => {
  world = await createWorld({ sessions: true });
  made = [];
  merchant = await world.merchant(SHOP, {
    catalogue: {
      page: {
        price: "EUR 0.01",
        deliver: ({ id }) => {
          made.push(id);
          return "page";
        },
      },
    },
  });
});
afterEach(async () => {
  expect(world.faults).toEqual([]);
  await world.close();
});

/** A day passes: the broker has new keys, and every credential of before has ended. */
async function aDayLater(): Promise<void> {
  for (let hour = 0; hour < 26; hour += 1) {
    world.runtime.advance(HOUR);
    await world.rotate();
  }
}

describe("a session whose credentials have ended", () => {
  test("is ended by the merchant at whatever comes, and sells nothing more", async () => {
    const store = memoryPeerStore();
    const wallet = await world.wallet({ store: { ...store, close: async () => {} } });
    await wallet.topUp("EUR 5.00");
    await wallet.obtain(SHOP, "EUR 1.00");
    await wallet.close();
    const { broker, runtime, transport } = world;
    const hand = await Hand.open({ broker, runtime, transport, store });
    const held = await hand.holding(merchant.uid);
    const sessions = await Promise.all(
      Array.from({ length: 3 }, () => CustomerByHand.open(hand, merchant.visit())),
    );
    const [buying, opening, resuming] = sessions;
    if (buying === undefined || opening === undefined || resuming === undefined) throw new Error("three");
    const lane = buying.openLane(1, held);
    await buying.items.next(2);
    await aDayLater();
    buying.buy(lane, 1, "page", "EUR 0.01");
    expect(await buying.items.ended()).toBe("unknown-peer");
    opening.openLane(2, held);
    expect(await opening.items.ended()).toBe("unknown-peer");
    resuming.resume(lane, 0, chainAfter(lane.origin, []));
    expect(await resuming.items.ended()).toBe("unknown-peer");
    expect(made).toEqual([]);
    const anew = await CustomerByHand.open(hand, merchant.visit(), buying.session.opening);
    anew.resume(lane, 0, chainAfter(lane.origin, []));
    await anew.items.next(2);
    anew.buy(lane, 1, "page", "EUR 0.01");
    await anew.items.next(4);
    anew.send(laneClose, [7, 1]);
    await anew.items.next(14);
  });

  test("is opened anew by the wallet: its lane goes on", async () => {
    const wallet = await world.wallet({ vendorScripTimes: 100 });
    await wallet.topUp("EUR 5.00");
    const first = await wallet.buy(SHOP, "page", { max });
    await aDayLater();
    const second = await wallet.buy(SHOP, "page", { max });
    await wallet.refund(SHOP);
    expect((await wallet.balance()).brokerScrip).toBe("EUR 4.98");
    await proved(wallet, first.receipt.txn, second.receipt.txn);
  });

  test("gets the purchases under way their answers in the next", async () => {
    let lose = false;
    let cut: (() => void) | undefined;
    const wallet = await world.wallet({
      vendorScripTimes: 100,
      connect: async (url) =>
        wiredTo(world.places.get(url)?.() ?? merchant.visit(), undefined, (message) => {
          cut = message.cut;
          return !(lose && message.from === "merchant");
        }),
    });
    await wallet.topUp("EUR 5.00");
    const first = await wallet.buy(SHOP, "page", { max });
    lose = true;
    const second = wallet.buy(SHOP, "page", { max });
    await quiet();
    await aDayLater();
    lose = false;
    cut?.();
    await second;
    expect(made).toHaveLength(2);
    await wallet.refund(SHOP);
    await proved(wallet, first.receipt.txn, (await second).receipt.txn);
  });
});

test("a statement that was proposed under credentials which have ended since is proved by those", async () => {
  let lose = false;
  let cut: (() => void) | undefined;
  const wallet = await world.wallet({
    vendorScripTimes: 100,
    connect: async (url) =>
      wiredTo(world.places.get(url)?.() ?? merchant.visit(), undefined, (message) => {
        cut = message.cut;
        // The first message with a proposal and all that comes after it.
        if (message.from === "merchant" && lose) return false;
        return true;
      }),
  });
  await wallet.topUp("EUR 5.00");
  const names: string[] = [];
  for (let i = 0; i < 12; i += 1) names.push((await wallet.buy(SHOP, "page", { max })).receipt.txn);
  lose = true;
  // Half of what may be without a statement: the merchant proposes one, and it is lost.
  const last = wallet.buy(SHOP, "page", { max });
  await quiet();
  await aDayLater();
  lose = false;
  cut?.();
  names.push((await last).receipt.txn);
  await wallet.refund(SHOP);
  await proved(wallet, ...names);
});

async function proved(wallet: Wallet, ...names: readonly string[]): Promise<void> {
  for (const name of names) {
    const read = await verifyReceipt(await wallet.receipt(name), world.network);
    expect(isRefusal(read) ? `${read.code} ${read.detail}` : read.txn).toBe(name);
  }
}
