/** Custody on the embedded cloud, through the real SDK clients and by the clock: rotation, revocation, and what KMS is asked. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Clients, type FunctionName, revokeKeys, rotateKeys, rotationOf } from "@lepta/lambdas";
import { keyItems, REVOKED_AFTER, readKeyTable } from "@lepta/lambdas/custody/key-items";
import { type EmbeddedCloud, startEmbeddedCloud } from "@lepta/local";
import { Merchant, memoryPeerStore, systemRuntime, Wallet } from "@lepta/peer-sdk";
import { limits, type Purpose } from "@lepta/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { channelTo, codeOf, NEVER } from "../peer-sdk/support/world.ts";
import { crashingStore } from "../support/crashing.ts";
import { type TestRuntime, testRuntime } from "../support/runtime.ts";

const MINUTE = 60 * 1000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const SHOP = "ws://shop.example/pay";
const article = { max: "EUR 0.02", vendorScrip: "EUR 0.02" };

let dir: string;
let runtime: TestRuntime;
let cloud: EmbeddedCloud;
let closers: (() => Promise<void>)[];
/** What each function has asked of KMS. */
let asked: Map<FunctionName, string[]>;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "lepta-custody-"));
  runtime = testRuntime();
  closers = [];
  asked = new Map();
  cloud = await start();
});

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
  await rm(dir, { recursive: true });
});

async function start(): Promise<EmbeddedCloud> {
  const started = await startEmbeddedCloud({ dir, runtime, watch: count });
  closers.push(() => started.close());
  return started;
}

function count(name: FunctionName, { kms }: Clients): void {
  const calls: string[] = [];
  asked.set(name, calls);
  kms.middlewareStack.add(
    (next, context) => (args) => {
      calls.push(String(context.commandName));
      return next(args);
    },
    { step: "initialize" },
  );
}

/** A wallet with money and a merchant that sells to it, over the cloud's own door. */
async function market() {
  const sleep = async (milliseconds: number) => runtime.advance(milliseconds);
  const clock = { ...systemRuntime, now: runtime.now, sleep };
  const common = { broker: cloud.pinnedUrl, runtime: clock, noticeDelay: NEVER } as const;
  const merchant = await Merchant.open({
    ...common,
    store: memoryPeerStore(),
    catalogue: { article: { price: "EUR 0.02", deliver: () => "the text" } },
  });
  closers.push(() => merchant.close());
  const connect = async () => channelTo(merchant.visit());
  const wallet = await Wallet.open({ ...common, store: memoryPeerStore(), connect });
  closers.push(() => wallet.close());
  await wallet.topUp("EUR 5.00");
  return { merchant, wallet, buy: () => wallet.buy(SHOP, "article", article) };
}

const revoke = (purpose: Purpose) => revokeKeys(rotationOf(cloud.wiring), purpose);

/** Buys until it works three times in a row, and tells how often it did not: lists are read again behind a purchase. */
async function buyUntilSettled(buy: () => Promise<unknown>): Promise<number> {
  let failures = 0;
  for (let turn = 0, row = 0; row < 3; turn += 1) {
    if (turn === 30) throw new Error("purchases go on failing");
    const isBought = (await codeOf(buy())) === "no error";
    row = isBought ? row + 1 : 0;
    failures += isBought ? 0 : 1;
    await fetch(`${cloud.url}/keys`).then((response) => response.arrayBuffer());
  }
  return failures;
}

test("over three days of hourly rotation keys overlap, and a wallet that keeps buying never fails", async () => {
  const { buy, merchant } = await market();
  const lives: number[] = [];
  let bought = 0;
  for (let hour = 0; hour < 72; hour += 1) {
    runtime.advance(HOUR);
    await rotateKeys(rotationOf(cloud.wiring));
    const { operational } = await readKeyTable(cloud.wiring.store);
    const now = runtime.now();
    for (const purpose of ["enrol", "decide", "acknowledge", "seal"]) {
      const valid = operational.filter((key) => key.purpose === purpose && now < key.notAfter);
      expect(valid.length).toBeGreaterThanOrEqual(1);
      lives.push(Math.max(...valid.map((key) => key.notAfter)) - now);
    }
    if (hour % 4 !== 0) continue;
    await buy();
    bought += 1;
  }
  // Whoever took a key at its newest has half a day to learn of the next one.
  expect(Math.min(...lives)).toBeGreaterThan(limits.operationalKeyLife / 2);
  expect((await merchant.books("EUR")).sold).toBe(BigInt(bought) * 20_000n);
}, 60_000);

