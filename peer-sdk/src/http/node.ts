/** A paywall before a plain node:http server's handler. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { pathBehind, runChain } from "./node-chain.ts";
import type { Payment, Paywall } from "./paywall-port.ts";

/** A request whose payment, where it has one, is with it. */
export type PaidRequest = IncomingMessage & { payment?: Payment };
/** What `createServer` takes, besides that a request may bring its payment. */
export type NodeHandler = (request: PaidRequest, response: ServerResponse) => unknown;

/** What else a listener is told. */
export interface NodeOptions {
  /** Told what the handler threw, after the client was answered with 500. By default it is thrown on, as without a paywall. */
  readonly onError?: (error: unknown) => void;
}

/** The listener for `createServer`. */
export function nodePaywall(
  paywall: Paywall,
  handler: NodeHandler,
  { onError = thrown }: NodeOptions = {},
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  return async (request: PaidRequest, response) => {
    const target = request.url ?? "/";
    const path = pathBehind(paywall, request, target);
    if (path === undefined) return void (await handler(request, response));
    const failures = new Set<unknown>();
    let running: Promise<unknown> = Promise.resolve();
    await runChain(paywall, path, request, response, {
      target,
      before: response.getHeaders(),
      next: (payment, fail) => {
        if (payment !== undefined) request.payment = payment;
        running = run(handler, request, response);
        running.catch(fail);
      },
      failed: (error) => {
        failures.add(error);
        return false;
      },
    });
    // A handler may throw after it has ended its answer.
    await running.catch((error: unknown) => failures.add(error));
    for (const failure of failures) onError(failure);
  };
}

async function run(handler: NodeHandler, request: PaidRequest, response: ServerResponse): Promise<void> {
  await handler(request, response);
}

function thrown(error: unknown): never {
  throw error;
}
