/** A page that pays: the wallet in a real browser, the merchant on Node, the broker in the embedded cloud. */
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EmbeddedCloud, startEmbeddedCloud } from "@lepta/local";
import { Merchant, memoryPeerStore } from "@lepta/peer-sdk";
import { type Browser, chromium } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bundled } from "./bundled.ts";
import { chromiumPath, whereItIs } from "./chromium.ts";

/** Milliseconds: a browser and a cloud start. */
const PATIENCE = 120_000;

const script = `
  import { memoryPeerStore, Wallet } from "@lepta/peer-sdk";
  globalThis.pay = async (root, merchant) => {
    const wallet = await Wallet.open({ broker: location.origin + root, store: memoryPeerStore() });
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
  let directory: string;
  let cloud: EmbeddedCloud;
  let merchant: Merchant;
  let site: Server;
  let browser: Browser;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "lepta-browser-"));
    cloud = await startEmbeddedCloud({ dir: directory });
    merchant = await Merchant.open({
      store: memoryPeerStore(),
      broker: cloud.pinnedUrl,
      catalogue: { "article-17": { price: "EUR 0.02", deliver: () => "Small change." } },
    });
    const { code } = await bundled(script);
    site = createServer((request, response) => serve(request, response, code));
    site.listen(0, "127.0.0.1");
    await once(site, "listening");
    browser = await chromium.launch({ executablePath: chromiumPath ?? "", args: ["--no-sandbox"] });
  }, PATIENCE);

  afterAll(async () => {
    await browser?.close();
    site?.closeAllConnections();
    site?.close();
    await merchant?.close();
    await cloud?.close();
    await rm(directory, { recursive: true, force: true });
  });

  test("tops up, obtains VendorScrip and buys, and both sides agree on what was paid", async () => {
    const { url } = await merchant.serve();
    const page = await browser.newPage();
    const faults: string[] = [];
    page.on("pageerror", (error) => faults.push(error.message));
    const address = site.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    await page.goto(`http://127.0.0.1:${address.port}/`);
    const root = new URL(cloud.pinnedUrl).hash;
    const outcome: Outcome = await page.evaluate(
      `pay(${JSON.stringify(root)}, ${JSON.stringify(url)}).then((told) => ({ told }), (fault) => ({ fault: String(fault) }))`,
    );
    expect(outcome.fault).toBeUndefined();
    expect(outcome.told).toMatchObject({
      bought: ["Small change.", "Small change.", "Small change."],
      brokerScrip: "EUR 4.00",
      vendorScrip: ["EUR 0.94"],
    });
    const sales = await merchant.sales();
    expect(sales.map(({ charged }) => charged)).toEqual(["EUR 0.02", "EUR 0.02", "EUR 0.02"]);
    expect(faults).toEqual([]);
  });

  /** The page, and under the same origin the broker: it lets no page of another's ask it. */
  async function serve(request: IncomingMessage, response: ServerResponse, code: string): Promise<void> {
    if (request.url === "/") {
      response.setHeader("content-type", "text/html").end(`<script type="module">${code}</script>`);
      return;
    }
    const body: Uint8Array[] = [];
    for await (const part of request) body.push(part);
    const { origin } = new URL(cloud.pinnedUrl);
    const answer = await fetch(`${origin}${request.url}`, {
      method: request.method ?? "GET",
      headers: { "content-type": request.headers["content-type"] ?? "" },
      ...(request.method === "POST" ? { body: Buffer.concat(body) } : {}),
    });
    response.writeHead(answer.status, { "content-type": answer.headers.get("content-type") ?? "" });
    response.end(new Uint8Array(await answer.arrayBuffer()));
  }
});

/** As a text: a stack of the page's leads nowhere here. */
interface Outcome {
  readonly told?: unknown;
  readonly fault?: string;
}
