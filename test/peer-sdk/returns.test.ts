/** Money's way back: renewed, redeemed, refunded, reversed, settled, restored. */

import { variable } from "@lepta/lambdas";
import { LeptaError, type Merchant, memoryPeerStore, type PeerStore, type Wallet } from "@lepta/peer-sdk";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { expectSettled } from "./support/audit.ts";
import { codeOf, createWorld, DAY, type World } from "./support/world.ts";

const NEWS = "ws://news.example/pay";
const euro = (value: number): bigint => BigInt(Math.round(value * 1_000_000));

let world: World;
let walletStore: PeerStore;
let shelf: PeerStore;
let wallet: Wallet;
let merchant: Merchant;

const catalogue = { article: { price: "EUR 0.02", deliver: () => "text" } };

async function setUp(variables: Record<string, string> = {}): Promise<void> {
  world = await createWorld({ seed: "returns", variables });
  walletStore = memoryPeerStore();
  shelf = memoryPeerStore();
  merchant = await world.merchant(NEWS, { store: shelf, catalogue });
  wallet = await world.wallet({ store: walletStore });
  await wallet.topUp("EUR 5.00");
}

beforeEach(() => setUp());
afterEach(() => world.close());

const atRest = (customer = { uid: wallet.uid, store: walletStore }) =>
  expectSettled(world, [customer], [{ uid: merchant.uid, store: shelf }]);

describe("BrokerScrip", () => {
  test("is redeemed to the account, in part and whole", async () => {
    expect(await wallet.redeem("EUR 2.00")).toBe("EUR 2.00");
    expect((await wallet.balance()).brokerScrip).toBe("EUR 3.00");
    await atRest();
    expect(await wallet.redeem()).toBe("EUR 3.00");
    expect((await wallet.balance()).brokerScrip).toBeUndefined();
    expect(world.books()).toMatchObject({ moneyIn: euro(5), moneyOut: euro(5), conserved: true });
    await atRest();
  });

  test("stays in the purse where it is less than the account's smallest unit", async () => {
    await wallet.obtain(NEWS, "EUR 0.003");
    expect(await codeOf(wallet.redeem("EUR 0.005"))).toBe("bad-amount");
    expect(await wallet.redeem()).toBe("EUR 4.99");
    expect((await wallet.balance()).brokerScrip).toBe("EUR 0.007");
    await atRest();
  });

  test("comes back whole where the account takes no payments", async () => {
    const store = memoryPeerStore();
    const closed = await world.wallet({ store, account: "eve+closed" });
    await closed.topUp("EUR 4.00");
    expect(await codeOf(closed.redeem("EUR 1.00"))).toBe("declined");
    expect((await closed.balance()).brokerScrip).toBe("EUR 4.00");
    expect(await closed.pending()).toEqual([]);
    await atRest({ uid: closed.uid, store });
    expect(world.books().conserved).toBe(true);
  });

  test("is paid once where the rail first says nothing", async () => {
    const store = memoryPeerStore();
    const slow = await world.wallet({ store, account: "joe+unknown" });
    await slow.topUp("EUR 4.00");
    await slow.redeem("EUR 1.00").catch(() => undefined);
    await world.finish();
    await slow.resume();
    expect((await slow.balance()).brokerScrip).toBe("EUR 3.00");
    expect(world.books()).toMatchObject({ moneyOut: euro(1), conserved: true });
    await atRest({ uid: slow.uid, store });
  });

  test("that is near its end is renewed by itself when the wallet opens", async () => {
    await wallet.close();
    world.runtime.advance(360 * DAY);
    await world.rotate();
    wallet = await world.wallet({ store: walletStore });
    world.runtime.advance(30 * DAY);
    await world.rotate();
    expect((await wallet.balance()).brokerScrip).toBe("EUR 5.00");
    expect(world.books()).toMatchObject({ liveBrokerScrip: euro(5), expired: 0n });
    await atRest();
  });

  test("is renewed and redeemed within the grace period, and not after it", async () => {
    world.runtime.advance(365 * DAY + 89 * DAY);
    await world.rotate();
    expect(world.books().expired).toBe(euro(5));
    expect(await wallet.redeem("EUR 1.00")).toBe("EUR 1.00");
    await wallet.renew();
    expect((await wallet.balance()).brokerScrip).toBe("EUR 4.00");
    world.runtime.advance(365 * DAY + 91 * DAY);
    await world.rotate();
    expect(await codeOf(wallet.redeem("EUR 1.00"))).toBe("scrip-expired");
    await atRest();
  });
});

