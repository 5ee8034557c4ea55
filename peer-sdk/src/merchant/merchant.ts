/** A merchant: sells what is in its catalogue, for VendorScrip that it makes and checks itself. */
import {
  type Amount,
  amountOf,
  type ErrorCode,
  formatAmount,
  LeptaError,
  limits,
  parseAmount,
} from "@lepta/protocol";
import { type ServeOptions, type Serving, serveWebSockets, type Visit } from "../channel/serve.ts";
import { KeyedLock } from "../lock.ts";
import { Outbox } from "../outbox.ts";
import { openParty, type Party, type PartyOptions } from "../party.ts";
import type { CallOff } from "../ports.ts";
import { answerReversals } from "./answer-reversals.ts";
import { type Catalogue, type Listed, readCatalogue } from "./catalogue.ts";
import { attendBook } from "./lanes/attend.ts";
import { LaneBook } from "./lanes/book.ts";
import { endExpired } from "./lanes/desert.ts";
import { Orders } from "./lanes/orders.ts";
import { acknowledged } from "./lanes/recorded.ts";
import { Recordings } from "./lanes/recordings.ts";
import { laneSales } from "./lanes/sales.ts";
import { Visits } from "./lanes/visits.ts";
import { merchantTables, type ScripRecord } from "./records.ts";
import { refundSale } from "./refund-sale.ts";
import { resumeRefunds } from "./refund-vendorscrip.ts";
import { ScripTable } from "./scrip-table.ts";
import { resumeAuthorizations } from "./sell-vendorscrip.ts";
import { resumeSettlement, settle, statements } from "./settle.ts";
import type { Shop } from "./shop.ts";
import { createVisit } from "./visit.ts";

const HOUR = 60 * 60 * 1000;
const DAY = 24 * HOUR;
/** How soon the broker is asked again when it was away, in milliseconds. */
const SOON = 15_000;

/** What a merchant sells, and how it behaves by itself. */
export interface ShopOptions {
  readonly catalogue: Catalogue;
  /** How long VendorScrip lives, in milliseconds; 90 days by default. */
  readonly scripLife?: number;
  /** How long expired VendorScrip can still be renewed and given back, in milliseconds; 90 days by default. */
  readonly grace?: number;
  /** How often the broker is asked whose complaint waits for an answer, in milliseconds; every hour by default. */
  readonly tendEvery?: number;
  /** How long notices for the broker are gathered before they are sent, in milliseconds; a second by default. */
  readonly noticeDelay?: number;
  /**
   * Below this price, `"EUR 0.05"`, purchases go through lanes and are signed for together; at and above it each is signed by
   * itself. `"EUR 0"` has every purchase signed by itself. At most what may be without a statement, `"EUR 0.25"`.
   */
  readonly statementBelow?: string;
  /** Told of a handler's fault, or of one of our own, that a customer only sees as a code; by default a line on stderr. */
  readonly onError?: (error: unknown) => void;
}

/** What is sold in another way than from the catalogue, and who is told of what is refused of it, or has to end. */
export interface SoldBeside {
  readonly items: readonly Listed[];
  readonly ending: (customer: string) => void;
  readonly refused: (purchase: string, code: ErrorCode) => void;
}

/** One sale, refused ones included. */
export interface Sale {
  /** The customer's UID. */
  readonly customer: string;
  /** With the customer's UID it names the purchase. */
  readonly txn: string;
  readonly sku: string;
  readonly quantity: number;
  /** Whether it was sold; otherwise nothing was charged. */
  readonly ok: boolean;
  /** `"EUR 0.02"`. */
  readonly charged: string;
  /** Given back to the customer since. */
  readonly isRefunded: boolean;
  /** Milliseconds. */
  readonly at: number;
}

/** What the broker has paid, and what for. */
export interface MerchantStatement {
  readonly txn: string;
  /** Milliseconds. */
  readonly at: number;
  /** Customer, transaction of figure 8, and what was owed for it. */
  readonly credits: readonly { readonly customer: string; readonly txn: string; readonly amount: string }[];
  /** Carried over from before. */
  readonly brought: string;
  /** What went to the account, `"EUR 12.34"`. */
  readonly paid: string;
  /** Carried on to the next. */
  readonly carried: string;
  /** The funding rail's. */
  readonly reference: string | undefined;
}

/** What the merchant's own books say, in millionths of the currency's major unit. */
export interface MerchantBooks {
  readonly liveVendorScrip: bigint;
  readonly reservedVendorScrip: bigint;
  readonly expired: bigint;
  readonly sold: bigint;
  readonly refunded: bigint;
}

/**
 * A merchant: sells what is in its catalogue for scrip that it makes and checks itself. Open it once for each directory and close
 * it; what is called afterwards throws `closed`.
 */
