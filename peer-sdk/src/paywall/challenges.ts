/** The challenges of a paywall: made for one request and its body, and known again by the id alone. */
import { formatAmount, hmacSha256, isRefusal, type Or, refuse, toText, utf8 } from "@lepta/protocol";
import { choose } from "../http/accept-payment.ts";
import { type Challenge, challengeId, isBound } from "../http/challenge.ts";
import { contentDigest, digestFits } from "../http/content-digest.ts";
import { encodeJson } from "../http/json-text.ts";
import { type Intent, METHOD, readTerms, resourceOf, type Terms, writeTerms } from "../http/terms.ts";
import type { Shop } from "../merchant/shop.ts";
import type { Route } from "./routes.ts";

/** How long a challenge can be answered, in milliseconds. */
const LIFE = 5 * 60 * 1000;

export interface ChallengeOptions {
  /** Where the merchant speaks over WebSockets. */
  readonly address: () => string;
  /** The protected space; the request's host where nothing is said. */
  readonly realm: string | undefined;
}

export class Challenges {
  readonly #shop: Shop;
  readonly #secret: Uint8Array;
  readonly #options: ChallengeOptions;

  constructor(shop: Shop, options: ChallengeOptions) {
    this.#shop = shop;
    // One that follows from the merchant's keys: it is the same after a restart, and nobody else's.
    this.#secret = hmacSha256(shop.party.identity.epochRoot, utf8("lepta/1 challenges of HTTP"));
    this.#options = options;
  }

  /** One for each way in which this request can be paid for, the one that its sender likes best first. */
  make(request: Request, route: Route, body: Uint8Array): readonly Challenge[] {
    const { runtime } = this.#shop.party;
    const { price, sku, meter } = route;
    const expires = new Date(runtime.now() + LIFE).toISOString();
    const terms = writeTerms(this.#terms(request, route));
    const offered = this.#intents(route).map((intent) => ({ method: METHOD, intent }));
    const liked = choose(offered, request.headers.get("accept-payment"));
    // The header states a liking: who likes nothing of ours is told all the same what there is.
    return (liked.length > 0 ? liked : offered).map(({ method, intent }) => {
      const slots = {
        realm: this.#options.realm ?? new URL(request.url).host,
        method,
        intent,
        request: terms,
        expires,
        ...(body.length === 0 ? {} : { digest: contentDigest(body) }),
        opaque: encodeJson({ nonce: toText(runtime.random(16)) }),
      };
      const text = `${sku}: ${formatAmount(price)}${meter === undefined ? "" : ` per ${meter.unit}`}`;
      return { id: challengeId(this.#secret, slots), ...slots, description: printable(text) };
    });
  }

  /** Whether we made a challenge, for this very request and body. When it ends is not asked here. */
  check(challenge: Challenge, request: Request, route: Route, body: Uint8Array): Or<Intent> {
    if (!isBound(this.#secret, challenge)) return refuse("wrong-reference", "not a challenge of ours");
    const terms = readTerms(challenge.request);
    if (isRefusal(terms)) return terms;
    const digest = challenge.digest === undefined ? body.length === 0 : digestFits(challenge.digest, body);
    if (terms.resource !== resourceOf(request) || terms.sku !== route.sku || !digest)
      return refuse("wrong-reference", "the challenge is for another request");
    return challenge.intent as Intent;
  }

  /** Whether it can still be answered: until `expires`, exclusive. */
  isOver({ expires = "" }: Challenge): boolean {
    return !(this.#shop.party.runtime.now() < Date.parse(expires));
  }

  /** What is cheap is bought on lanes, if its sender can; what is metered only there. */
  #intents({ price, meter }: Route): readonly Intent[] {
    if (meter !== undefined) return ["session"];
    return price.value < this.#shop.statementBelow ? ["session", "charge"] : ["charge"];
  }

  #terms(request: Request, { price, sku, meter }: Route): Terms {
    const { uid, network } = this.#shop.party.identity;
    const resource = resourceOf(request);
    return {
      price,
      recipient: uid,
      network,
      address: this.#options.address(),
      resource,
      sku,
      ...(meter === undefined ? {} : { meter }),
    };
  }
}

/** A description stands in a header as it is. */
const printable = (text: string): string => text.replace(/[^\x20-\x7e]/g, "?");
