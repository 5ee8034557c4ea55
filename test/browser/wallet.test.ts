/** A page that pays: the wallet in a real browser, the merchant on Node, the broker in the embedded cloud under another origin. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { chromiumPath, whereItIs } from "./chromium.ts";
import { inPage, openShop, type Shop } from "./shop.ts";

/** Milliseconds: a browser and a cloud start. */
const PATIENCE = 120_000;

const script = `
  import { memoryPeerStore, Wallet } from "@lepta/peer-sdk";
  globalThis.pay = async (broker, merchant) => {
    const wallet = await Wallet.open({ broker, store: memoryPeerStore() });
    await wallet.topUp("EUR 5.00");
    const bought = [];
    for (let i = 0; i < 3; i += 1) {
      const { goods } = await wallet.buy(merchant, "article-17", { max: "EUR 0.05", vendorScrip: "EUR 1.00" });
      bought.push(goods.text());
    }
    await wallet.flushNotices();
    const { uid } = wallet;
    const { brokerScrip, vendorScrip } = await wallet.balance();
    await wallet.close();
    return { uid, bought, brokerScrip, vendorScrip: vendorScrip.map(({ amount }) => amount) };
  };
`;

describe.skipIf(chromiumPath === undefined)(`a page in a browser${whereItIs}`, () => {
  let shop: Shop;

  beforeAll(async () => {
    shop = await openShop(script, { "article-17": { price: "EUR 0.02", deliver: () => "Small change." } });
  }, PATIENCE);

  afterAll(() => shop?.close());

  test("tops up, obtains VendorScrip and buys, and both sides agree on what was paid", async () => {
    const page = await shop.page(await shop.browser.newContext());
    expect(await inPage(page, "pay", shop.broker, shop.url)).toMatchObject({
      bought: ["Small change.", "Small change.", "Small change."],
      brokerScrip: "EUR 4.00",
      vendorScrip: ["EUR 0.94"],
    });
    const sales = await shop.merchant.sales();
    expect(sales.map(({ charged }) => charged)).toEqual(["EUR 0.02", "EUR 0.02", "EUR 0.02"]);
    expect(shop.faults).toEqual([]);
  });
});
