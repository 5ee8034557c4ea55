/** `lepta dev`: all in one process, again and again in one directory. */
import { once } from "node:events";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Dev, type DevOptions, startDev } from "@lepta/cli/lepta/dev";
import { Wallet } from "@lepta/peer-sdk";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ran } from "./support.ts";

let dir: string;
let said: string[];
const open: { close(): Promise<unknown> }[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "lepta-dev-"));
  said = [];
});

afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
  await rm(dir, { recursive: true, force: true });
});

const start = async (options: Partial<DevOptions> = {}): Promise<Dev> => {
  const dev = await startDev({
    dir,
    port: 0,
    brokerPort: 0,
    merchantPort: 0,
    sitePort: 0,
    open: false,
    print: (line) => said.push(line),
    ...options,
  });
  open.push(dev);
  return dev;
};

const walletOf = async ({ broker }: Dev): Promise<Wallet> => {
  const wallet = await Wallet.open({ dir: join(dir, "wallet"), broker });
  open.push(wallet);
  return wallet;
};

test("a wallet with money is there at once, buys from the newspaper, and all of it is there after a restart", async () => {
  const first = await start();
  const wallet = await walletOf(first);
  expect((await wallet.balance()).brokerScrip).toBe("EUR 5.00");
  const { goods } = await wallet.buy(first.merchant, "oboloi", { max: "EUR 0.01" });
  expect(goods.text()).toContain("drachma");
  await wallet.close();
  await first.close();
  await first.closed;

  // Nothing is said of ports: they are those of the last time, so that pins and pages stay good.
  const second = await startDev({ dir, open: false, print: () => {} });
  open.push(second);
  expect([second.broker, second.merchant, second.page]).toEqual([first.broker, first.merchant, first.page]);
  const again = await walletOf(second);
  expect(again.uid).toBe(wallet.uid);
  // Topped up once, not at every start.
  expect((await again.history()).map(({ kind }) => kind)).toEqual(["topup", "vendorscrip", "purchase"]);
  await again.buy(second.merchant, "gresham", { max: "EUR 0.015" });
});

test("other commands find broker and merchant in dev.json, which nobody else can read", async () => {
  const { broker, merchant, page, site } = await start();
  expect(JSON.parse(await readFile(join(dir, "dev.json"), "utf8"))).toEqual({ broker, merchant, page, site });
  expect((await stat(join(dir, "dev.json"))).mode & 0o777).toBe(0o600);
  const text = said.join("\n");
  for (const address of [broker, merchant, page, site, "wallet balance", "wallet buy", "lepta pay"])
    expect(text).toContain(address);
});

test("a port that is taken is passed over, and it is said so", async () => {
  const taken = await take();
  const { page } = await start({ port: taken.port });
  expect(Number(new URL(page).port)).toBeGreaterThan(taken.port);
  expect(said.join("\n")).toContain(`Port ${taken.port} is taken: the page is on ${new URL(page).port}.`);
});

test("a second one in the same directory does not start, and the first goes on", async () => {
  const first = await start();
  await expect(start()).rejects.toThrow();
  const wallet = await walletOf(first);
  await wallet.buy(first.merchant, "oboloi", { max: "EUR 0.01" });
});

test("a wallet that another command has open is left alone", async () => {
  const first = await start();
  await walletOf(first);
  await first.close();
  const second = await start();
  expect(said.join("\n")).toContain("in use by another command");
  expect((await fetch(second.page)).status).toBe(200);
});

test("a signal ends all of it", async () => {
  const stop = new AbortController();
  const dev = await start({ signal: stop.signal });
  stop.abort();
  await dev.closed;
  await expect(fetch(dev.page)).rejects.toThrow();
  await expect(fetch(new URL("/keys", dev.broker))).rejects.toThrow();
  await expect(start({ signal: AbortSignal.abort() })).rejects.toThrow();
});

test("the page's server tells what merchant and broker say to each other", async () => {
  const dev = await start();
  const stop = new AbortController();
  const events = await fetch(new URL("/events", dev.page), {
    headers: { "sec-fetch-site": "same-origin" },
    signal: stop.signal,
  });
  expect(events.status).toBe(200);
  const wallet = await walletOf(dev);
  await wallet.buy(dev.merchant, "oboloi", { max: "EUR 0.01" });
  let text = "";
  const decoder = new TextDecoder();
  for await (const part of events.body ?? []) {
    text += decoder.decode(part, { stream: true });
    if (text.includes('"authorization-request"') && text.includes('"authorization-response"')) break;
  }
  expect(text).toContain('"authorization-response"');
  stop.abort();
});

async function take(): Promise<{ readonly port: number }> {
  const server: Server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  open.push({ close: () => new Promise((resolve) => server.close(resolve)) });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return { port: address.port };
}

test("lepta dev --json says in one document where everything is, goes on, and ends with 0 when it is stopped", async () => {
  const stop = new AbortController();
  const told = Promise.withResolvers<string>();
  const ports = ["port", "broker-port", "merchant-port", "site-port"].flatMap((name) => [`--${name}`, "0"]);
  const running = ran(["dev", "--json", "--home", dir, ...ports], {
    signal: stop.signal,
    written: told.resolve,
  });
  const { page, site } = JSON.parse(await told.promise);
  expect((await fetch(page)).status).toBe(200);
  expect((await fetch(`${site}/stories/oboloi`)).status).toBe(402);
  stop.abort();
  const { status, err } = await running;
  expect([status, err]).toEqual([0, ""]);
});
