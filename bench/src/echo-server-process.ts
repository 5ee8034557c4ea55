/** The floor: a `ws` server that answers each message with a fixed number of bytes and does nothing else; sealed in a session, or bare. */
import { type WebSocket, WebSocketServer } from "ws";
import { answerCalls, type EchoServerCalls } from "./calls.ts";
import { itemFor, openEchoSession } from "./echo-session.ts";
import { itself } from "./itself.ts";

answerCalls({
  ...itself,
  start: ({ bytes, sealed }) => {
    const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });
    server.on("connection", sealed ? sealedEcho(bytes) : bareEcho(bytes));
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.once("listening", () => {
        const address = server.address();
        if (address === null || typeof address === "string") reject(new Error("the server has no port"));
        else resolve({ url: `ws://127.0.0.1:${address.port}` });
      });
    });
  },
} satisfies EchoServerCalls);

function bareEcho(bytes: number) {
  const response = Buffer.alloc(bytes, 1);
  return (socket: WebSocket): void => {
    socket.on("message", () => socket.send(response));
  };
}

function sealedEcho(bytes: number) {
  const item = itemFor(bytes);
  return (socket: WebSocket): void => {
    openEchoSession(socket, "responder", (session, items) => {
      for (const _ of items) {
        session.send(item);
        // One message to a frame, as the bare echo has it.
        session.flush();
      }
    }).catch((error: unknown) => {
      throw error;
    });
  };
}
