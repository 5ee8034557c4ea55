/** A wallet or a merchant that dies at any commit of a lane's life: after its next start both say the same, and nobody has paid twice. */
import { LeptaError, memoryPeerStore, type Wallet } from "@lepta/peer-sdk";
import { afterEach, describe, expect, test } from "vitest";
import { reckon } from "../support/reckoning.ts";
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
    const again = await world.wallet({ store: disk, vendorScripTimes: 20 });
    await reckon({ world, wallet: again, merchant, url: SHOP, made, price: max, paidIn: "EUR 10.00" });
  });

  test.each(Array.from({ length: 22 }, (_, i) => i + 1))("of the merchant's, number %i", async (at) => {
    world = await createWorld({ sessions: true });
    made = new Set();
    const disk = memoryPeerStore();
    const first = await world.merchant(SHOP, { store: mortalStore(disk), catalogue });
    await first.close();
    const store: MortalStore = mortalStore(disk, { at, when });
    let isBuried = false;
    await world.merchant(SHOP, { store, catalogue, onError: () => {} }).catch(died);
    const wallet = await world.wallet({
      connect: connectTo(() => store.isDead() && !isBuried),
      vendorScripTimes: 20,
    });
    await wallet.topUp("EUR 10.00");
    await live(wallet).catch(died);
    expect(store.isDead()).toBe(true);
    const merchant = await world.merchant(SHOP, { store: disk, catalogue });
    isBuried = true;
    // Its faults of that time are those of a dead process.
    await reckon({ world, wallet, merchant, url: SHOP, made, price: max, paidIn: "EUR 10.00" });
  });
});
