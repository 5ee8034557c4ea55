import { once } from "node:events";
import { connect, createServer } from "node:net";
import { afterEach, expect, test } from "vitest";
import { type Relay, startRelay } from "../../bench/src/relay.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** A server that answers each byte with three. */
async function startTripling(): Promise<Relay> {
  const server = createServer((socket) =>
    socket.on("data", (data) => socket.write(Buffer.concat([data, data, data]))),
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closers.push(() => server.close());
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const relay = await startRelay(`http://127.0.0.1:${address.port}#pin`);
  closers.push(() => relay.close());
  return relay;
}

test("a relay counts what crosses it, each way by itself, and keeps the address's pin", async () => {
  const relay = await startTripling();
  const { port, hash } = new URL(relay.url);
  const socket = connect(Number(port), "127.0.0.1");
  closers.push(() => socket.destroy());
  let come = 0;
  await new Promise<void>((resolve) => {
    socket.on("data", (data) => {
      come += data.length;
      if (come === 300) resolve();
    });
    socket.write(Buffer.alloc(100));
  });
  expect(relay.count()).toEqual({ to: 100, from: 300 });
  expect(hash).toBe("#pin");
});
