/**
 * Lepta among the methods of an mppx client. mppx chooses a challenge and sends the request; what is paid, and within which limits,
 * is the wallet's own `fetch` to decide, which sees mppx as the network.
 */
import { LeptaError } from "@lepta/protocol";
import type { FetchOptions } from "../customer/http/fetch.ts";
import { type Runtime, systemRuntime } from "../ports.ts";
import { type Challenge, formatChallenge, parseChallenges } from "./challenge.ts";
import { type Intent, METHOD } from "./terms.ts";

/** As mppx takes a method of a client. */
export interface MppxMethod {
  readonly name: typeof METHOD;
  readonly intent: Intent;
  readonly createCredential: (asked: { readonly challenge: { readonly id: string } }) => Promise<string>;
}

/** What mppx's `Mppx.create` is given: both together, as the wallet must see the answer to what it has paid for. */
export interface MppxParts {
  readonly methods: readonly MppxMethod[];
  readonly fetch: typeof fetch;
}

/** A request that was answered with 402, by the id of one of its challenges. */
interface Asked {
  readonly challenge: Challenge;
  readonly url: string;
  readonly method: string;
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** A payment that mppx has asked for. */
interface Paying {
  readonly challenge: Challenge;
  /** Gives mppx its credential; the answer to it comes back. */
  readonly handOver: (credential: string) => Promise<Response>;
  isHandedOver: boolean;
}

/** A credential that mppx has and has not sent yet. */
interface HandedOver {
  readonly sent: (response: Promise<Response>) => void;
  /** What the wallet's fetch makes of the answer. */
  readonly answer: () => Promise<Response>;
}

/** How many challenges are remembered that mppx may still choose. */
const REMEMBERED = 256;
/** How long mppx may take to send what it has asked for, in milliseconds; then the wallet sends it itself, to know what it has paid for. */
const SENT_WITHIN = 30_000;

/**
 * Methods and fetch for `Mppx.create({ ...mppxParts(wallet, { max: "EUR 0.10" }), polyfill: false })`. Limits, and what a credential
 * cannot be had for, are those of `wallet.fetch`; `wrong-reference` where a challenge was not answered to this fetch, or the wallet
 * may not or cannot pay it.
 */
export function mppxParts(
  wallet: { fetch(options: FetchOptions): typeof fetch },
  options: FetchOptions,
  { later }: Pick<Runtime, "later"> = systemRuntime,
): MppxParts {
  const plainFetch = options.fetch ?? globalThis.fetch;
  const asked = new Map<string, Asked>();
  const payments = new Map<string, Paying>();
  const handedOver = new Map<string, HandedOver>();
  // One for all: it knows requests that are alike by themselves from those that are made again.
  const pay = wallet.fetch({ ...options, fetch: network });

  return {
    methods: (["session", "charge"] as const).map((intent) => ({ name: METHOD, intent, createCredential })),
    fetch: async (input, init) => {
      const request = new Request(input, init);
      const authorization = request.headers.get("authorization") ?? "";
      const { method, headers } = request;
      const body = new Uint8Array(await request.clone().arrayBuffer());
      const paid = handedOver.get(authorization);
      handedOver.delete(authorization);
      const sending = plainFetch(request);
      paid?.sent(sending);
      const answer = await (paid?.answer() ?? sending);
      if (answer.status === 402) remember(answer, { url: answer.url || request.url, method, headers, body });
      return answer;
    },
  };

  function remember(answer: Response, request: Omit<Asked, "challenge">): void {
    for (const challenge of parseChallenges(answer.headers.get("www-authenticate") ?? "")) {
      if (challenge.method === METHOD) asked.set(challenge.id, { ...request, challenge });
      const [oldest = ""] = asked.keys();
      if (asked.size > REMEMBERED) asked.delete(oldest);
    }
  }

  async function createCredential({ challenge: { id } }: Parameters<MppxMethod["createCredential"]>[0]) {
    const known = asked.get(id);
    if (known === undefined) throw new LeptaError("wrong-reference", "this fetch was not asked for that");
    asked.delete(id);
    const { challenge } = known;
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const handOver = (credential: string): Promise<Response> => {
      const sent = Promise.withResolvers<Response>();
      const callOff = later(SENT_WITHIN, () => {
        handedOver.delete(credential);
        sent.reject(new LeptaError("unreachable", "mppx has not sent it"));
      });
      handedOver.set(credential, {
        answer: () => answer,
        sent: (response) => {
          callOff();
          sent.resolve(response);
        },
      });
      resolve(credential);
      return sent.promise;
    };
    payments.set(id, { challenge, handOver, isHandedOver: false });
    const answer = pay(requestOf(known)).finally(() => payments.delete(id));
    // Whoever sends the credential is told how it ends.
    answer.then(
      () => reject(new LeptaError("wrong-reference", "the wallet may not or cannot pay for this")),
      reject,
    );
    return promise;
  }

  /** The network as the wallet sees it: it asks for the payment that mppx asks for, and has mppx send the first one. */
  async function network(...told: Parameters<typeof fetch>): Promise<Response> {
    const request = new Request(...told);
    const payment = payments.get(request.headers.get(PAYMENT) ?? "");
    request.headers.delete(PAYMENT);
    const credential = request.headers.get("authorization");
    if (payment === undefined) return plainFetch(request);
    if (credential === null) {
      const headers = { "www-authenticate": formatChallenge(payment.challenge) };
      return new Response(null, { status: 402, headers });
    }
    // What mppx could not send, the wallet sends itself: it must know what it has paid for.
    if (payment.isHandedOver) return plainFetch(request);
    payment.isHandedOver = true;
    return payment.handOver(credential);
  }
}

/** By which payment a request of the wallet's is; it never leaves. */
const PAYMENT = "lepta-payment";

function requestOf({ challenge, url, method, headers, body }: Asked): Request {
  const own = new Headers(headers);
  own.delete("authorization");
  own.set(PAYMENT, challenge.id);
  return new Request(url, { method, headers: own, ...(body.length === 0 ? {} : { body }) });
}
