/** A merchant: sells what is in its catalogue, for VendorScrip that it makes and checks itself. */
import { type Amount, formatAmount, LeptaError } from "@lepta/protocol";
import { type ServeOptions, type Serving, serveWebSockets, type Visit } from "../channel/serve.ts";
import { KeyedLock } from "../lock.ts";
import { Outbox } from "../outbox.ts";
import { openParty, type Party, type PartyOptions } from "../party.ts";
import { type Catalogue, readCatalogue } from "./catalogue.ts";
import { merchantTables } from "./records.ts";
import { resumeAuthorizations } from "./sell-vendorscrip.ts";
import type { Shop } from "./shop.ts";
import { createVisit } from "./visit.ts";

const DAY = 24 * 60 * 60 * 1000;

export interface ShopOptions {
  readonly catalogue: Catalogue;
  /** How long VendorScrip lives, in milliseconds; 90 days by default. */
  readonly scripLife?: number;
  /** How long notices for the broker are gathered before they are sent, in milliseconds; a second by default. */
  readonly noticeDelay?: number;
  /** Told of a handler's fault, or of one of our own, that a customer only sees as a code; by default a line on stderr. */
  readonly onError?: (error: unknown) => void;
}

export interface Sale {
  readonly customer: string;
  readonly txn: string;
  readonly sku: string;
  readonly quantity: number;
  readonly ok: boolean;
  /** `"EUR 0.02"`. */
  readonly charged: string;
  /** Milliseconds. */
  readonly at: number;
}

/** What the merchant's own books say, in millionths of the currency's major unit (design section 6, rule 6). */
export interface MerchantBooks {
  readonly liveVendorScrip: bigint;
  readonly reservedVendorScrip: bigint;
  readonly expired: bigint;
  readonly sold: bigint;
  readonly refunded: bigint;
}

export class Merchant {
  readonly #opened: Shop;
  #isOpen = true;
  readonly #ownsParty: boolean;
  readonly #serving = new Set<Serving>();

  private constructor(shop: Shop, ownsParty: boolean) {
    this.#opened = shop;
    this.#ownsParty = ownsParty;
  }

  /** Opens a merchant's directory and enrols it. Throws `bad-amount` where a price is none, and what opening a peer throws. */
  static async open(options: PartyOptions & ShopOptions): Promise<Merchant> {
    readCatalogue(options.catalogue);
    const party = await openParty(options);
    try {
      return await Merchant.of(party, await Outbox.open(party), options, true);
    } catch (error) {
      await party.store.close();
      throw error;
    }
  }

  /** A merchant of a party that is open already. */
  static async of(party: Party, outbox: Outbox, options: ShopOptions, ownsParty = false): Promise<Merchant> {
    const { scripLife = 90 * DAY, noticeDelay = 1000, onError = console.error } = options;
    const items = readCatalogue(options.catalogue);
    const tables = merchantTables(party.store);
    const shop: Shop = {
      party,
      tables,
      items,
      outbox,
      lock: new KeyedLock(),
      scripLife,
      noticeDelay,
      onError,
    };
    await resumeAuthorizations(shop);
    if (outbox.size > 0) outbox.flushSoon(noticeDelay);
    return new Merchant(shop, ownsParty);
  }

  get #shop(): Shop {
    if (!this.#isOpen) throw new LeptaError("closed");
    return this.#opened;
  }

  /** The merchant's UID: wallets may pin it. */
  get uid(): string {
    return this.#opened.party.identity.uid;
  }

  /** Serves customers over WebSockets until it is closed. */
  async serve(options: ServeOptions = {}): Promise<Serving> {
    const serving = await serveWebSockets(options, () => this.visit());
    this.#serving.add(serving);
    return serving;
  }

  /** The handler of one customer's connection, for other transports. */
  visit(): Visit {
    return createVisit(this.#shop);
  }

  /** All sales, refused ones included, by customer and transaction. */
  async sales(): Promise<readonly Sale[]> {
    return (await this.#shop.tables.sales.list()).map(([id, sale]) => {
      const [customer = "", txn = ""] = id.split("/");
      const { sku, quantity, at } = sale;
      return { customer, txn, sku, quantity, at, ok: sale.ok === 1, charged: formatAmount(sale.charged) };
    });
  }

  /** What is live, sold and expired in this currency. */
  async books(currency: string): Promise<MerchantBooks> {
    const { tables, party } = this.#shop;
    const now = party.runtime.now();
    const scrip = (await tables.scrip.list())
      .map(([, each]) => each)
      .filter((each) => each.value.currency === currency);
    const sales = (await tables.sales.list()).map(([, sale]) => sale.charged);
    const valid = scrip.filter(({ state, expiresAt }) => state === "live" && now < expiresAt);
    return {
      liveVendorScrip: sum(valid.map(({ value }) => value)),
      reservedVendorScrip: sum(scrip.filter(({ state }) => state === "reserved").map(({ value }) => value)),
      expired: sum(
        scrip
          .filter(({ state, expiresAt }) => state === "live" && now >= expiresAt)
          .map(({ value }) => value),
      ),
      sold: sum(sales.filter((charged) => charged.currency === currency)),
      refunded: 0n,
    };
  }

  /** Sends the notices that wait; throws `unreachable` where the broker did not acknowledge them all. */
  async flushNotices(): Promise<void> {
    const left = await this.#shop.outbox.flush();
    if (left > 0) throw new LeptaError("unreachable", `${left} notices wait`);
  }

  /** Stops serving and closes the store. What waits for the broker waits in the store. */
  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    for (const serving of this.#serving) await serving.close();
    if (!this.#ownsParty) return;
    this.#opened.outbox.close();
    await this.#opened.party.store.close();
  }
}

const sum = (amounts: readonly Amount[]): bigint => amounts.reduce((total, { value }) => total + value, 0n);
