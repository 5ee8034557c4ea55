/** Lanes that end: in the middle of purchases, with nothing left to state, without their customer, while it comes back. */
import { type Merchant, memoryPeerStore, type PeerStore, type Wallet } from "@lepta/peer-sdk";
import {
  chainAfter,
  decodeAs,
  isRefusal,
  laneOpened,
  orThrow,
  signStatement,
  statementProposal,
  statementSigned,
  verifyReceipt,
} from "@lepta/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { laneTables as paying } from "../../../peer-sdk/src/customer/lanes/records.ts";
import { laneTables as selling } from "../../../peer-sdk/src/merchant/lanes/records.ts";
import { CustomerByHand, quiet } from "../support/by-hand.ts";
import { Hand } from "../support/hand.ts";
import { createWorld, type World, wiredTo } from "../support/world.ts";

const SHOP = "ws://shop.example/pay";
const ALIAS = "ws://shop.example/other-door";
const page = { max: "EUR 0.04" };
const disk = memoryPeerStore;

let world: World;
let merchant: Merchant;
/** Goods that wait until a test lets them be made. */
let slow: (() => void)[];

const catalogue = {
  page: { price: "EUR 0.04", deliver: () => "page" },
  leaf: { price: "EUR 0.001", deliver: () => "leaf" },
  song: {
    price: "EUR 0.04",
    deliver: () =>
      new Promise<string>((resolve) => {
        slow.push(() => resolve("song"));
      }),
  },
};

beforeEach(async () => {
  world = await createWorld({ sessions: true });
  slow = [];
  merchant = await world.merchant(SHOP, { catalogue });
});
afterEach(async () => {
  for (const make of slow) make();
  expect(world.faults).toEqual([]);
  await world.close();
});

async function open(options: Parameters<World["wallet"]>[0] = {}): Promise<Wallet> {
  const wallet = await world.wallet({ vendorScripTimes: 50, ...options });
  await wallet.topUp("EUR 10.00");
  return wallet;
}

const buy = (wallet: Wallet, sku = "page") => wallet.buy(SHOP, sku, page);

const names = async (wallet: Wallet): Promise<readonly string[]> =>
  (await wallet.history()).filter(({ kind }) => kind === "purchase").map(({ txn }) => txn);

async function proved(wallet: Wallet, all: readonly string[]): Promise<void> {
  for (const name of all) {
    const read = await verifyReceipt(await wallet.receipt(name), world.network);
    expect(isRefusal(read) ? `${read.code} ${read.detail}` : read.txn).toBe(name);
  }
}

