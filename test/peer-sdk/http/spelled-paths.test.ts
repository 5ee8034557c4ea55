/** However a path is spelled: what a handler reads as a path with a price is not served without a payment. */
import { once } from "node:events";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { nodePaywall } from "@lepta/peer-sdk/node";
import { afterEach, expect, test } from "vitest";
import { makeGate } from "./gate.ts";

let server: Server | undefined;
afterEach(async () => {
  server?.closeAllConnections();
  await new Promise((resolve) => server?.close(resolve) ?? resolve(undefined));
});

/** The status that a server answers whose handler reads paths as `URL` does. */
async function statusOf(target: string): Promise<number> {
  const handler = nodePaywall(makeGate(["GET /report"]), (asked, response) => {
    const { pathname } = new URL(asked.url ?? "/", "http://shop.example");
    response.writeHead(pathname === "/report" ? 200 : 404).end("the report");
  });
  server = createServer(handler);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const asking = request({ port, host: "127.0.0.1", path: target }).end();
  const [answer] = await once(asking, "response");
  answer.resume();
  return answer.statusCode;
}

test.each([
  "/report",
  "//anywhere/report",
  "///report",
  "/free/../report",
  "/free/%2e%2E/report",
  "/./report",
  "/free\\..\\report",
  "/\\anywhere/report?page=2",
  "http://shop.example/free/../report",
  "/report#part",
])("%s is asked for a payment", async (target) => {
  expect(await statusOf(target)).toBe(402);
});
