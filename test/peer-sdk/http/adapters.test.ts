/** The adapters of the paywall on four real servers: one shop, one gate, the same rules. */
import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { limits } from "@lepta/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Gate, makeGate } from "./gate.ts";
import { BINARY, PRICED, type Shop, type Story, servers } from "./servers.ts";

const PAID = { "x-customer": "carol" };
const OCTETS = { "content-type": "application/octet-stream" };

describe.each(Object.entries(servers))("a paywall before %s", (name, start) => {
  let gate: Gate;
  let story: Story & { between: Promise<void> };
  let shop: Shop;

  beforeEach(async () => {
    gate = makeGate(PRICED);
    story = { told: [], ran: [], between: Promise.resolve() };
    shop = await start(gate, story);
  });
  afterEach(() => shop.close());

  const get = (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(`http://127.0.0.1:${shop.port}${path}`, { headers: PAID, ...init });
  const post = (
    path: string,
    body: BodyInit,
    headers: Readonly<Record<string, string>> = PAID,
  ): Promise<Response> =>
    get(path, { method: "POST", body, headers: { ...OCTETS, ...headers }, duplex: "half" } as RequestInit);
  /** The bytes that come back for bytes of HTTP, until the server ends the connection. */
  async function raw(bytes: string): Promise<string> {
    const socket = connect(shop.port, "127.0.0.1");
    let text = "";
    socket.setEncoding("latin1").on("data", (chunk: string) => {
      text += chunk;
    });
    socket.write(bytes);
    await once(socket, "close");
    return text;
  }

  describe("at a fixed price", () => {
    test("asks for payment and does not run the handler", async () => {
      const response = await get("/report", { headers: {} });
      expect([response.status, await response.text()]).toEqual([402, "pay"]);
      expect(response.headers.get("www-authenticate")).toBe("Payment");
      expect(response.headers.has("x-goods")).toBe(false);
      expect(story.ran).toEqual([]);
    });

    test("gives the goods, their payment to the handler, and the receipt", async () => {
      const response = await get("/report");
      expect([response.status, await response.json()]).toEqual([200, { for: "carol" }]);
      expect(response.headers.get("content-type")).toMatch(/^application\/json/);
      expect(response.headers.get("payment-receipt")).toBe("1");
      expect(response.headers.get("x-goods")).toBe("yes");
      expect(gate.charged).toEqual(["carol GET /report"]);
    });

    test("sees the request as it was sent", async () => {
      await post("/raw?b=1&a=%20", "the body", { ...PAID, "x-more": "1" });
      const [asked] = gate.asked;
      expect(asked).toMatchObject({ method: "POST", body: "the body" });
      expect(asked?.url).toBe(`http://127.0.0.1:${shop.port}/raw?b=1&a=%20`);
      expect(asked?.headers.get("x-more")).toBe("1");
      expect(asked?.signal.aborted).toBe(false);
    });

    test("leaves the body to the server's parsers and to who reads it raw", async () => {
      const order = JSON.stringify({ question: "why? ".repeat(30_000) });
      const parsed = await post("/echo", order, { ...PAID, "content-type": "application/json" });
      expect([parsed.status, await parsed.json()]).toEqual([201, JSON.parse(order)]);
      const body = new Uint8Array(limits.paidBodyBytes).fill(7);
      const read = await post("/raw", body);
      expect([read.status, await read.text()]).toEqual([200, String(body.length)]);
      expect(gate.asked.map((each) => each.body.length)).toEqual([order.length, body.length]);
    });

    test("reads a body that comes in pieces, and one that comes in none", async () => {
      const pieces = (...texts: readonly string[]): Promise<string> => {
        const chunks = texts.map((each) => `${each.length.toString(16)}\r\n${each}\r\n`).join("");
        return raw(
          `POST /raw HTTP/1.1\r\nHost: a\r\nX-Customer: carol\r\nConnection: close\r\nContent-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`,
        );
      };
      expect(await pieces("one", "two")).toMatch(/^HTTP\/1.1 200 [\s\S]*6$/);
      expect(await pieces()).toMatch(/^HTTP\/1.1 200 [\s\S]*0$/);
      expect(gate.asked.map(({ body }) => body)).toEqual(["onetwo", ""]);
    });

    test("does not take a body that is longer than it reads, whatever its length says", async () => {
      const body = new Uint8Array(limits.paidBodyBytes + 1);
      const said = await post("/raw", body);
      expect([said.status, await said.json()]).toMatchObject([413, { code: "too-large" }]);
      const unsaid = await post("/raw", new Blob([body]).stream());
      expect(unsaid.status).toBe(413);
      expect([gate.asked, story.ran]).toEqual([[], []]);
      expect((await get("/report")).status).toBe(200);
    });

    test("sends every cookie, and bytes as they are", async () => {
      const response = await get("/cookies");
      expect(response.headers.getSetCookie()).toEqual(["a=1; Path=/", "b=2, 3; Path=/"]);
      expect(response.headers.get("content-type")).toBe("image/png");
      expect(new Uint8Array(await response.arrayBuffer())).toEqual(BINARY);
      expect(response.headers.get("payment-receipt")).toBe("1");
    });

    test("sends what has no body without one", async () => {
      const nothing = await get("/nothing");
      expect([nothing.status, await nothing.text()]).toEqual([204, ""]);
      const unchanged = await get("/unchanged");
      expect([unchanged.status, await unchanged.text(), unchanged.headers.get("etag")]).toEqual([
        304,
        "",
        '"1"',
      ]);
      const head = await get("/report", { method: "HEAD" });
      expect([head.status, await head.text()]).toEqual([200, ""]);
      expect(gate.charged).toEqual(["carol GET /nothing", "carol HEAD /report"]);
    });

    test("is held for every request of a connection", async () => {
      const ask = (customer: string): string => `GET /report HTTP/1.1\r\nHost: a\r\n${customer}\r\n`;
      const close = "Connection: close\r\n";
      const text = await raw(ask("X-Customer: carol\r\n") + ask("") + ask(`X-Customer: dave\r\n${close}`));
      expect(text.match(/HTTP\/1.1 \d+/g)).toEqual(["HTTP/1.1 200", "HTTP/1.1 402", "HTTP/1.1 200"]);
      expect(gate.charged).toEqual(["carol GET /report", "dave GET /report"]);
    });

    test("is no way around for the path's other spellings", async () => {
      for (const path of ["/report/", "/%72eport", "/report?x", "//report", "/REPORT", "/Report/"]) {
        const text = await raw(`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
        expect(text, path).toMatch(/^HTTP\/1.1 402 /);
      }
      const absolute = await raw("GET http://a/report HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
      expect(absolute).toMatch(/^HTTP\/1.1 402 /);
      expect(story.ran).toEqual([]);
    });
  });

  describe("whose handler fails", () => {
    test("charges nothing, and lets the server's own error handling answer", async () => {
      const response = await get("/throws");
      expect(response.status).toBe(500);
      expect(await response.text()).toBe(name === "node:http" ? await failure() : "told");
      expect(story.told).toEqual(["the handler failed"]);
      expect(gate.charged).toEqual([]);
      expect(response.headers.has("payment-receipt")).toBe(false);
    });

    test("lets nothing out of what it had written already", async () => {
      // To Express the answer has begun, and it breaks the connection off.
      const seen = get("/halves").then((response) => response.text());
      expect(await seen.catch(() => "broken off")).not.toContain("half");
      expect(gate.charged).toEqual([]);
    });

    test("charges nothing for an answer that says no", async () => {
      const response = await get("/refuses");
      expect([response.status, await response.text()]).toEqual([503, "later"]);
      expect(gate.charged).toEqual([]);
    });

    test("does not hold more than it may", async () => {
      const response = await get("/huge");
      expect(response.status).toBe(500);
      expect((await response.arrayBuffer()).byteLength).toBeLessThan(1000);
      expect(story.told.join()).toMatch(/sell what is longer by a meter/);
      expect(gate.charged).toEqual([]);
    });
  });

  describe("that fails itself", () => {
    test("before the handler runs, tells the server", async () => {
      gate.breaks = "before";
      expect((await get("/report")).status).toBe(500);
      expect(story).toMatchObject({ told: ["the books are away"], ran: [] });
    });

    test("after it ran, gives away neither its goods nor its headers", async () => {
      gate.breaks = "after";
      const response = await get("/report");
      expect(response.status).toBe(500);
      expect(await response.text()).not.toContain("carol");
      expect(response.headers.has("x-goods")).toBe(false);
      expect(story.told).toEqual(["the books are away"]);
      gate.breaks = undefined;
      expect((await get("/report")).status).toBe(200);
    });
  });

  describe("with a meter", () => {
    test("sends what is made, and waits with the rest while the funds are used up", async () => {
      const made = Promise.withResolvers<void>();
      story.between = made.promise;
      const response = await get("/metered");
      const rest = readerOf(response);
      expect(response.headers.get("payment-receipt")).toBe("1");
      expect(await rest()).toBe("one,");
      const funds = Promise.withResolvers<void>();
      const waits = Promise.withResolvers<void>();
      gate.funds = () => {
        waits.resolve();
        return funds.promise;
      };
      made.resolve();
      await waits.promise;
      expect(gate.used).toEqual([1]);
      funds.resolve();
      expect(await rest()).toBe("two");
      expect(await rest()).toBeUndefined();
      expect(gate.used).toEqual([1, 2]);
    });

    test("breaks off where the handler fails on the way", async () => {
      const made = Promise.withResolvers<void>();
      story.between = made.promise;
      const rest = readerOf(await get("/metered/breaks"));
      expect(await rest()).toBe("half");
      made.resolve();
      await expect(rest()).rejects.toThrow();
    });
  });

  test("learns that the client went", async () => {
    const made = Promise.withResolvers<void>();
    story.between = made.promise;
    const request = httpRequest({ port: shop.port, host: "127.0.0.1", path: "/metered", headers: PAID });
    request.on("error", () => undefined).end();
    const [response] = await once(request, "response");
    await once(response, "data");
    const signal = gate.asked[0]?.signal as AbortSignal;
    response.on("error", () => undefined);
    const aborted = signal.aborted ? undefined : once(signal, "abort");
    request.destroy();
    await aborted;
    expect(signal.aborted).toBe(true);
    made.resolve();
    expect((await get("/report")).status).toBe(200);
  });

  test("does not touch what has no price", async () => {
    const body = new Uint8Array(limits.paidBodyBytes + 1);
    const free = await post("/free", body, {});
    expect([free.status, await free.text()]).toEqual([200, String(body.length)]);
    const made = Promise.withResolvers<void>();
    story.between = made.promise;
    const rest = readerOf(await get("/flow", { headers: {} }));
    expect(await rest()).toBe("one,");
    made.resolve();
    expect(await rest()).toBe("two");
    expect((await get("/unknown", { headers: {} })).status).toBe(404);
    expect(gate.asked).toEqual([]);
  });

  // Hono gets a request of Fetch from its own server.
  if (name !== "Hono")
    test("refuses what is no request of Fetch", async () => {
      for (const [head, body] of [
        ["Host: a b", ""],
        ["Host: a/report?", ""],
        ["Host: user@a", ""],
        ["Host: a\r\nContent-Length: 4", "body"],
      ]) {
        const text = await raw(
          `GET /report HTTP/1.1\r\nX-Customer: carol\r\nConnection: close\r\n${head}\r\n\r\n${body}`,
        );
        expect(text, head).toMatch(/^HTTP\/1.1 400 [\s\S]*problems\/bad-request/);
      }
      expect([gate.asked, story.ran]).toEqual([[], []]);
    });

  // Before a plain handler nothing stands that could set any.
  if (name !== "node:http")
    test("keeps on its own answers the headers that every answer has", async () => {
      for (const headers of [{}, PAID])
        expect((await get("/report", { headers })).headers.get("x-every")).toBe("answer");
      gate.breaks = "after";
      expect((await get("/report")).headers.get("x-every")).toBe("answer");
    });

  const failure = async (): Promise<string> => {
    const { plainProblem } = await import("../../../peer-sdk/src/http/bounded-body.ts");
    return plainProblem(500, "Internal Server Error", "internal").text();
  };
});

/** The parts of a body as they come. */
function readerOf(response: Response): () => Promise<string | undefined> {
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  return async () => {
    const { value } = await reader.read();
    return value && new TextDecoder().decode(value);
  };
}
