/** A wallet: buys BrokerScrip, turns it into merchants' VendorScrip, and buys items with it. */
import {
  type Amount,
  formatAmount,
  LeptaError,
  limits,
  multiply,
  orThrow,
  parseAmount,
} from "@lepta/protocol";
import { connectWebSocket } from "./channel/connect.ts";
import { Acquaintances } from "./customer/acquaintances.ts";
import { type Bought, type Receipt, recall, resumePurchase } from "./customer/buy-item.ts";
import type { Customer } from "./customer/customer.ts";
import { askOffer } from "./customer/meet.ts";
import { obtainBrokerScrip, resumeTopUp } from "./customer/obtain-brokerscrip.ts";
import { obtainVendorScrip, resumeVendorScrip } from "./customer/obtain-vendorscrip.ts";
import { bodyOf, customerTables, PURSE } from "./customer/records.ts";
import { spendAt } from "./customer/spend.ts";
import type { Goods } from "./goods.ts";
import { KeyedLock } from "./lock.ts";
import { Outbox } from "./outbox.ts";
import { openParty, type Party, type PartyOptions } from "./party.ts";
import type { ConnectChannel } from "./ports.ts";

export interface WalletOptions {
  /** How many times its price is turned into VendorScrip when an item is bought and there is too little; 20 by default. */
  readonly vendorScripTimes?: number;
  /** How long notices for the broker are gathered before they are sent, in milliseconds; a second by default. */
  readonly noticeDelay?: number;
  readonly connect?: ConnectChannel;
}

export interface BuyOptions {
  /** The most that may be paid, `"EUR 0.05"`. */
  readonly max: string;
  readonly quantity?: number;
  /** How much VendorScrip to obtain where there is too little. */
  readonly vendorScrip?: string;
}

export interface Balance {
  /** The one BrokerScrip, `"EUR 4.50"`; undefined where there is none. */
  readonly brokerScrip: string | undefined;
  /** VendorScrip by merchant. */
  readonly vendorScrip: readonly {
    readonly merchant: string;
    readonly url: string | undefined;
    readonly amount: string;
  }[];
}

export interface HistoryEntry {
  readonly kind: "topup" | "vendorscrip" | "purchase";
  readonly txn: string;
  /** Milliseconds. */
  readonly at: number;
  readonly amount: string;
  /** `done`, or the code of the refusal. */
  readonly outcome: string;
  readonly merchant: string | undefined;
  readonly sku: string | undefined;
}

export interface OfferedItem {
  readonly sku: string;
  readonly description: string;
  /** For one, `"EUR 0.02"`. */
  readonly price: string;
}

const DEFAULT_TIMES = 20;

export class Wallet {
  readonly #opened: Customer;
  #isOpen = true;
  readonly #ownsParty: boolean;
  readonly #times: number;
  readonly #merchants: Acquaintances;
  readonly #background: Set<Promise<unknown>>;

  private constructor(
    customer: Customer,
    background: Set<Promise<unknown>>,
    times: number,
    ownsParty: boolean,
  ) {
    this.#opened = customer;
    this.#merchants = new Acquaintances(customer);
    this.#background = background;
    this.#times = times;
    this.#ownsParty = ownsParty;
  }

  /**
   * Opens a wallet's directory, checks the broker against the pin, enrols the first time, and brings what was under way
   * with the broker to its end; what was with merchants follows in the background. Throws `not-pinned`, `wrong-root`, `unreachable`, `store-locked`, `store-damaged`, `account-taken`.
   */
  static async open(options: PartyOptions & WalletOptions): Promise<Wallet> {
    const party = await openParty(options);
    try {
      return await Wallet.of(party, await Outbox.open(party), options, true);
    } catch (error) {
      await party.store.close();
      throw error;
    }
  }

