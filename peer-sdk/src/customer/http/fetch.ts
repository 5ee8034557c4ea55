/**
 * A fetch that pays: what answers 402 with a challenge of ours is paid for within limits and asked again. What is known to have
 * cost nothing is given back to the budget, and nothing else is.
 */
import { type Amount, formatAmount, isRefusal, LeptaError, limits, parseAmount } from "@lepta/protocol";
import { ACCEPT_HEADER } from "../../http/accept-payment.ts";
import { bytesOf } from "../../http/bounded-body.ts";
import { type Challenge, parseChallenges } from "../../http/challenge.ts";
import { METHOD, readTerms, resourceOf, type Terms } from "../../http/terms.ts";
import type { Budget } from "../budgets.ts";
import type { Customer } from "../customer.ts";
import type { OpenDesk } from "../desk.ts";
import { isAllowedHost, isLoopback } from "../hosts.ts";
import type { Provision } from "../spend.ts";
import { receiptOf } from "./exchange.ts";
import { keptPayments, requestName } from "./kept.ts";
import { newReservation, type PaidResponse, payFixed, payMetered } from "./paying.ts";
import { reckon, standingOf } from "./reckoning.ts";

/** Within what a fetch pays, and where. */
export interface FetchOptions {
  /** The most that one request may cost, `"EUR 0.10"`. */
  readonly max: string;
  /** The most that all requests of any 24 hours may cost, `"EUR 2.00"`. */
  readonly perDay?: string;
  /** Where it may pay: `"news.example.org"`, `"*.example.org"`, with a port where it is not the scheme's own; anywhere when absent. */
  readonly hosts?: readonly string[];
  /** The name under which what was spent is kept; those of one name share it. `fetch` by default. */
  readonly budget?: string;
  /** In place of the platform's own. */
  readonly fetch?: typeof fetch;
}

/** What it works with. */
export interface FetchPorts {
  readonly customer: Customer;
  readonly desk: () => Promise<OpenDesk>;
  readonly budget: (name: string) => Promise<Budget>;
  readonly provision: Provision;
}

/** A request with its body in hand: it may be sent more than once. */
interface Held {
  readonly request: Request;
  readonly body: Uint8Array;
}

/** `session` first: nothing is signed for one request alone then. */
const LIKED = `${METHOD}/session, ${METHOD}/charge;q=0.9`;
const DAY = 24 * 60 * 60 * 1000;

/** What a request would cost, found out without paying. */
export interface Quote {
  /** Of the answer without a payment. */
  readonly status: number;
  /** Where the answer sends us on. */
  readonly location?: string;
  /** `"EUR 0.02"`; of what is metered the most that it can be. Absent where nothing is asked for, or nothing that we can pay. */
  readonly price?: string;
  /** The merchant's UID, and what its site calls itself. */
  readonly merchant?: string;
  readonly realm?: string;
  /** What stands in the challenge for people. */
  readonly description?: string;
}

/** Pays for answers within limits, and tells what they cost. */
export interface Payer {
  /** As `Wallet.fetch` does, and says what was paid. */
  fetch(request: Request): Promise<PaidResponse>;
  quote(request: Request): Promise<Quote>;
}

