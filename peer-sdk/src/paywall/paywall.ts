/** A paywall: routes of an HTTP server that are paid for with Lepta, by the `Payment` authentication scheme (docs/http.md). */
import { LeptaError } from "@lepta/protocol";
import type { ServeOptions } from "../channel/serve.ts";
import { isLoopback } from "../customer/hosts.ts";
import type { Paywall } from "../http/paywall-port.ts";
import type { Listed } from "../merchant/catalogue.ts";
import { belowOf, Merchant, type ShopOptions } from "../merchant/merchant.ts";
import { Outbox } from "../outbox.ts";
import { openParty, type PartyOptions } from "../party.ts";
import { Answers } from "./answers.ts";
import { Challenges } from "./challenges.ts";
import { Gate } from "./gate.ts";
import { PricedRoutes, type Route, type Routes } from "./routes.ts";
import { Till } from "./till.ts";

/** What a paywall is opened with: a merchant's options, the routes that have prices, and where its WebSockets are served. */
export interface PaywallOptions extends PartyOptions, Partial<ShopOptions>, ServeOptions {
  /** `{ "GET /report": "EUR 0.02" }`; a price that is none is thrown with its route's name. */
  readonly routes: Routes;
  /** Where customers reach the merchant over WebSockets, as `wss://pay.example.org`; where it listens when nothing is said. */
  readonly address?: string;
  /** False where its WebSockets are served elsewhere, through `merchant.visit()`: then there is an `address`. */
  readonly isServing?: boolean;
  /** The protected space that challenges name; the request's host when nothing is said. */
  readonly realm?: string;
}

/** A paywall with the merchant that it sells for. */
export interface OpenPaywall extends Paywall {
  readonly merchant: Merchant;
  /** Where its customers speak with it over WebSockets; on a site's server once that listens, and before it throws. */
  readonly address: string;
  close(): Promise<void>;
}

/**
 * Opens a merchant whose routes have prices, and serves its customers' WebSockets. Throws `bad-amount` or `malformed` with the
 * route's name, and what opening a merchant throws.
 */
export async function paywall(options: PaywallOptions): Promise<OpenPaywall> {
  const routes = new PricedRoutes(options.routes, belowOf(options.statementBelow));
  mustBeReachable(options);
  const party = await openParty(options);
  try {
    const answers = await Answers.open(party.store, party.runtime);
    const till = new Till(answers, party.runtime, options.onError ?? console.error);
    const merchant = await Merchant.of(party, await Outbox.open(party), { catalogue: {}, ...options }, true, {
      items: routes.all.map((route) => listed(route, till)),
      refused: (id, code) => till.refused(id, code),
      ending: (customer) => till.endMetered(customer),
    });
    const serving = options.isServing === false ? undefined : await merchant.serve(options);
    const shop = Merchant.shopOf(merchant);
    // The site's server may not listen yet.
    const address = (): string => options.address ?? serving?.url ?? "";
    const challenges = new Challenges(shop, { address, realm: options.realm });
    const gate = new Gate(shop, routes, challenges, till, answers);
    return {
      merchant,
      get address() {
        return address();
      },
      covers: (method, path) => routes.match(method, path) !== undefined,
      handle: (request, serve) => gate.handle(request, serve),
      close: async () => {
        till.close();
        answers.close();
        await merchant.close();
      },
    };
  } catch (error) {
    await party.store.close();
    throw error;
  }
}

/** Throws `malformed` where challenges could name no address that a customer reaches. */
function mustBeReachable({ address, isServing, host = "localhost", server }: PaywallOptions): void {
  if (address !== undefined) return;
  if (isServing === false) throw new LeptaError("malformed", "a paywall without an address");
  // A site's own server may listen anywhere; what it is reached by is known when it does.
  if (server === undefined && !isLoopback(host))
    throw new LeptaError("malformed", "customers need an address: wss://, as they reach it");
}

const listed = ({ sku, price, meter }: Route, till: Till): Listed => ({
  sku,
  price,
  description: "",
  isBound: true,
  deliver: (purchase) => till.deliver(purchase),
  ...(meter === undefined ? {} : { meter }),
});
