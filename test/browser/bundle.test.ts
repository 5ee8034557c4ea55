/**
 * What a page loads that pays, built as any bundler would build it that splits code at `import()`, without a word of
 * configuration. Three sums of compressed files, none of which hides the others:
 *
 * - the first load: the file that the page names and all that it imports statically. With it a wallet is opened and enrolled,
 *   topped up, and asked for balance, history and what is pending.
 * - the first purchase: that, and what is loaded once, when the wallet first has to do with a merchant.
 * - all: also what brings money back, what pays for HTTP requests, a phrase's words and the meanings of errors, which most pages
 *   never load.
 */
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { bundled, type Chunk, split } from "./bundled.ts";

const FIRST_LOAD = 25 * 1024;
/**
 * No promise to anybody: what these were when they were looked at last (57.5 and 82.9 KiB), and a little room. The
 * bounds were 56 and 74 KiB before wallets bought what is metered, paid for HTTP requests and kept budgets.
 */
const FIRST_PURCHASE = 58.5 * 1024;
const ALL = 84 * 1024;

const page = `
  import { memoryPeerStore, Wallet } from "@lepta/peer-sdk";
  globalThis.lepta = { Wallet, memoryPeerStore };
`;

const sizeOf = (chunks: readonly Chunk[]): number =>
  chunks.reduce((sum, { code }) => sum + gzipSync(code).length, 0);

const kib = (size: number): string => `${(size / 1024).toFixed(1)} KiB`;

test("a page's wallet is small when it is loaded, and what few need comes later", async () => {
  const { chunks, firstLoad, loadedWith } = await split(page);
  const purchase = loadedWith("customer/dealings.ts");
  const sizes = { first: sizeOf(firstLoad), purchase: sizeOf(purchase), all: sizeOf(chunks) };
  const told = `first load ${kib(sizes.first)}, first purchase ${kib(sizes.purchase)}, all ${kib(sizes.all)}`;
  console.info(told);
  expect(sizes.first, told).toBeLessThan(FIRST_LOAD);
  expect(sizes.purchase, told).toBeLessThan(FIRST_PURCHASE);
  expect(sizes.all, told).toBeLessThan(ALL);
  expect(purchase.length).toBeGreaterThan(firstLoad.length);
  // The page's own and what it shares with all parts: whoever cuts that finer pays for each piece.
  expect(firstLoad).toHaveLength(2);
});

test("no part of a page's wallet needs anything of Node's or a library that does", async () => {
  const { chunks } = await split(page);
  const inputs = chunks.flatMap((each) => each.inputs).join("\n");
  const names = new Set(chunks.map(({ name }) => name));
  for (const { code, imported } of chunks) {
    expect(code).not.toMatch(/["']node:|require\(/);
    expect(imported.filter((name) => !names.has(name))).toEqual([]);
  }
  expect(inputs).not.toMatch(/node_modules\/(ws|node-forge|@aws-sdk)\//);
  for (const file of ["default-web.ts", "hash-web.ts", "noise/web.ts", "connect-browser.ts"])
    expect(inputs).toContain(file);
});

test("without a browser's condition the same words lead to what Node has, and all of it is at hand", async () => {
  const { imported, inputs } = await bundled(page, { platform: "node" });
  expect(imported).toEqual(expect.arrayContaining(["node:crypto", "node:sqlite"]));
  expect(inputs.join("\n")).toContain("parts/at-hand.ts");
  expect(inputs.join("\n")).not.toContain("on-demand.ts");
});
