/** A wallet or a merchant that dies at any commit of a lane's life: after its next start both say the same, and nobody has paid twice. */
import { LeptaError, type Merchant, memoryPeerStore, type Wallet } from "@lepta/peer-sdk";
import { formatAmount, isRefusal, parseAmount, verifyReceipt } from "@lepta/protocol";
import { afterEach, describe, expect, test } from "vitest";
import { Crash, createWorld, type MortalStore, mortalStore, type World, wiredTo } from "../support/world.ts";

const SHOP = "ws://shop.example/pay";
const max = "EUR 0.04";
const TURNS = 4;

let world: World;
let made: Set<string>;

afterEach(() => world.close());

const catalogue = {
  page: {
    price: max,
    deliver: async ({ id }: { readonly id: string }) => {
      made.add(id);
      return `page ${id}`;
    },
  },
};

/** Channels on which a dead process says nothing more. */
const connectTo = (isDead: () => boolean) => async (url: string) => {
  const place = world.places.get(url);
  if (place === undefined || isDead()) throw new LeptaError("unreachable", url);
  return wiredTo(
    place(),
    () => world.places.get(url) === place && !isDead(),
    ({ cut }) => {
      if (isDead()) cut();
      return true;
    },
  );
};

const died = (error: unknown): void => {
  if (!(error instanceof Crash) && !(error instanceof LeptaError)) throw error;
};

/** Three purchases at once, some times over, and then the lane is closed. */
async function live(wallet: Wallet): Promise<void> {
  for (let turn = 0; turn < TURNS; turn += 1)
    await Promise.allSettled([0, 1, 2].map(() => wallet.buy(SHOP, "page", { max })));
  await wallet.refund(SHOP);
}

/** What was under way has its answers. */
async function settled(wallet: Wallet): Promise<void> {
  for (let turn = 0; turn < 200 && (await wallet.pending()).length > 0; turn += 1) {
    if (turn % 20 === 0) await wallet.resume();
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(await wallet.pending()).toEqual([]);
}

async function compare(wallet: Wallet, merchant: Merchant): Promise<void> {
  await settled(wallet);
  const bought = (await wallet.history()).filter(
    ({ kind, outcome }) => kind === "purchase" && outcome === "done",
  );
  const sold = (await merchant.sales()).filter(({ ok }) => ok);
  expect(sold.map(({ txn }) => txn).sort()).toEqual(bought.map(({ txn }) => txn).sort());
  expect(new Set(bought.map(({ txn }) => txn)).size).toBe(bought.length);
  for (const { txn } of bought) expect(made).toContain(`${wallet.uid}/${txn}`);
  await wallet.refund(SHOP);
  const spent = BigInt(bought.length) * parseAmount(max).value;
  const { brokerScrip, vendorScrip } = await wallet.balance();
  expect(vendorScrip).toEqual([]);
  expect(brokerScrip).toBe(formatAmount({ currency: "EUR", value: parseAmount("EUR 10.00").value - spent }));
  expect(await merchant.books("EUR")).toMatchObject({ sold: spent, liveVendorScrip: 0n });
  for (const { txn } of bought) {
    const read = await verifyReceipt(await wallet.receipt(txn), world.network);
    expect(isRefusal(read) ? read.code : read.txn).toBe(txn);
  }
}

describe.each(["before", "after"] as const)("dying just %s a commit", (when) => {
  test.each(Array.from({ length: 20 }, (_, i) => i + 1))("of the wallet's, number %i", async (at) => {
    world = await createWorld({ sessions: true });
    made = new Set();
    const merchant = await world.merchant(SHOP, { catalogue });
    const disk = memoryPeerStore();
    const first = await world.wallet({ store: disk });
    await first.topUp("EUR 10.00");
    await first.close();
    const store: MortalStore = mortalStore(disk, { at, when });
    const wallet = await world
      .wallet({ store, connect: connectTo(store.isDead), vendorScripTimes: 20 })
      .catch(died);
    if (wallet) await live(wallet).catch(died);
    expect(store.isDead()).toBe(true);
    await compare(await world.wallet({ store: disk, vendorScripTimes: 20 }), merchant);
  });

  test.each(Array.from({ length: 22 }, (_, i) => i + 1))("of the merchant's, number %i", async (at) => {
    world = await createWorld({ sessions: true });
    made = new Set();
    const disk = memoryPeerStore();
    const first = await world.merchant(SHOP, { store: mortalStore(disk), catalogue });
    await first.close();
    const store: MortalStore = mortalStore(disk, { at, when });
    let isBuried = false;
    await world.merchant(SHOP, { store, catalogue }).catch(died);
    const wallet = await world.wallet({
      connect: connectTo(() => store.isDead() && !isBuried),
      vendorScripTimes: 20,
    });
    await wallet.topUp("EUR 10.00");
    await live(wallet).catch(died);
    expect(store.isDead()).toBe(true);
    const merchant = await world.merchant(SHOP, { store: disk, catalogue });
    isBuried = true;
    await compare(wallet, merchant);
  });
});
