/** The floor's other end: bare `ws` connections that send a fixed number of bytes and wait for the answer. */
import { once } from "node:events";
import { WebSocket } from "ws";
import { answerCalls, type EchoCustomerCalls } from "./calls.ts";
import { applyLoad, type Exchange } from "./load.ts";

const exchanges: Exchange[] = [];

answerCalls({
  start: async ({ url, requestBytes, connections }) => {
    for (let i = 0; i < connections; i += 1) exchanges.push(await connect(url, requestBytes));
  },
  load: (seconds) => applyLoad(exchanges, seconds),
} satisfies EchoCustomerCalls);

async function connect(url: string, requestBytes: number): Promise<Exchange> {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  await once(socket, "open");
  const request = Buffer.alloc(requestBytes, 1);
  let answered = () => {};
  socket.on("message", () => answered());
  socket.on("close", () => {
    throw new Error("the echo server has closed the connection");
  });
  return () =>
    new Promise((resolve) => {
      answered = resolve;
      socket.send(request);
    });
}
