import { operatedFunctions, variable } from "@lepta/lambdas";
import type { Merchant, Wallet } from "@lepta/peer-sdk";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { codeOf, createWorld, DAY, HOUR, type World } from "./support/world.ts";

const NEWS = "ws://news.example/pay";
const catalogue = { article: { price: "EUR 0.02", deliver: () => "the text" } };

let world: World;
let news: Merchant;
let wallet: Wallet;
beforeEach(async () => {
  // Credit is free at once.
  world = await createWorld({ variables: { [variable.holdTime]: "0", [variable.claimTime]: "0" } });
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
