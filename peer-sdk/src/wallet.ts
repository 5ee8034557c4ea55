/**
 * A wallet: buys BrokerScrip, turns it into merchants' VendorScrip, buys items with it, and brings money back. One class, because it
 * is all that an embedder sees; each flow stands in a file of `customer/`.
 */
import { type Amount, formatAmount, LeptaError, parseAmount } from "@lepta/protocol/core";
import { connectWebSocket } from "#connect";
import type { Bought, Receipt } from "./customer/bought.ts";
import type { Budget } from "./customer/budgets.ts";
import type { BuyOptions } from "./customer/buy.ts";
import { type Customer, positive, remains } from "./customer/customer.ts";
import { Desk, type OpenDesk } from "./customer/desk.ts";
import type { FetchOptions, FetchPorts, Payer } from "./customer/http/fetch.ts";
import { obtainBrokerScrip } from "./customer/obtain-brokerscrip.ts";
import { type Balance, balanceOf, historyOf, pendingOf } from "./customer/overview.ts";
import { bodyOf, customerTables, PURSE } from "./customer/records.ts";
import type { Missing } from "./customer/restore.ts";
import type { HistoryEntry, PendingEntry } from "./customer/status.ts";
import type { Goods } from "./goods.ts";
import { KeyedLock } from "./lock.ts";
import type { Outbox } from "./outbox.ts";
import { brought } from "./parts/brought.ts";
import { openParty, type Party, type PartyOptions } from "./party.ts";
import { phraseOf } from "./phrase.ts";
import type { CallOff, ConnectChannel } from "./ports.ts";

/** How a wallet behaves by itself. */
export interface WalletOptions {
  /** How many times its price is turned into VendorScrip when an item is bought and there is too little; 20 by default. */
  readonly vendorScripTimes?: number;
  /** How long notices for the broker are gathered before they are sent, in milliseconds; a second by default. */
  readonly noticeDelay?: number;
  /** The way to merchants; `connectWebSocket` where nothing is said. */
  readonly connect?: ConnectChannel;
  /** How often the wallet looks after its scrip by itself, in milliseconds; every six hours by default. */
  readonly tendEvery?: number;
  /** Scrip that ends within this many milliseconds is renewed; a week by default. */
  readonly renewBefore?: number;
}

interface Tending {
  readonly every: number;
  readonly margin: number;
}

const HOUR = 60 * 60 * 1000;
const TEND_EVERY = 6 * HOUR;
const RENEW_BEFORE = 7 * 24 * HOUR;

/** An item that a merchant sells. */
export interface OfferedItem {
  /** What `buy` wants to be told. */
  readonly sku: string;
  readonly description: string;
  /** For one, `"EUR 0.02"`. */
  readonly price: string;
}

const DEFAULT_TIMES = 20;
/** What no text says. */
const NOTHING: Amount = { currency: "XXX", value: 0n };

/**
 * A customer's wallet: buys scrip, buys items with it, brings money back. Open it once for each directory and close it; what is
 * called afterwards throws `closed`. A merchant's `url` is `wss://host/path`, and `wss://host/path#UID` pins whose it must be.
 */
export class Wallet {
  readonly #opened: Customer;
  readonly #desk: Desk;
  #isOpen = true;
  readonly #ownsParty: boolean;
  readonly #times: number;
  readonly #tending: Tending;
  #callOff: CallOff | undefined;
  #callOffCopies: CallOff | undefined;
  #lastMax = { text: "", amount: NOTHING };
  readonly #background: Set<Promise<unknown>>;

  private constructor(
    customer: Customer,
    desk: Desk,
    background: Set<Promise<unknown>>,
    times: number,
    tending: Tending,
    ownsParty: boolean,
  ) {
    this.#opened = customer;
    this.#desk = desk;
    this.#background = background;
    this.#times = times;
    this.#tending = tending;
    this.#ownsParty = ownsParty;
  }

