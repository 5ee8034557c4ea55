/** The page of `lepta dev` in a real browser: what a visitor does in the first five minutes, with and without a mouse. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Dev, startDev } from "@lepta/cli/lepta/dev";
import { verifyReceipt } from "@lepta/protocol";
import axe from "axe-core";
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Page,
} from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { chromiumPath, whereItIs } from "./chromium.ts";

/** Milliseconds: a browser and a cloud start. */
const PATIENCE = 120_000;

describe.skipIf(chromiumPath === undefined)(`the page of lepta dev${whereItIs}`, () => {
  let dir: string;
  let dev: Dev;
  let browser: Browser;
  let context: BrowserContext;
  let faults: string[];
  const contexts: BrowserContext[] = [];

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "lepta-page-"));
    dev = await startDev({ dir, port: 0, brokerPort: 0, merchantPort: 0, open: false, print: () => {} });
    browser = await chromium.launch({ executablePath: chromiumPath ?? "", args: ["--no-sandbox"] });
  }, PATIENCE);

  afterAll(async () => {
    await browser?.close();
    await dev?.close();
    await rm(dir, { recursive: true, force: true });
  });

  beforeEach(async () => {
    faults = [];
    context = await visitor();
  });

  afterEach(async () => {
    for (const each of contexts.splice(0)) await each.close();
    expect(faults).toEqual([]);
  });

  /** Somebody with a browser of their own. */
  async function visitor(options: BrowserContextOptions = {}): Promise<BrowserContext> {
    const made = await browser.newContext({
      locale: "en-GB",
      viewport: { width: 1400, height: 1000 },
      ...options,
    });
    contexts.push(made);
    return made;
  }

  async function visit(of = context): Promise<Page> {
    const page = await of.newPage();
    page.on("pageerror", (error) => faults.push(error.message));
    // What the policy of the page forbids is told as an error as well.
    page.on("console", (told) => {
      const isAway = told.text().includes("net::ERR_");
      if (told.type() === "error" && !isAway) faults.push(told.text());
    });
    await page.goto(dev.page);
    return page;
  }

  const buyButton = (page: Page, sku: string) => page.locator(`[data-sku=${sku}] lepta-pay button`);
  const story = (page: Page, sku: string) => page.locator(`[data-sku=${sku}] .text`);
  const total = (page: Page, text: string) => page.locator("lepta-wallet .total", { hasText: text });

  test("a first visitor has money, buys with one click, reads, and keeps a receipt that anybody can check", async () => {
    const page = await visit();
    await total(page, "€5.00").waitFor();
    expect(await buyButton(page, "oboloi").textContent()).toContain("€0.01");
    await buyButton(page, "oboloi").click();
    await story(page, "oboloi").getByText("drachma").first().waitFor();
    await total(page, "€4.99").waitFor();

    const entry = page.locator("lepta-wallet li", { hasText: "Why six obols make a drachma" });
    await entry.locator("summary").click();
    // Both sides sign within seconds; until then the wallet says so.
    await entry.locator(".settled").waitFor();
    const saving = page.waitForEvent("download");
    await entry.getByRole("button", { name: "Save the receipt" }).click();
    const file = await readFile(await (await saving).path());
    const receipt = await verifyReceipt(new Uint8Array(file), new URL(dev.broker).hash.slice(1));
    expect(receipt).toMatchObject({
      merchant: dev.merchant.split("#")[1],
      order: { sku: "oboloi" },
      charged: { currency: "EUR", value: 10_000n },
    });
  });

  test("a reload keeps everything, and what was bought is shown again and not paid again", async () => {
    const page = await visit();
    await total(page, "€5.00").waitFor();
    await buyButton(page, "gresham").click();
    await story(page, "gresham").waitFor();
    await total(page, "€4.985").waitFor();
    await page.reload();
    await total(page, "€4.985").waitFor();
    await page.locator("[data-sku=gresham] lepta-pay[state=paid]").waitFor();
    await buyButton(page, "gresham").click();
    await story(page, "gresham").getByText("Aristophanes").waitFor();
    await total(page, "€4.985").waitFor();
    expect(await page.locator("lepta-wallet li", { hasText: "Bad money" }).count()).toBe(1);
    // The words were told on the first visit alone.
    expect(await page.getByText("Show the twelve words").count()).toBe(0);
  });

  test("everything can be done with the keyboard alone", async () => {
    const page = await visit();
    await total(page, "€5.00").waitFor();
    await page.keyboard.press("Tab");
    expect(await page.evaluate(focused)).toContain("Skip to the stories");
    await page.keyboard.press("Enter");
    await tabTo(page, "Why six obols make a drachma");
    await page.keyboard.press("Enter");
    // Reading goes on where the story is.
    await expect.poll(() => page.evaluate(focused)).toContain("roasting spits");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await story(page, "oboloi").waitFor({ state: "detached" });
    expect(await page.evaluate(focused)).toContain("Paid");

    await tabTo(page, "+€5");
    await page.keyboard.press("Space");
    await total(page, "€9.99").waitFor();

    const last = page.locator("button.message[tabindex='0']");
    expect(await last.count()).toBe(1);
    await last.focus();
    await page.keyboard.press("Home");
    const first = await page.evaluate(focused);
    await page.keyboard.press("ArrowDown");
    expect(await page.evaluate(focused)).not.toBe(first);
    await page.keyboard.press("Enter");
    await page.locator(".panel h3").waitFor();
    expect(await page.locator("button.message[aria-current]").count()).toBe(1);
  });

  test("the messages of all three figures are an ordered list in words, and each can be inspected", async () => {
    const page = await visit();
    await total(page, "€5.00").waitFor();
    await buyButton(page, "big-story").click();
    await story(page, "big-story").waitFor();
    const expected: Readonly<Record<string, readonly string[]>> = {
      "Figure 6": ["M0 BrokerScrip request, Customer to Broker", "M1 BrokerScrip, Broker to Customer"],
      "Figure 8": [
        "M0 Intent, Customer to Broker",
        "M1 VendorScrip request, Customer to Merchant",
        "M2 Authorization request, Merchant to Broker",
        "M3 Change, sealed, Broker to Customer",
        "M4 Authorization, Broker to Merchant",
        "M5 VendorScrip, Merchant to Customer",
      ],
      "Figure 7": [
        "M0 Purchase notice, Customer to Broker",
        "M1 Purchase request, Customer to Merchant",
        "M2 Goods and change, Merchant to Customer",
        "M3 Sale notice, Merchant to Broker",
      ],
    };
    for (const [figure, names] of Object.entries(expected)) {
      const run = page
        .locator(".run", { hasText: figure })
        .filter({ hasText: names[0]?.split(",")[0] ?? "" })
        .first();
      for (const name of names)
        await run.getByRole("button", { name: new RegExp(`^${name}.*bytes$`) }).waitFor();
      const order = (await run.getByRole("button").allTextContents()).map((text) => text.slice(0, 2));
      expect(order.filter((text) => /M\d/.test(text))).toEqual(
        [...order.filter((text) => /M\d/.test(text))].sort(),
      );
    }
    await page.getByRole("button", { name: /^M1 BrokerScrip, / }).click();
    const panel = page.locator(".panel");
    await panel.getByText("figure 6, M1").waitFor();
    await panel.getByText("EUR 5.00").first().waitFor();
    await panel.locator("summary", { hasText: "checks hold" }).waitFor();
    expect(await panel.locator("summary").textContent()).not.toContain("do not hold");
  });

  test("two windows share one wallet and show the same", async () => {
    const first = await visit();
    await total(first, "€5.00").waitFor();
    const second = await visit();
    await total(second, "€5.00").waitFor();
    await buyButton(second, "change").click();
    await story(second, "change").waitFor();
    await total(first, "€4.99").waitFor();
    await first.locator("[data-sku=change] lepta-pay[state=paid]").waitFor();
    // What merchant and broker say to each other is seen in both, and goes on being seen when the first one is gone.
    const authorised = /^M4 Authorization, Broker to Merchant/;
    for (const page of [first, second]) await page.getByRole("button", { name: authorised }).waitFor();
    await first.close();
    await buyButton(second, "words").click();
    await story(second, "words").waitFor();
    await buyButton(second, "big-story").click();
    await story(second, "big-story").waitFor();
    await second.getByRole("button", { name: /^M3 Sale notice, Merchant to Broker/ }).waitFor();
    await total(second, "€4.905").waitFor();
  });

  test("while the broker is away one goes on buying, is told what does not work, and it works again when it is back", {
    timeout: PATIENCE,
  }, async () => {
    const page = await visit();
    await total(page, "€5.00").waitFor();
    await buyButton(page, "oboloi").click();
    await story(page, "oboloi").waitFor();
    const address = `${new URL(dev.broker).origin}/**`;
    await context.route(address, (route) => route.abort());
    await buyButton(page, "words").click();
    await story(page, "words").waitFor();
    const wallet = page.locator("lepta-wallet");
    await wallet.getByRole("button", { name: "+€1" }).click();
    await wallet.locator(".fault").waitFor({ timeout: PATIENCE });
    expect(await wallet.locator(".fault").textContent()).toMatch(/\((unreachable|pending)\)/);
    // Nobody knows whether the bank was asked: it is shown, and asked for again instead of anew.
    await wallet.locator(".pending .unknown").waitFor();
    await context.unroute(address);
    await wallet.getByRole("button", { name: "+€1" }).click();
    await wallet.getByText("The earlier top-up has ended").waitFor();
    await wallet.locator(".pending").waitFor({ state: "detached" });
    await total(page, "€4.985").waitFor();
    await wallet.getByRole("button", { name: "+€1" }).click();
    await total(page, "€5.985").waitFor();
  });

  test("a page that finds no broker says so, and goes on by itself when there is one", async () => {
    const address = `${new URL(dev.broker).origin}/**`;
    await context.route(address, (route) => route.abort());
    const page = await visit();
    await page.getByText("The broker cannot be reached").waitFor();
    await context.unroute(address);
    await total(page, "€5.00").waitFor();
  });

  test("things of one price are bought at the same moment, each once", async () => {
    const page = await visit();
    await total(page, "€5.00").waitFor();
    const skus = ["oboloi", "change", "columns"];
    for (const sku of skus) await buyButton(page, sku).dispatchEvent("click");
    for (const sku of skus) await story(page, sku).waitFor();
    await total(page, "€4.97").waitFor();
    expect(await page.locator("lepta-wallet .history .paid, lepta-wallet .history .settled").count()).toBe(5);
    await story(page, "columns").getByRole("link", { name: "Save Ten coins in a table" }).waitFor();
  });

  test("never more is paid than the price that is shown", async () => {
    const page = await visit();
    await total(page, "€5.00").waitFor();
    await page
      .locator("[data-sku=forgery] lepta-pay")
      .evaluate((pay) => pay.setAttribute("price", "EUR 0.01"));
    await buyButton(page, "forgery").click();
    const fault = page.locator("[data-sku=forgery] lepta-pay .fault");
    await fault.getByText("more than the price that is shown").waitFor();
    expect(await fault.textContent()).toContain("(over-max)");
    await total(page, "€5.00").waitFor();
  });

  test("what was sent and not answered is asked for again and not bought again", async () => {
    const page = await visit();
    await total(page, "€5.00").waitFor();
    const bought = await page.locator("[data-sku=offline] lepta-pay").evaluate(async (pay, merchant) => {
      const said: string[] = [];
      const entry = { kind: "purchase", txn: "t", at: 1, amount: "EUR 0.02", merchant };
      const wallet = {
        pending: async () => [{ ...entry, status: "unknown" }],
        history: async () => [],
        resume: async () => said.push("resume"),
        buy: async () => said.push("buy"),
        recall: async () => undefined,
      };
      const element = pay as HTMLElement & { wallet: unknown; pay(): Promise<void> };
      element.wallet = wallet;
      await element.pay();
      return said;
    }, dev.merchant.split("#")[1]);
    expect(bought).toEqual(["resume"]);
    await page.locator("[data-sku=offline] .fault").getByText("(pending)").waitFor();
  });

  test("what a merchant delivers is text to the page, whatever it says", async () => {
    const page = await visit();
    await total(page, "€5.00").waitFor();
    const found = await page.locator("[data-sku=offline] lepta-pay").evaluate(async (pay) => {
      const markup = "<img src=x onerror='document.title=1'><script>document.title=1</script>";
      const goods = { type: "text/plain;charset=utf-8", bytes: new Uint8Array(), text: () => markup };
      const receipt = { txn: "t", merchant: "m" };
      const element = pay as HTMLElement & { wallet: unknown; pay(): Promise<void> };
      element.wallet = {
        pending: async () => [],
        history: async () => [],
        recall: async () => undefined,
        buy: async () => ({ goods, receipt }),
      };
      await element.pay();
      const text = element.parentElement?.querySelector(".text");
      return { text: text?.textContent ?? "", elements: text?.querySelectorAll("img, script").length };
    });
    expect(found).toMatchObject({ elements: 0 });
    expect(found.text).toContain("<script>");
    expect(await page.title()).not.toBe("1");
  });

  for (const colorScheme of ["light", "dark"] as const)
    for (const width of [320, 900, 1400])
      test(`has no barrier that axe finds, ${colorScheme}, ${width} pixels wide`, async () => {
        const own = await visitor({ colorScheme, viewport: { width, height: 800 }, reducedMotion: "reduce" });
        const page = await visit(own);
        await total(page, "€5.00").waitFor();
        await buyButton(page, "oboloi").click();
        await story(page, "oboloi").waitFor();
        await page
          .locator("[data-sku=forgery] lepta-pay")
          .evaluate((pay) => pay.setAttribute("price", "EUR 0.01"));
        await buyButton(page, "forgery").click();
        await page.locator("[data-sku=forgery] .fault").waitFor();
        await page.getByText("Show the twelve words").click();
        await page.locator("lepta-wallet li", { hasText: "Why six" }).locator("summary").click();
        await page.locator("lepta-wallet").getByText("Another amount").click();
        await page.locator("button.message").last().click();
        await page.locator(".panel .checks").waitFor();
        expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(width);
        await page.evaluate(axe.source);
        const found = await page.evaluate<readonly Violation[]>(
          `axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] })
            .then(({ violations }) => violations.map(({ id, nodes }) => ({ id, at: nodes.map(({ html }) => html) })))`,
        );
        expect(found).toEqual([]);
      });
});

interface Violation {
  readonly id: string;
  readonly at: readonly string[];
}

/** What has focus says, inside of elements too. */
const focused = `((document.activeElement?.shadowRoot?.activeElement ?? document.activeElement)?.textContent ?? "")`;

/** Goes on by the tabulator until what has focus says this. */
async function tabTo(page: Page, text: string): Promise<void> {
  for (let i = 0; i < 80; i += 1) {
    await page.keyboard.press("Tab");
    if (`${await page.evaluate(focused)}`.includes(text)) return;
  }
  throw new Error(`the tabulator does not come to ${text}`);
}