describe("a lane that is closed", () => {
  test("with nothing left to state keeps what was bought, on both sides", async () => {
    const wallet = await open();
    await wallet.obtain(SHOP, "EUR 1.00");
    const all: string[] = [];
    // So many come to half of what may be without a statement.
    for (let i = 0; i < 125; i += 1) all.push((await buy(wallet, "leaf")).receipt.txn);
    // The statement about them is signed by now; what closes is about none.
    await quiet();
    await wallet.refund(SHOP);
    expect(await names(wallet)).toEqual(all);
    expect(await merchant.sales()).toHaveLength(125);
    await proved(wallet, [all[0] ?? "", all[124] ?? ""]);
    await merchant.refund(wallet.uid, all[124] ?? "");
    expect(await merchant.books("EUR")).toMatchObject({ sold: 124_000n, liveVendorScrip: 1_000n });
  });

  test("while purchases wait for room first sells them", async () => {
    const wallet = await open();
    await buy(wallet);
    const all = Array.from({ length: 10 }, () => buy(wallet, "song"));
    for (let turn = 0; slow.length === 0 && turn < 500; turn += 1) await quiet(1);
    const back = wallet.refund(SHOP);
    const making = setInterval(() => {
      for (const make of slow.splice(0)) make();
    }, 0);
    await Promise.all(all);
    await back;
    clearInterval(making);
    expect((await wallet.balance()).brokerScrip).toBe("EUR 9.56");
    expect((await wallet.balance()).vendorScrip).toEqual([]);
    await proved(wallet, await names(wallet));
  });

  test("twice at once is closed once, and both wait for it", async () => {
    const wallet = await open();
    await buy(wallet);
    await Promise.all([wallet.refund(SHOP), wallet.refund(SHOP)]);
    expect((await wallet.balance()).brokerScrip).toBe("EUR 9.96");
  });

  test("with its wallet is open scrip again at the next start", async () => {
    const store = disk();
    const wallet = await open({ store: { ...store, close: async () => {} } });
    await buy(wallet);
    await wallet.close();
    const again = await world.wallet({ store });
    expect((await again.balance()).vendorScrip).toMatchObject([{ amount: "EUR 1.96" }]);
    await buy(again);
    await again.refund(SHOP);
    expect((await again.balance()).brokerScrip).toBe("EUR 9.92");
    await proved(again, await names(again));
  });

  test.each([
    ["our signature", "customer", 1],
    ["its merchant's word", "merchant", 0],
  ] as const)(
    "and of which %s is lost as the wallet ends is forgotten at the next start, by both",
    async (_lost, from, left) => {
      const store = memoryPeerStore();
      const theirs = memoryPeerStore();
      await merchant.close();
      merchant = await world.merchant(SHOP, { catalogue, store: theirs });
      let heard = Number.NEGATIVE_INFINITY;
      const wallet = await open({
        store,
        connect: async () =>
          wiredTo(merchant.visit(), undefined, (message) => {
            // Items 7 and 15, or 14 and 7: with the second the wire breaks.
            if (message.from === from) heard += 1;
            if (heard === 2) message.cut();
            return heard !== 2;
          }),
      });
      await buy(wallet);
      heard = 0;
      await wallet.close();
      expect((await paying(store).lanes.list()).map(([, { state }]) => state)).toEqual(["closing"]);
      expect(await selling(theirs).lanes.list()).toHaveLength(left);
      const again = await world.wallet({ store });
      await again.resume();
      await quiet();
      expect(await paying(store).lanes.list()).toEqual([]);
      expect(await selling(theirs).lanes.list()).toEqual([]);
      expect((await again.balance()).vendorScrip.map(({ amount }) => amount)).toEqual(["EUR 1.96"]);
    },
  );
});

describe("the same merchant at two addresses", () => {
  test("is met twice: neither session takes the other's lane, and all is given back", async () => {
    world.places.set(ALIAS, () => merchant.visit());
    const wallet = await open();
    await buy(wallet);
    await wallet.buy(ALIAS, "page", page);
    await Promise.all([buy(wallet), wallet.buy(ALIAS, "page", page)]);
    expect(await merchant.books("EUR")).toMatchObject({ sold: 160_000n });
    await wallet.refund(SHOP).catch(() => undefined);
    await wallet.refund(ALIAS).catch(() => undefined);
    await wallet.refund(SHOP).catch(() => undefined);
    expect((await wallet.balance()).brokerScrip).toBe("EUR 9.84");
    await proved(wallet, await names(wallet));
  });
});

