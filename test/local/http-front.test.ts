import { connect } from "node:net";
import {
  type Capability,
  type HttpHandler,
  KEYS_MEDIA_TYPE,
  routes,
  SEALED_MEDIA_TYPE,
} from "@lepta/lambdas";
import { startHttpFront } from "@lepta/local/http-front";
import type { Loopback } from "@lepta/local/loopback";
import {
  decodeAs,
  ERROR_MEDIA_TYPE,
  type ErrorCode,
  errorCodec,
  errors,
  orThrow,
  query,
  readRootKey,
  transactionResponse,
} from "@lepta/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type BrokerUnderTest, memoryBroker } from "../support/broker.ts";
import { enrolledPeer, HOUR, type TestPeer } from "../support/peer.ts";

let broker: BrokerUnderTest;
let alice: TestPeer;
let front: Loopback;

beforeEach(async () => {
  broker = await memoryBroker();
  alice = await enrolledPeer(broker, "alice");
  front = await startHttpFront(broker.handlers, 0);
});

afterEach(() => front.close());

const post = (path: string, body: Uint8Array | ReadableStream<Uint8Array>, contentType = SEALED_MEDIA_TYPE) =>
  fetch(front.url + path, {
    method: "POST",
    headers: { "content-type": contentType },
    // A copy of its own: fetch takes no view of somebody else's memory.
    body: body instanceof Uint8Array ? new Uint8Array(body) : body,
    duplex: "half",
  } as RequestInit);

async function expectError(response: Response, code: ErrorCode): Promise<void> {
  expect(response.status).toBe(errors[code].status);
  expect(response.headers.get("content-type")).toBe(ERROR_MEDIA_TYPE);
  expect(response.headers.get("cache-control")).toBe("no-store");
  const body = new Uint8Array(await response.arrayBuffer());
  expect(orThrow(decodeAs(errorCodec, body))).toEqual({ version: 1, type: "error", code });
}

const sealedQuery = async (subject = alice.newTxn()) => {
  const message = await alice.sign(query, { initiator: alice.uid, subject });
  return { message, sealed: await alice.seal(message) };
};

/** Sends these bytes as they are and collects the answer until the connection ends. */
function raw(request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(front.url);
    const socket = connect(Number(port), hostname, () => socket.write(request));
    let answer = "";
    socket.setEncoding("latin1");
    socket.on("data", (chunk: string) => {
      answer += chunk;
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(answer));
  });
}