  /** A wallet of a party that is open already. */
  static async of(
    party: Party,
    outbox: Outbox,
    options: WalletOptions = {},
    ownsParty = false,
  ): Promise<Wallet> {
    const { vendorScripTimes = DEFAULT_TIMES, noticeDelay = 1000, connect = connectWebSocket } = options;
    const running = new Set<Promise<unknown>>();
    const background = (work: Promise<unknown>): void => {
      // Nobody waits for it and nothing depends on it; what fails is evidence that the broker does not have.
      const ending = work.catch(() => undefined).finally(() => running.delete(ending));
      running.add(ending);
    };
    const tables = customerTables(party.store);
    const customer: Customer = {
      party,
      tables,
      outbox,
      connect,
      lock: new KeyedLock(),
      noticeDelay,
      moment: increasing(party.runtime.now),
      background,
    };
    const wallet = new Wallet(customer, running, vendorScripTimes, ownsParty);
    await wallet.#resumeAtBroker();
    // A merchant that hangs must hold up neither the opening nor the closing of the wallet. What fails stays under way,
    // `pending` tells, and the next purchase there or the next opening tries again.
    wallet.#resumePurchases().catch(() => undefined);
    if (outbox.size > 0) outbox.flushSoon(noticeDelay);
    return wallet;
  }

  get #customer(): Customer {
    if (!this.#isOpen) throw new LeptaError("closed");
    return this.#opened;
  }

  /** The wallet's UID. */
  get uid(): string {
    return this.#opened.party.identity.uid;
  }

