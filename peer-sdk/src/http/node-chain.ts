/** A request of node:http before a chain of handlers that has a price. */
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import { plainProblem } from "./bounded-body.ts";
import { coveredPath, pathOf } from "./covered-path.ts";
import { answer, resetHead } from "./node-answer.ts";
import { type Capture, capture } from "./node-capture.ts";
import { fetchRequest, Gone, type Parsed } from "./node-request.ts";
import type { Payment, Paywall } from "./paywall-port.ts";

export interface Chain {
  /** The request's target as it was received. */
  readonly target: string;
  /** Headers that stand on every answer. */
  readonly before: OutgoingHttpHeaders;
  /** Goes on with the handlers, or without them where nothing is to be paid: those failures are the server's own matter. */
  readonly next: (payment: Payment | undefined, fail: (error: unknown) => void) => void;
  /** The paywall answers and the handlers are not run. */
  readonly skip?: () => void;
  /** Something failed that no handler has answered for. Whether the server answers; if not, an answer of ours says that it failed. */
  readonly failed: (error: unknown, served: boolean) => boolean;
}

/**
 * Whether a paywall covers the request, and under which path: the target's own, or what `URL` makes of it, as many a handler reads it.
 * There dots and bars lead elsewhere, and behind two slashes stands a host.
 */
export function pathBehind(
  paywall: Paywall,
  { method = "GET" }: IncomingMessage,
  target: string,
): string | undefined {
  const read = URL.parse(target, "http://localhost")?.pathname;
  return (
    coveredPath(paywall, method, pathOf(target)) ??
    (read === undefined ? undefined : coveredPath(paywall, method, read))
  );
}

/** The exchange of one request that is covered, until its answer is written. */
export async function runChain(
  paywall: Paywall,
  path: string,
  request: IncomingMessage & Parsed,
  response: ServerResponse,
  chain: Chain,
): Promise<void> {
  const abort = new AbortController();
  response.once("close", () => {
    if (!response.writableFinished) abort.abort();
  });
  let held: (Capture & { readonly streams: boolean }) | undefined;
  try {
    const asked = await fetchRequest(request, path, chain.target, abort.signal);
    const made =
      asked instanceof Response
        ? asked
        : await paywall.handle(asked, (payment) => {
            const streams = payment?.use !== undefined;
            held = { ...capture(response, streams), streams };
            chain.next(payment, held.fail);
            return held.response;
          });
    if (held === undefined) chain.skip?.();
    await answer(response, made, { before: kept(), ...held });
  } catch (error) {
    if (error instanceof Gone && response.destroyed) return;
    const before = kept();
    held?.release();
    if (held !== undefined && !response.headersSent) resetHead(response, before);
    if (chain.failed(error, held !== undefined)) return;
    await answer(response, plainProblem(500, "Internal Server Error", "internal"), { before });
  }

  /** What stood there before, but for what the handlers took away. */
  function kept(): OutgoingHttpHeaders {
    if (held === undefined) return chain.before;
    return Object.fromEntries(Object.entries(chain.before).filter(([name]) => response.hasHeader(name)));
  }
}
