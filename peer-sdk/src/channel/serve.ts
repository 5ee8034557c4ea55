/** WebSockets that others open to us, each with a handler of its own. */
import { type ErrorCode, encodeAs, errorCodec, isRefusal, limits } from "@lepta/protocol";
import { type RawData, type WebSocket, WebSocketServer } from "ws";
import type { Wire } from "../ports.ts";
import { decodeFrame, encodeFrame, type Frame, isOfSession } from "./frame.ts";
import type { HttpServer } from "./http-server.ts";
import { ownSite, siteOf } from "./site.ts";
import { SocketWire } from "./wire.ts";

/** Answers the messages of one frame with those of another, and attends to a session on the same connection. */
export interface Visit {
  (messages: readonly Uint8Array[]): Promise<readonly Uint8Array[]>;
  /** Takes the session's messages of this connection from now on, and is then who ends it where it falls silent. */
  readonly attach?: (wire: Wire) => void;
}

/** Where a merchant listens for its customers' WebSockets: a port of its own, or a path of the site's `server`. */
export interface ServeOptions {
  /** 0, the default, takes a free one. */
  readonly port?: number;
  /** 127.0.0.1 by default: the operator's proxy stands in front, or `tls` is given. */
  readonly host?: string;
  /** PEM of the certificate and its key: serves wss. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /**
   * The site's own server, of node:http or node:https: customers come through its port, and `port`, `host` and `tls` are its own
   * matter. It may listen later. Close the merchant before it: a server waits for its WebSockets.
   */
  readonly server?: HttpServer;
  /** The path of `server` that is ours, `/lepta` by default; its other WebSockets are left alone. */
  readonly path?: string;
}

/** A merchant that is being served. */
export interface Serving {
  /** The address to give to wallets, `ws://…` or `wss://…`; of a site's server once that listens, and before it throws. */
  readonly url: string;
  /** Stops listening and ends the connections; the site's `server` goes on. */
  close(): Promise<void>;
}

/** Serves until it is closed. Every connection gets a visit of its own. */
export async function serveWebSockets(options: ServeOptions, visit: () => Visit): Promise<Serving> {
  const { port = 0, host = "127.0.0.1", tls, server, path = "/lepta" } = options;
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: limits.requestFrameBytes,
    // Ours is kept anyway: a second one takes 200 bytes of each connection.
    clientTracking: false,
  });
  const open = new Map<WebSocket, Connection>();
  // Two functions for all connections, which ws calls on the one that it is about: two for each would take 150 bytes of it.
  function take(this: WebSocket, data: RawData, isBinary: boolean): void {
    open.get(this)?.take(data, isBinary);
  }
  function end(this: WebSocket): void {
    const ended = open.get(this);
    open.delete(this);
    ended?.end();
  }
  sockets.on("connection", (socket) => {
    socket.on("error", closedAlready);
    if (open.size >= limits.connections) {
      socket.terminate();
      return;
    }
    open.set(socket, new Connection(socket, visit()));
    socket.on("message", take).on("close", end);
  });
  const site = server === undefined ? await ownSite(sockets, host, port, tls) : siteOf(sockets, server, path);
  return {
    get url() {
      return site.url;
    },
    close: async () => {
      for (const socket of open.keys()) socket.terminate();
      sockets.close();
      await site.close();
    },
  };
}

/** The one shape of every error that is not a signed answer. */
export const errorMessage = (code: ErrorCode): Uint8Array =>
  encodeAs(errorCodec, { version: 1, type: "error", code });

/**
 * The connection policy: a frame that makes no sense is answered with an error; after `limits.badFrames` of them, or a
 * text message, or one that is too long, the connection is closed, and so is a silent one and one that does not read its
 * answers. Other connections do not notice. One that belongs to a session is the session's to judge: it asks those who are
 * silent, and closes what has ended.
 */
class Connection {
  readonly #socket: WebSocket;
  readonly #answer: Visit;
  readonly #wire: SocketWire;
  #bad = 0;
  #underWay = 0;
  #waiting: Frame[] = NOTHING;
  #isFirst = true;
  #isHeld = false;
  #silence: NodeJS.Timeout | undefined;

  constructor(socket: WebSocket, answer: Visit) {
    this.#socket = socket;
    this.#answer = answer;
    this.#wire = new SocketWire(socket);
    answer.attach?.(this.#wire);
    this.#endWhenSilent(limits.firstFrameWithin);
  }

  /** Nothing more comes. */
  end(): void {
    clearTimeout(this.#silence);
    this.#wire.told.closed();
  }

  take(data: RawData, isBinary: boolean): void {
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    if (isBinary && Buffer.isBuffer(data) && this.#answer.attach !== undefined && isOfSession(data)) {
      clearTimeout(this.#silence);
      this.#silence = undefined;
      this.#wire.told.message(data);
      return;
    }
    if (isFirst) this.#endWhenSilent(limits.silentFor);
    else this.#silence?.refresh();
    if (!isBinary || !Buffer.isBuffer(data)) {
      this.#socket.close(1003);
      return;
    }
    const frame = decodeFrame(data);
    if (isRefusal(frame)) {
      this.#bad += 1;
      if (this.#bad >= limits.badFrames) this.#socket.close(1008);
      else this.#reply(0, [errorMessage(frame.code)]);
      return;
    }
    // What had been read before the pause is handed out all the same: it waits, and no more of it comes.
    if (this.#waiting === NOTHING) this.#waiting = [];
    this.#waiting.push(frame);
    this.#begin();
  }

  #endWhenSilent(wait: number): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#socket.terminate(), wait);
  }

  #reply(id: number, messages: readonly Uint8Array[]): void {
    const socket = this.#socket;
    if (socket.readyState !== socket.OPEN) return;
    if (socket.bufferedAmount > limits.unreadBytes) socket.terminate();
    else socket.send(encodeFrame({ id, messages }));
  }

  #begin(): void {
    while (this.#underWay < limits.framesAtOnce) {
      const frame = this.#waiting.shift();
      if (frame === undefined) break;
      this.#underWay += 1;
      this.#work(frame);
    }
    const isFull = this.#underWay >= limits.framesAtOnce;
    if (isFull === this.#isHeld) return;
    this.#isHeld = isFull;
    if (isFull) this.#wire.pause();
    else this.#wire.resume();
  }

  #work({ id, messages }: Frame): void {
    this.#answer(messages)
      .catch(() => [errorMessage("internal")])
      .then((answers) => {
        this.#reply(id, answers);
        this.#underWay -= 1;
        this.#begin();
      })
      // An answer that cannot be sent ends this connection and nothing else.
      .catch(() => this.#socket.terminate());
  }
}

/** In place of an array of its own, for connections on which no frame comes. */
const NOTHING: Frame[] = [];

/** ws has closed the connection: too long a message, or broken framing. */
const closedAlready = (): void => {};