describe("VendorScrip", () => {
  test("that is not spent goes back into the purse, and the merchant is owed so much less", async () => {
    await wallet.buy(NEWS, "article", { max: "EUR 0.02", vendorScrip: "EUR 1.00" });
    expect(await wallet.refund(NEWS)).toBe("EUR 0.98");
    expect(await wallet.balance()).toEqual({ brokerScrip: "EUR 4.98", vendorScrip: [] });
    expect(world.books()).toMatchObject({ owedToMerchants: euro(0.02), conserved: true });
    expect(await merchant.books("EUR")).toMatchObject({
      sold: euro(0.02),
      refunded: euro(0.98),
      liveVendorScrip: 0n,
    });
    await atRest();
  });

  test("is refused a refund once the merchant was paid", async () => {
    await wallet.obtain(NEWS, "EUR 1.00");
    world.runtime.advance(3 * DAY);
    await world.rotate();
    expect(await merchant.settle()).toBe("EUR 1.00");
    expect(await codeOf(wallet.refund(NEWS))).toBe("paid-out");
    expect((await wallet.balance()).vendorScrip[0]?.amount).toBe("EUR 1.00");
    await wallet.buy(NEWS, "article", { max: "EUR 0.02" });
    await atRest();
  });

  test("is unlocked where the merchant is gone while a refund is asked for", async () => {
    await wallet.obtain(NEWS, "EUR 1.00");
    const visit = world.places.get(NEWS);
    world.places.set(NEWS, () => async () => {
      throw new LeptaError("unreachable");
    });
    const fresh = await wallet.refund(NEWS).catch((error: unknown) => error);
    expect(fresh).toBeInstanceOf(LeptaError);
    if (visit) world.places.set(NEWS, visit);
    await wallet.buy(NEWS, "article", { max: "EUR 0.02" });
    await atRest();
  });

  test("of a purchase that the merchant gives back is fetched once", async () => {
    const { receipt } = await wallet.buy(NEWS, "article", { max: "EUR 0.02", vendorScrip: "EUR 1.00" });
    await merchant.refund(wallet.uid, receipt.txn);
    await merchant.refund(wallet.uid, receipt.txn);
    await wallet.collect(NEWS);
    await wallet.collect(NEWS);
    expect((await wallet.balance()).vendorScrip).toMatchObject([{ amount: "EUR 1.00" }]);
    expect(await merchant.books("EUR")).toMatchObject({ sold: 0n, liveVendorScrip: euro(1) });
    expect((await merchant.sales())[0]?.isRefunded).toBe(true);
    await atRest();
    expect(await wallet.refund(NEWS)).toBe("EUR 1.00");
    expect(world.books().owedToMerchants).toBe(0n);
    await atRest();
  });

  test("that is near its end is renewed with the merchant", async () => {
    await wallet.obtain(NEWS, "EUR 1.00");
    world.runtime.advance(85 * DAY);
    await world.rotate();
    await wallet.renew();
    world.runtime.advance(30 * DAY);
    await world.rotate();
    await wallet.buy(NEWS, "article", { max: "EUR 0.02" });
    expect((await wallet.balance()).vendorScrip[0]?.amount).toBe("EUR 0.98");
    await atRest();
  });
});

