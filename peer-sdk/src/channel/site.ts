/** An HTTP server that WebSockets come through: one of our own, or a path of another's. */
import { createServer as createHttpServer, type IncomingMessage, type Server } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { Duplex } from "node:stream";
import { LeptaError } from "@lepta/protocol";
import type { WebSocketServer } from "ws";
import type { HttpServer } from "./http-server.ts";

/** As node:http calls it, with more than a declaration without Node's types can name. */
type UpgradeListener = Parameters<HttpServer["on"]>[1];

export interface Site {
  /** Where it is found; throws where its server does not listen yet. */
  readonly url: string;
  close(): Promise<void>;
}

/** A server of our own, once it listens. Throws the system's own error where the port is taken. */
export async function ownSite(
  sockets: WebSocketServer,
  host: string,
  port: number,
  tls: { readonly cert: string; readonly key: string } | undefined,
): Promise<Site> {
  const http: Server =
    tls === undefined ? createHttpServer(upgradeOnly) : createHttpsServer(tls, upgradeOnly);
  http.on("upgrade", (request, socket, head) => welcome(sockets, request, socket, head));
  await new Promise<void>((resolve, reject) => {
    http.once("error", reject);
    http.listen(port, host, resolve);
  });
  http.on("error", () => {
    // Whatever befalls a server that listens concerns one connection, which has been told.
  });
  return {
    url: urlOf(http, tls !== undefined, host),
    close: () =>
      new Promise((resolve) => {
        http.close(() => resolve());
        http.closeAllConnections();
      }),
  };
}

/** The paths that are ours, of each server. */
const taken = new WeakMap<HttpServer, Set<string>>();

/** A path of a server that others run, open or close. Throws `conflict` where that path is taken, `malformed` where it is none. */
export function siteOf(sockets: WebSocketServer, server: HttpServer, path: string): Site {
  if (!/^\/[^\s?#]*$/.test(path)) throw new LeptaError("malformed", `${JSON.stringify(path)} is no path`);
  const paths = taken.get(server) ?? new Set();
  if (paths.has(path)) throw new LeptaError("conflict", `${path} is served already`);
  taken.set(server, paths.add(path));
  const come = ((request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const [asked = ""] = (request.url ?? "").split("?");
    if (asked === path) welcome(sockets, request, socket, head);
    // Others may listen for theirs. Where nobody does, one of us says so: an upgraded socket that nobody takes stays for ever.
    else if (!paths.has(asked) && server.listenerCount("upgrade") === paths.size) {
      const [first] = paths;
      if (first === path) turnAway(socket);
    }
  }) as UpgradeListener;
  server.on("upgrade", come);
  return {
    get url() {
      return urlOf(server, "setSecureContext" in server, undefined) + path;
    },
    close: async () => {
      server.off("upgrade", come);
      paths.delete(path);
    },
  };
}

function welcome(sockets: WebSocketServer, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  sockets.handleUpgrade(request, socket, head, (opened) => sockets.emit("connection", opened, request));
}

function turnAway(socket: Duplex): void {
  socket.on("error", () => socket.destroy());
  socket.end("HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n", () =>
    socket.destroy(),
  );
}

function urlOf(server: HttpServer, isSecure: boolean, host: string | undefined): string {
  const address = server.address();
  if (address === null || typeof address === "string")
    throw new LeptaError("internal", "the server has no port: it does not listen yet");
  return `${isSecure ? "wss" : "ws"}://${host ?? reachable(address.address)}:${address.port}`;
}

/** What listens everywhere is found on this machine. */
function reachable(address: string): string {
  if (address === "::" || address === "0.0.0.0") return "127.0.0.1";
  return address.includes(":") ? `[${address}]` : address;
}

function upgradeOnly(
  _request: unknown,
  response: { writeHead(status: number): { end(text: string): void } },
): void {
  response.writeHead(426).end("This is a Lepta merchant; it speaks over WebSockets.\n");
}
