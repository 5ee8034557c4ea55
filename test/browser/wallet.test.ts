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
import { split } from "./bundled.ts";
import { chromiumPath, whereItIs } from "./chromium.ts";

/** Milliseconds: a browser and a cloud start. */
const PATIENCE = 120_000;

const script = `
  import { indexedDbPeerStore, memoryPeerStore, Wallet } from "@lepta/peer-sdk";
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
    const words = (await wallet.recoveryPhrase()).split(" ").length;
    const { brokerScrip, vendorScrip } = await wallet.balance();
    await wallet.close();
    return { uid, bought, words, brokerScrip, vendorScrip: vendorScrip.map(({ amount }) => amount) };
  };
  globalThis.fail = async (root, merchant) => {
    const wallet = await Wallet.open({ broker: location.origin + root, store: memoryPeerStore() });
    await wallet.topUp("EUR 5.00");
    const { code } = await wallet.buy(merchant, "article-17", { max: "EUR 0.05" }).catch((error) => error);
    const outcome = { code, pending: await wallet.pending(), balance: await wallet.balance() };
    await wallet.close();
    return outcome;
  };
  globalThis.begin = async (root) => {
    const store = await indexedDbPeerStore("wallet");
    const told = [];
    const onPhrase = (phrase) => { told.push(phrase); };
    const { code } = await Wallet.open({ broker: location.origin + root, store, onPhrase }).catch((error) => error);
    const [identity, key] = [await store.list("identity/"), await store.keys.get("signing")];
    await store.close();
    return { code, told: told.length, kept: identity.length, hasKey: key !== undefined };
  };
`;

describe.skipIf(chromiumPath === undefined)(`a page in a browser${whereItIs}`, () => {
  let directory: string;
  let cloud: EmbeddedCloud;
  let merchant: Merchant;
  let url: string;
  let site: Server;
  let browser: Browser;
  /** The page's files by their paths. */
  let files: ReadonlyMap<string, string>;
  /** Files that are not served. */
  let withheld = /^$/;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "lepta-browser-"));
    cloud = await startEmbeddedCloud({ dir: directory });
    merchant = await Merchant.open({
      store: memoryPeerStore(),
      broker: cloud.pinnedUrl,
      catalogue: { "article-17": { price: "EUR 0.02", deliver: () => "Small change." } },
    });
    const { chunks } = await split(script);
    files = new Map(chunks.map(({ name, code }) => [`/${name}`, code]));
    ({ url } = await merchant.serve());
    site = createServer(serve);
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
    const { outcome, faults } = await inPage("pay");
    expect(outcome.fault).toBeUndefined();
    expect(outcome.told).toMatchObject({
      bought: ["Small change.", "Small change.", "Small change."],
      words: 12,
      brokerScrip: "EUR 4.00",
      vendorScrip: ["EUR 0.94"],
    });
    const sales = await merchant.sales();
    expect(sales.map(({ charged }) => charged)).toEqual(["EUR 0.02", "EUR 0.02", "EUR 0.02"]);
    expect(faults).toEqual([]);
  });

  test("that cannot load what deals with merchants has kept and sent nothing, and says that it is away", async () => {
    withheld = /dealings/;
    const { outcome } = await inPage("fail");
    withheld = /^$/;
    expect(outcome.fault).toBeUndefined();
    expect(outcome.told).toEqual({
      code: "unreachable",
      pending: [],
      balance: { brokerScrip: "EUR 5.00", vendorScrip: [] },
    });
  });

  test("that cannot load what keeps its keys has told no phrase and kept no key, and says that it is away", async () => {
    withheld = /vault/;
    const { outcome } = await inPage("begin");
    withheld = /^$/;
    expect(outcome.fault).toBeUndefined();
    expect(outcome.told).toEqual({ code: "unreachable", told: 0, kept: 0, hasKey: false });
  });

  /** What a function of the page's brings with the broker's pin and the merchant's address, and what faults it had. */
  async function inPage(
    name: string,
  ): Promise<{ readonly outcome: Outcome; readonly faults: readonly string[] }> {
    const page = await browser.newPage();
    const faults: string[] = [];
    page.on("pageerror", (error) => faults.push(error.message));
    const address = site.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    await page.goto(`http://127.0.0.1:${address.port}/`);
    const root = new URL(cloud.pinnedUrl).hash;
    const outcome: Outcome = await page.evaluate(
      `${name}(${JSON.stringify(root)}, ${JSON.stringify(url)}).then((told) => ({ told }), (fault) => ({ fault: String(fault) }))`,
    );
    await page.close();
    return { outcome, faults };
  }

  /** The page, and under the same origin the broker: it lets no page of another's ask it. */
  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const file = files.get(request.url ?? "");
    if (request.url === "/") {
      response.setHeader("content-type", "text/html").end('<script type="module" src="/page.js"></script>');
      return;
    }
    if (file !== undefined) {
      const status = withheld.test(request.url ?? "") ? 503 : 200;
      response.writeHead(status, { "content-type": "text/javascript" }).end(file);
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
