/** A command that was cut off is given again: what it began is finished, and nothing is paid twice. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Merchant } from "@lepta/peer-sdk";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { insisted, type Market, market, ran, told } from "./support.ts";

const BIN = fileURLToPath(new URL("../../../cli/bin/lepta.mjs", import.meta.url));

let place: Market;
let count = 0;

beforeAll(async () => {
  place = await market();
});
afterAll(() => place.close());

describe("a purchase whose goods come late", () => {
  let merchant: Merchant;
  let url: string;
  let home: string;
  /** Called when the merchant is asked for the goods; what it returns is waited for. */
  let onDeliver: () => Promise<void>;
  let made: number;

  beforeEach(async () => {
    count += 1;
    made = 0;
    onDeliver = async () => {};
    home = place.home(`customer-${count}`);
    const deliver = async () => {
      made += 1;
      await onDeliver();
      return "The whole story.";
    };
    merchant = await Merchant.open({
      dir: place.home(`merchant-${count}`),
      broker: place.cloud.pinnedUrl,
      onError: (error) => {
        if (!(error instanceof Error) || error.message !== "out of stock") throw error;
      },
      catalogue: { cheap: { price: "EUR 0.02", deliver }, dear: { price: "EUR 0.50", deliver } },
    });
    ({ url } = await merchant.serve());
    await told(["wallet", "init", "--home", home, "--broker", place.cloud.url]);
    await told(["wallet", "topup", "EUR 5.00", "--home", home]);
  });
  afterEach(() => merchant.close());

  const buy = (sku: string) => ["wallet", "buy", url, sku, "--max", "EUR 0.50", "--home", home];
  const bought = async () =>
    (await told(["wallet", "history", "--home", home])).transactions.filter(
      ({ kind, outcome }: { kind: string; outcome: string }) => kind === "purchase" && outcome === "done",
    ).length;
  const sold = async () => (await merchant.sales()).filter(({ ok }) => ok).length;

  test.each(["cheap", "dear"])(
    "Ctrl-C while the %s goods are made: the same command gets them, paid once",
    async (sku) => {
      const stop = new AbortController();
      const release = Promise.withResolvers<void>();
      onDeliver = () => {
        stop.abort();
        return release.promise;
      };
      const cut = await ran([...buy(sku), "--json"], { signal: stop.signal });
      expect([cut.status, JSON.parse(cut.out).error.code]).toEqual([130, "interrupted"]);
      release.resolve();
      expect(await insisted(buy(sku))).toMatchObject({
        isEarlier: true,
        goods: { text: "The whole story." },
      });
      expect([await sold(), await bought()]).toEqual([1, 1]);
      // What was told is over: the next one is a purchase of its own.
      expect(await told(buy(sku))).toMatchObject({ isEarlier: false });
      expect([await sold(), await bought()]).toEqual([2, 2]);
    },
  );

  test.each(["cheap", "dear"])(
    "kill -9 while the %s goods are made: the same command gets them, paid once",
    async (sku) => {
      const asked = Promise.withResolvers<void>();
      const release = Promise.withResolvers<void>();
      onDeliver = () => {
        asked.resolve();
        return release.promise;
      };
      const child = spawn(process.execPath, [BIN, ...buy(sku)], { stdio: "ignore" });
      const ended = once(child, "exit");
      await asked.promise;
      child.kill("SIGKILL");
      await ended;
      release.resolve();
      expect(await insisted(buy(sku))).toMatchObject({
        isEarlier: true,
        goods: { text: "The whole story." },
      });
      expect([await sold(), await bought()]).toEqual([1, 1]);
    },
  );

  test("goods that nobody could read are handed out by the same command again", async () => {
    const gone = Object.assign(new Error("write EPIPE"), { code: "EPIPE" });
    const written = () => {
      throw gone;
    };
    expect((await ran(buy("cheap"), { written })).status).toBe(1);
    expect(await insisted(buy("cheap"))).toMatchObject({
      isEarlier: true,
      goods: { text: "The whole story." },
    });
    expect(made).toBe(1);
  });

  test("a purchase that the merchant could not deliver is begun anew", async () => {
    onDeliver = async () => {
      throw new Error("out of stock");
    };
    const refused = await ran([...buy("cheap"), "--json"]);
    expect([refused.status, JSON.parse(refused.out).error.code]).toEqual([3, "delivery-failed"]);
    onDeliver = async () => {};
    expect(await told(buy("cheap"))).toMatchObject({ isEarlier: false });
  });

  test("another quantity is another purchase", async () => {
    const stop = new AbortController();
    const release = Promise.withResolvers<void>();
    onDeliver = () => {
      stop.abort();
      return release.promise;
    };
    expect((await ran(buy("cheap"), { signal: stop.signal })).status).toBe(130);
    onDeliver = async () => {};
    release.resolve();
    expect(await told([...buy("cheap"), "--quantity", "2"])).toMatchObject({ isEarlier: false, quantity: 2 });
    expect(await insisted(buy("cheap"))).toMatchObject({ isEarlier: true, quantity: 1 });
    expect(await sold()).toBe(2);
  });

  test("while it is not known what came of it, nothing is bought again, and a script is told so with 4", async () => {
    const stop = new AbortController();
    onDeliver = () => {
      stop.abort();
      return Promise.withResolvers<void>().promise;
    };
    expect((await ran(buy("dear"), { signal: stop.signal })).status).toBe(130);
    await merchant.close();
    const again = await ran([...buy("dear"), "--json"]);
    expect([again.status, JSON.parse(again.out).error.code]).toEqual([4, "pending"]);
    const pending = await ran(["wallet", "pending", "--home", home]);
    expect(pending.status).toBe(4);
    expect(pending.out).toContain("purchase");
  });

  test("notes that cannot be read stop everything that pays", async () => {
    await writeFile(join(home, "wallet-unfinished.json"), "{");
    const { status, out } = await ran([...buy("cheap"), "--json"]);
    expect([status, JSON.parse(out).error.code]).toEqual([1, "home-damaged"]);
    expect(made).toBe(0);
  });
});

