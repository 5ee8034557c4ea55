import { operatedFunctions, variable } from "@lepta/lambdas";
import { type Merchant, memoryPeerStore, type Wallet } from "@lepta/peer-sdk";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { codeOf, createWorld, DAY, HOUR, type World } from "./support/world.ts";

const NEWS = "ws://news.example/pay";
const catalogue = { article: { price: "EUR 0.02", deliver: () => "the text" } };

let world: World;
let news: Merchant;
let wallet: Wallet;
beforeEach(async () => {
  // Credit is free at once.
  const variables = {
    [variable.holdTime]: "0",
    [variable.claimTime]: "0",
    [variable.scripLife]: `${10 * DAY}`,
  };
  world = await createWorld({ variables });
  news = await world.merchant(NEWS, { catalogue });
  wallet = await world.wallet({ account: "alice" });
  await wallet.topUp("EUR 1.00");
});
afterEach(() => world.close());

const operate = (operation: string, uid: string) =>
  operatedFunctions.operate(world.wiring)({ operation, uid });

describe("a merchant that the operator froze", () => {
  test("cannot issue VendorScrip; its customer is told frozen, and has its money to spend elsewhere", async () => {
    await operate("freeze", news.uid);
    expect(await codeOf(wallet.obtain(NEWS, "EUR 0.40"))).toBe("frozen");
    // All of it is there and unlocked.
    await wallet.redeem("EUR 1.00");
    expect((await wallet.balance()).brokerScrip).toBeUndefined();
  });

  test("gives back what it is still owed, also when its credit is free long since", async () => {
    await wallet.obtain(NEWS, "EUR 0.40");
    await operate("freeze", news.uid);
    for (let day = 0; day < 4; day += 1) {
      for (let half = 0; half < 2; half += 1) {
        world.runtime.advance(12 * HOUR);
        await world.rotate();
      }
    }
    await wallet.reclaim(news.uid);
    await world.finish();
    await wallet.recover();
    expect((await wallet.balance()).brokerScrip).toBe("EUR 1.00");
    expect(await codeOf(news.settle())).toBe("frozen");
  });

  test("still sells for VendorScrip that was issued before", async () => {
    await wallet.obtain(NEWS, "EUR 0.40");
    await operate("freeze", news.uid);
    const { goods } = await wallet.buy(NEWS, "article", { max: "EUR 0.02" });
    expect(goods.text()).toBe("the text");
  });

  test.each([
    ["soon after", 0],
    ["when the request has expired", 2 * DAY],
  ])("is paid nothing, and all of it %s it is unfrozen", async (_when, wait) => {
    await wallet.obtain(NEWS, "EUR 0.40");
    await operate("freeze", news.uid);
    expect(await codeOf(news.settle())).toBe("frozen");
    for (let passed = 0; passed < wait; passed += 12 * HOUR) {
      world.runtime.advance(12 * HOUR);
      await world.rotate();
    }
    await operate("unfreeze", news.uid);
    if (wait > 0) expect(await codeOf(news.settle())).toBe("expired");
    expect(await news.settle()).toBe("EUR 0.40");
  });
});

/** Days go by under a rotation that is in time: what the broker certified before has ended. */
const pass = async (time: number): Promise<void> => {
  for (let passed = 0; passed < time; passed += 12 * HOUR) {
    world.runtime.advance(12 * HOUR);
    await world.rotate();
  }
};

describe("a peer that is frozen for longer than its credential lasts", () => {
  test("opens its wallet again, and has its money renewed before it would expire", async () => {
    const store = memoryPeerStore();
    const before = await world.wallet({ account: "bob", store });
    await before.topUp("EUR 1.00");
    await operate("freeze", before.uid);
    await before.close();
    await pass(8 * DAY);
    const again = await world.wallet({ account: "bob", store });
    await pass(8 * DAY);
    expect((await again.balance()).brokerScrip).toBe("EUR 1.00");
    // As a customer it is nobody, until it is unfrozen.
    expect(await codeOf(again.obtain(NEWS, "EUR 0.40"))).toBe("frozen");
    await operate("unfreeze", again.uid);
    await pass(DAY);
    await again.obtain(NEWS, "EUR 0.40");
  });

  test("restores its wallet from the phrase", async () => {
    await operate("freeze", wallet.uid);
    const restored = await world.wallet({ phrase: await wallet.recoveryPhrase() });
    await restored.recover();
    expect((await restored.balance()).brokerScrip).toBe("EUR 1.00");
  });

  test("opens its shop again, and is paid once it is unfrozen", async () => {
    const store = memoryPeerStore();
    const shop = await world.merchant("ws://shop.example/pay", { catalogue, store });
    await wallet.obtain("ws://shop.example/pay", "EUR 0.40");
    await operate("freeze", shop.uid);
    await shop.close();
    await pass(2 * DAY);
    const again = await world.merchant("ws://shop.example/pay", { catalogue, store });
    await operate("unfreeze", shop.uid);
    expect(await again.settle()).toBe("EUR 0.40");
  });
});