export class Merchant {
  readonly #opened: Shop;
  #isOpen = true;
  readonly #ownsParty: boolean;
  readonly #serving = new Set<Serving>();
  #callOff: CallOff | undefined;
  #soon: CallOff | undefined;
  readonly #unlisten: CallOff;

  private constructor(shop: Shop, ownsParty: boolean, unlisten: CallOff) {
    this.#opened = shop;
    this.#unlisten = unlisten;
    this.#ownsParty = ownsParty;
  }

  /**
   * Opens a merchant's directory and enrols it. Throws `bad-amount` where a price is none, `malformed` where an item's name or
   * description is too long, and what opening a wallet throws.
   */
  static async open(options: PartyOptions & ShopOptions, beside?: SoldBeside): Promise<Merchant> {
    readCatalogue(options.catalogue);
    const party = await openParty(options);
    try {
      return await Merchant.of(party, await Outbox.open(party), options, true, beside);
    } catch (error) {
      await party.store.close();
      throw error;
    }
  }

  /** @internal A merchant of a party that is open already. */
  static async of(
    peer: Party,
    outbox: Outbox,
    options: ShopOptions,
    ownsParty = false,
    beside?: SoldBeside,
  ): Promise<Merchant> {
    const { scripLife = 90 * DAY, grace = 90 * DAY, noticeDelay = 1000, onError = tellFault } = options;
    const { tendEvery = HOUR } = options;
    const items = new Map([
      ...readCatalogue(options.catalogue),
      ...(beside?.items ?? []).map((item) => [item.sku, item] as const),
    ]);
    const scrip = await ScripTable.open(peer);
    const party = { ...peer, store: scrip.store };
    const tables = { ...merchantTables(scrip.store), scrip };
    const statementBelow = belowOf(options.statementBelow);
    const lanes = await LaneBook.open(party, tables);
    const shop: Shop = {
      party,
      tables,
      lanes,
      visits: new Visits(),
      recorded: await Recordings.open(party.store),
      orders: new Orders(items, statementBelow),
      statementBelow,
      items,
      outbox,
      lock: new KeyedLock(),
      scripLife,
      grace,
      noticeDelay,
      onError,
      tendSoon: () => merchant.#tendSoon(),
      refused: beside?.refused,
      ending: beside?.ending,
    };
    const unlisten = outbox.listen({
      acknowledged: (batch) => acknowledged(shop, batch),
      refused: onError,
      failed: onError,
    });
    const merchant = new Merchant(shop, ownsParty, unlisten);
    attendBook(shop);
    await merchant.tend();
    if (outbox.size > 0) outbox.flushSoon(noticeDelay);
    merchant.#tendLater(tendEvery);
    return merchant;
  }

  get #shop(): Shop {
    if (!this.#isOpen) throw new LeptaError("closed");
    return this.#opened;
  }

  /** @internal What this SDK's own other ways of selling work with. */
  static shopOf(merchant: Merchant): Shop {
    return merchant.#shop;
  }

  /** The merchant's UID: wallets may pin it. */
  get uid(): string {
    return this.#opened.party.identity.uid;
  }

  /** Serves customers over WebSockets until it is closed. Throws the system's own error where the port is taken. */
  async serve(options: ServeOptions = {}): Promise<Serving> {
    const serving = await serveWebSockets(options, () => this.visit());
    this.#serving.add(serving);
    return serving;
  }