describe("a reversal", () => {
  test("gives back all of a merchant's credit that has vanished", async () => {
    await wallet.buy(NEWS, "article", { max: "EUR 0.02", vendorScrip: "EUR 1.00" });
    world.places.delete(NEWS);
    expect(await codeOf(wallet.reclaim(merchant.uid))).toBe("pending");
    expect(await wallet.pending()).toMatchObject([{ kind: "reversal", status: "unknown" }]);
    world.runtime.advance(DAY + 1);
    await world.rotate();
    await world.finish();
    await wallet.resume();
    expect(await wallet.balance()).toEqual({ brokerScrip: "EUR 5.00", vendorScrip: [] });
    expect(world.books()).toMatchObject({ owedToMerchants: 0n, conserved: true });
    // The merchant comes back, is told, and sells nothing under it any more.
    await merchant.tend();
    expect((await merchant.books("EUR")).liveVendorScrip).toBe(0n);
    await atRest();
  });

  test("leaves the merchant what the customer's own signature bears out", async () => {
    await wallet.buy(NEWS, "article", { max: "EUR 0.02", vendorScrip: "EUR 1.00" });
    await wallet.buy(NEWS, "article", { max: "EUR 0.02" });
    expect(await codeOf(wallet.reclaim(merchant.uid))).toBe("pending");
    await merchant.tend();
    await wallet.resume();
    expect(await wallet.balance()).toEqual({ brokerScrip: "EUR 4.96", vendorScrip: [] });
    expect(world.books()).toMatchObject({ owedToMerchants: euro(0.04), conserved: true });
    expect(await merchant.books("EUR")).toMatchObject({ liveVendorScrip: 0n, sold: euro(0.04) });
    await atRest();
  });

  test("stays the end of a scrip whose refund the broker refuses only afterwards", async () => {
    const place = "ws://slow.example/pay";
    const store = memoryPeerStore();
    let isAway = false;
    const slow = await world.merchant(place, {
      store,
      catalogue,
      transport: async (method, url, body) => {
        if (isAway && url.endsWith("/refund")) throw new LeptaError("unreachable");
        return world.transport(method, url, body);
      },
    });
    await wallet.obtain(place, "EUR 1.00");
    isAway = true;
    expect(await codeOf(wallet.refund(place))).toBe("aborted");
    expect(await codeOf(wallet.reclaim(slow.uid))).toBe("pending");
    await slow.tend();
    isAway = false;
    await slow.tend();
    await wallet.resume();
    expect((await slow.books("EUR")).liveVendorScrip).toBe(0n);
    await expectSettled(world, [{ uid: wallet.uid, store: walletStore }], [{ uid: slow.uid, store }]);
  });

  test("comes too late when the credit is held no more", async () => {
    await wallet.obtain(NEWS, "EUR 1.00");
    world.runtime.advance(3 * DAY);
    await world.rotate();
    expect(await codeOf(wallet.reclaim(merchant.uid))).toBe("too-late");
    await wallet.buy(NEWS, "article", { max: "EUR 0.02" });
    await atRest();
  });
});

describe("a settlement", () => {
  test("pays what is free, carries dust over and says so in a statement", async () => {
    await wallet.obtain(NEWS, "EUR 1.003");
    expect(await merchant.settle()).toBe("EUR 0.00");
    world.runtime.advance(3 * DAY);
    await world.rotate();
    expect(await merchant.settle()).toBe("EUR 1.00");
    await wallet.obtain(NEWS, "EUR 1.008");
    world.runtime.advance(3 * DAY);
    await world.rotate();
    expect(await merchant.settle()).toBe("EUR 1.01");
    const last = (await merchant.statements()).at(-1);
    expect(last).toMatchObject({ brought: "EUR 0.003", paid: "EUR 1.01", carried: "EUR 0.001" });
    expect(world.books()).toMatchObject({
      moneyOut: euro(2.01),
      owedToMerchants: euro(0.001),
      conserved: true,
    });
  });
});

describe("a wallet that lost its device", () => {
  test("is restored from its phrase: purse from the broker, VendorScrip from the merchant", async () => {
    await wallet.buy(NEWS, "article", { max: "EUR 0.02", vendorScrip: "EUR 1.00" });
    const phrase = await wallet.recoveryPhrase();
    const { uid } = wallet;
    const before = await wallet.balance();
    await wallet.close();
    const store = memoryPeerStore();
    const { Wallet: WalletClass } = await import("@lepta/peer-sdk");
    world.runtime.advance(1);
    const { wallet: again, missing } = await WalletClass.restore({
      broker: world.broker,
      runtime: world.runtime,
      transport: world.transport,
      connect: world.connect,
      store,
      phrase,
    });
    try {
      expect(missing).toEqual([]);
      expect(again.uid).toBe(uid);
      expect((await again.balance()).brokerScrip).toBe(before.brokerScrip);
      expect((await again.balance()).vendorScrip).toMatchObject([{ amount: "EUR 0.98" }]);
      await again.buy(NEWS, "article", { max: "EUR 0.02" });
      await atRest({ uid, store });
    } finally {
      await again.close();
    }
  });
});

describe("what is under way and what was", () => {
  test("has a status: a purchase is paid, and settled once the broker has its notice", async () => {
    await wallet.buy(NEWS, "article", { max: "EUR 0.02", vendorScrip: "EUR 1.00" });
    const status = async () => (await wallet.history()).find(({ kind }) => kind === "purchase")?.status;
    expect(await status()).toBe("paid");
    await wallet.flushNotices();
    expect(await status()).toBe("settled");
    expect(variable.grace).toBe("LEPTA_GRACE_MS");
  });
});
