/** The challenges of a paywall: made for one request and its body, and known again by the id alone. */
import { formatAmount, hmacSha256, isRefusal, limits, type Or, refuse, toText, utf8 } from "@lepta/protocol";
import { choose } from "../http/accept-payment.ts";
import { type Challenge, challengeId, isBound } from "../http/challenge.ts";
import { contentDigest, digestFits } from "../http/content-digest.ts";
import { encodeJson } from "../http/json-text.ts";
import { type Intent, METHOD, readTerms, type Terms, writeTerms } from "../http/terms.ts";
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

/** A request to be paid for, with what was read of it. */
export interface Asking {
  readonly request: Request;
  readonly url: URL;
  readonly route: Route;
  readonly body: Uint8Array;
}

export class Challenges {
  readonly #shop: Shop;
  readonly #secret: Uint8Array;
  readonly #options: ChallengeOptions;
  /** Terms as they are written, by item and resource: the last ones are nearly always the next ones. */
  readonly #written = new Map<string, string>();

  constructor(shop: Shop, options: ChallengeOptions) {
    this.#shop = shop;
    // One that follows from the merchant's keys: it is the same after a restart, and nobody else's.
    this.#secret = hmacSha256(shop.party.identity.epochRoot, utf8("lepta/1 challenges of HTTP"));
    this.#options = options;
  }

  /** One for each way in which this request can be paid for, the one that its sender likes best first. */
  make({ request, url, route, body }: Asking): readonly Challenge[] {
    const { runtime } = this.#shop.party;
    const { price, sku, meter } = route;
    const terms = this.#terms(resourceFor(request, url), route);
    const bound = {
      realm: this.#options.realm ?? url.host,
      expires: new Date(runtime.now() + LIFE).toISOString(),
      ...(body.length === 0 ? {} : { digest: contentDigest(body) }),
      // One for all of them: their intents tell them apart.
      opaque: encodeJson({ nonce: toText(runtime.random(16)) }),
    };
    const text = `${sku}: ${formatAmount(price)}${meter === undefined ? "" : ` per ${meter.unit}`}`;
    const description = printable(text);
    const offered = this.#intents(route).map((intent) => ({ method: METHOD, intent }));
    const liked = choose(offered, request.headers.get("accept-payment"));
    // The header states a liking: who likes nothing of ours is told all the same what there is.
    return (liked.length > 0 ? liked : offered).map(({ method, intent }) => {
      const slots = { ...bound, method, intent, request: terms };
      return { id: challengeId(this.#secret, slots), ...slots, description };
    });
  }

  /** Whether we made a challenge, for this very request and body. When it ends is not asked here. */
  check(challenge: Challenge, { request, url, route, body }: Asking): Or<Intent> {
    if (!isBound(this.#secret, challenge)) return refuse("wrong-reference", "not a challenge of ours");
    const resource = resourceFor(request, url);
    // Nearly always it is the very text that we would write again.
    if (challenge.request !== this.#terms(resource, route)) {
      const terms = readTerms(challenge.request);
      if (isRefusal(terms)) return terms;
      if (terms.resource !== resource || terms.sku !== route.sku) return OTHER;
    }
    const digest = challenge.digest === undefined ? body.length === 0 : digestFits(challenge.digest, body);
    return digest ? (challenge.intent as Intent) : OTHER;
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

  #terms(resource: string, { price, sku, meter }: Route): string {
    const name = `${sku}\n${resource}`;
    const known = this.#written.get(name);
    if (known !== undefined) return known;
    const { uid, network } = this.#shop.party.identity;
    const terms: Terms = {
      price,
      recipient: uid,
      network,
      address: this.#options.address(),
      resource,
      sku,
      ...(meter === undefined ? {} : { meter }),
    };
    const text = writeTerms(terms);
    if (this.#written.size === REMEMBERED) this.#written.clear();
    if (resource.length <= limits.resourceLength) this.#written.set(name, text);
    return text;
  }
}

const OTHER = refuse("wrong-reference", "the challenge is for another request");
/** How many terms are remembered. */
const REMEMBERED = 256;

const resourceFor = ({ method }: Request, { pathname, search }: URL): string =>
  `${method} ${pathname}${search}`;

/** A description stands in a header as it is. */
const printable = (text: string): string => text.replace(/[^\x20-\x7e]/g, "?");
