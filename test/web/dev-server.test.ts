/** The server of the page of `lepta dev`, as other pages in the same browser would attack it. */
import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { connect } from "node:net";
import type { PassedMessage } from "@lepta/peer-sdk";
import { type PageServer, startPageServer } from "@lepta/web/dev-server";
import { MOST_STREAMS } from "@lepta/web/event-streams";
import { passedFromJson } from "@lepta/web/passed";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

const UID = "zBiCcN6InJBvs_7PsBLZoO7FsqJ14bolWtNtLKRVrZ0";
const broker = `http://127.0.0.1:18787#${UID}`;
const merchant = `ws://127.0.0.1:18788#${UID}`;
const articles = [{ sku: "a", price: "EUR 0.02", title: "A", teaser: "about A", section: "Letters" }];

let server: PageServer;
let port: number;
let listeners = new Set<(passed: PassedMessage) => void>();
const streams: IncomingMessage[] = [];

beforeAll(async () => {
  server = await startPageServer({
    broker,
    merchant,
    articles,
    events: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  });
  port = Number(new URL(server.url).port);
});

afterEach(async () => {
  for (const stream of streams.splice(0)) {
    stream.destroy();
    if (!stream.closed) await once(stream, "close");
  }
});

afterAll(() => server.close());

type Headers = Readonly<Record<string, string>>;

interface Answered {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

const navigation: Headers = {
  "sec-fetch-site": "none",
  "sec-fetch-mode": "navigate",
  "sec-fetch-dest": "document",
};
const ownRequest: Headers = {
  "sec-fetch-site": "same-origin",
  "sec-fetch-mode": "cors",
  "sec-fetch-dest": "empty",
};

async function open(path: string, headers: Headers = {}, method = "GET"): Promise<IncomingMessage> {
  const asked = request({ host: "127.0.0.1", port, path, method, headers, agent: false });
  asked.end();
  const [response] = await once(asked, "response");
  return response;
}

async function ask(path: string, headers: Headers = {}, method = "GET"): Promise<Answered> {
  const response = await open(path, headers, method);
  const parts: Buffer[] = [];
  for await (const part of response) parts.push(part);
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: Buffer.concat(parts).toString(),
  };
}

