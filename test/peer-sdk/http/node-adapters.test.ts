/** What only servers on node:http can do: to bodies before the paywall, and to answers behind it. */
import { once } from "node:events";
import {
  createServer,
  get as httpGet,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { expressPaywall } from "@lepta/peer-sdk/express";
import { type NodeHandler, nodePaywall } from "@lepta/peer-sdk/node";
import { limits } from "@lepta/protocol";
import express, {
  type Response as ExpressResponse,
  type NextFunction,
  type Request,
  type RequestHandler,
} from "express";
import { afterEach, describe, expect, test } from "vitest";
import { makeGate } from "./gate.ts";

const open: Server[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

async function urlOf(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const headers = { "x-customer": "carol", "content-type": "text/plain" };

describe("a body that was parsed before the paywall", () => {
  const behind = async (parser: RequestHandler) => {
    const gate = makeGate(["POST /ask"]);
    const told: string[] = [];
    const app = express();
    app.use(parser, expressPaywall(gate));
    app.post("/ask", (request, response) => void response.send(String(request.body)));
    app.use((error: Error, _: Request, response: ExpressResponse, _next: NextFunction) => {
      told.push(error.message);
      response.status(500).end();
    });
    return { gate, told, url: `${await urlOf(app)}/ask` };
  };

  test("is bound where it is still a text or bytes", async () => {
    for (const parser of [express.text({ type: "*/*" }), express.raw({ type: "*/*" })]) {
      const { gate, url } = await behind(parser);
      const response = await fetch(url, { method: "POST", headers, body: "why?" });
      expect([response.status, await response.text()]).toEqual([200, "why?"]);
      expect(gate.asked[0]?.body).toBe("why?");
    }
  });

  test("is a fault of the server's where it is not, and nobody pays", async () => {
    const { gate, told, url } = await behind(express.json({ type: "*/*" }));
    expect((await fetch(url, { method: "POST", headers, body: "[1]" })).status).toBe(500);
    expect(told.join()).toMatch(/must stand before what parses bodies/);
    expect(gate.asked).toEqual([]);
  });
});

describe("a handler of node:http", () => {
  const behind = async (handler: NodeHandler, path = "/it", around?: (response: ServerResponse) => void) => {
    const gate = makeGate([`GET ${path}`]);
    const told: unknown[] = [];
    const listener = nodePaywall(gate, handler, { onError: (error) => void told.push(error) });
    const url = await urlOf(async (request, response) => {
      around?.(response);
      // Whatever a handler does, the listener itself never rejects: a server would end by it.
      await listener(request, response);
    });
    return { gate, told, url: url + path };
  };

  test("that goes on after its end changes nothing, and what it throws then is told", async () => {
    const thrown = Promise.withResolvers<void>();
    const { gate, told, url } = await behind((_, response) => {
      response.end("whole", () => thrown.resolve());
      response.write("more");
      response.writeHead(500);
      response.end("again");
      response.setHeader("x-late", "1");
      throw new Error("too late");
    });
    const response = await fetch(url, { headers });
    expect([response.status, await response.text()]).toEqual([200, "whole"]);
    expect(response.headers.has("x-late")).toBe(false);
    await thrown.promise;
    expect(gate.charged).toHaveLength(1);
    expect(told).toEqual([new Error("too late")]);
  });

  test("that ends its answer with its head alone has answered", async () => {
    const { gate, url } = await behind(
      (_, response) => void response.writeHead(202, ["x-a", "1", "x-a", "2"]).end(),
    );
    const response = await fetch(url, { headers });
    expect([response.status, response.headers.get("x-a"), await response.text()]).toEqual([202, "1, 2", ""]);
    expect(gate.charged).toHaveLength(1);
  });

  test("that throws is answered for, and its error is told", async () => {
    const { told, url } = await behind(() => {
      throw new Error("not today");
    });
    expect(await (await fetch(url, { headers })).json()).toMatchObject({ status: 500, code: "internal" });
    expect(told).toEqual([new Error("not today")]);
  });

  test("whose client goes before its end is not paid", async () => {
    const began = Promise.withResolvers<void>();
    const gone = Promise.withResolvers<void>();
    const { gate, told, url } = await behind(async (_, response) => {
      began.resolve();
      await once(response, "close");
      response.end("nobody");
      gone.resolve();
    });
    const request = httpGet(url, { headers });
    request.on("error", () => undefined);
    await began.promise;
    request.destroy();
    await gone.promise;
    expect([gate.charged, told, gate.asked[0]?.signal.aborted]).toEqual([[], [], true]);
  });

  test("that pours streams into a metered answer is paused while its client does not read, and all of it comes", async () => {
    const length = 4 * limits.unreadBytes;
    const part = new Uint8Array(64 * 1024).fill(7);
    const { told, url } = await behind(
      (_, response) =>
        pipeline(Readable.from(Array(length / part.length).fill(part), { objectMode: false }), response),
      "/metered",
    );
    const request = httpGet(url, { headers });
    const [response] = (await once(request, "response")) as [IncomingMessage];
    let read = 0;
    for await (const chunk of response) read += (chunk as Buffer).length;
    expect(read).toBe(length);
    expect(told).toEqual([]);
  });

  test("that writes on and on to a client who does not read is stopped", async () => {
    const { told, url } = await behind(async (_, response) => {
      const part = new Uint8Array(1024 * 1024);
      for (let i = 0; i < 64; i += 1) response.write(part);
      response.end();
    }, "/metered");
    const body = fetch(url, { headers }).then((response) => response.arrayBuffer());
    await expect(body).rejects.toThrow();
    expect(told).toMatchObject([{ code: "too-large" }]);
  });

  test("can be wrapped by others who wait for its head or change its bytes", async () => {
    const { gate, url } = await behind(
      (_, response) => void response.end("quiet"),
      "/it",
      (response) => {
        const { end, writeHead } = response;
        response.writeHead = ((status: number) => {
          response.setHeader("x-wrapped", "1");
          response.removeHeader("content-length");
          return writeHead.call(response, status);
        }) as typeof writeHead;
        response.end = ((chunk: Uint8Array) =>
          end.call(response, Buffer.from(chunk).toString().toUpperCase(), "utf8")) as typeof end;
      },
    );
    const response = await fetch(url, { headers });
    expect([await response.text(), response.headers.get("x-wrapped")]).toEqual(["QUIET", "1"]);
    expect(gate.charged).toHaveLength(1);
  });
});
