/** `lepta dev`: a broker, a sample merchant, a funded wallet and a page on them, in one process and in one directory. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { startEmbeddedCloud } from "@lepta/local";
import { LeptaError, paywall, Wallet } from "@lepta/peer-sdk";
import { startPageServer } from "@lepta/web/dev-server";
import { sampleArticles } from "./dev/articles.ts";
import { readDevFile, writeDevFile } from "./dev/dev-file.ts";
import { Feed } from "./dev/feed.ts";
import { openPage } from "./dev/open-page.ts";
import { freePorts, type Ports } from "./dev/ports.ts";
import { SITE_ROUTES, startSite } from "./dev/site.ts";
import { directoryOf, remember } from "./home.ts";

export interface DevOptions {
  /** Where all of it is kept. */
  readonly dir: string;
  /** Of the page, the broker and the merchant; where nothing is said those of the last time, or 8789, 8787 and 8788. */
  readonly port?: number;
  readonly brokerPort?: number;
  readonly merchantPort?: number;
  /** Of the site that is paid over HTTP; 8786. */
  readonly sitePort?: number;
  /** Whether to show the page; where there is no display it is not shown. */
  readonly open?: boolean;
  /** Takes lines for people. */
  readonly print: (line: string) => void;
  /** Ends everything. */
  readonly signal?: AbortSignal;
}

export interface Dev {
  /** The broker's pinned address. */
  readonly broker: string;
  /** The merchant's address, pinned to its UID. */
  readonly merchant: string;
  readonly page: string;
  /** A site whose pages are paid for over HTTP. */
  readonly site: string;
  /** Resolves when all has ended, by `close` or by the signal. */
  readonly closed: Promise<void>;
  close(): Promise<void>;
}

/** What the wallet holds at first. */
const WELCOME = "EUR 5.00";
const DEFAULTS: Ports = { broker: 8787, merchant: 8788, page: 8789, site: 8786 };

/** Starts everything; what was started is ended again where a later part fails. Throws `store-locked` where it runs already. */
export async function startDev(options: DevOptions): Promise<Dev> {
  const { dir, print, signal } = options;
  const closers: (() => Promise<void>)[] = [];
  const close = once(async () => {
    // Each is ended, whatever becomes of the others; the first fault is told.
    const faults: unknown[] = [];
    for (const closer of closers.splice(0).reverse())
      await closer().catch((error: unknown) => faults.push(error));
    if (faults.length > 0) throw faults[0];
  });
  try {
    signal?.throwIfAborted();
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    const ports = await freePorts(wishedPorts(options), print);
    const cloud = await startEmbeddedCloud({ dir: join(dir, "broker"), port: ports.broker });
    closers.push(cloud.close);
    const feed = new Feed();
    const broker = cloud.pinnedUrl;
    const shop = await paywall({
      // Not where `lepta merchant` keeps its own: both may run.
      dir: join(dir, "newspaper"),
      broker,
      catalogue: catalogue(),
      routes: SITE_ROUTES,
      port: ports.merchant,
      watch: feed.tell,
    });
    closers.push(() => shop.close());
    const merchant = `${shop.address}#${shop.merchant.uid}`;
    const { url: site, close: closeSite } = await startSite(shop, ports.site);
    closers.push(closeSite);
    await fundWallet(dir, broker, print);
    const articles = sampleArticles.map(({ goods: _, ...shown }) => shown);
    const server = await startPageServer({
      broker,
      merchant,
      articles,
      port: ports.page,
      events: feed.listen,
    });
    closers.push(server.close);
    const page = server.url;
    writeDevFile(dir, { broker, merchant, page, site });
    tellWhere(print, { broker, merchant, page, site });
    signal?.throwIfAborted();
    if (options.open !== false) openPage(page, print);
    return { broker, merchant, page, site, closed: untilClosed(close, signal), close: close.run };
  } catch (error) {
    await close.run();
    throw error;
  }
}

function wishedPorts({ dir, port, brokerPort, merchantPort, sitePort }: DevOptions): Ports {
  const last = portsOf(readDevFile(dir));
  return {
    broker: brokerPort ?? last?.broker ?? DEFAULTS.broker,
    merchant: merchantPort ?? last?.merchant ?? DEFAULTS.merchant,
    page: port ?? last?.page ?? DEFAULTS.page,
    site: sitePort ?? last?.site ?? DEFAULTS.site,
  };
}

/** The ports of the last time: a browser's wallet belongs to the page's address, so that stays the same. */
function portsOf(file: ReturnType<typeof readDevFile>): Ports | undefined {
  if (file === undefined) return undefined;
  const [broker, merchant, page, site] = [file.broker, file.merchant, file.page, file.site].map((url) =>
    Number(new URL(url).port),
  );
  return broker && merchant && page && site ? { broker, merchant, page, site } : undefined;
}

const catalogue = () =>
  Object.fromEntries(
    sampleArticles.map(({ sku, price, title, goods }) => [
      sku,
      { price, description: title, deliver: () => goods },
    ]),
  );

/** Opens the wallet, fills it the first time, and closes it: then the commands in another terminal have it. */
async function fundWallet(dir: string, broker: string, print: DevOptions["print"]): Promise<void> {
  try {
    const wallet = await Wallet.open({ dir: directoryOf(dir, "wallet"), broker });
    try {
      const isNew =
        (await wallet.balance()).brokerScrip === undefined &&
        (await wallet.history()).length === 0 &&
        (await wallet.pending()).length === 0;
      if (isNew) await wallet.topUp(WELCOME);
      await remember(dir, "wallet", { broker });
    } finally {
      await wallet.close();
    }
  } catch (error) {
    if (!(error instanceof LeptaError) || error.code !== "store-locked") throw error;
    print("The wallet is in use by another command: it was left alone.");
  }
}

function tellWhere(
  print: DevOptions["print"],
  { broker, merchant, page, site }: Pick<Dev, "broker" | "merchant" | "page" | "site">,
): void {
  const [first] = sampleArticles;
  for (const line of [
    "Lepta is ready: a broker, a newspaper that sells its stories, and a wallet with play money.",
    `  page      ${page}`,
    `  broker    ${broker}`,
    `  merchant  ${merchant}`,
    `  site      ${site}, whose pages are paid for over HTTP`,
    "",
    "In another terminal:",
    "  npx lepta wallet balance",
    `  npx lepta wallet buy "${merchant}" ${first?.sku} --max "${first?.price}"`,
    `  npx lepta pay ${site}/stories/${first?.sku} --max "EUR 0.01"`,
    `  npx lepta pay ${site}/read-aloud --max "EUR 0.01"`,
    "",
    "Ctrl-C ends it; everything is kept.",
  ])
    print(line);
}

interface Closing {
  readonly run: () => Promise<void>;
  readonly done: Promise<void>;
}

/** Does something once, however often it is asked for. */
function once(work: () => Promise<void>): Closing {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  // Whoever closes learns of its fault; that nobody waits for the end is none.
  promise.catch(() => undefined);
  let isBegun = false;
  const run = (): Promise<void> => {
    if (!isBegun) {
      isBegun = true;
      work().then(resolve, reject);
    }
    return promise;
  };
  return { run, done: promise };
}

function untilClosed({ run, done }: Closing, signal: AbortSignal | undefined): Promise<void> {
  const stop = (): void => {
    run().catch(() => undefined);
  };
  if (signal?.aborted) stop();
  else signal?.addEventListener("abort", stop, { once: true });
  return done;
}
