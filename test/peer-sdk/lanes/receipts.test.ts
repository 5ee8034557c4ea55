/** Receipts as a wallet writes them: whatever is changed in one, it proves nothing more. */
import type { Wallet } from "@lepta/peer-sdk";
import { isRefusal, verifyReceipt } from "@lepta/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createWorld, type World } from "../support/world.ts";

const SHOP = "ws://shop.example/pay";

let world: World;
let wallet: Wallet;

beforeEach(async () => {
  world = await createWorld({ sessions: true });
  await world.merchant(SHOP, { catalogue: { page: { price: "EUR 0.01", deliver: () => "page" } } });
  wallet = await world.wallet({ vendorScripTimes: 50 });
  await wallet.topUp("EUR 5.00");
});
afterEach(() => world.close());

test.each([
  { way: "on a lane", signature: "statement" as const },
  { way: "signed by itself", signature: "each" as const },
])("a receipt of a purchase $way in which one byte is another is none", async ({ signature }) => {
  await wallet.buy(SHOP, "page", { max: "EUR 0.01", signature });
  const { receipt } = await wallet.buy(SHOP, "page", { max: "EUR 0.01", signature });
  await wallet.buy(SHOP, "page", { max: "EUR 0.01", signature });
  await wallet.refund(SHOP);
  const file = await wallet.receipt(receipt.txn);
  expect(await verifyReceipt(file, world.network)).toMatchObject({ ok: true, txn: receipt.txn });
  // Every eleventh byte, and each of a stretch of them: no place is special.
  const places = Array.from(file.keys()).filter((at) => at % 11 === 0 || (at > 300 && at < 340));
  for (const at of places) {
    const altered = file.slice();
    altered[at] = (altered[at] ?? 0) ^ (1 << (at % 8));
    expect([at, isRefusal(await verifyReceipt(altered, world.network))]).toEqual([at, true]);
  }
});

test("a receipt of another purchase of the run proves that one, and one cannot be put in the other's place", async () => {
  const all = await Promise.all([1, 2, 3].map(() => wallet.buy(SHOP, "page", { max: "EUR 0.01" })));
  await expect(wallet.receipt(all[0]?.receipt.txn ?? "")).rejects.toMatchObject({ code: "pending" });
  await wallet.refund(SHOP);
  for (const { receipt } of all) {
    const read = await verifyReceipt(await wallet.receipt(receipt.txn), world.network);
    expect(isRefusal(read) ? read.code : read.txn).toBe(receipt.txn);
  }
});

test("what a purchase leaves stands in buffers of its own: whoever takes them away takes nothing else", async () => {
  const { goods, receipt } = await wallet.buy(SHOP, "page", { max: "EUR 0.01" });
  for (const bytes of [goods.bytes, receipt.request, receipt.response]) {
    expect(bytes.buffer.byteLength).toBe(bytes.length);
    structuredClone(bytes, { transfer: [bytes.buffer as ArrayBuffer] });
  }
  expect(receipt.request.length).toBeGreaterThan(0);
  await expect(wallet.buy(SHOP, "page", { max: "EUR 0.01" })).resolves.toBeDefined();
});
