/** What the adapters to servers need of a paywall, and what a handler learns of the payment. */

/** What paid for a request. */
export interface Payment {
  /** The customer's UID. */
  readonly customer: string;
  /** What names the payment. */
  readonly id: string;
  /** On metered routes: counts units of what is sold, and waits while the funds are used up. */
  readonly use?: (units: number) => Promise<void>;
}

/** Makes the answer: with its payment where the route has a price. */
export type Serve = (payment: Payment | undefined) => Response | Promise<Response>;

/** What stands before a server's handlers: the adapters of each server take it. */
export interface Paywall {
  /** Whether a route with a price covers it; what is not covered passes by untouched. */
  covers(method: string, path: string): boolean;
  /** The answer to a request: what `serve` made, charged for where it succeeded, or what asks for payment. */
  handle(request: Request, serve: Serve): Promise<Response>;
}
