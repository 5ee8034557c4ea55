/** A paywall before four servers, paid by a wallet's fetch: real sockets, real WebSockets, a broker in the embedded cloud. */
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EmbeddedCloud, startEmbeddedCloud } from "@lepta/local";
import { memoryPeerStore, type OpenPaywall, paywall, Wallet } from "@lepta/peer-sdk";
import { nodePaywall, type PaidRequest } from "@lepta/peer-sdk/node";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { BINARY, type Shop, type Story, servers } from "./servers.ts";

/** Below EUR 0.05 a price is paid on a lane, from there on by a purchase that is signed alone. */
const ROUTES = {
  "GET /report": "EUR 0.02",
  "POST /echo": "EUR 0.01",
  "GET /cookies": "EUR 0.20",
  "GET /refuses": "EUR 0.02",
  "GET /throws": "EUR 0.20",
  "GET /halves": "EUR 0.02",
  "GET /metered": { unit: "part", price: "EUR 0.001", max: "EUR 0.01" },
  "GET /metered/breaks": { unit: "part", price: "EUR 0.001", max: "EUR 0.01" },
};

let dir: string;
let cloud: EmbeddedCloud;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "lepta-servers-"));
  cloud = await startEmbeddedCloud({ dir });
});
afterAll(async () => {
  await cloud.close();
  await rm(dir, { recursive: true });
});

