/** A channel over a WebSocket that we open. */
import { limits } from "@lepta/protocol";
import { WebSocket } from "ws";
import type { Channel } from "../ports.ts";
import { isOfSession } from "./frame.ts";
import { PATIENCE, Requests, unreachable } from "./requests.ts";
import { SocketWire } from "./wire.ts";

/** Connects to a merchant's address. Throws `unreachable`. */
export async function connectWebSocket(url: string): Promise<Channel> {
  const socket = new WebSocket(url, {
    perMessageDeflate: false,
    maxPayload: limits.frameBytes,
    handshakeTimeout: PATIENCE,
  });
  const requests = new Requests(url);
  const wire = new SocketWire(socket);
  await new Promise<void>((resolve, reject) => {
    socket.once("open", resolve);
    socket.once("error", (error) => reject(unreachable(url, error.message)));
  });
  socket.on("error", (error) => requests.end(error.message));
  socket.on("close", () => {
    requests.end("the connection was closed");
    wire.told.closed();
  });
  socket.on("message", (data, isBinary) => {
    if (isBinary && Buffer.isBuffer(data) && isOfSession(data)) return wire.told.message(data);
    // A merchant that sends nonsense is left: what waits is answered by a new connection.
    if (!isBinary || !Buffer.isBuffer(data) || !requests.answer(data)) socket.close(1003);
  });
  return {
    get isOpen() {
      return socket.readyState === WebSocket.OPEN;
    },
    wire,
    request: async (messages) => {
      if (socket.readyState !== WebSocket.OPEN) throw unreachable(url, "the connection is closed");
      return requests.ask(messages, (frame) => socket.send(frame));
    },
    close: () => socket.close(),
  };
}
