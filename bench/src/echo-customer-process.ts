/** The floor's other end: `ws` connections that send a fixed number of bytes and wait for the answer; sealed, or bare. */
import { once } from "node:events";
import { WebSocket } from "ws";
import { answerCalls, type EchoCustomerCalls } from "./calls.ts";
import { itemFor, openEchoSession } from "./echo-session.ts";
import { itself } from "./itself.ts";
import { applyLoad, atDepth, type Exchange } from "./load.ts";

const exchanges: Exchange[] = [];

answerCalls({
  ...itself,
  start: async ({ url, bytes, sealed, connections }) => {
    for (let i = 0; i < connections; i += 1) {
      const socket = new WebSocket(url, { perMessageDeflate: false });
      await once(socket, "open");
      socket.on("close", () => {
        throw new Error("the echo server has closed the connection");
      });
      exchanges.push(sealed ? await sealedExchange(socket, bytes) : bareExchange(socket, bytes));
    }
  },
  load: ({ seconds, depth }) => applyLoad(atDepth(exchanges, depth), seconds),
} satisfies EchoCustomerCalls);

function bareExchange(socket: WebSocket, bytes: number): Exchange {
  const request = Buffer.alloc(bytes, 1);
  const waiting: (() => void)[] = [];
  socket.on("message", () => waiting.shift()?.());
  return () =>
    new Promise((resolve) => {
      waiting.push(resolve);
      socket.send(request);
    });
}

async function sealedExchange(socket: WebSocket, bytes: number): Promise<Exchange> {
  const item = itemFor(bytes);
  const waiting: (() => void)[] = [];
  const session = await openEchoSession(socket, "initiator", (_, items) => {
    for (const _item of items) waiting.shift()?.();
  });
  return () =>
    new Promise((resolve) => {
      waiting.push(resolve);
      session.send(item);
      // One message to a frame, as the bare echo has it.
      session.flush();
    });
}