test("old certificates are kept for the dispute window", async () => {
  const { operational } = await readKeyTable(cloud.wiring.store);
  const enrol = operational.find(({ purpose }) => purpose === "enrol");
  runtime.advance(9 * DAY);
  await cloud.runSchedules();
  const [kept] = await cloud.wiring.store.get([keyItems.certificate(enrol?.id ?? "")]);
  expect(kept?.certificate).toEqual(enrol?.certificate);
  expect(Number(kept?.ttl) * 1000).toBe((enrol?.notAfter ?? 0) + 400 * DAY);
});

describe.each<Purpose>(["enrol", "decide", "acknowledge", "seal"])("after revoking %s", (purpose) => {
  test("purchases go on at once, and when what was revoked is refused", async () => {
    const { buy, merchant, wallet } = await market();
    await buy();
    await revoke(purpose);
    runtime.advance(1000);
    await buy();
    runtime.advance(10 * MINUTE + REVOKED_AFTER);
    // A credential is refused by whoever learns first of the revocation, until its owner has learned of it too.
    const failures = await buyUntilSettled(buy);
    if (purpose !== "enrol") expect(failures).toBe(0);
    await wallet.flushNotices();
    await merchant.flushNotices();
    expect(await wallet.pending()).toEqual([]);
  });

  test("that died at any write, the cloud works, and the next call completes it", async () => {
    const { buy } = await market();
    for (let at = 1, reached = true; reached; at += 1) {
      const crashing = crashingStore();
      const rotation = rotationOf(cloud.wiring);
      crashing.arm(at, at % 2 === 0 ? "before" : "after");
      await codeOf(
        revokeKeys({ ...rotation, store: crashing.around(rotation.store) }, purpose).catch(() => {}),
      );
      reached = crashing.reached();
      runtime.advance(REVOKED_AFTER);
      await buyUntilSettled(buy);
      await revoke(purpose);
      expect((await readKeyTable(cloud.wiring.store)).nextKeys.size).toBe(0);
      runtime.advance(10 * MINUTE + REVOKED_AFTER);
      await buyUntilSettled(buy);
    }
  }, 60_000);
});

describe("KMS", () => {
  test("is asked once at most at a cold start and never by a warm request, by every function that serves", async () => {
    const { wallet, merchant, buy } = await market();
    const work = async (): Promise<void> => {
      await buy();
      await wallet.redeem("EUR 0.10");
      await wallet.flushNotices();
      await merchant.flushNotices();
      await merchant.tend();
      await codeOf(merchant.settle());
      await wallet.recover();
      await cloud.runSchedules();
    };
    await work();
    const serving = ["keys", "enrol", "fund", "authorise", "settle", "notices", "query", "finish"] as const;
    const calls = () => serving.map((name) => [name, asked.get(name)]);
    const cold = serving.map((name) => [name, name === "keys" ? [] : ["DecryptCommand"]]);
    expect(calls()).toEqual(cold);
    for (let hour = 0; hour < 30; hour += 6) {
      runtime.advance(6 * HOUR);
      await cloud.runSchedules();
    }
    await work();
    expect(calls()).toEqual(cold);
  }, 60_000);

  test("is asked once more by a warm function after its purpose was revoked, and by no other", async () => {
    const { buy, wallet, merchant } = await market();
    const work = async (): Promise<void> => {
      await buy();
      await wallet.flushNotices();
      await merchant.flushNotices();
    };
    await work();
    await revoke("acknowledge");
    runtime.advance(REVOKED_AFTER);
    await work();
    await work();
    expect(asked.get("notices")).toEqual(["DecryptCommand", "DecryptCommand"]);
    expect(asked.get("authorise")).toEqual(["DecryptCommand"]);
  });

  test("is asked for the root's public key alone by a rotation that has nothing to do", async () => {
    await cloud.runSchedules();
    expect(asked.get("rotate")).toEqual(["GetPublicKeyCommand"]);
  });
});