/** Throws `bad-amount` where a limit is none. */
export function createPayer(ports: FetchPorts, options: FetchOptions): Payer {
  const within = {
    max: parseAmount(options.max),
    ...(options.perDay === undefined ? {} : { perDay: parseAmount(options.perDay) }),
  };
  const plainFetch = options.fetch ?? globalThis.fetch;
  const working = new Set<string>();
  const budgetName = options.budget ?? "fetch";
  const { customer } = ports;
  const { store, runtime, identity } = customer.party;
  const dealings = async () => (await ports.desk()).part;

  return { fetch: pay, quote };

  async function pay(request: Request): Promise<PaidResponse> {
    if (!mayPay(request.url) || request.headers.has("authorization"))
      return { response: await plainFetch(request) };
    const held = await hold(request);
    await reckon(customer, dealings, ports.budget);
    const name = requestName(request.method, request.url, held.body);
    // The same request twice at once is two requests.
    if (working.has(name)) return ask(held, toUnique(name));
    working.add(name);
    try {
      return (await whatWasPaid(held, name)) ?? (await ask(held, name));
    } finally {
      working.delete(name);
    }
  }

  async function quote(request: Request): Promise<Quote> {
    const answer = await plainFetch(sendable(await hold(request), { [ACCEPT_HEADER]: LIKED }));
    await unread(answer);
    const { status, headers } = answer;
    const location = headers.get("location");
    const asked = status === 402 ? termsOf(answer, request) : undefined;
    return {
      status,
      ...(location === null ? {} : { location }),
      ...(asked === undefined ? {} : quoteOf(asked)),
    };
  }

  function mayPay(url: string): boolean {
    const parsed = new URL(url);
    const { hosts = [parsed.host] } = options;
    return isAllowedHost(hosts, parsed);
  }

  async function ask(held: Held, name: string): Promise<PaidResponse> {
    const first = await plainFetch(sendable(held, { [ACCEPT_HEADER]: LIKED }));
    if (first.status !== 402) return { response: first };
    // Where it led elsewhere the payment goes there, if it may.
    const target = targetOf(first, held.request);
    const asked = mayPay(target) ? termsOf(first, held.request) : undefined;
    if (asked === undefined) return { response: first };
    await unread(first);
    const { challenge, terms } = asked;
    const { address, recipient } = terms;
    const { part, merchants } = await ports.desk();
    const merchant = await merchants.at(`${address}#${recipient}`);
    const demand = {
      ...asked,
      customer,
      merchant,
      dealings: part,
      budget: await ports.budget(budgetName),
      budgetName,
      provision: ports.provision,
      limits: within,
      name,
      target,
      reservation: newReservation(customer),
      send: (credential: string) =>
        plainFetch(sendable(held, { authorization: credential }, target, terms.resource)),
    };
    return terms.meter === undefined ? payFixed({ ...demand, challenge }) : payMetered(demand);
  }

  /** The first challenge that we can answer. */
  function termsOf(response: Response, request: Request) {
    for (const challenge of parseChallenges(response.headers.get("www-authenticate") ?? "")) {
      if (challenge.method !== METHOD) continue;
      const terms = readTerms(challenge.request);
      if (!isRefusal(terms) && isForUs(challenge, terms, response, request)) return { challenge, terms };
    }
    return undefined;
  }

  function isForUs(
    { intent, expires = "" }: Challenge,
    { meter, network, resource, address }: Terms,
    response: Response,
    request: Request,
  ): boolean {
    const isKnown = intent === "session" || (intent === "charge" && meter === undefined);
    // Where a request was led elsewhere it may have become a GET, and never anything else.
    const methods = response.redirected ? [request.method, "GET"] : [request.method];
    const url = targetOf(response, request);
    return (
      isKnown &&
      network === identity.network &&
      methods.some((method) => resource === resourceOf({ method, url })) &&
      isSafe(address, url) &&
      !(Date.parse(expires) <= runtime.now())
    );
  }

  /** The answer to this request that was paid for before and did not come. */
  async function whatWasPaid(held: Held, name: string): Promise<PaidResponse | undefined> {
    const kept = await keptPayments(store).get(name);
    if (kept === undefined) return undefined;
    const answer =
      runtime.now() - kept.at < DAY && mayPay(kept.target)
        ? await plainFetch(sendable(held, { authorization: kept.credential }, kept.target, kept.resource))
        : undefined;
    const isAnswered = answer !== undefined && receiptOf(answer) !== undefined;
    const standing = await standingOf(customer, dealings, kept.txn);
    // A site that fails has not said that it will never answer; one that asks for a payment again has.
    const isFailing = standing === "sold" && answer !== undefined && answer.status !== 402;
    // Nobody knows yet: it is not paid a second time before the first is known.
    if ((standing === "unknown" || isFailing) && !isAnswered)
      throw new LeptaError("pending", `the same request was paid for as ${kept.txn}`);
    await store.commit([keptPayments(store).remove(name)]);
    const charged = async (): Promise<Amount> => kept.amount;
    return isAnswered ? { response: answer, payment: { txn: kept.txn, charged } } : undefined;
  }
}

const NOTHING = new Uint8Array(0);

/** Nobody needs what it says besides; read to its end, where that is near, its connection is good for the next request. */
const unread = ({ body }: Response): Promise<unknown> => bytesOf(body, limits.credentialLength);

const hold = async (request: Request): Promise<Held> => ({
  request,
  body: request.body === null ? NOTHING : new Uint8Array(await request.arrayBuffer()),
});

function quoteOf({
  challenge,
  terms,
}: {
  readonly challenge: Challenge;
  readonly terms: Terms;
}): Partial<Quote> {
  const { price, meter, recipient } = terms;
  const { realm, description } = challenge;
  const most = { ...price, value: price.value * BigInt(meter?.most ?? 1) };
  return {
    price: formatAmount(most),
    merchant: recipient,
    realm,
    ...(description === undefined ? {} : { description }),
  };
}

let requests = 0;
/** One of several alike at once is not found again: only the first is. */
function toUnique(name: string): string {
  requests += 1;
  return `${name}-${requests}`;
}

/** What was asked in the end, without what a server never sees. */
const targetOf = ({ redirected, url }: Response, request: Request): string =>
  (redirected ? url : request.url).replace(/#.*$/, "");

/** A merchant is met over TLS; on this machine only where the site is there, too: nobody from outside leads us to what listens here. */
function isSafe(address: string, site: string): boolean {
  const url = URL.parse(address);
  if (url === null) return false;
  const isHere = isLoopback(url.hostname);
  if (isHere && !isLoopback(new URL(site).hostname)) return false;
  return url.protocol === "wss:" || (url.protocol === "ws:" && isHere);
}

/** The request once more, with these headers besides its own; elsewhere and by another method where it was led there. */
function sendable(
  { request, body }: Held,
  more: Readonly<Record<string, string>>,
  url: string = request.url,
  resource?: string,
): Request {
  const headers = new Headers(request.headers);
  for (const [name, value] of Object.entries(more)) headers.set(name, value);
  const method = resource?.split(" ")[0] ?? request.method;
  const { signal, redirect, credentials, cache, referrerPolicy } = request;
  return new Request(url, {
    method,
    headers,
    signal,
    redirect,
    credentials,
    cache,
    referrerPolicy,
    ...(body.length === 0 || method === "GET" || method === "HEAD" ? {} : { body: new Uint8Array(body) }),
  });
}
