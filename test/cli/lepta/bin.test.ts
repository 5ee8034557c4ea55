/** The command as it is started: a process, its streams, its signals. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Market, market, told } from "./support.ts";

const BIN = fileURLToPath(new URL("../../../cli/bin/lepta.mjs", import.meta.url));

let place: Market;
let home: string;

beforeAll(async () => {
  place = await market();
  home = place.home("all");
  await writeFile(
    join(place.dir, "catalogue.json"),
    JSON.stringify({ "article-17": { price: "EUR 0.02", text: "The whole story." } }),
  );
});
afterAll(() => place.close());

/** A process in the directory of the broker's test, with nothing of ours in its environment. */
function started(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const child = spawn(process.execPath, [BIN, ...args], {
    cwd: place.dir,
    env: { PATH: process.env.PATH, HOME: place.dir, ...env },
  });
  const heard = { out: "", err: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    heard.out += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    heard.err += text;
  });
  return {
    child,
    heard,
    ended: once(child, "close").then(([status]) => ({ status: status as number | null, ...heard })),
    /** Resolves when standard output has said this. */
    said: async (text: string) => {
      while (!heard.out.includes(text)) await once(child.stdout, "data");
    },
  };
}

const lepta = (args: readonly string[], env?: NodeJS.ProcessEnv) => {
  const { child, ended } = started(args, env);
  child.stdin.end();
  return ended;
};

describe("the command as a process", () => {
  test("makes a first payment, finding broker and home in the environment", async () => {
    const env = { LEPTA_HOME: home, LEPTA_BROKER: place.cloud.pinnedUrl };
    expect(await lepta(["wallet", "init"], env)).toMatchObject({ status: 0, err: "" });
    expect(await lepta(["wallet", "topup", "EUR 5.00"], env)).toMatchObject({ status: 0 });
    expect(await lepta(["merchant", "init"], env)).toMatchObject({ status: 0 });
    const shop = started(["merchant", "serve", "catalogue.json", "--port", "0", "--json"], env);
    await shop.said("}\n");
    const { url } = JSON.parse(shop.heard.out);
    expect(await lepta(["wallet", "buy", url, "article-17", "--max", "EUR 0.05"], env)).toMatchObject({
      status: 0,
      out: "The whole story.",
    });
    shop.child.kill("SIGTERM");
    expect(await shop.ended).toMatchObject({ status: 0, err: "" });
    // It has closed its directory in good order, and has sold.
    expect((await told(["merchant", "sales", "--home", home])).total).toBe(1);
  });

  test("ends in good order on Ctrl-C, too", async () => {
    const shop = started(["merchant", "serve", "catalogue.json", "--port", "0", "--home", home]);
    await shop.said("Ctrl-C stops it.");
    expect(shop.heard.out).toMatch(
      /^Sells at ws:\/\/127\.0\.0\.1:\d+#[A-Za-z0-9_-]{43}\n {2}article-17 {2}EUR 0\.02\n/,
    );
    shop.child.kill("SIGINT");
    expect(await shop.ended).toMatchObject({ status: 0, err: "" });
  });

  test("says that a port is taken, and what to do", async () => {
    const { port } = new URL(place.cloud.url);
    const { status, out } = await lepta([
      "merchant",
      "serve",
      "catalogue.json",
      "--port",
      port,
      "--home",
      home,
      "--json",
    ]);
    expect([status, JSON.parse(out).error]).toMatchObject([
      1,
      { code: "address-in-use", todo: expect.stringContaining("--port") },
    ]);
  });

  test("has no home by itself, and tells so in JSON with 1", async () => {
    const { status, out, err } = await lepta(["wallet", "balance", "--json"]);
    expect([status, err, JSON.parse(out).error.code]).toEqual([1, "", "no-wallet"]);
  });

  test("restores a wallet from words on standard input, and says with 2 what it was not told", async () => {
    expect((await lepta(["wallet", "restore"])).status).toBe(2);
    const { phrase } = await told(["wallet", "backup", "--show", "--home", home]);
    const restoring = started([
      "wallet",
      "restore",
      "--home",
      place.home("new"),
      "--broker",
      place.cloud.pinnedUrl,
      "--json",
    ]);
    restoring.child.stdin.end(`  ${phrase.toUpperCase()}\n`);
    const { status, out } = await restoring.ended;
    // The merchant is away.
    expect([status, JSON.parse(out).missing.length, JSON.parse(out).brokerScrip]).toEqual([4, 1, "EUR 4.60"]);
  });

  test("takes no more on standard input than words are long", async () => {
    const restoring = started([
      "wallet",
      "restore",
      "--home",
      place.home("x"),
      "--broker",
      place.cloud.pinnedUrl,
      "--json",
    ]);
    restoring.child.stdin.on("error", () => {
      // It has stopped reading.
    });
    restoring.child.stdin.end("word ".repeat(10_000));
    const { status, out } = await restoring.ended;
    expect([status, JSON.parse(out).error.code]).toEqual([2, "too-large"]);
  });
});
