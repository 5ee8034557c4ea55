/** Two tabs, one wallet: both buy at once, one is closed under way, and the books agree with the merchant's. */
import type { Balance, HistoryEntry, PendingEntry } from "@lepta/peer-sdk";
import { parseAmount } from "@lepta/protocol";
import type { BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { chromiumPath, whereItIs } from "./chromium.ts";
import { inPage, openShop, type Shop } from "./shop.ts";

/** Milliseconds: a browser and a cloud start. */
const PATIENCE = 120_000;

const script = `
  import { openSharedWallet } from "@lepta/web/shared-wallet";
  Object.assign(globalThis, {
    changes: 0,
    open: async (broker, more = {}) => {
      globalThis.wallet = await openSharedWallet({ broker, noticeDelay: 50, ...more });
      wallet.onChange(() => { changes += 1; });
      return { uid: wallet.uid, isHere: wallet.isHere };
    },
    call: async (method, ...args) => wallet[method](...args),
    buy: async (url, sku, signature) => {
      const { goods, receipt } = await wallet.buy(url, sku, { max: "EUR 0.05", vendorScrip: "EUR 1.00", signature });
      return { text: goods.text(), txn: receipt.txn };
    },
    recall: async (txn) => (await wallet.recall(txn))?.goods.text(),
    receiptLength: async (txn) => (await wallet.receipt(txn)).length,
    begin: async (url, sku, signature) => {
      globalThis.begun = buy(url, sku, signature).catch((fault) => fault.code ?? String(fault));
    },
    outcome: () => begun,
  });
`;

interface Told {
  readonly uid: string;
  readonly isHere: boolean;
}

describe.skipIf(chromiumPath === undefined)(`two tabs with one wallet${whereItIs}`, () => {
  let shop: Shop;
  let context: BrowserContext;
  /** What the merchant waits for before it delivers the slow article. */
  let delivery: PromiseWithResolvers<string>;
  let ordered: PromiseWithResolvers<void>;

  beforeAll(async () => {
    shop = await openShop(script, {
      article: { price: "EUR 0.02", deliver: () => "Small change." },
      slow: {
        price: "EUR 0.03",
        deliver: async () => {
          ordered.resolve();
          return delivery.promise;
        },
      },
    });
  }, PATIENCE);
  afterAll(() => shop?.close());
  beforeEach(async () => {
    delivery = Promise.withResolvers();
    ordered = Promise.withResolvers();
    context = await shop.browser.newContext();
  });
  afterEach(async () => {
    await context.close();
    expect(shop.faults).toEqual([]);
  });

  const opened = async (): Promise<Page> => {
    const page = await shop.page(context);
    expect(await inPage<Told>(page, "open", shop.broker)).toMatchObject({ uid: expect.any(String) });
    return page;
  };
  const told = <T>(page: Page, name: string, ...args: readonly unknown[]): Promise<T> =>
    inPage<T>(page, name, ...args).then((result) => {
      if (typeof result === "string") throw new Error(`${name}: ${result}`);
      return result;
    });
  const sum = (texts: readonly string[]): bigint =>
    texts.reduce((total, text) => total + parseAmount(text).value, 0n);
  /** All that the wallet of a page holds, and all that its merchant has sold to it. */
  const worth = async (page: Page, uid: string): Promise<bigint> => {
    const { brokerScrip = "EUR 0.00", vendorScrip } = await told<Balance>(page, "call", "balance");
    const sales = (await shop.merchant.sales()).filter(({ customer }) => customer === uid);
    return sum([
      brokerScrip,
      ...vendorScrip.map(({ amount }) => amount),
      ...sales.map(({ charged }) => charged),
    ]);
  };

  test("are one wallet: the second asks the first, sees what it does, and its errors have their codes", async () => {
    const [a, b] = [await opened(), await opened()];
    const [first, second] = [await a.evaluate("wallet.uid"), await b.evaluate("wallet.uid")];
    expect(second).toBe(first);
    expect([await a.evaluate("wallet.isHere"), await b.evaluate("wallet.isHere")]).toEqual([true, false]);
    await a.evaluate("changes = 0");
    expect(await inPage(b, "call", "topUp", "EUR 5.00")).toBeUndefined();
    await a.waitForFunction("changes > 0");
    for (const page of [a, b])
      expect(await told<Balance>(page, "call", "balance")).toMatchObject({ brokerScrip: "EUR 5.00" });
    expect(await inPage(b, "call", "buy", shop.url, "article", { max: "EUR 0.01" })).toBe("over-max");
    expect(await inPage(b, "call", "buy", shop.url, "nothing", { max: "EUR 0.01" })).toBe("unknown-item");
    expect(await b.evaluate("wallet.words()")).toBeUndefined();
    expect(String(await a.evaluate("wallet.words()")).split(" ")).toHaveLength(12);
  });

  test("buy at the same time, and what is left and what was sold is what came in", async () => {
    const [a, b] = [await opened(), await opened()];
    const uid = String(await a.evaluate("wallet.uid"));
    await inPage(a, "call", "topUp", "EUR 5.00");
    const bought = await Promise.all(
      Array.from({ length: 12 }, (_, i) =>
        told<{ readonly text: string; readonly txn: string }>(
          i % 2 === 0 ? a : b,
          "buy",
          shop.url,
          "article",
          i % 3 === 0 ? "each" : "statement",
        ),
      ),
    );
    expect(bought.map(({ text }) => text)).toEqual(bought.map(() => "Small change."));
    expect(new Set(bought.map(({ txn }) => txn)).size).toBe(12);
    const sales = (await shop.merchant.sales()).filter(({ customer }) => customer === uid);
    expect(sales).toHaveLength(12);
    expect(await worth(b, uid)).toBe(parseAmount("EUR 5.00").value);
    for (const page of [a, b]) {
      const history = await told<HistoryEntry[]>(page, "call", "history");
      expect(history.filter(({ kind }) => kind === "purchase")).toHaveLength(12);
    }
    for (const { txn } of bought) expect(await inPage(b, "recall", txn)).toBe("Small change.");
  });

  test.each(["each", "statement"] as const)(
    "one is closed while it buys for the other, under %s: that purchase is told to be pending, ends once, and money adds up",
    async (signature) => {
      const [a, b] = [await opened(), await opened()];
      const uid = String(await a.evaluate("wallet.uid"));
      await inPage(a, "call", "topUp", "EUR 5.00");
      await told(b, "buy", shop.url, "article", signature);
      await inPage(b, "begin", shop.url, "slow", signature);
      await ordered.promise;
      await a.close();
      expect(await b.evaluate("outcome()")).toBe("pending");
      delivery.resolve("Slow change.");
      // The tab that is left has the wallet now, and brings what was under way to its end.
      await b.waitForFunction("wallet.isHere");
      await expect
        .poll(
          async () => {
            await inPage(b, "call", "resume");
            return (await told<PendingEntry[]>(b, "call", "pending")).length;
          },
          { timeout: 30_000 },
        )
        .toBe(0);
      const sold = (await shop.merchant.sales()).filter(({ customer }) => customer === uid);
      expect(sold.map(({ charged }) => charged).sort()).toEqual(["EUR 0.02", "EUR 0.03"]);
      const history = await told<HistoryEntry[]>(b, "call", "history");
      const [slow] = history.filter(({ sku, outcome }) => sku === "slow" && outcome === "done");
      expect(await inPage(b, "recall", slow?.txn)).toBe("Slow change.");
      expect(await worth(b, uid)).toBe(parseAmount("EUR 5.00").value);
      expect(await told<Told>(b, "buy", shop.url, "article", signature)).toMatchObject({
        text: "Small change.",
      });
      expect(await worth(b, uid)).toBe(parseAmount("EUR 5.00").value);
    },
  );

  test("one that is closed in order leaves the wallet to the other, which goes on", async () => {
    const [a, b] = [await opened(), await opened()];
    await inPage(a, "call", "topUp", "EUR 5.00");
    expect(await inPage(a, "call", "close")).toBeUndefined();
    expect(await told<Balance>(b, "call", "balance")).toMatchObject({ brokerScrip: "EUR 5.00" });
    expect(await b.evaluate("wallet.isHere")).toBe(true);
    expect(await inPage(a, "call", "balance")).toBe("closed");
    const c = await opened();
    expect(await c.evaluate("wallet.uid")).toBe(await b.evaluate("wallet.uid"));
    await c.reload();
    expect(await told<Told>(c, "open", shop.broker)).toMatchObject({ isHere: false });
  });

  test("a phrase restores no wallet that is open in another tab", async () => {
    const a = await opened();
    const phrase = await a.evaluate("wallet.words()");
    const b = await shop.page(context);
    expect(await inPage(b, "open", shop.broker, { phrase })).toBe("store-locked");
  });
});
