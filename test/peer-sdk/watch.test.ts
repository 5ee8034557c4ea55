/** Those who look on see the messages of each figure, and cannot stop them. */
import type { PassedMessage } from "@lepta/peer-sdk";
import { afterEach, expect, test } from "vitest";
import { createWorld, type World } from "./support/world.ts";

const SHOP = "ws://shop.example/pay";
let world: World;
afterEach(() => world.close());

test("a watch sees the messages of figures 6, 7 and 8 in their order, and those of lanes", async () => {
  world = await createWorld({ sessions: true });
  const atMerchant: PassedMessage[] = [];
  const atWallet: PassedMessage[] = [];
  const merchant = await world.merchant(SHOP, {
    catalogue: { page: { price: "EUR 0.01", deliver: () => "page" } },
    watch: (passed) => atMerchant.push(passed),
  });
  const wallet = await world.wallet({ watch: (passed) => atWallet.push(passed) });
  await wallet.topUp("EUR 1.00");
  expect(atWallet.map(({ type }) => type).slice(-2)).toEqual(["brokerscrip-request", "brokerscrip-response"]);
  atWallet.length = 0;
  await wallet.buy(SHOP, "page", { max: "EUR 0.01", signature: "each" });
  const types = atWallet.map(({ type }) => type);
  const figures = [
    "vendorscrip-request",
    "brokerscrip-change",
    "vendorscrip-response",
    "purchase-request",
    "purchase-notice",
    "purchase-response",
  ];
  expect(types.filter((type) => figures.includes(type))).toEqual(expect.arrayContaining(figures));
  const bought = atWallet.find(({ type }) => type === "purchase-response");
  expect(bought).toMatchObject({ from: merchant.uid, to: wallet.uid });
  expect(atMerchant.map(({ type }) => type)).toEqual(
    expect.arrayContaining(["authorization-request", "authorization-response", "sale-notice"]),
  );
  atWallet.length = 0;
  await wallet.buy(SHOP, "page", { max: "EUR 0.01" });
  expect(atWallet.map(({ type }) => type)).toEqual(
    expect.arrayContaining(["laneOpen", "laneBuy", "laneSold"]),
  );
});

test("a watch that throws stops nothing", async () => {
  world = await createWorld({ sessions: true });
  await world.merchant(SHOP, { catalogue: { page: { price: "EUR 0.01", deliver: () => "page" } } });
  const wallet = await world.wallet({
    watch: () => {
      throw new Error("not interested");
    },
  });
  await wallet.topUp("EUR 1.00");
  expect((await wallet.buy(SHOP, "page", { max: "EUR 0.01" })).goods.text()).toBe("page");
});