describe.each(Object.entries(servers))("behind a paywall, %s", (_, start) => {
  let wall: OpenPaywall;
  let shop: Shop;
  let story: Story;
  let wallet: Wallet;
  let pay: typeof fetch;
  /** What the wallet's fetch sent in `Authorization`. */
  let paidWith: string[];
  let faults: unknown[];

  beforeEach(async () => {
    const broker = cloud.pinnedUrl;
    faults = [];
    const onError = (error: unknown): void => void faults.push(error);
    wall = await paywall({ broker, store: memoryPeerStore(), routes: ROUTES, onError });
    story = { told: [], ran: [], between: Promise.resolve() };
    shop = await start(wall, story);
    wallet = await Wallet.open({ broker, store: memoryPeerStore() });
    await wallet.topUp("EUR 5.00");
    paidWith = [];
    pay = wallet.fetch({
      max: "EUR 0.50",
      fetch: (input, init) => {
        const request = new Request(input, init);
        const authorization = request.headers.get("authorization");
        if (authorization !== null) paidWith.push(authorization);
        return fetch(request);
      },
    });
  });
  afterEach(async () => {
    await wallet.close();
    await shop.close();
    await wall.close();
    expect(faults).toEqual([]);
  });

  const at = (path: string): string => `http://127.0.0.1:${shop.port}${path}`;
  const sold = async (): Promise<bigint> => (await wall.merchant.books("EUR")).sold;
  const intentOf = (authorization = ""): string =>
    JSON.parse(Buffer.from(authorization.replace(/^Payment /, ""), "base64url").toString()).challenge.intent;
  const reserved = async (): Promise<bigint> => (await (await wallet.budget("fetch")).spent()).reserved.value;

  test("asks for payment, and runs nothing before it is there", async () => {
    const answer = await fetch(at("/report"));
    expect(answer.status).toBe(402);
    expect(answer.headers.get("www-authenticate")).toMatch(
      /^Payment .*intent="session".*, Payment .*"charge"/,
    );
    expect(answer.headers.get("cache-control")).toBe("no-store");
    expect(await answer.json()).toMatchObject({ type: "https://paymentauth.org/problems/payment-required" });
    expect(story.ran).toEqual([]);
  });

  test("sells what is cheap on a lane, and its handler knows who has paid", async () => {
    const answer = await pay(at("/report"));
    expect([answer.status, await answer.json()]).toEqual([200, { for: wallet.uid }]);
    expect(answer.headers.get("payment-receipt")).not.toBeNull();
    expect(answer.headers.get("cache-control")).toBe("private, no-store");
    expect(paidWith.map(intentOf)).toEqual(["session"]);
    expect(await sold()).toBe(20_000n);
  });

  test("sells what is dear by a purchase alone, with all headers and bytes", async () => {
    const answer = await pay(at("/cookies"));
    expect(answer.headers.getSetCookie()).toEqual(["a=1; Path=/", "b=2, 3; Path=/"]);
    expect(new Uint8Array(await answer.arrayBuffer())).toEqual(BINARY);
    expect(answer.headers.get("payment-receipt")).not.toBeNull();
    expect(paidWith.map(intentOf)).toEqual(["charge"]);
    expect(await sold()).toBe(200_000n);
  });

  test.each(["/refuses", "/throws"])("charges nothing for %s, whose handler fails", async (path) => {
    const answer = await pay(at(path));
    expect([503, 500]).toContain(answer.status);
    expect(answer.headers.get("payment-receipt")).toBeNull();
    expect(paidWith).toHaveLength(1);
    expect(story.ran).toEqual([path]);
    expect(await sold()).toBe(0n);
    expect(await reserved()).toBe(0n);
    expect((await wall.merchant.sales()).filter(({ ok }) => ok)).toEqual([]);
  });

  test("charges nothing for half an answer, and nothing of it leaves", async () => {
    const answer = await pay(at("/halves"));
    // Where the server breaks off instead of saying so, the same payment, sent again, is told that nothing was made.
    expect([500, 503]).toContain(answer.status);
    expect(await answer.text()).not.toContain("half");
    expect(await sold()).toBe(0n);
  });

  test("sells an answer by what it uses, while it is made", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    story.between = promise;
    const answer = await pay(at("/metered"));
    expect(answer.headers.get("payment-receipt")).not.toBeNull();
    const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
    expect(await reader?.read()).toMatchObject({ value: "one," });
    resolve();
    let rest = "";
    for (let read = await reader?.read(); read?.done === false; read = await reader?.read())
      rest += read.value;
    expect(rest).toBe("two");
    // All that is under way on its lane has come to an end then.
    await wallet.close();
    expect(await sold()).toBe(3_000n);
  });

  test("charges nothing for a metered answer that breaks off before anything was counted", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    story.between = promise;
    const answer = await pay(at("/metered/breaks"));
    resolve();
    await expect(answer.text()).rejects.toThrow();
    await wallet.close();
    expect(await sold()).toBe(0n);
  });

  test("binds a payment to the body that it is for", async () => {
    const body = (said: string): RequestInit => ({
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ said }),
    });
    const answer = await pay(at("/echo"), body("hello"));
    expect([answer.status, await answer.json()]).toEqual([201, { said: "hello" }]);
    expect(await sold()).toBe(10_000n);
    const [authorization = ""] = paidWith;
    const { headers, ...other } = body("goodbye");
    const altered = await fetch(at("/echo"), { ...other, headers: { ...headers, authorization } });
    expect(altered.status).toBe(402);
    expect(await altered.json()).toMatchObject({ code: "wrong-reference" });
    expect(story.ran).toEqual(["/echo"]);
  });

  test.each(["/report", "/cookies"])(
    "answers the same payment for %s again alike, and charges once",
    async (path) => {
      const first = await (await pay(at(path))).text();
      const price = await sold();
      const [authorization = ""] = paidWith;
      for (const _again of [1, 2]) {
        const again = await fetch(at(path), { headers: { authorization } });
        expect([again.status, await again.text()]).toEqual([200, first]);
        expect(again.headers.get("payment-receipt")).not.toBeNull();
      }
      expect(story.ran).toEqual([path]);
      expect(await sold()).toBe(price);
    },
  );

  test("gives the same payment, twice at once, the same answer, and charges once", async () => {
    const twice: Promise<Response>[] = [];
    const hasty = wallet.fetch({
      max: "EUR 0.50",
      fetch: (input, init) => {
        const request = new Request(input, init);
        if (request.headers.has("authorization")) twice.push(fetch(request.clone()));
        return fetch(request);
      },
    });
    const [one, other] = [await hasty(at("/report")), await twice[0]];
    expect([one.status, other?.status]).toEqual([200, 200]);
    expect(await other?.text()).toBe(await one.text());
    expect(story.ran).toEqual(["/report"]);
    expect(await sold()).toBe(20_000n);
  });

  test("sells to many requests at once, to each what it has asked for", async () => {
    const asked = Array.from({ length: 30 }, (_each, i) => `/report?n=${i}`);
    const answers = await Promise.all(asked.map((path) => pay(at(path))));
    expect(answers.map(({ status }) => status)).toEqual(asked.map(() => 200));
    expect(await sold()).toBe(600_000n);
    expect(await reserved()).toBe(0n);
    const receipts = answers.map(({ headers }) => headers.get("payment-receipt"));
    expect(new Set(receipts).size).toBe(30);
  });

  test("leaves alone what has no price", async () => {
    const answer = await pay(at("/flow"));
    expect(await answer.text()).toBe("one,two");
    expect(answer.headers.get("payment-receipt")).toBeNull();
    const posted = await fetch(at("/free"), {
      method: "POST",
      headers: { "content-type": "application/octet-stream" },
      body: BINARY,
    });
    expect(await posted.text()).toBe("256");
    expect(await sold()).toBe(0n);
  });

  test("gives nothing away under another spelling of a path", async () => {
    let charged = 0n;
    for (const path of ["/REPORT", "//report", "/report/", "/%72eport", "/report?x=1"]) {
      expect((await fetch(at(path))).status).toBe(402);
      expect((await fetch(at(path), { method: "HEAD" })).status).toBe(402);
      expect(story.ran.splice(0)).toEqual([]);
      // Servers differ in whether they serve it: what they serve is paid for, and nothing else.
      const answer = await pay(at(path));
      expect([200, 404]).toContain(answer.status);
      expect(answer.headers.has("payment-receipt")).toBe(answer.ok);
      if (answer.ok) charged += 20_000n;
      story.ran.length = 0;
      expect(await sold()).toBe(charged);
    }
    expect(charged).toBeGreaterThan(0n);
  });
});

