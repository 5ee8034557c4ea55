/** Where a wallet deals with merchants: the part that does it, and what it works with. A page loads it for its first dealing. */

import { LeptaError } from "@lepta/protocol/core";
import { areAtHand, type DealingsPart, dealings, type ReturnsPart, returns } from "#parts";
import type { Outbox } from "../outbox.ts";
import type { Acquaintances } from "./acquaintances.ts";
import type { Customer } from "./customer.ts";
import type { LaneBook } from "./lanes/book.ts";
import type { SignerTable } from "./signers.ts";

export interface OpenDesk {
  readonly part: DealingsPart;
  readonly outbox: Outbox;
  readonly book: LaneBook;
  readonly merchants: Acquaintances;
  readonly signers: SignerTable;
}

export class Desk {
  /** Known when the wallet is made. */
  customer: Customer | undefined;
  /** Brought by whoever has one already. */
  readonly #outbox: Outbox | undefined;
  #opened: OpenDesk | undefined;
  #opening: Promise<OpenDesk> | undefined;
  #isClosed = false;

  constructor(outbox: Outbox | undefined) {
    this.#outbox = outbox;
  }

  /** Undefined as long as this wallet has nothing to do with merchants: then nothing of theirs is in memory or under way. */
  get opened(): OpenDesk | undefined {
    return this.#opened;
  }

  /** The same where somebody has opened it who came here. */
  get now(): OpenDesk {
    if (this.#opened === undefined) throw new LeptaError("internal", "dealings that nobody has opened");
    return this.#opened;
  }

  /** Opens it, once. Throws `unreachable` where a page cannot load the part, `closed`, and `store-damaged`. */
  open(): OpenDesk | Promise<OpenDesk> {
    if (this.#isClosed) throw new LeptaError("closed");
    if (this.#opened !== undefined) return this.#opened;
    // A log that is opened again closes the one before.
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  /** Opens it where that costs nothing, or where something was left under way with merchants or for the broker. */
  async openIfUsed(): Promise<void> {
    if (this.#opened !== undefined) return;
    if (areAtHand || (await this.#holds(UNDER_WAY))) await this.open();
  }

  /** Opens it where there is a history on lanes. */
  async openIfLanesWereUsed(): Promise<OpenDesk | undefined> {
    if (this.#opened !== undefined || (await this.#holds(RUNS))) return this.open();
    return undefined;
  }

  /** What brings money back works with merchants too. Throws as `open` does. */
  async returns(): Promise<ReturnsPart> {
    if (this.#opened === undefined) await this.open();
    return returns();
  }

  /** Closes lanes and connections. What is being opened is not used any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#opening?.catch(() => undefined);
    await this.#opened?.merchants.close();
    this.#opened?.book.close();
  }

  async #open(): Promise<OpenDesk> {
    const { customer } = this;
    if (customer === undefined) throw new LeptaError("internal", "a desk without a customer");
    const { party, tables } = customer;
    const part = await dealings();
    const outbox = this.#outbox ?? (await part.Outbox.open(party));
    const book = await part.LaneBook.open(party, tables);
    outbox.listen({ acknowledged: (batch) => part.keepRecorded(party, batch) });
    const merchants = new part.Acquaintances(customer);
    this.#opened = { part, outbox, book, merchants, signers: new part.SignerTable(party.store) };
    return this.#opened;
  }

  async #holds(prefixes: readonly string[]): Promise<boolean> {
    const store = this.customer?.party.store;
    for (const prefix of prefixes)
      if (store !== undefined && (await store.list(prefix, { limit: 1 })).length > 0) return true;
    return false;
  }
}

/** Tables whose records somebody has to look after: transactions, lanes, and what waits for the broker. */
export const UNDER_WAY = ["pending/", "restoring/", "paying-lane/", "copy/", "outbox/"];
/** Statements over what was bought on lanes. */
export const RUNS = ["paid-run/"];
