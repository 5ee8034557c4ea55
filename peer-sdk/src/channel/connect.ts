/** A channel over a WebSocket that we open. */
import { isRefusal, LeptaError, limits } from "@lepta/protocol";
import { WebSocket } from "ws";
import type { Channel } from "../ports.ts";
import { decodeFrame, encodeFrame, isOfSession } from "./frame.ts";
import { wireOf } from "./wire.ts";

/** How long a connection and an answer may take, in milliseconds. */
const PATIENCE = 30_000;

interface Waiting {
  readonly resolve: (messages: readonly Uint8Array[]) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/** Connects to a merchant's address. Throws `unreachable`. */
export async function connectWebSocket(url: string): Promise<Channel> {
  const socket = new WebSocket(url, {
    perMessageDeflate: false,
    maxPayload: limits.frameBytes,
    handshakeTimeout: PATIENCE,
  });
  const waiting = new Map<number, Waiting>();
  let lastId = 0;
  const end = (why: string): void => {
    for (const each of waiting.values()) {
      clearTimeout(each.timer);
      each.reject(new LeptaError("unreachable", `${url}: ${why}`));
    }
    waiting.clear();
  };
  const { wire, told } = wireOf(socket);
  await new Promise<void>((resolve, reject) => {
    socket.once("open", resolve);
    socket.once("error", (error) => reject(new LeptaError("unreachable", `${url}: ${error.message}`)));
  });
  socket.on("error", (error) => end(error.message));
  socket.on("close", () => {
    end("the connection was closed");
    told().closed();
  });
  socket.on("message", (data, isBinary) => {
    if (isBinary && Buffer.isBuffer(data) && isOfSession(data)) return told().message(data);
    const frame = isBinary && Buffer.isBuffer(data) ? decodeFrame(data) : undefined;
    // A merchant that sends nonsense is left: what waits is answered by a new connection.
    if (frame === undefined || isRefusal(frame)) return socket.close(1003);
    const asked = waiting.get(frame.id);
    waiting.delete(frame.id);
    clearTimeout(asked?.timer);
    asked?.resolve(frame.messages);
  });
  return {
    get isOpen() {
      return socket.readyState === WebSocket.OPEN;
    },
    wire,
    request: (messages) =>
      new Promise((resolve, reject) => {
        if (socket.readyState !== WebSocket.OPEN) return reject(new LeptaError("unreachable", url));
        lastId = (lastId + 1) % 0xffffffff;
        const id = lastId;
        const timer = setTimeout(() => {
          waiting.delete(id);
          reject(new LeptaError("unreachable", `${url}: no answer in ${PATIENCE / 1000} s`));
        }, PATIENCE);
        waiting.set(id, { resolve, reject, timer });
        socket.send(encodeFrame({ id, messages }));
      }),
    close: () => socket.close(),
  };
}
