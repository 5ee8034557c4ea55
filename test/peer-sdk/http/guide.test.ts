/** What docs/merchant.md says works when pasted: each of its programs as it stands there, but for the addresses. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type EmbeddedCloud, startEmbeddedCloud } from "@lepta/local";
import { memoryPeerStore, Wallet } from "@lepta/peer-sdk";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { root } from "../../../tools/packages.ts";

/** Told to whoever has started a program: where it listens. */
const TELL = `
const tell = () => process.send(server.address().port);
server.listening ? tell() : server.once("listening", tell);
`;

const guide = await readFile(join(root, "docs/merchant.md"), "utf8");
const programs = [...guide.matchAll(/\n\*\*([^*]+)\*\*[^\n]*\n\n```js\n(.*?)```\n/gs)].map(
  ([, name = "", program = ""]) => ({ name, program }),
);

let dir: string;
let cloud: EmbeddedCloud;
beforeAll(async () => {
  // Below node_modules, where their imports lead as they would in a project.
  const cache = join(root, "node_modules/.cache");
  await mkdir(cache, { recursive: true });
  dir = await mkdtemp(join(cache, "lepta-guide-"));
  cloud = await startEmbeddedCloud({ dir: join(dir, "broker") });
});
afterAll(async () => {
  await cloud.close();
  await rm(dir, { recursive: true });
});

test("the guide has a program for each server", () => {
  expect(programs.map(({ name }) => name)).toEqual(["Express 5", "Fastify", "Hono", "node:http"]);
});

describe.each(programs)("the guide's program for $name", ({ name, program }) => {
  test("is ten lines besides its imports, and sells its report", async () => {
    const lines = program.split("\n").filter((line) => line !== "" && !line.startsWith("import "));
    expect(lines.length).toBeLessThanOrEqual(10);
    const place = name.replace(/\W/g, "-");
    const file = join(dir, `${place}.mjs`);
    const here = program
      .replace('".lepta/shop"', JSON.stringify(join(dir, place)))
      .replace('"http://127.0.0.1:8787"', JSON.stringify(cloud.pinnedUrl))
      .replace("3000", "0");
    await writeFile(file, here + TELL);
    const shop = fork(file, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    const wallet = await Wallet.open({ broker: cloud.pinnedUrl, store: memoryPeerStore() });
    try {
      const port = await portOf(shop);
      await wallet.topUp("EUR 1.00");
      const url = `http://localhost:${port}/report`;
      expect((await fetch(url)).status).toBe(402);
      const answer = await wallet.fetch({ max: "EUR 0.05" })(url);
      expect([answer.status, await answer.text()]).toEqual([200, `A report for ${wallet.uid}`]);
      expect(answer.headers.get("payment-receipt")).not.toBeNull();
    } finally {
      await wallet.close();
      await end(shop);
    }
  });
});

async function portOf(shop: ChildProcess): Promise<number> {
  const ended = once(shop, "exit").then(([status]) => {
    throw new Error(`it ended with ${status}`);
  });
  const [port] = await Promise.race([once(shop, "message"), ended]);
  ended.catch(() => undefined);
  return port as number;
}

async function end(shop: ChildProcess): Promise<void> {
  if (shop.exitCode !== null || shop.signalCode !== null) return;
  shop.kill();
  await once(shop, "exit");
}
