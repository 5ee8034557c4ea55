/** A paywall before a Hono server's handlers, wherever it runs. */
import { LeptaError, limits } from "@lepta/protocol";
import { bytesOf, heldBack, tooLarge } from "./bounded-body.ts";
import { coveredPath } from "./covered-path.ts";
import type { Payment, Paywall } from "./paywall-port.ts";

interface HonoContext {
  readonly req: { raw: Request };
  res: Response | undefined;
  finalized: boolean;
  header(name: string, value?: string, options?: { readonly append: boolean }): void;
  set(name: "payment", payment: Payment | undefined): void;
}

/** The middleware for `app.use`, before what reads bodies. */
export function honoPaywall(
  paywall: Paywall,
): (context: HonoContext, next: () => Promise<void>) => Promise<Response | undefined> {
  return async (context, next) => {
    const asked = context.req.raw;
    const url = new URL(asked.url);
    const path = coveredPath(paywall, asked.method, url.pathname);
    if (path === undefined) return void (await next());
    if (asked.bodyUsed) throw new LeptaError("internal", "the paywall must stand before what reads bodies");
    const body = await bytesOf(asked.body, limits.paidBodyBytes);
    if (body === undefined) return tooLarge();
    const { method, headers, signal } = asked;
    const again = (at: string | URL): Request =>
      new Request(at, { method, headers, signal, ...(asked.body === null ? {} : { body }) });
    context.req.raw = again(asked.url);
    url.pathname = path;
    const before = new Headers(context.res?.headers);
    let served: Response | undefined;
    const exchange = paywall.handle(again(url), async (payment) => {
      context.set("payment", payment);
      await next();
      served = await heldBack(context.res ?? new Response(), method, payment?.use !== undefined);
      return served;
    });
    const answer = await exchange.catch((error: unknown) => {
      reset(context, before);
      throw error;
    });
    if (served === undefined) return answer;
    // Headers that the server sets on every answer stand on this one too, which may not be what its handler made.
    const made = new Response(answer.body, answer);
    for (const [name, value] of before)
      if (served.headers.has(name) && !made.headers.has(name)) made.headers.append(name, value);
    context.res = undefined;
    context.res = made;
    return undefined;
  };
}

/** What the handlers made is nobody's: what answers for the failure begins anew. */
function reset(context: HonoContext, before: Headers): void {
  const names = [...new Headers(context.res?.headers).keys()];
  context.res = undefined;
  context.finalized = false;
  for (const name of names) context.header(name);
  for (const [name, value] of before) context.header(name, value, { append: name === "set-cookie" });
}
