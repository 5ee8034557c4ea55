/** One request's way through a paywall, from its challenge to its answer. The handler runs inside its purchase (till.ts). */
import {
  type ErrorCode,
  equalBytes,
  errors,
  isErrorCode,
  isRefusal,
  limits,
  type Or,
  type Refusal,
  readLanePurchase,
  refuse,
  sha256,
  toText,
  utf8,
} from "@lepta/protocol";
import { bytesOf, plainProblem, tooLarge } from "../http/bounded-body.ts";
import { formatChallenge } from "../http/challenge.ts";
import { type Credential, readCredential } from "../http/credential.ts";
import { canonicalJson } from "../http/jcs.ts";
import { provePayload, readCharge, readSession } from "../http/payload.ts";
import { formatPaymentReceipt, RECEIPT_HEADER } from "../http/payment-receipt.ts";
import type { Serve } from "../http/paywall-port.ts";
import { type ProblemName, problemResponse } from "../http/problem.ts";
import { METHOD } from "../http/terms.ts";
import { isSoldAlone, isSoldOnLane, refusalOnLane } from "../merchant/is-sold.ts";
import type { Lane } from "../merchant/lanes/lane.ts";
import { readOffering, sellAlone } from "../merchant/sell-alone.ts";
import type { Shop } from "../merchant/shop.ts";
import { goodsFor, responseOf } from "./answer.ts";
import type { Answer, Answers } from "./answers.ts";
import type { Asking, Challenges } from "./challenges.ts";
import type { PricedRoutes } from "./routes.ts";
import type { Arrival, Guest, Outcome, Till } from "./till.ts";

/** A request with what was found out about it. */
interface Asked extends Asking {
  readonly serve: Serve;
}

/** What a request is paid with. */
interface Paid {
  readonly credential: Credential;
  /** SHA-256 of the payload in its one spelling. */
  readonly payment: string;
}

export class Gate {
  readonly #shop: Shop;
  readonly #routes: PricedRoutes;
  readonly #challenges: Challenges;
  readonly #till: Till;
  readonly #answers: Answers;

  constructor(shop: Shop, routes: PricedRoutes, challenges: Challenges, till: Till, answers: Answers) {
    this.#shop = shop;
    this.#routes = routes;
    this.#challenges = challenges;
    this.#till = till;
    this.#answers = answers;
  }

