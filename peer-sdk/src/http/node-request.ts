/** A request of node:http as one of Fetch, its body read and left to be read again. */
import type { IncomingMessage } from "node:http";
import { concat, LeptaError, limits, utf8 } from "@lepta/protocol";
import { tooLarge } from "./bounded-body.ts";
import { problemResponse } from "./problem.ts";

/** What parsers that ran before have left. */
export type Parsed = { readonly body?: unknown };

/** The request under this path, or the answer to one that cannot be read: too long, with a body where Fetch knows none, misspelled. */
export async function fetchRequest(
  request: IncomingMessage & Parsed,
  path: string,
  target: string,
  signal: AbortSignal,
): Promise<Request | Response> {
  const { method = "GET" } = request;
  const body = await bodyOf(request);
  if (body === undefined) return tooLarge();
  // Nothing could bind the payment to the body of a GET, which Fetch leaves out.
  const bodiless = method === "GET" || method === "HEAD";
  if (bodiless && body.length > 0) return badRequest(`${method} with a body`);
  const url = urlOf(request, path, target);
  if (url === undefined) return badRequest("no URL");
  return new Request(url, { method, headers: headersOf(request), signal, ...(bodiless ? {} : { body }) });
}

const badRequest = (detail: string): Response => problemResponse({ problem: "bad-request", detail });

const HOST = /^[\w.:[\]-]+$/;

function urlOf({ headers, socket }: IncomingMessage, path: string, target: string): URL | undefined {
  const host = headers.host ?? "localhost";
  const origin = `${"encrypted" in socket ? "https" : "http"}://${host}`;
  if (!HOST.test(host) || !URL.canParse(origin)) return undefined;
  const url = new URL(origin);
  url.pathname = path;
  url.search = /\?[^#]*/.exec(target)?.[0] ?? "";
  return url;
}

function headersOf({ rawHeaders }: IncomingMessage): Headers {
  const headers = new Headers();
  for (let i = 0; i + 1 < rawHeaders.length; i += 2)
    headers.append(rawHeaders[i] ?? "", rawHeaders[i + 1] ?? "");
  return headers;
}

async function bodyOf(request: IncomingMessage & Parsed): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const { "content-length": length = "0", "transfer-encoding": encoding } = request.headers;
  if (encoding === undefined && Number(length) === 0) return new Uint8Array();
  if (request.readableDidRead) return parsedBytes(request.body);
  if (Number(length) > limits.paidBodyBytes) {
    request.resume();
    return undefined;
  }
  return replayed(request);
}

function parsedBytes(body: unknown): Uint8Array<ArrayBuffer> {
  if (typeof body === "string") return concat(utf8(body));
  if (body instanceof Uint8Array) return concat(body);
  throw new LeptaError(
    "internal",
    "the paywall must stand before what parses bodies: a payment is bound to the bytes",
  );
}

/**
 * The body's bytes, put back for the next reader: before the stream has said that it ends, it takes them again. Undefined where
 * they are too many; the rest is then read and dropped, so that the sender comes to read the answer.
 */
async function replayed(request: IncomingMessage): Promise<Uint8Array<ArrayBuffer> | undefined> {
  // What came with the head is there after this. A stream that has ended with nothing in it is not touched.
  await null;
  if (request.complete && request.readableLength === 0) return new Uint8Array();
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let length = 0;
    const stop = (): void => {
      request.off("readable", take).off("error", fail).off("close", fail);
    };
    const fail = (): void => {
      stop();
      reject(new Gone());
    };
    const take = (): void => {
      // To read where nothing is left would make the stream say that it ends, with nobody there to hear it.
      while (request.readableLength > 0 && length <= limits.paidBodyBytes) {
        const chunk: Uint8Array | string = request.read();
        chunks.push(typeof chunk === "string" ? utf8(chunk) : chunk);
        length += chunk.length;
      }
      if (length > limits.paidBodyBytes) {
        stop();
        request.resume();
        resolve(undefined);
      } else if (request.complete && request.readableLength === 0) {
        stop();
        const body = concat(...chunks);
        if (length > 0) request.unshift(body);
        resolve(body);
      }
    };
    request.on("readable", take).on("error", fail).on("close", fail);
  });
}

/** The client went before its answer was there. */
export class Gone extends Error {
  constructor() {
    super("the client is gone");
    this.name = "Gone";
  }
}
