/**
 * The server of the page of `lepta dev`: on this machine alone, for this page alone. Other pages in the same browser reach every
 * port of this machine: so a request must name us as its host, and come from us. Runs in Node alone.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { PassedMessage } from "@lepta/peer-sdk";
import { buildPage, type PageFile } from "./build-page.ts";
import { type Feed, openFeed } from "./event-streams.ts";
import type { PageConfig } from "./page-config.ts";

export interface PageServerOptions extends PageConfig {
  /** 0, the default, takes a free one. Rejects where it is taken. */
  readonly port?: number;
  /** Calls a listener with every message that the merchant sends or gets, until it is called off. */
  readonly events: (listener: (passed: PassedMessage) => void) => () => void;
}

export interface PageServer {
  readonly url: string;
  close(): Promise<void>;
}

export async function startPageServer(options: PageServerOptions): Promise<PageServer> {
  const { broker, merchant, articles, port = 0, events } = options;
  const config: PageConfig = { broker, merchant, articles };
  const files = new Map<string, PageFile>([
    ...(await buildPage()),
    ["/config.json", { type: "application/json", bytes: new TextEncoder().encode(JSON.stringify(config)) }],
  ]);
  const feed = openFeed(events);
  const policy = policyFor(config);
  const server = createServer(
    { requestTimeout: REQUEST_TIMEOUT, maxHeaderSize: HEADER_BYTES },
    (request, response) => serve({ files, feed, policy }, request, response),
  );
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  }).catch((error: unknown) => {
    feed.close();
    throw error;
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server got no TCP port");
  return {
    url: `http://127.0.0.1:${address.port}/`,
    close: () =>
      new Promise((resolve) => {
        feed.close();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** How long a request may take to arrive, in milliseconds. */
const REQUEST_TIMEOUT = 10_000;
const HEADER_BYTES = 8192;

interface Site {
  readonly files: ReadonlyMap<string, PageFile>;
  readonly feed: Feed;
  readonly policy: string;
}

function serve({ files, feed, policy }: Site, request: IncomingMessage, response: ServerResponse): void {
  for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
  response.setHeader("content-security-policy", policy);
  const fault = faultOf(request);
  const path = request.url ?? "";
  // Exactly one of the paths that we made: there is no directory to walk in.
  const file = files.get(path);
  if (fault !== undefined) {
    if (fault === METHOD) response.setHeader("allow", "GET");
    response.writeHead(fault).end();
  } else if (path === "/events") feed.attach(response);
  else if (file === undefined) response.writeHead(404).end();
  else response.writeHead(200, { "content-type": file.type }).end(file.bytes);
}

const HEADERS = {
  "cache-control": "no-store",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
} as const;

const FORBIDDEN = 403;
const METHOD = 405;
const MISDIRECTED = 421;

/** The status with which a request is turned away, or undefined where it is welcome. */
function faultOf(request: IncomingMessage): number | undefined {
  // Of two the one that is read here may not be the one that somebody before us has read.
  const [host = "", ...others] = request.headersDistinct.host ?? [];
  // A page of another name that resolves to this machine (DNS rebinding) still says its own name here.
  if (others.length > 0 || !isOurs(host, request.socket.localPort)) return MISDIRECTED;
  if (request.method !== "GET") return METHOD;
  return isWelcome(request, `http://${host}`) ? undefined : FORBIDDEN;
}

const isOurs = (host: string, port: number | undefined): boolean =>
  port !== undefined && ["127.0.0.1", "localhost", "[::1]"].some((name) => host === `${name}:${port}`);

/**
 * Anybody may open the page in a window of its own. All else must be asked for by the page itself: browsers say so in Origin or in
 * Sec-Fetch-Site, and who says neither is no page.
 */
function isWelcome({ url, headers }: IncomingMessage, self: string): boolean {
  const { origin, "sec-fetch-site": site, "sec-fetch-mode": mode, "sec-fetch-dest": destination } = headers;
  if (origin !== undefined && origin !== self) return false;
  const isPlain =
    origin === undefined && (site === undefined || (mode === "navigate" && destination === "document"));
  if (url === "/" && isPlain) return true;
  return site === undefined ? origin === self : site === "same-origin";
}

/** Nothing but our own files runs, and nobody but broker and merchant is called. */
function policyFor({ broker, merchant }: PageConfig): string {
  const { origin } = new URL(broker);
  const { protocol, host } = new URL(merchant);
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' blob:",
    `connect-src 'self' ${origin} ${protocol}//${host}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ].join("; ");
}