describe("money from and to the account, when the broker's answer is lost", () => {
  let front: Server;
  let home: string;
  /** Doors whose answers are lost, after the broker has done what was asked; and what is done then. */
  let lost: string | undefined;
  let stop: AbortController;

  beforeEach(async () => {
    count += 1;
    lost = undefined;
    stop = new AbortController();
    home = place.home(`account-${count}`);
    front = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      const { method = "GET", url = "/", headers } = request;
      const type = headers["content-type"];
      const answer = await fetch(place.cloud.url + url, {
        method,
        ...(method === "GET" ? {} : { body: Buffer.concat(chunks) }),
        ...(type === undefined ? {} : { headers: { "content-type": type } }),
      });
      const body = Buffer.from(await answer.arrayBuffer());
      if (url === lost) {
        stop.abort();
        return;
      }
      response
        .writeHead(answer.status, { "content-type": answer.headers.get("content-type") ?? "" })
        .end(body);
    });
    front.listen(0, "127.0.0.1");
    await once(front, "listening");
    const address = front.address();
    const port = typeof address === "object" ? address?.port : 0;
    const broker = `http://127.0.0.1:${port}#${place.cloud.network}`;
    await told(["wallet", "init", "--home", home, "--broker", broker]);
  });
  afterEach(async () => {
    front.closeAllConnections();
    front.close();
    await once(front, "close");
  });

  test("a top-up that has arrived is told, and not charged again", async () => {
    const args = ["wallet", "topup", "EUR 5.00", "--home", home];
    lost = "/brokerscrip";
    expect((await ran(args, { signal: stop.signal })).status).toBe(130);
    lost = undefined;
    expect(await insisted(args)).toMatchObject({ isEarlier: true, brokerScrip: "EUR 5.00" });
    expect(await told(args)).toMatchObject({ isEarlier: false, brokerScrip: "EUR 10.00" });
  });

  test("a redemption that was paid is told, and nothing more is paid out", async () => {
    await told(["wallet", "topup", "EUR 5.00", "--home", home]);
    const args = ["wallet", "redeem", "EUR 1.00", "--home", home];
    lost = "/redeem";
    expect((await ran(args, { signal: stop.signal })).status).toBe(130);
    lost = undefined;
    expect(await insisted(args)).toMatchObject({ isEarlier: true, brokerScrip: "EUR 4.00" });
    expect(JSON.parse(await readFile(join(home, "wallet-unfinished.json"), "utf8"))).toEqual({});
  });

  test("what one command has told is no outcome of another that never began", async () => {
    await told(["wallet", "topup", "EUR 5.00", "--home", home]);
    const note = { kind: "redeem", at: Date.now(), known: [] };
    await writeFile(join(home, "wallet-unfinished.json"), JSON.stringify({ "redeem all": note }));
    const redeem = (...args: readonly string[]) => told(["wallet", "redeem", ...args, "--home", home]);
    expect(await redeem("EUR 1.00")).toMatchObject({ isEarlier: false, brokerScrip: "EUR 4.00" });
    expect(await redeem()).toMatchObject({ isEarlier: false, amount: "EUR 4.00" });
  });
});