describe("the page itself", () => {
  test("comes to whoever opens it in a window, with rules under which nothing foreign runs in it", async () => {
    const { status, headers, body } = await ask("/", navigation);
    expect(status).toBe(200);
    expect(body).toContain("<lepta-wallet");
    expect(body).not.toMatch(/<script(?![^>]*src=)|\son\w+=|style=|https?:\/\//);
    const policy = `${headers["content-security-policy"]}`;
    for (const rule of [
      "default-src 'none'",
      "script-src 'self'",
      "connect-src 'self' http://127.0.0.1:18787 ws://127.0.0.1:18788",
      "frame-ancestors 'none'",
      "base-uri 'none'",
      "form-action 'none'",
    ])
      expect(policy.split("; ")).toContain(rule);
    expect(policy).not.toMatch(/unsafe|\*|data:/);
    expect(headers).toMatchObject({
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
      "cache-control": "no-store",
      "cross-origin-resource-policy": "same-origin",
    });
    expect(headers["access-control-allow-origin"]).toBeUndefined();
  });

  test("may be reached by a link from elsewhere, and stands in nobody's frame", async () => {
    expect((await ask("/", { ...navigation, "sec-fetch-site": "cross-site" })).status).toBe(200);
    for (const destination of ["iframe", "frame", "object", "embed"])
      expect(
        (await ask("/", { ...navigation, "sec-fetch-site": "cross-site", "sec-fetch-dest": destination }))
          .status,
      ).toBe(403);
  });

  test("gets from us its script, its looks and what it pays with", async () => {
    const { body } = await ask("/config.json", ownRequest);
    expect(JSON.parse(body)).toEqual({ broker, merchant, articles });
    for (const path of ["/main.js", "/page.css", "/icon.svg"])
      expect((await ask(path, ownRequest)).status, path).toBe(200);
  });

  test("is known by Origin where a browser sends that alone", async () => {
    expect((await ask("/config.json", { origin: `http://127.0.0.1:${port}` })).status).toBe(200);
    const host = `localhost:${port}`;
    expect((await ask("/config.json", { host, origin: `http://${host}` })).status).toBe(200);
  });
});

describe("another page", () => {
  const paths = ["/", "/config.json", "/events", "/main.js", "/page.css"];

  test.each(paths)("asks in vain for %s with an Origin of its own", async (path) => {
    for (const origin of [
      "https://evil.example",
      "null",
      `http://127.0.0.1:${port}.evil.example`,
      `https://127.0.0.1:${port}`,
      `http://localhost:${port}`,
      "http://127.0.0.1:1",
    ])
      expect((await ask(path, { ...ownRequest, origin })).status, origin).toBe(403);
  });

  test.each(paths)(
    "asks in vain for %s from another site, or from another port of this machine",
    async (path) => {
      for (const site of ["cross-site", "same-site"])
        for (const [mode, destination] of [
          ["no-cors", "script"],
          ["no-cors", "image"],
          ["cors", "empty"],
        ] as const) {
          const headers = { "sec-fetch-site": site, "sec-fetch-mode": mode, "sec-fetch-dest": destination };
          expect((await ask(path, headers)).status, `${site} ${mode}`).toBe(403);
        }
    },
  );

  test("gets nothing but the page where its browser says nothing of itself", async () => {
    for (const path of paths.slice(1)) expect((await ask(path)).status, path).toBe(403);
    expect((await ask("/config.json", navigation)).status).toBe(403);
  });

  test("gets nothing under a name of its own that leads to this machine", async () => {
    for (const host of [
      "evil.example",
      `evil.example:${port}`,
      `127.0.0.1.evil.example:${port}`,
      "127.0.0.1",
      "127.0.0.1:1",
      `localhost.:${port}`,
      `0.0.0.0:${port}`,
      `user@127.0.0.1:${port}`,
    ]) {
      const answers = [
        await ask("/", { ...navigation, host }),
        await ask("/config.json", { ...ownRequest, host, origin: `http://${host}` }),
      ];
      for (const { status, body } of answers) expect([status, body], host).toEqual([421, ""]);
    }
  });

  test("gets nothing where it names no host at all, or two", async () => {
    expect(await raw("GET / HTTP/1.0\r\n\r\n")).toMatch(/^HTTP\/1\.1 421 /);
    expect(await raw(`GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nHost: evil.example\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 421 /,
    );
  });
});

/** What comes back for these very bytes. */
async function raw(text: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  socket.end(text);
  const parts: Buffer[] = [];
  for await (const part of socket) parts.push(part);
  return Buffer.concat(parts).toString();
}

test("only GET is answered", async () => {
  for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "HEAD"]) {
    const { status, headers } = await ask("/", { ...navigation, "content-length": "0" }, method);
    expect([status, headers.allow], method).toEqual([405, "GET"]);
  }
});

test("no path leads to a file that is not the page's", async () => {
  for (const path of [
    "/../package.json",
    "/%2e%2e/package.json",
    "/..%2f..%2fpackage.json",
    "//etc/passwd",
    "/page/",
    "/main.ts",
    "/index.html",
    "/config.json/",
    "/config.json?x",
    "/__proto__",
    `http://127.0.0.1:${port}/main.js`,
  ])
    expect((await ask(path, ownRequest)).status, path).toBe(404);
});

describe("events", () => {
  const stream = async (): Promise<IncomingMessage> => {
    const response = await open("/events", ownRequest);
    streams.push(response);
    response.setEncoding("utf8");
    return response;
  };

  test("bring every message as it passed", async () => {
    const response = await stream();
    expect(response.headers["content-type"]).toBe("text/event-stream");
    const bytes = Uint8Array.from({ length: 300 }, (_, index) => index % 256);
    const passed: PassedMessage = { at: 7, from: UID, to: "", type: "offer", txn: "t", bytes };
    for (const listener of listeners) listener(passed);
    let text = "";
    for await (const part of response.iterator({ destroyOnReturn: false })) {
      text += part;
      if (/^data: .*\n\n/m.test(text)) break;
    }
    const [, line = ""] = /^data: (.*)\n\n/m.exec(text) ?? [];
    expect(passedFromJson(line)).toEqual(passed);
  });

  test("come to a bounded number of windows, and one that leaves makes room", async () => {
    const all: IncomingMessage[] = [];
    for (let i = 0; i < MOST_STREAMS; i += 1) all.push(await stream());
    expect(all.map(({ statusCode }) => statusCode)).toEqual(all.map(() => 200));
    expect((await ask("/events", ownRequest)).status).toBe(503);
    all[0]?.destroy();
    await expect.poll(async () => (await stream()).statusCode, { timeout: 20_000 }).toBe(200);
  });
});

test("a server that is closed listens to nobody, ends its streams and gives its port back", async () => {
  const heard = listeners;
  listeners = new Set();
  const second = await startPageServer({
    broker,
    merchant,
    articles,
    events: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  });
  const { host, port: itsPort } = new URL(second.url);
  const asked = request({
    host: "127.0.0.1",
    port: itsPort,
    path: "/events",
    headers: { ...ownRequest, host },
  });
  asked.end();
  const [response] = (await once(asked, "response")) as [IncomingMessage];
  response.resume();
  const ended = once(response, "close");
  await second.close();
  await ended;
  expect(listeners.size).toBe(0);
  listeners = heard;
  const third = await startPageServer({
    broker,
    merchant,
    articles,
    port: Number(itsPort),
    events: () => () => {},
  });
  expect(third.url).toBe(second.url);
  await third.close();
});
