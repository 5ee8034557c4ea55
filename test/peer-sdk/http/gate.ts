/** A paywall of the tests' own: a customer's name in a header pays, and what was charged is written down. */
import type { Payment, Paywall } from "../../../peer-sdk/src/http/paywall-port.ts";

export interface Gate extends Paywall {
  /** Who was charged for what, in order. */
  readonly charged: readonly string[];
  /** What came to be paid for. */
  readonly asked: readonly Asked[];
  /** What was counted on metered routes. */
  readonly used: readonly number[];
  /** The next charge fails, before or after the handler has run. */
  breaks?: "before" | "after" | undefined;
  /** What a use waits for. */
  funds: () => Promise<void>;
}

interface Asked {
  readonly method: string;
  readonly url: string;
  readonly body: string;
  readonly headers: Headers;
  readonly signal: AbortSignal;
}

/** Covers these routes, such as `GET /report`; those that begin with `GET /metered` by a meter. */
export function makeGate(routes: readonly string[]): Gate {
  const charged: string[] = [];
  const asked: Asked[] = [];
  const used: number[] = [];
  const gate: Gate = {
    charged,
    asked,
    used,
    funds: async () => undefined,
    covers: (method, path) => routes.includes(`${method === "HEAD" ? "GET" : method} ${path}`),
    async handle(request, serve) {
      const { method, url, headers, signal } = request;
      asked.push({ method, url, headers, signal, body: await request.text() });
      const { pathname } = new URL(url);
      const customer = headers.get("x-customer");
      if (customer === null)
        return new Response("pay", { status: 402, headers: { "www-authenticate": "Payment" } });
      if (gate.breaks === "before") throw new Error("the books are away");
      const use = async (units: number): Promise<void> => {
        await gate.funds();
        used.push(units);
      };
      const payment: Payment = {
        customer,
        id: String(asked.length),
        ...(pathname.startsWith("/metered") ? { use } : {}),
      };
      const response = await serve(payment);
      if (!response.ok) return response;
      if (gate.breaks === "after") throw new Error("the books are away");
      charged.push(`${customer} ${method} ${pathname}`);
      const paid = new Response(response.body, response);
      paid.headers.set("payment-receipt", payment.id);
      return paid;
    },
  };
  return gate;
}
