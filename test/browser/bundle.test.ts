/** What a page loads that pays: built as any bundler would build it, without a word of configuration. */
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { bundled } from "./bundled.ts";

const MOST_KIB = 72;

const page = `
  import { memoryPeerStore, Wallet } from "@lepta/peer-sdk";
  import { defaultNoise } from "@lepta/protocol";
  globalThis.pay = (broker) => Wallet.open({ broker, store: memoryPeerStore() });
  globalThis.noise = defaultNoise;
`;

test("a page's wallet needs nothing of Node's and no library that does, and is small", async () => {
  const { code, imported, inputs } = await bundled(page, { minify: true });
  expect(imported).toEqual([]);
  expect(code).not.toMatch(/["']node:|require\(/);
  expect(inputs.filter((file) => /node_modules\/(ws|node-forge)\//.test(file))).toEqual([]);
  for (const file of ["default-web.ts", "hash-web.ts", "noise/web.ts", "connect-browser.ts"])
    expect(inputs.join("\n")).toContain(file);
  const size = gzipSync(code).length;
  expect(size, `${(size / 1024).toFixed(1)} KiB, compressed`).toBeLessThan(MOST_KIB * 1024);
});

test("without a browser's condition the same words lead to what Node has", async () => {
  const { imported } = await bundled(page, { platform: "node" });
  expect(imported).toEqual(expect.arrayContaining(["node:crypto", "node:sqlite"]));
});
