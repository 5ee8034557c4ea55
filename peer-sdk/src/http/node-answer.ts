/** A response of Fetch, written to one of node:http. */
import { once } from "node:events";
import type { OutgoingHttpHeaders, ServerResponse } from "node:http";
import { hasNoBody } from "./bounded-body.ts";
import type { Real } from "./node-capture.ts";
import { wholeBody } from "./whole-body.ts";

/** Writes it whole, or, where it `streams`, as it comes. Headers that stood there before stay, where the answer has no such ones. */
export async function answer(
  to: ServerResponse,
  response: Response,
  { before, real = to, streams = false }: Way,
): Promise<void> {
  const bodiless = hasNoBody(response.status, to.req.method);
  if (to.destroyed) return void (await response.body?.cancel());
  const whole = streams || bodiless ? undefined : (wholeBody(response) ?? (await read(response)));
  if (to.destroyed) return;
  resetHead(to, before);
  for (const [name, value] of response.headers) to.setHeader(name, value);
  const cookies = response.headers.getSetCookie();
  if (cookies.length > 0) to.setHeader("set-cookie", cookies);
  if (whole !== undefined) to.setHeader("content-length", whole.length);
  // An empty one is filled in with what the status is called.
  to.statusMessage = response.statusText;
  real.writeHead.call(to, response.status);
  if (streams && !bodiless && response.body !== null) await pump(response.body, to, real);
  if (!to.destroyed) real.end.call(to, whole, "utf8");
}

export interface Way {
  readonly before: OutgoingHttpHeaders;
  /** Methods that write, where the response's own are held. */
  readonly real?: Real;
  readonly streams?: boolean;
}

const read = async (response: Response): Promise<Uint8Array> => new Uint8Array(await response.arrayBuffer());

/** As it stood before a handler wrote to it. */
export function resetHead(to: ServerResponse, before: OutgoingHttpHeaders): void {
  to.statusCode = 200;
  to.statusMessage = "";
  for (const name of to.getHeaderNames()) to.removeHeader(name);
  for (const [name, value] of Object.entries(before)) if (value !== undefined) to.setHeader(name, value);
}

async function pump(body: ReadableStream<Uint8Array>, to: ServerResponse, real: Real): Promise<void> {
  const reader = body.getReader();
  const gone = new AbortController();
  const cancel = (): void => {
    gone.abort();
    // It may have failed already, which the reader is told.
    reader.cancel().catch(() => undefined);
  };
  to.once("close", cancel);
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      real.write.call(to, read.value, "utf8");
      // The handler's own pauses end by the same event.
      while (to.writableNeedDrain && !to.destroyed) await once(to, "drain", { signal: gone.signal });
    }
  } catch (error) {
    if (gone.signal.aborted) return;
    // Half an answer: only its breaking off tells the client so.
    to.destroy();
    throw error;
  } finally {
    to.off("close", cancel);
  }
}