  async handle(request: Request, serve: Serve): Promise<Response> {
    const url = new URL(request.url);
    const route = this.#routes.match(request.method, url.pathname);
    if (route === undefined) return serve(undefined);
    if (request.method.length + url.pathname.length + url.search.length >= limits.resourceLength)
      return tooLong();
    const body = await bytesOf(request.body === null ? null : request.clone().body, limits.paidBodyBytes);
    if (body === undefined) return tooLarge();
    const asked: Asked = { request, url, route, body, serve };
    const credential = readCredential(request.headers.get("authorization"));
    if (credential === undefined) return this.#ask(asked, "payment-required");
    if (isRefusal(credential)) return this.#ask(asked, "malformed-credential", credential);
    const intent = this.#challenges.check(credential.challenge, asked);
    if (isRefusal(intent)) return this.#ask(asked, "invalid-challenge", intent);
    const payment = paymentOf(credential);
    if (isRefusal(payment)) return this.#ask(asked, "invalid-payload", payment);
    const known = await this.#known(asked, { credential, payment });
    if (known !== undefined) return known;
    if (this.#challenges.isOver(credential.challenge))
      return this.#ask(asked, "invalid-challenge", refuse("expired"));
    return intent === "session"
      ? this.#onLane(asked, { credential, payment })
      : this.#charge(asked, { credential, payment });
  }

  /** The same payment gets the same answer, however long ago; another for the same challenge gets none. */
  async #known(asked: Asked, { credential, payment }: Paid): Promise<Response | undefined> {
    const { id } = credential.challenge;
    const guest = this.#till.find(id, payment);
    if (isRefusal(guest)) return this.#ask(asked, "invalid-challenge", guest);
    if (guest !== undefined) return this.#beside(asked, guest);
    const made = await this.#answers.find(id);
    if (made === undefined) return undefined;
    if (made.payment !== payment) return this.#ask(asked, "invalid-challenge", refuse("conflict"));
    const [customer = "", txn = ""] = made.purchase.split("/");
    const isSold = await (made.isOnLane ? isSoldOnLane : isSoldAlone)(this.#shop, customer, txn, {
      sku: made.sku,
      description: id,
      isIts: (goods) => equalBytes(goods, goodsFor(id, made).bytes),
    });
    return isSold ? this.#again(asked, made) : undefined;
  }

  /** The same payment while it is being worked on: the same answer, where it can be had twice. */
  async #beside(asked: Asked, guest: Guest): Promise<Response> {
    const outcome = await guest.outcome;
    const isAlike = outcome.kind === "sold" || outcome.kind === "refused";
    return isAlike ? this.#tell(asked, outcome, undefined) : this.#refuse(asked, "pending");
  }

  /** M1 stands in the credential: it is judged, and the handler runs, while the request waits. */
  async #charge(asked: Asked, { credential, payment }: Paid): Promise<Response> {
    const { id } = credential.challenge;
    const payload = readCharge(credential.payload);
    if (isRefusal(payload)) return this.#ask(asked, "invalid-payload", payload);
    const offering = await readOffering(this.#shop, payload.hello, payload.request);
    if (isRefusal(offering)) return this.#refuse(asked, offering.code);
    const { purchase, spend } = offering;
    const { order } = spend;
    if (order.description !== id || order.sku !== asked.route.sku || order.quantity !== 1)
      return this.#refuse(asked, "wrong-reference");
    return this.#worked(asked, { id, payment, purchase, isOnLane: false }, async (guest) => {
      const sold = await sellAlone(this.#shop, offering);
      if (isRefusal(sold)) return this.#refuse(asked, sold.code);
      // Where the handler has run it has said already how this ends.
      guest.end({ kind: "refused", code: sold.reason === undefined ? "conflict" : codeOf(sold.reason) });
      return this.#tell(asked, await guest.outcome, sold.response);
    });
  }

  /** M1 travels on the lane: the credential names it, and proves that its sender holds the lane. */
  async #onLane(asked: Asked, { credential, payment }: Paid): Promise<Response> {
    const { id } = credential.challenge;
    const payload = readSession(credential.payload);
    if (isRefusal(payload)) return this.#ask(asked, "invalid-payload", payload);
    const { lane: name, sequence } = readLanePurchase(payload.purchase);
    const lane = this.#shop.lanes.named(name);
    if (lane === undefined) return this.#refuse(asked, "wrong-reference");
    if (!equalBytes(payload.proof, provePayload(lane.secret, id, payload.purchase)))
      return this.#refuse(asked, "bad-proof");
    // Decided, and there is no answer: it was refused, or has paid for something else.
    if (sequence <= lane.sequence)
      return this.#refuse(asked, codeOf(refusalOnLane(lane, sequence) ?? "conflict"));
    const purchase = `${lane.owner}/${payload.purchase}`;
    return this.#worked(asked, { id, payment, purchase, isOnLane: true }, async (guest) =>
      this.#tell(asked, await this.#till.meet(guest, () => isBehind(lane, sequence)), undefined),
    );
  }

  /** Takes a request to the till, and lets go of it unless its answer has only begun. */
  async #worked(
    { route, serve, ...asked }: Asked,
    arrival: Omit<Arrival, "route" | "serve">,
    work: (guest: Guest) => Promise<Response>,
  ): Promise<Response> {
    const guest = this.#till.enter({ ...arrival, route, serve });
    if (isRefusal(guest)) return this.#refuse({ ...asked, route, serve }, guest.code);
    let isWorking = true;
    try {
      const response = await work(guest);
      isWorking = guest.meter === undefined;
      return response;
    } finally {
      if (isWorking) {
        guest.end({ kind: "refused", code: "internal" });
        this.#till.leave(guest);
      }
    }
  }

  #tell(asked: Asked, outcome: Outcome, response: Uint8Array | undefined): Response {
    switch (outcome.kind) {
      case "sold":
        return responseOf(outcome.answer, this.#receipt(outcome.answer.purchase, response));
      case "begun": {
        const { status, headers, body } = outcome.response;
        const all = new Headers(headers);
        for (const [name, value] of Object.entries(this.#receipt(outcome.purchase, undefined)))
          all.set(name, value);
        return new Response(body, { status, headers: all });
      }
      case "unsold":
        return outcome.response;
      case "thrown":
        throw outcome.error;
      case "refused":
        return outcome.isDecided ? this.#decline(asked, outcome.code) : this.#refuse(asked, outcome.code);
    }
  }

  /** The answer that was made and sold before. */
  #again(asked: Asked, made: Answer): Response {
    // It was too long to keep, or broke off: nobody pays for it twice, and nobody gets it twice.
    if (made.body === undefined) return this.#ask(asked, "invalid-challenge", refuse("conflict"));
    return responseOf(made, this.#receipt(made.purchase, undefined));
  }

  /** `response` is M2, for who has it not yet. */
  #receipt(purchase: string, response: Uint8Array | undefined): Readonly<Record<string, string>> {
    const [, reference = ""] = purchase.split("/");
    const timestamp = new Date(this.#shop.party.runtime.now()).toISOString();
    const receipt = formatPaymentReceipt({
      status: "success",
      method: METHOD,
      timestamp,
      reference,
      ...(response === undefined ? {} : { response: toText(response) }),
    });
    // What was paid for is for who has paid alone.
    return { [RECEIPT_HEADER]: receipt, "cache-control": "private, no-store" };
  }

  /** A payment that did not do: asked for again, or told to come again where nothing is known yet. */
  #refuse(asked: Asked, code: ErrorCode): Response {
    return UNDECIDED.has(code) ? this.#comeAgain(code) : this.#decline(asked, code);
  }

  /** This payment will never do. Where that is our own fault nobody is asked for another. */
  #decline(asked: Asked, code: ErrorCode): Response {
    if (code === "delivery-failed") return this.#comeAgain(code);
    return this.#ask(asked, PROBLEMS[code] ?? "verification-failed", refuse(code));
  }

  #comeAgain(code: ErrorCode): Response {
    const answer = problemResponse({
      problem: "verification-failed",
      status: 503,
      code,
      detail: errors[code].meaning,
    });
    answer.headers.set("retry-after", "1");
    return answer;
  }

  /** 402 with fresh challenges. */
  #ask(asked: Asked, problem: ProblemName, refusal?: Refusal): Response {
    const challenges = this.#challenges.make(asked);
    const [first] = challenges;
    return problemResponse({
      problem,
      challenges: challenges.map(formatChallenge),
      ...(first === undefined ? {} : { challengeId: first.id }),
      ...(refusal === undefined ? {} : { code: refusal.code, detail: errors[refusal.code].meaning }),
    });
  }
}

const tooLong = (): Response => plainProblem(414, "URI Too Long", "too-large");

/** SHA-256 of the payload in its one spelling, or `malformed` where it has none: a stranger wrote it. */
function paymentOf({ payload }: Credential): Or<string> {
  try {
    return toText(sha256(utf8(canonicalJson(payload))));
  } catch {
    return refuse("malformed", "a payload that no intent of ours has");
  }
}

/** Whether a purchase has to wait for one before it, whose answer is being made. */
const isBehind = ({ isDelivering, sequence: decided }: Lane, sequence: number): boolean =>
  isDelivering && sequence > decided + 1;

const codeOf = (reason: string): ErrorCode => (isErrorCode(reason) ? reason : "internal");

/** Nothing is decided: the same payment may do before long. */
const UNDECIDED: ReadonlySet<ErrorCode> = new Set(["busy", "pending", "internal", "statement-due", "closed"]);

const PROBLEMS: Partial<Record<ErrorCode, ProblemName>> = {
  insufficient: "payment-insufficient",
  expired: "payment-expired",
};