  /**
   * Opens a wallet's directory, checks the broker against the pin, enrols the first time, and brings what was under way
   * with the broker to its end; what was with merchants follows in the background. Throws `not-pinned`, `wrong-root`,
   * `unreachable`, `store-locked`, `store-damaged`, `account-needed`, `account-refused`, `account-taken`.
   */
  static async open(options: PartyOptions & WalletOptions): Promise<Wallet> {
    const party = await openParty(options);
    try {
      return await Wallet.of(party, undefined, options, true);
    } catch (error) {
      await party.store.close();
      throw error;
    }
  }

  /** @internal A wallet of a party that is open already. */
  static async of(
    party: Party,
    outbox: Outbox | undefined,
    options: WalletOptions = {},
    ownsParty = false,
  ): Promise<Wallet> {
    const { vendorScripTimes = DEFAULT_TIMES, noticeDelay = 1000, connect = connectWebSocket } = options;
    const tending = { every: options.tendEvery ?? TEND_EVERY, margin: options.renewBefore ?? RENEW_BEFORE };
    const running = new Set<Promise<unknown>>();
    const background = (work: Promise<unknown>): void => {
      // Nobody waits for it and nothing depends on it; what fails is evidence that the broker does not have.
      const ending = work.catch(() => undefined).finally(() => running.delete(ending));
      running.add(ending);
    };
    const tables = customerTables(party.store);
    const desk = new Desk(outbox);
    const customer: Customer = {
      party,
      tables,
      get outbox() {
        return desk.now.outbox;
      },
      get lanes() {
        return desk.now.book;
      },
      returns: () => desk.returns(),
      get signers() {
        return desk.now.signers;
      },
      connect,
      lock: new KeyedLock(),
      noticeDelay,
      moment: increasing(party.runtime.now),
      background,
      copyLater: () => wallet.#copyLater(),
      onBroken: (lanes) => {
        if (wallet.#isOpen) background(desk.now.part.reconnect(customer, desk.now.merchants, lanes));
      },
      underWay: new Set(),
    };
    desk.customer = customer;
    await desk.openIfUsed();
    const wallet = new Wallet(customer, desk, running, vendorScripTimes, tending, ownsParty);
    await desk.opened?.part.resumeAtBroker(customer);
    // A merchant that hangs must hold up neither the opening nor the closing of the wallet. What fails stays under way,
    // `pending` tells, and the next purchase there or the next opening tries again.
    const dealings = desk.opened;
    if (dealings !== undefined) {
      const { part, merchants, outbox: waiting, book } = dealings;
      part.resumeAtMerchants(customer, merchants).catch(() => undefined);
      if (waiting.size > 0) waiting.flushSoon(noticeDelay);
      if ((await book.tables.copies.list({ limit: 1 })).length > 0) wallet.#copyLater();
    }
    await renewIfDue(customer, party.runtime.now() + tending.margin).catch(remains);
    wallet.#tendLater();
    return wallet;
  }

  /**
   * Opens a wallet in a new directory from the recovery phrase of one that is lost: its keys, its BrokerScrip from the
   * broker, its VendorScrip from each merchant. `missing` tells what a merchant did not show; `recover` tries again. Its
   * history is not restored. Throws `bad-phrase`, `store-damaged` where the directory holds a peer already, and what
   * opening a wallet throws.
   */
  static async restore(
    options: PartyOptions & WalletOptions & { readonly phrase: string },
  ): Promise<{ readonly wallet: Wallet; readonly missing: readonly Missing[] }> {
    const wallet = await Wallet.open(options);
    try {
      return { wallet, missing: await wallet.recover() };
    } catch (error) {
      await wallet.close();
      throw error;
    }
  }

  /** @internal What this SDK's own other ways of buying work with. */
  static portsOf(wallet: Wallet): FetchPorts {
    return {
      customer: wallet.#customer,
      desk: async () => wallet.#dealings(),
      budget: (name) => wallet.budget(name),
      provision: { times: wallet.#times },
    };
  }

  get #customer(): Customer {
    if (!this.#isOpen) throw new LeptaError("closed");
    return this.#opened;
  }

  /** The wallet's UID. */
  get uid(): string {
    return this.#opened.party.identity.uid;
  }

  /** The network that its money is of: the thumbprint of the broker's root key, against which receipts are checked. */
  get network(): string {
    return this.#opened.party.identity.network;
  }

  /** Buys BrokerScrip (figure 6): `"EUR 5.00"`. Throws `bad-amount`, `wrong-currency`, `declined`, and `pending` while it is not known. */
  async topUp(amount: string): Promise<void> {
    await obtainBrokerScrip(this.#customer, positive(amount));
  }

  /**
   * Obtains VendorScrip of a merchant (figure 8), `"EUR 1.00"`. Throws `bad-amount`, `insufficient-funds`, `pending`, the
   * broker's codes, and what asking for offers throws.
   */
  async obtain(url: string, amount: string): Promise<void> {
    const wished = positive(amount);
    const { part, merchants } = await this.#dealings();
    await part.obtainVendorScrip(this.#customer, await merchants.at(url), async () => wished);
  }

  /**
   * What a merchant sells, up to 32 items, or the one of this name, where it sells it. Throws `unreachable`, and
   * `wrong-recipient` where it is not the one that is pinned, or that was met at this address before.
   */
  async offers(url: string, sku?: string): Promise<readonly OfferedItem[]> {
    const { part, merchants } = await this.#dealings();
    const { items } = await part.askOffer(this.#customer, await merchants.at(url), sku);
    return items.map(({ sku, description, unitPrice }) => ({
      sku,
      description,
      price: formatAmount(unitPrice),
    }));
  }

  /**
   * Buys an item (figure 7), obtaining VendorScrip first where there is too little. Never pays more than `max`. What
   * ends with `unreachable` may have been bought all the same: `resume` sends the same bytes again, `history` tells. Throws
   * `over-max`, `unknown-item`, `wrong-currency`, `signature-needed`, `delivery-failed`, `statement-due`, `busy`, `unreachable`,
   * `conflict` where a purchase of this name was refused, and what obtaining throws.
   */
  async buy(
    url: string,
    sku: string,
    options: BuyOptions,
  ): Promise<{ readonly goods: Goods; readonly receipt: Receipt }> {
    const max = this.#maximum(options.max);
    const { part, merchants } = this.#desk.opened ?? (await this.#dealings());
    return part.buy(this.#customer, merchants, { url, sku, max, times: this.#times }, options);
  }

  /** Callers say the same maximum again and again. */
  #maximum(text: string): Amount {
    if (text !== this.#lastMax.text) this.#lastMax = { text, amount: parseAmount(text) };
    return this.#lastMax.amount;
  }

  /**
   * Pays BrokerScrip out to the account (figure 6 backwards): an amount, or, without one, all that the account can hold;
   * tells how much. Throws `insufficient-funds`, `bad-amount`, `declined`, and `pending` while the rail has not answered.
   */
  async redeem(amount?: string): Promise<string> {
    const wished = amount === undefined ? undefined : positive(amount);
    const { redeem } = await this.#desk.returns();
    return formatAmount(await redeem(this.#customer, wished));
  }

  /**
   * Gives a merchant's VendorScrip back, all that is not spent: its worth goes into the purse. Tells how much it was.
   * Throws `paid-out` where the merchant was paid for it already, `refused`, `pending` and the broker's codes.
   */
  async refund(url: string): Promise<string> {
    const { giveBack } = await this.#desk.returns();
    return formatAmount(await giveBack(this.#customer, this.#desk.now.merchants, url));
  }

  /**
   * Asks the broker to take back what a merchant that is gone, or gives nothing for it, still owes: all VendorScrip of this
   * merchant (its UID) whose credit is held. Throws `pending` until the merchant was heard or its time is over, and
   * `too-late` or `paid-out` where nothing is held any more. `txn` names one transaction of figure 8 alone.
   */
  async reclaim(merchant: string, txn?: string): Promise<void> {
    const { reclaim } = await this.#desk.returns();
    await reclaim(this.#customer, merchant, txn);
  }

  /** Takes what a merchant holds for this wallet that it does not know of: purchases that were given back. Throws what asking for offers throws. */
  async collect(url: string): Promise<void> {
    const { takeReturned } = await this.#desk.returns();
    const merchant = await this.#desk.now.merchants.at(url);
    await this.#customer.lock.run(merchant.credential.uid, () => takeReturned(this.#customer, merchant));
  }

  /** Renews the scrip that is near its end, and takes what merchants have given back. The wallet does so by itself, and what fails is tried again. */
  async renew(): Promise<void> {
    const { tend } = await this.#desk.returns();
    await tend(this.#customer, this.#desk.now.merchants, this.#tending.margin);
  }

  /** Asks the broker and every merchant what they hold for this wallet; tells what a merchant owes and does not show. */
  async recover(): Promise<readonly Missing[]> {
    const { restore } = await this.#desk.returns();
    return restore(this.#customer, this.#desk.now.merchants);
  }

  /**
   * Twelve words that restore the wallet: who has them has its money. Throws `bad-phrase` where it was made without, and in a
   * browser, which does not keep them, where `onPhrase` was told or an earlier session made the wallet; `unreachable` where a page
   * cannot load the list of words.
   */
  async recoveryPhrase(): Promise<string> {
    return phraseOf(this.#customer.party.identity.entropy);
  }

  /** What the wallet holds; locked scrip is counted, expired is not. */
  balance(): Promise<Balance> {
    return balanceOf(this.#customer, this.#desk.opened);
  }

  /** All that has ended, oldest first, and how each stands. */
  async history(): Promise<readonly HistoryEntry[]> {
    return historyOf(this.#customer, await this.#desk.openIfLanesWereUsed());
  }

  /** What is under way: kept, perhaps sent, and not known to have ended. */
  pending(): Promise<readonly PendingEntry[]> {
    return pendingOf(this.#customer, this.#desk.opened);
  }

  /** What a purchase bought, again, and its receipt; undefined where there was no such purchase. */
  async recall(txn: string): Promise<Bought | undefined> {
    const customer = this.#customer;
    const { part } = await this.#dealings();
    return (await part.recall(customer, txn)) ?? part.recallFromLane(customer, txn);
  }

  /**
   * One purchase as a file: `verifyReceipt` of @lepta/protocol checks it against the root key's thumbprint alone. Throws
   * `wrong-reference` where there was no such purchase, and `pending` while no statement covers it.
   */
  async receipt(txn: string): Promise<Uint8Array> {
    const customer = this.#customer;
    const { part } = await this.#dealings();
    return part.receiptOf(customer, txn);
  }

  /** What may be spent in a day, as it is kept in this wallet under a name; budgets of different names know nothing of each other. */
  async budget(name: string): Promise<Budget> {
    const { party, lock } = this.#customer;
    const { currency } = await party.link.keys();
    const { openBudget } = await paying();
    return openBudget({ ...party, lock }, name, currency);
  }

  /**
   * A fetch that pays what answers 402 with a challenge of ours, within limits: `wallet.fetch({ max: "EUR 0.10", perDay: "EUR 2.00",
   * hosts: ["news.example.org"] })`. It rejects where plain `fetch` does and, as LeptaError, with `over-max`, `over-budget`,
   * `insufficient-funds`, `pending` where it is not known what became of the payment, and the codes of buying.
   */
  fetch(options: FetchOptions): typeof fetch {
    const payer = this.payer(options);
    return async (input, init) => (await payer.fetch(new Request(input, init))).response;
  }

  /** The same for those who want to know what an answer has cost by the wallet's own books, or what it would cost. */
  payer(options: FetchOptions): Payer {
    const ports = Wallet.portsOf(this);
    checkLimits(options);
    let payer: Payer | undefined;
    const load = async (): Promise<Payer> => {
      const { createPayer } = await paying();
      payer ??= createPayer(ports, options);
      return payer;
    };
    return {
      fetch: async (request) => (await load()).fetch(request),
      quote: async (request) => (await load()).quote(request),
    };
  }

  /** Brings what is under way to its end where that is possible now. `open` begins it by itself. */
  async resume(): Promise<void> {
    const customer = this.#customer;
    await this.#desk.openIfUsed();
    const dealings = this.#desk.opened;
    if (dealings === undefined) return;
    await dealings.part.resumeAtBroker(customer);
    await dealings.part.resumeAtMerchants(customer, dealings.merchants);
  }

  /** Sends the notices that wait; throws `unreachable` where the broker did not acknowledge them all. */
  async flushNotices(): Promise<void> {
    if (!this.#isOpen) throw new LeptaError("closed");
    const left = (await this.#desk.opened?.outbox.flush()) ?? 0;
    if (left > 0) throw new LeptaError("unreachable", `${left} notices wait`);
  }

  /** Closes lanes, connections and the store; a merchant that does not answer holds it up for two seconds at most. What waits for the broker waits in the store. */
  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#callOff?.();
    this.#callOffCopies?.();
    await this.#desk.close();
    await Promise.all(this.#background);
    if (!this.#ownsParty) return;
    this.#desk.opened?.outbox.close();
    await this.#opened.party.store.close();
  }

  /** What deals with merchants. Throws `closed`, and `unreachable` where a page cannot load it. */
  #dealings(): OpenDesk | Promise<OpenDesk> {
    if (!this.#isOpen) throw new LeptaError("closed");
    return this.#desk.open();
  }

  /** Looks after copies of statements for as long as there are any. */
  #copyLater(): void {
    if (!this.#isOpen || this.#callOffCopies !== undefined) return;
    const { LOOK_EVERY, sendCopies } = this.#desk.now.part;
    this.#callOffCopies = this.#opened.party.runtime.later(LOOK_EVERY, () => {
      this.#callOffCopies = undefined;
      this.#opened.background(sendCopies(this.#opened).then((left) => left > 0 && this.#copyLater()));
    });
  }

  /** Ends what is under way and renews what is near its end, now and then again, for as long as the wallet is open. */
  #tendLater(): void {
    const { runtime } = this.#opened.party;
    this.#callOff = runtime.later(this.#tending.every, () => {
      if (!this.#isOpen) return;
      this.#opened.background(this.resume().then(() => this.renew()));
      this.#tendLater();
    });
  }
}

/** Renews the purse where it ends before `before`, in milliseconds. */
async function renewIfDue(customer: Customer, before: number): Promise<void> {
  const held = await customer.tables.purse.get(PURSE);
  if (held === undefined || bodyOf(held).expiresAt >= before) return;
  const { renewBrokerScrip } = await customer.returns();
  await renewBrokerScrip(customer, before);
}

/** A clock that never tells the same time twice. */
function increasing(now: () => number): () => number {
  let last = 0;
  return () => {
    last = Math.max(now(), last + 1);
    return last;
  };
}

/** Wrong limits are told at once. */
function checkLimits({ max, perDay }: FetchOptions): void {
  const [most, day] = [positive(max), perDay === undefined ? undefined : positive(perDay)];
  if (day !== undefined && day.currency !== most.currency) throw new LeptaError("wrong-currency");
}

/** Paying for HTTP requests, and what may be spent on them. Throws `unreachable` where it cannot be loaded. */
const paying = () => brought(() => import("./customer/paying.ts"));
