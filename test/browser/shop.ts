/** A shop, its broker, and pages of one origin in a real browser: what the tests of a page's wallet begin with. */
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EmbeddedCloud, startEmbeddedCloud } from "@lepta/local";
import { type Catalogue, Merchant, memoryPeerStore } from "@lepta/peer-sdk";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { bundled } from "./bundled.ts";
import { chromiumPath } from "./chromium.ts";

export interface Shop {
  readonly merchant: Merchant;
  /** The merchant's address. */
  readonly url: string;
  readonly broker: string;
  readonly browser: Browser;
  /** A page with the script in a context, and what went wrong in it where nobody was told. */
  page(context: BrowserContext): Promise<Page>;
  readonly faults: readonly string[];
  close(): Promise<void>;
}

/** Sells the catalogue, and serves a page with the script, whose exports are global there. */
export async function openShop(script: string, catalogue: Catalogue): Promise<Shop> {
  const directory = await mkdtemp(join(tmpdir(), "lepta-shop-"));
  const cloud: EmbeddedCloud = await startEmbeddedCloud({ dir: directory });
  const merchant = await Merchant.open({ store: memoryPeerStore(), broker: cloud.pinnedUrl, catalogue });
  const { url } = await merchant.serve();
  const { code } = await bundled(script);
  const site: Server = createServer((_, response) =>
    response
      .setHeader("content-type", "text/html")
      .end(`<!doctype html><link rel="icon" href="data:,"><script type="module">${code}</script>`),
  );
  site.listen(0, "127.0.0.1");
  await once(site, "listening");
  const browser = await chromium.launch({ executablePath: chromiumPath ?? "", args: ["--no-sandbox"] });
  const address = site.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const faults: string[] = [];
  return {
    merchant,
    url,
    broker: cloud.pinnedUrl,
    browser,
    faults,
    page: async (context) => {
      const page = await context.newPage();
      page.on("pageerror", (error) => faults.push(error.message));
      await page.goto(`http://127.0.0.1:${address.port}/`);
      return page;
    },
    close: async () => {
      await browser.close();
      site.closeAllConnections();
      site.close();
      await merchant.close();
      await cloud.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** What a function of the page's gives, or the code of its fault. */
export async function inPage<T>(page: Page, name: string, ...args: readonly unknown[]): Promise<T | string> {
  const given = args.map((each) => JSON.stringify(each) ?? "undefined").join(", ");
  return page.evaluate(`${name}(${given}).catch((fault) => fault.code ?? String(fault))`);
}