  /** The handler of one customer's connection, for other transports. */
  visit(): Visit {
    return createVisit(this.#shop);
  }

  /**
   * Brings what was left under way with the broker to its end, and answers customers who say that their scrip was of no
   * use. A merchant does so by itself; what fails because the broker is away is tried again.
   */
  async tend(): Promise<void> {
    const shop = this.#shop;
    await resumeAuthorizations(shop);
    await resumeRefunds(shop);
    await answerReversals(shop).catch(isAway);
    await resumeSettlement(shop).catch(isAway);
    await endExpired(shop);
  }

  /** Gives a purchase back: new VendorScrip of what was charged, once. Throws `wrong-reference` where nothing was charged. */
  async refund(customer: string, txn: string): Promise<void> {
    await refundSale(this.#shop, customer, txn);
  }

  /**
   * Has the broker pay to our account what it owes us and what is free; tells how much, `"EUR 12.34"`. What is less than
   * the account's smallest unit stays for the next time. Throws `declined`, and `pending` while the rail has not answered.
   */
  async settle(): Promise<string> {
    return formatAmount(await settle(this.#shop));
  }

  /** The broker's statements of what it has paid, oldest first. */
  async statements(): Promise<readonly MerchantStatement[]> {
    return (await statements(this.#shop)).map(
      ({ txn, decidedAt, credits, brought, paid, carried, reference }) => ({
        txn,
        at: decidedAt,
        credits: credits.map(([customer, of, owed]) => ({ customer, txn: of, amount: formatAmount(owed) })),
        brought: formatAmount(brought),
        paid: formatAmount(paid),
        carried: formatAmount(carried),
        reference,
      }),
    );
  }

  /** All sales, refused ones included: those that were signed by themselves by customer and transaction, then those on lanes. */
  async sales(): Promise<readonly Sale[]> {
    const shop = this.#shop;
    const alone = await shop.tables.sales.list();
    const known = new Set(alone.map(([id]) => id));
    // A purchase on a lane has a record among the sales only where it was given back.
    const onLanes = (await laneSales(shop)).filter(([id]) => !known.has(id));
    return [...alone, ...onLanes].map(([id, sale]) => {
      const [customer = "", txn = ""] = id.split("/");
      const { sku, quantity, at, ok, charged, refunded } = sale;
      const isRefunded = refunded !== undefined;
      return { customer, txn, sku, quantity, at, ok: ok === 1, charged: formatAmount(charged), isRefunded };
    });
  }

  /** What is live, sold, refunded and expired in this currency. */
  async books(currency: string): Promise<MerchantBooks> {
    const { tables, party, lanes } = this.#shop;
    const now = party.runtime.now();
    // What is bought on an open lane is taken from its scrip and added to its line when a statement is signed.
    const open = lanes.all().filter(({ record }) => record.currency === currency);
    const onLanes = open.map(({ remaining, record }) => ({
      value: amountOf(currency, BigInt(remaining)),
      expiresAt: record.expiresAt,
    }));
    const scrip = (await tables.scrip.list())
      .map(([, each]) => each)
      .filter((each) => each.value.currency === currency);
    const lines = (await tables.lines.list())
      .map(([, line]) => line)
      .filter((line) => line.value.currency === currency);
    const refunds = (await tables.refunds.list()).map(([, refund]) => refund);
    const unspent = [...scrip.filter(({ state }) => state === "live" || state === "returning"), ...onLanes];
    const isValid = ({ expiresAt }: Pick<ScripRecord, "expiresAt">): boolean => now < expiresAt;
    return {
      liveVendorScrip: sum(unspent.filter(isValid).map(({ value }) => value)),
      reservedVendorScrip: sum(scrip.filter(({ state }) => state === "reserved").map(({ value }) => value)),
      expired: sum(unspent.filter((each) => !isValid(each)).map(({ value }) => value)),
      sold:
        sum(lines.map(({ sold }) => sold)) +
        open.reduce((total, { runCharged }) => total + BigInt(runCharged), 0n),
      refunded: sum(
        refunds
          .filter(({ state, amount }) => state === "done" && amount.currency === currency)
          .map(({ amount }) => amount),
      ),
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
    this.#callOff?.();
    this.#soon?.();
    this.#opened.visits.close();
    for (const serving of this.#serving) await serving.close();
    this.#opened.lanes.close();
    this.#unlisten();
    if (!this.#ownsParty) return;
    this.#opened.outbox.close();
    await this.#opened.party.store.close();
  }

  /** Once, however many ask for it; what fails then asks again. */
  #tendSoon(): void {
    if (!this.#isOpen || this.#soon !== undefined) return;
    this.#soon = this.#opened.party.runtime.later(SOON, () => {
      this.#soon = undefined;
      if (this.#isOpen) this.tend().catch(this.#opened.onError);
    });
  }

  #tendLater(every: number): void {
    this.#callOff = this.#opened.party.runtime.later(every, () => {
      if (!this.#isOpen) return;
      this.tend().catch(this.#opened.onError);
      this.#tendLater(every);
    });
  }
}

/** In millionths. Throws `bad-amount` where it is none, or more than may be without a statement. */
export function belowOf(text: string | undefined): bigint {
  if (text === undefined) return limits.statementBelow;
  const { value } = parseAmount(text);
  if (value > limits.unstatedAmount) throw new LeptaError("bad-amount", `statementBelow: ${text}`);
  return value;
}

/** The broker is away, or does not know yet: the next turn asks again. */
function isAway(error: unknown): void {
  if (!(error instanceof LeptaError)) throw error;
}

/** One line, without what may be in an error's fields. */
const tellFault = (error: unknown): void => {
  process.stderr.write(
    `lepta merchant: ${error instanceof Error ? (error.stack ?? error.message) : "a fault"}\n`,
  );
};

const sum = (amounts: readonly Amount[]): bigint => amounts.reduce((total, { value }) => total + value, 0n);