describe("a lane that its merchant ends alone", () => {
  /** A customer by hand with a lane, whose connection is gone. */
  async function deserted() {
    const store = disk();
    const wallet = await open({ store: { ...store, close: async () => {} } });
    await wallet.obtain(SHOP, "EUR 1.00");
    await wallet.close();
    const { broker, runtime, transport } = world;
    const hand = await Hand.open({ broker, runtime, transport, store });
    const by = await CustomerByHand.open(hand, merchant.visit());
    const lane = by.openLane(1, await hand.holding(merchant.uid));
    await by.items.next(2);
    by.buy(lane, 1, "page", "EUR 0.04");
    await by.items.next(4);
    by.session.close("closed");
    await quiet();
    return { store, hand, by, lane };
  }

  test("because it is asked for all that it holds is found by the restored wallet", async () => {
    const { store } = await deserted();
    const lost = await world.wallet({ store });
    const phrase = await lost.recoveryPhrase();
    await lost.close();
    const { broker, runtime, transport, connect } = world;
    const { Wallet: Restored } = await import("@lepta/peer-sdk");
    const { wallet, missing } = await Restored.restore({
      broker,
      runtime,
      transport,
      connect,
      store: disk(),
      phrase,
      noticeDelay: 2 ** 30,
    });
    expect(missing).toEqual([]);
    expect((await wallet.balance()).vendorScrip).toMatchObject([{ amount: "EUR 0.96" }]);
    await wallet.close();
  });

  test("while its customer comes back is not there any more, and the merchant starts again", async () => {
    const store = disk();
    const url = "ws://mortal.example/pay";
    const held = holding(store, "unstated/");
    const first = await world.merchant(url, { store: held.store, catalogue });
    merchant = first;
    const kept = disk();
    const wallet = await open({ store: { ...kept, close: async () => {} } });
    await wallet.obtain(url, "EUR 1.00");
    await wallet.close();
    const { broker, runtime, transport } = world;
    const hand = await Hand.open({ broker, runtime, transport, store: kept });
    const by = await CustomerByHand.open(hand, first.visit());
    const lane = by.openLane(1, await hand.holding(first.uid));
    await by.items.next(2);
    for (let i = 1; i <= 4; i += 1) by.buy(lane, i, "page", "EUR 0.04");
    await by.items.next(14);
    by.session.close("closed");
    await quiet();
    // A wallet of the same customer asks for all that is held; its merchant is at it when another device comes back with the lane.
    const other = await world.wallet({ store: disk(), phrase: await phraseOf(kept) });
    const ending = other.recover();
    await held.reached;
    const back = await CustomerByHand.open(hand, first.visit(), by.session.opening);
    back.resume(lane, 0, chainAfter(lane.origin, []));
    const [, number, payload] = orThrow(decodeAs(statementProposal, await back.items.next(14)));
    back.send(statementSigned, [15, number, await signStatement(payload, hand.party.identity.signing)]);
    await quiet();
    held.release();
    await ending;
    await quiet();
    await other.close();
    await first.close();
    const again = await world.merchant(url, { store, catalogue });
    expect(await again.books("EUR")).toMatchObject({ sold: 160_000n, liveVendorScrip: 840_000n });
  });

  /** A disk that holds the first commit with such a key until it is released. */
  function holding(inner: PeerStore, prefix: string) {
    const [reached, release] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const store: PeerStore = {
      ...inner,
      commit: async (changes) => {
        if (changes.some(({ key }) => key.startsWith(prefix))) {
          reached.resolve();
          await release.promise;
        }
        await inner.commit(changes);
      },
      close: async () => {},
    };
    return { store, reached: reached.promise, release: () => release.resolve() };
  }

  const phraseOf = async (store: ReturnType<typeof disk>): Promise<string> => {
    const wallet = await world.wallet({ store: { ...store, close: async () => {} } });
    const phrase = await wallet.recoveryPhrase();
    await wallet.close();
    return phrase;
  };
});

test("an item 1 that the broken session brought last is waited for by the next", async () => {
  let cutAt = 0;
  let count = 0;
  const wallet = await open({
    connect: async (url) =>
      wiredTo(world.places.get(url)?.() ?? merchant.visit(), undefined, ({ from, cut }) => {
        if (from === "customer") count += 1;
        const isDue = from === "customer" && count === cutAt;
        // It arrives, and its answer finds nobody.
        if (isDue) setImmediate(cut);
        return true;
      }),
  });
  await wallet.obtain(SHOP, "EUR 1.00");
  cutAt = count + 1;
  for (;;) {
    const bought = await buy(wallet).catch(() => undefined);
    if (bought !== undefined) break;
  }
  await wallet.refund(SHOP);
  expect((await wallet.balance()).brokerScrip).toBe("EUR 9.96");
});

test("a lane can be taken up in the session that holds it", async () => {
  const store = disk();
  const wallet = await open({ store: { ...store, close: async () => {} } });
  await wallet.obtain(SHOP, "EUR 1.00");
  await wallet.close();
  const { broker, runtime, transport } = world;
  const hand = await Hand.open({ broker, runtime, transport, store });
  const by = await CustomerByHand.open(hand, merchant.visit());
  const lane = by.openLane(1, await hand.holding(merchant.uid));
  await by.items.next(2);
  by.resume(lane, 0, chainAfter(lane.origin, []));
  expect(orThrow(decodeAs(laneOpened, await by.items.next(2)))[2]).toBe(0);
});
