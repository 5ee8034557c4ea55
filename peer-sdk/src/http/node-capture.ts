/** What a handler of node:http writes, as a response of Fetch: nothing of it leaves before it is paid for. */
import type { OutgoingHttpHeader, ServerResponse } from "node:http";
import { concat } from "@lepta/protocol";
import { hasNoBody } from "./bounded-body.ts";
import { Gone } from "./node-request.ts";
import { heldIn, type Sink, streamedTo } from "./node-sink.ts";
import { wholeResponse } from "./whole-body.ts";

export interface Capture {
  /** When the handler has ended its answer; with `streams` when it has begun it. */
  readonly response: Promise<Response>;
  /** The response's own methods again. What the handler wrote through them before is not in it. */
  readonly release: () => void;
  /** The handler failed by itself. */
  readonly fail: (error: unknown) => void;
  /** The methods that write. */
  readonly real: Real;
}

export type Real = Pick<ServerResponse, "writeHead" | "write" | "end">;
type Rest = readonly unknown[];
type Fields = Readonly<Record<string, OutgoingHttpHeader>>;

/** Puts itself in the place of everything by which a handler, or what stands around it, could write. */
export function capture(response: ServerResponse, streams: boolean): Capture {
  const { promise, resolve, reject } = Promise.withResolvers<Response>();
  // What it rejects with is told to whoever serves; where nobody waits any more, it is of no matter.
  promise.catch(() => undefined);
  const { writeHead, write, end, flushHeaders, writeContinue, writeProcessing, writeEarlyHints } = response;
  const own = { writeHead, write, end, flushHeaders, writeContinue, writeProcessing, writeEarlyHints };
  const sink = streams ? streamedTo(response) : heldIn(reject);
  let begun: number | undefined;
  let ended = false;
  const settle = (): void => {
    try {
      resolve(responseOf(response, begun ?? response.statusCode, sink.body));
    } catch (error) {
      // A status or a header that Fetch does not know.
      reject(error);
    }
  };
  const begin = (): void => {
    // Others may listen for this call to set headers of theirs at the last moment.
    if (begun === undefined) response.writeHead(response.statusCode);
  };
  const take = (chunk: unknown, encoding: unknown): boolean => {
    begin();
    return ended || sink.write(bytesOf(chunk, encoding));
  };
  const closed = (): void => {
    if (ended) return;
    const gone = new Gone();
    sink.fail(gone);
    reject(gone);
  };
  response.on("close", closed);
  const put = {
    writeHead: (status: number, ...rest: Rest) => {
      if (begun !== undefined && (streams || ended)) return response;
      // Nothing has left: who begins anew, because a handler failed on the way, takes back what it had written.
      if (begun !== undefined) sink.drop();
      begun = status;
      setHead(response, status, rest);
      if (streams) settle();
      return response;
    },
    write: (chunk: unknown, ...rest: Rest) => {
      const more = take(chunk, rest[0]);
      called(rest);
      return more;
    },
    end: (...rest: Rest) => {
      const [chunk, encoding] = rest;
      if (chunk !== undefined && chunk !== null && typeof chunk !== "function") take(chunk, encoding);
      begin();
      if (!ended) {
        ended = true;
        sink.end();
        if (!streams) settle();
      }
      called(rest);
      return response;
    },
    flushHeaders: begin,
    writeContinue: (...rest: Rest) => called(rest),
    writeProcessing: (...rest: Rest) => called(rest),
    writeEarlyHints: (...rest: Rest) => called(rest),
  };
  Object.assign(response, put);
  Object.defineProperty(response, "headersSent", { configurable: true, get: () => begun !== undefined });
  Object.defineProperty(response, "writableEnded", { configurable: true, get: () => ended });
  return {
    response: promise,
    real: own,
    release: () => {
      response.off("close", closed);
      Object.assign(response, own);
      for (const name of ["headersSent", "writableEnded"]) Reflect.deleteProperty(response, name);
    },
    fail: (error) => {
      sink.fail(error);
      reject(error);
    },
  };
}

/** A copy: whoever wrote it may use its buffer again. */
function bytesOf(chunk: unknown, encoding: unknown): Uint8Array {
  if (typeof chunk === "string")
    return Buffer.from(chunk, (typeof encoding === "string" ? encoding : "utf8") as BufferEncoding);
  if (chunk instanceof Uint8Array) return concat(chunk);
  throw new TypeError("a chunk is a text or bytes");
}

function called(rest: Rest): void {
  const callback = rest.find((each) => typeof each === "function");
  if (callback !== undefined) process.nextTick(callback as () => void);
}

function setHead(response: ServerResponse, status: number, [first, second]: Rest): void {
  response.statusCode = status;
  if (typeof first === "string") response.statusMessage = first;
  const fields = (typeof first === "string" ? second : (first ?? second)) as
    | Fields
    | readonly OutgoingHttpHeader[]
    | undefined;
  if (!Array.isArray(fields)) {
    for (const [name, value] of Object.entries(fields ?? {}))
      if (value !== undefined) response.setHeader(name, value);
    return;
  }
  // Names and values one after the other, or in pairs.
  const flat: readonly OutgoingHttpHeader[] = fields.flat();
  for (let i = 0; i < flat.length; i += 2) response.removeHeader(String(flat[i]));
  for (let i = 0; i + 1 < flat.length; i += 2) response.appendHeader(String(flat[i]), String(flat[i + 1]));
}

function responseOf(response: ServerResponse, status: number, body: Sink["body"]): Response {
  const { statusMessage: statusText = "", req } = response;
  const headers = new Headers();
  for (const [name, value] of Object.entries(response.getHeaders()))
    for (const each of Array.isArray(value) ? value : [value ?? ""]) headers.append(name, String(each));
  // How the body travels is the connection's matter.
  headers.delete("transfer-encoding");
  const head = { status, statusText, headers };
  if (hasNoBody(status, req.method)) return new Response(null, head);
  const made = body();
  return made instanceof Uint8Array ? wholeResponse(made, head) : new Response(made, head);
}
