/** What the page loads, and what it must never load. */
import { buildPage } from "@lepta/web/build-page";
import { expect, test } from "vitest";
import { bundled } from "../browser/bundled.ts";

test("the page's bundle holds nothing of Node's and nothing of its server", async () => {
  const { code, imported, inputs } = await bundled('import "@lepta/web/page/main";');
  expect(imported).toEqual([]);
  expect(code).not.toMatch(/["']node:|require\(/);
  const names = inputs.join("\n");
  expect(names).toContain("web/src/page/main.ts");
  expect(names).not.toMatch(/dev-server|build-page|event-streams|node_modules\/(ws|node-forge|esbuild)\//);
});

test("the page is made of its own files alone, and names no other place", async () => {
  const files = await buildPage();
  expect([...files.keys()]).toEqual(expect.arrayContaining(["/", "/page.css", "/icon.svg", "/main.js"]));
  for (const path of ["/", "/page.css"]) {
    const text = new TextDecoder().decode(files.get(path)?.bytes);
    expect(text).not.toMatch(/https?:\/\/|@import|url\(/);
  }
});
