/** WebSockets that others open to us, each with a handler of its own. */
import { createServer as createHttpServer, type Server } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { type ErrorCode, encodeAs, errorCodec, isRefusal, LeptaError, limits } from "@lepta/protocol";
import { type WebSocket, WebSocketServer } from "ws";
import type { Wire } from "../ports.ts";
import { decodeFrame, encodeFrame, type Frame, isOfSession } from "./frame.ts";
import { wireOf } from "./wire.ts";

/** Answers the messages of one frame with those of another, and attends to a session on the same connection. */
export interface Visit {
  (messages: readonly Uint8Array[]): Promise<readonly Uint8Array[]>;
  /** Takes the session's messages of this connection from now on. */
  readonly attach?: (wire: Wire) => void;
}

export interface ServeOptions {
  /** 0, the default, takes a free one. */
  readonly port?: number;
  /** 127.0.0.1 by default: the operator's proxy stands in front, or `tls` is given. */
  readonly host?: string;
  /** PEM of the certificate and its key: serves wss. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

export interface Serving {
  readonly url: string;
  close(): Promise<void>;
}

/** Serves until it is closed. Every connection gets a visit of its own. */
export async function serveWebSockets(options: ServeOptions, visit: () => Visit): Promise<Serving> {
  const { port = 0, host = "127.0.0.1", tls } = options;
  const http: Server =
    tls === undefined ? createHttpServer(upgradeOnly) : createHttpsServer(tls, upgradeOnly);
  const sockets = new WebSocketServer({
    server: http,
    perMessageDeflate: false,
    maxPayload: limits.requestFrameBytes,
  });
  sockets.on("error", () => {
    // The HTTP server's own errors, which it has told already.
  });
  sockets.on("connection", (socket) => {
    socket.on("error", () => {
      // ws has closed the connection already: too long a message, or broken framing.
    });
    if (sockets.clients.size > limits.connections) socket.terminate();
    else attend(socket, visit());
  });
  await new Promise<void>((resolve, reject) => {
    http.once("error", reject);
    http.listen(port, host, resolve);
  });
  const address = http.address();
  if (address === null || typeof address === "string")
    throw new LeptaError("internal", "the server has no port");
  return {
    url: `${tls === undefined ? "ws" : "wss"}://${host}:${address.port}`,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets.clients) socket.terminate();
        sockets.close();
        http.close(() => resolve());
        http.closeAllConnections();
      }),
  };
}

/** The one shape of every error that is not a signed answer. */
export const errorMessage = (code: ErrorCode): Uint8Array =>
  encodeAs(errorCodec, { version: 1, type: "error", code });

/**
 * The connection policy: a frame that makes no sense is answered with an error; after `limits.badFrames` of them, or a
 * text message, or one that is too long, the connection is closed, and so is a silent one and one that does not read its
 * answers. Other connections do not notice.
 */
function attend(socket: WebSocket, answer: Visit): void {
  let bad = 0;
  let underWay = 0;
  const waiting: Frame[] = [];
  const { wire, told } = wireOf(socket);
  if (answer.attach !== undefined) answer.attach(wire);
  let isFirst = true;
  let isHeld = false;
  let silence = setTimeout(() => socket.terminate(), limits.firstFrameWithin);
  const reply = (id: number, messages: readonly Uint8Array[]): void => {
    if (socket.readyState !== socket.OPEN) return;
    if (socket.bufferedAmount > limits.unreadBytes) socket.terminate();
    else socket.send(encodeFrame({ id, messages }));
  };
  socket.on("close", () => {
    clearTimeout(silence);
    told().closed();
  });
  socket.on("message", (data, isBinary) => {
    if (isFirst) {
      isFirst = false;
      clearTimeout(silence);
      silence = setTimeout(() => socket.terminate(), limits.silentFor);
    } else silence.refresh();
    if (isBinary && Buffer.isBuffer(data) && answer.attach !== undefined && isOfSession(data))
      return told().message(data);
    if (!isBinary || !Buffer.isBuffer(data)) return socket.close(1003);
    const frame = decodeFrame(data);
    if (isRefusal(frame)) {
      bad += 1;
      if (bad >= limits.badFrames) socket.close(1008);
      else reply(0, [errorMessage(frame.code)]);
      return;
    }
    // What had been read before the pause is handed out all the same: it waits, and no more of it comes.
    waiting.push(frame);
    begin();
  });

  function begin(): void {
    while (underWay < limits.framesAtOnce) {
      const frame = waiting.shift();
      if (frame === undefined) break;
      underWay += 1;
      work(frame);
    }
    const isFull = underWay >= limits.framesAtOnce;
    if (isFull === isHeld) return;
    isHeld = isFull;
    if (isFull) wire.pause();
    else wire.resume();
  }

  function work({ id, messages }: Frame): void {
    answer(messages)
      .catch(() => [errorMessage("internal")])
      .then((answers) => {
        reply(id, answers);
        underWay -= 1;
        begin();
      })
      // An answer that cannot be sent ends this connection and nothing else.
      .catch(() => socket.terminate());
  }
}

function upgradeOnly(
  _request: unknown,
  response: { writeHead(status: number): { end(text: string): void } },
): void {
  response.writeHead(426).end("This is a Lepta merchant; it speaks over WebSockets.\n");
}