test.each(["/cheap", "/dear"])(
  "who breaks the connection while the handler of %s runs is not charged, and may buy it anew",
  async (path) => {
    const broker = cloud.pinnedUrl;
    const server = createServer();
    const routes = { "GET /cheap": "EUR 0.02", "GET /dear": "EUR 0.20" };
    const wall = await paywall({ broker, store: memoryPeerStore(), routes, server });
    const wallet = await Wallet.open({ broker, store: memoryPeerStore() });
    try {
      const started = Promise.withResolvers<void>();
      let runs = 0;
      const handler = async (_request: PaidRequest, response: ServerResponse): Promise<void> => {
        runs += 1;
        started.resolve();
        if (runs === 1) await once(response, "close");
        response.end("the goods");
      };
      server.on("request", nodePaywall(wall, handler));
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;
      await wallet.topUp("EUR 5.00");
      const breaks = new AbortController();
      const pay = wallet.fetch({
        max: "EUR 0.50",
        fetch: (input, init) => {
          const request = new Request(input, init);
          if (runs > 0 || !request.headers.has("authorization")) return fetch(request);
          started.promise.then(() => breaks.abort(new TypeError("the connection broke")));
          return fetch(request, { signal: breaks.signal });
        },
      });
      const refused = await pay(url);
      expect([refused.status, await refused.json()]).toEqual([
        503,
        expect.objectContaining({ code: "delivery-failed" }),
      ]);
      expect([runs, (await wall.merchant.books("EUR")).sold]).toEqual([1, 0n]);
      expect((await (await wallet.budget("fetch")).spent()).reserved.value).toBe(0n);
      expect(await (await pay(url)).text()).toBe("the goods");
      expect(runs).toBe(2);
      expect((await wall.merchant.books("EUR")).sold).toBe(path === "/cheap" ? 20_000n : 200_000n);
    } finally {
      await wallet.close();
      await wall.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  },
);