describe("the HTTP front", () => {
  test("listens on loopback and serves the broker's keys", async () => {
    expect(new URL(front.url).hostname).toBe("127.0.0.1");
    const response = await fetch(`${front.url}/keys`);
    expect([response.status, response.headers.get("content-type")]).toEqual([200, KEYS_MEDIA_TYPE]);
    const body = new Uint8Array(await response.arrayBuffer());
    expect(orThrow(readRootKey(body)).id).toBe(broker.network);
  });

  test("brings a sealed request to its handler and the sealed answer back", async () => {
    const { message, sealed } = await sealedQuery();
    const response = await post("/query?x=1", sealed);
    expect([response.status, response.headers.get("content-type")]).toEqual([200, SEALED_MEDIA_TYPE]);
    const opened = await alice.open(new Uint8Array(await response.arrayBuffer()), [transactionResponse]);
    expect(orThrow(opened).payload).toMatchObject({ request: message.digest, state: "unknown" });
  });

  test("answers many at once, each with its own answer", async () => {
    const asked = await Promise.all(Array.from({ length: 24 }, () => sealedQuery()));
    const answered = await Promise.all(
      asked.map(async ({ sealed }) => {
        const response = await post("/query", sealed);
        const body = new Uint8Array(await response.arrayBuffer());
        return orThrow(await alice.open(body, [transactionResponse])).payload.request;
      }),
    );
    expect(answered).toEqual(asked.map(({ message }) => message.digest));
  });

  test.each([
    ["GET", "/"],
    ["GET", "/enrol"],
    ["POST", "/keys"],
    ["PUT", "/query"],
    ["DELETE", "/keys"],
    ["GET", "/keys/"],
    ["GET", "/KEYS"],
    ["GET", "/..%2fkeys"],
  ])("says of %s %s that there is no such door", async (method, path) => {
    await expectError(await fetch(front.url + path, { method }), "not-found");
  });

  test.each(["//", "http://[", "///keys", "/%"])(
    "says of the target %s that there is no such door",
    async (target) => {
      const answer = await raw(`GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      expect(answer).toMatch(/^HTTP\/1\.1 404 /);
    },
  );

  test("refuses what is not sealed, another content type, and a request that came too late", async () => {
    const before = await broker.items();
    for (const { path } of routes.filter(({ method }) => method === "POST")) {
      await expectError(await post(path, Uint8Array.of(1, 2, 3)), "malformed");
      await expectError(await post(path, new Uint8Array(0)), "malformed");
      await expectError(await post(path, Uint8Array.of(1), "application/json"), "unsupported-media");
    }
    const { sealed } = await sealedQuery();
    broker.runtime.advance(2 * HOUR);
    await expectError(await post("/query", sealed), "expired");
    expect(await broker.items()).toEqual(before);
  });

  test.each(routes.filter(({ method }) => method === "POST"))(
    "refuses more than POST $path takes",
    async ({ path, bodyLimit }) => {
      await expectError(await post(path, new Uint8Array(bodyLimit + 1)), "too-large");
      expect((await fetch(`${front.url}/keys`)).status).toBe(200);
    },
  );

  test("refuses a body of unknown length as soon as it is too long, without reading it to its end", async () => {
    let sent = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        sent += 1;
        controller.enqueue(new Uint8Array(16 * 1024));
      },
    });
    await expectError(await post("/query", endless), "too-large");
    expect(sent * 16 * 1024).toBeLessThan(64 * 1024 * 1024);
    expect((await fetch(`${front.url}/keys`)).status).toBe(200);
  });

  test("tells a browser that any page may ask for each door, without what the browser knows its user by", async () => {
    for (const { method, path } of routes) {
      const preflight = await fetch(front.url + path, {
        method: "OPTIONS",
        headers: {
          origin: "https://shop.example",
          "access-control-request-method": method,
          "access-control-request-headers": "content-type",
        },
      });
      expect(preflight.status).toBe(204);
      expect(Object.fromEntries(preflight.headers)).toMatchObject({
        "access-control-allow-origin": "*",
        "access-control-allow-methods": "GET,POST",
        "access-control-allow-headers": "content-type",
        "access-control-max-age": "7200",
      });
      expect(preflight.headers.has("access-control-allow-credentials")).toBe(false);
    }
    await expectError(await fetch(`${front.url}/keys`, { method: "OPTIONS" }), "not-found");
  });

  test("lets the page that asked read the answer, errors too", async () => {
    const headers = { origin: "https://shop.example" };
    const { sealed } = await sealedQuery();
    const answers = [
      await fetch(`${front.url}/keys`, { headers }),
      await fetch(`${front.url}/nothing`, { headers }),
      await fetch(`${front.url}/query`, {
        method: "POST",
        headers: { ...headers, "content-type": SEALED_MEDIA_TYPE },
        body: new Uint8Array(sealed),
      }),
      await fetch(`${front.url}/query`, { method: "POST", headers, body: new Uint8Array(64 * 1024) }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 404, 200, 413]);
    for (const answer of answers) expect(answer.headers.get("access-control-allow-origin")).toBe("*");
    expect((await fetch(`${front.url}/keys`)).headers.has("access-control-allow-origin")).toBe(false);
  });

  test("survives a request that breaks off and bytes that are no HTTP", async () => {
    const { hostname, port } = new URL(front.url);
    await new Promise<void>((resolve) => {
      const socket = connect(Number(port), hostname, () => {
        socket.write("POST /query HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc", () =>
          socket.destroy(),
        );
      });
      socket.on("close", () => resolve());
    });
    expect(await raw("\x00\x01\x02 nonsense\r\n\r\n")).toMatch(/^HTTP\/1\.1 400 /);
    expect((await fetch(`${front.url}/keys`)).status).toBe(200);
  });

  test("answers `internal` where a handler fails, and tells nothing of why", async () => {
    const failing: HttpHandler = () => Promise.reject(new Error("the secret is 42"));
    const handlers: Record<Capability, HttpHandler> = { ...broker.handlers, query: failing };
    const other = await startHttpFront(handlers, 0);
    try {
      const { sealed } = await sealedQuery();
      const response = await fetch(`${other.url}/query`, {
        method: "POST",
        headers: { "content-type": SEALED_MEDIA_TYPE },
        body: new Uint8Array(sealed),
      });
      await expectError(response, "internal");
    } finally {
      await other.close();
    }
  });

  test("a port that is taken is told at the start", async () => {
    await expect(startHttpFront(broker.handlers, Number(new URL(front.url).port))).rejects.toMatchObject({
      code: "EADDRINUSE",
    });
  });
});