  /** Buys BrokerScrip (figure 6): `"EUR 5.00"`. Throws `declined`, `pending`, `wrong-currency`, `unreachable`. */
  async topUp(amount: string): Promise<void> {
    await obtainBrokerScrip(this.#customer, positive(amount));
  }

  /** Obtains VendorScrip of a merchant (figure 8). Throws `insufficient-funds`, `pending` and the broker's codes. */
  async obtain(url: string, amount: string): Promise<void> {
    const wished = positive(amount);
    await obtainVendorScrip(this.#customer, await this.#merchants.at(url), async () => wished);
  }

  /** What a merchant sells, up to 32 items. */
  async offers(url: string): Promise<readonly OfferedItem[]> {
    const { items } = await askOffer(this.#customer, await this.#merchants.at(url), undefined);
    return items.map(({ sku, description, unitPrice }) => ({
      sku,
      description,
      price: formatAmount(unitPrice),
    }));
  }

  /**
   * Buys an item (figure 7), obtaining VendorScrip first where there is too little. Never pays more than `max`. Throws
   * `over-max`, `unknown-item`, `insufficient-funds`, `delivery-failed` and the codes of the two flows.
   */
  async buy(
    url: string,
    sku: string,
    options: BuyOptions,
  ): Promise<{ readonly goods: Goods; readonly receipt: Receipt }> {
    const max = parseAmount(options.max);
    const { quantity = 1 } = options;
    if (!Number.isInteger(quantity) || quantity < 1 || quantity > limits.quantity)
      throw new LeptaError("bad-amount", `a quantity of ${quantity}`);
    const merchant = await this.#merchants.at(url);
    const { items } = await askOffer(this.#customer, merchant, sku);
    const item = items.find((each) => each.sku === sku);
    if (item === undefined) throw new LeptaError("unknown-item", sku);
    const { description, unitPrice } = item;
    const price = orThrow(multiply(unitPrice, quantity));
    if (price.currency !== max.currency) throw new LeptaError("wrong-currency");
    if (price.value > max.value) throw new LeptaError("over-max", `${formatAmount(price)} > ${options.max}`);
    const order = { sku, description, unitPrice, quantity };
    const provision =
      options.vendorScrip === undefined ? { times: this.#times } : { amount: positive(options.vendorScrip) };
    return spendAt(this.#customer, merchant, { order, price }, provision);
  }

  /** What the wallet holds; locked scrip is counted, expired is not. */
  async balance(): Promise<Balance> {
    const { tables, party } = this.#customer;
    const now = party.runtime.now();
    const held = await tables.purse.get(PURSE);
    const purse = held && bodyOf(held).expiresAt > now ? held : undefined;
    const byMerchant = new Map<string, Amount>();
    for (const [id, each] of await tables.vendorscrip.list()) {
      const [merchant = ""] = id.split("/");
      const { value, expiresAt } = bodyOf(each);
      const before = byMerchant.get(merchant)?.value ?? 0n;
      if (expiresAt > now && each.unusable === undefined)
        byMerchant.set(merchant, { ...value, value: before + value.value });
    }
    const known = new Map((await tables.merchants.list()).map(([uid, { url }]) => [uid, url]));
    return {
      brokerScrip: purse && formatAmount(bodyOf(purse).value),
      vendorScrip: [...byMerchant].map(([merchant, amount]) => ({
        merchant,
        url: known.get(merchant),
        amount: formatAmount(amount),
      })),
    };
  }

  /** All that has ended, oldest first. */
  async history(): Promise<readonly HistoryEntry[]> {
    return (await this.#customer.tables.history.list()).map(
      ([, { kind, txn, at, amount, outcome, merchant, order }]) => ({
        kind,
        txn,
        at,
        amount: formatAmount(amount),
        outcome,
        merchant,
        sku: order?.sku,
      }),
    );
  }

  /** What is under way: sent, and not known to have ended. */
  async pending(): Promise<readonly Pick<HistoryEntry, "kind" | "txn" | "at" | "amount" | "merchant">[]> {
    return (await this.#customer.tables.pending.list()).map(([txn, { kind, at, amount, merchant }]) => ({
      kind,
      txn,
      at,
      amount: formatAmount(amount),
      merchant,
    }));
  }

  /** What a purchase bought, again, and its receipt; undefined where there was no such purchase. */
  recall(txn: string): Promise<Bought | undefined> {
    return recall(this.#customer, txn);
  }

  /** Brings what is under way to its end where that is possible now. `open` begins it by itself. */
  async resume(): Promise<void> {
    await this.#resumeAtBroker();
    await this.#resumePurchases();
  }

  /** Sends the notices that wait; throws `unreachable` where the broker did not acknowledge them all. */
  async flushNotices(): Promise<void> {
    const left = await this.#customer.outbox.flush();
    if (left > 0) throw new LeptaError("unreachable", `${left} notices wait`);
  }

  /** Closes the connections and the store. What waits for the broker waits in the store. */
  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#merchants.close();
    await Promise.all(this.#background);
    if (!this.#ownsParty) return;
    this.#opened.outbox.close();
    await this.#opened.party.store.close();
  }

  async #resumeAtBroker(): Promise<void> {
    for (const [txn, { kind }] of await this.#customer.tables.pending.list()) {
      if (kind === "topup") await resumeTopUp(this.#customer, txn).catch(remains);
      if (kind === "vendorscrip") await resumeVendorScrip(this.#customer, txn).catch(remains);
    }
  }

  async #resumePurchases(): Promise<void> {
    for (const [txn, { kind, url = "", merchant = "" }] of await this.#customer.tables.pending.list()) {
      if (kind !== "purchase") continue;
      const resuming = async (): Promise<void> => {
        const acquaintance = await this.#merchants.at(url);
        await this.#customer.lock.run(merchant, () => resumePurchase(this.#customer, acquaintance, txn));
      };
      await resuming().catch(remains);
    }
  }
}

/** Somebody is away, or has refused: what is still under way stays so, and `pending` tells. */
function remains(error: unknown): void {
  if (!(error instanceof LeptaError)) throw error;
}

/** A clock that never tells the same time twice. */
function increasing(now: () => number): () => number {
  let last = 0;
  return () => {
    last = Math.max(now(), last + 1);
    return last;
  };
}

/** An amount of something. Throws `bad-amount`. */
function positive(text: string): Amount {
  const amount = parseAmount(text);
  if (amount.value === 0n) throw new LeptaError("bad-amount", text);
  return amount;
}
