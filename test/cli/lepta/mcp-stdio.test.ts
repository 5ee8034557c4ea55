/** The server as a process of its own, over its standard input and output. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type EmbeddedCloud, startEmbeddedCloud } from "@lepta/local";
import { Merchant, memoryPeerStore, type Serving, Wallet } from "@lepta/peer-sdk";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { called } from "./agent.ts";

const PROCESS = fileURLToPath(new URL("mcp-process.ts", import.meta.url));

let dir: string;
let cloud: EmbeddedCloud;
let merchant: Merchant;
let serving: Serving;
let sold: number;
let home: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "lepta-mcp-"));
  cloud = await startEmbeddedCloud({ dir: join(dir, "broker") });
  merchant = await Merchant.open({
    broker: cloud.pinnedUrl,
    store: memoryPeerStore(),
    catalogue: {
      article: {
        price: "EUR 0.02",
        deliver: () => {
          sold += 1;
          return "the text";
        },
      },
    },
  });
  serving = await merchant.serve({ port: 0 });
});
afterAll(async () => {
  await serving.close();
  await merchant.close();
  await cloud.close();
  await rm(dir, { recursive: true });
});
beforeEach(async () => {
  sold = 0;
  home = await mkdtemp(join(dir, "wallet-"));
  const wallet = await Wallet.open({ broker: cloud.pinnedUrl, dir: home });
  await wallet.topUp("EUR 1.00");
  await wallet.close();
});

const argumentsOf = (): string[] => {
  const limits = { max: "EUR 0.02", perDay: "EUR 0.06", merchants: [serving.url] };
  return [PROCESS, cloud.pinnedUrl, home, JSON.stringify(limits)];
};
const connected = async (): Promise<Client> => {
  const client = new Client({ name: "test", version: "1" });
  await client.connect(
    new StdioClientTransport({ command: process.execPath, args: argumentsOf(), stderr: "inherit" }),
  );
  return client;
};
const article = () => ({ merchant: serving.url, sku: "article" });

test("an agent buys over standard input and output, and the day's limit holds over a restart of the process", async () => {
  const first = await connected();
  expect((await called(first, "quote", article())).facts.price).toBe("EUR 0.02");
  for (let i = 0; i < 2; i += 1) expect((await called(first, "pay", article())).goods).toBe("the text");
  await first.close();
  const second = await connected();
  expect((await called(second, "balance", {})).facts.last24h).toEqual({
    charged: "EUR 0.04",
    setAside: "EUR 0.00",
    left: "EUR 0.02",
  });
  const calls = await Promise.all([1, 2, 3].map(() => called(second, "pay", article())));
  expect(calls.map(({ facts }) => facts.error?.code ?? "sold").sort()).toEqual([
    "over-budget",
    "over-budget",
    "sold",
  ]);
  const [{ txn }] = (await called(second, "receipts", {})).facts.purchases;
  expect((await called(second, "receipts", { txn })).facts.receipt.proves).toMatchObject({ sold: true });
  await second.close();
  expect(sold).toBe(3);
});

test("calls that were made before the input ended are answered, one a line, and then the process ends", async () => {
  const child = spawn(process.execPath, argumentsOf(), { stdio: ["pipe", "pipe", "inherit"] });
  let said = "";
  child.stdout.on("data", (data) => {
    said += data;
  });
  const ended = once(child, "exit");
  const hello = {
    protocolVersion: "2025-06-18",
    capabilities: {},
    clientInfo: { name: "test", version: "1" },
  };
  const messages = [
    { id: 1, method: "initialize", params: hello },
    { method: "notifications/initialized" },
    "no JSON",
    { id: 2, method: "tools/call", params: { name: "pay", arguments: article() } },
  ];
  for (const message of messages)
    child.stdin.write(
      typeof message === "string" ? `${message}\n` : `${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`,
    );
  child.stdin.end();
  expect(await ended).toEqual([0, null]);
  const answers = said
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(answers.map(({ id }) => id)).toEqual([1, 2]);
  expect(answers[1].result.content[1].text).toBe("the text");
});

test("a process that is told to stop closes its wallet and ends", async () => {
  const child = spawn(process.execPath, argumentsOf(), { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(child, "exit");
  child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" })}\n`);
  await once(child.stdout, "data");
  child.kill("SIGTERM");
  expect(await ended).toEqual([0, null]);
  const wallet = await Wallet.open({ broker: cloud.pinnedUrl, dir: home });
  expect((await wallet.balance()).brokerScrip).toBe("EUR 1.00");
  await wallet.close();
});
