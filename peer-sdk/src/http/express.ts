/** A paywall before an Express server's handlers. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { pathBehind, runChain } from "./node-chain.ts";
import type { Payment, Paywall } from "./paywall-port.ts";

declare global {
  namespace Express {
    interface Request {
      /** What paid for the request, where it has a price. */
      payment?: Payment;
    }
  }
}

type ExpressRequest = IncomingMessage & {
  readonly originalUrl?: string;
  readonly body?: unknown;
  payment?: Payment;
};
type Next = (error?: unknown) => void;

/** The middleware for `app.use`, before what parses bodies. */
export function expressPaywall(
  paywall: Paywall,
): (request: ExpressRequest, response: ServerResponse, next: Next) => Promise<void> {
  return async (request, response, next) => {
    const target = request.originalUrl ?? request.url ?? "/";
    const path = pathBehind(paywall, request, target);
    if (path === undefined) return next();
    await runChain(paywall, path, request, response, {
      target,
      before: response.getHeaders(),
      next: (payment) => {
        if (payment !== undefined) request.payment = payment;
        next();
      },
      failed: (error) => {
        next(error);
        return true;
      },
    });
  };
}
