/** The header `Accept-Payment`: which methods and intents a client would pay with, in which order. */
import { limits } from "@lepta/protocol";

export const ACCEPT_HEADER = "Accept-Payment";

/** One entry; `*` stands for any. */
export interface Accepted {
  readonly method: string;
  readonly intent: string;
  /** From 0, never, to 1. */
  readonly q: number;
}

/** What can be chosen from. */
export interface Offered {
  readonly method: string;
  readonly intent: string;
}

/** The header's entries in their order, or undefined where it cannot be read. */
export function parseAcceptPayment(header: string): readonly Accepted[] | undefined {
  const parts = header.split(",").filter((part) => part.trim() !== "");
  if (parts.length === 0 || parts.length > limits.acceptedPayments) return undefined;
  const entries = parts.map(entryOf);
  return entries.every((entry) => entry !== undefined) ? entries : undefined;
}

/**
 * What of the offers the client accepts, the liked best first, equals in the order of the offers. Without a header, or with one
 * that cannot be read, all of them as they are: the header states a liking and is no condition of the exchange.
 */
export function choose<T extends Offered>(
  offered: readonly T[],
  header: string | null | undefined,
): readonly T[] {
  const accepted = parseAcceptPayment(header ?? "");
  if (accepted === undefined) return offered;
  return offered
    .map((offer) => ({ offer, q: likingOf(offer, accepted) }))
    .filter(({ q }) => q > 0)
    .sort((a, b) => b.q - a.q)
    .map(({ offer }) => offer);
}

const ENTRY =
  /^[ \t]*(\*|[a-z0-9-]+)[ \t]*\/[ \t]*(\*|[a-z0-9-]+)((?:[ \t]*;[ \t]*[\w-]+[ \t]*=[ \t]*[^\s;]+)*)[ \t]*$/;
const PARAMETER = /;[ \t]*([\w-]+)[ \t]*=[ \t]*([^\s;]+)/g;
const Q = /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/;

function entryOf(text: string): Accepted | undefined {
  const [, method, intent, parameters = ""] = ENTRY.exec(text) ?? [];
  if (method === undefined || intent === undefined) return undefined;
  let q = "1";
  for (const [, name, value = ""] of parameters.matchAll(PARAMETER)) if (name === "q") q = value;
  return Q.test(q) ? { method, intent, q: Number(q) } : undefined;
}

/** The q of the entry that fits most closely; of several such ones the highest. */
function likingOf(offer: Offered, accepted: readonly Accepted[]): number {
  let best = { closeness: -1, q: 0 };
  for (const { method, intent, q } of accepted) {
    if (method !== "*" && method !== offer.method) continue;
    if (intent !== "*" && intent !== offer.intent) continue;
    const closeness = Number(method !== "*") + Number(intent !== "*");
    if (closeness > best.closeness || (closeness === best.closeness && q > best.q)) best = { closeness, q };
  }
  return best.q;
}
