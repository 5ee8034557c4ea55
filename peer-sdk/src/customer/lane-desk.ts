/** The open lanes and the part that works on them: a page loads it when it opens its first session. */
import { areAtHand, type LanesPart, lanes } from "#parts";
import type { Party } from "../party.ts";
import type { LaneBook } from "./lanes/book.ts";
import type { CustomerTables } from "./records.ts";

export interface OpenLanes {
  readonly part: LanesPart;
  readonly book: LaneBook;
}

export class LaneDesk {
  readonly #party: Party;
  readonly #tables: Pick<CustomerTables, "vendorscrip">;
  #opened: OpenLanes | undefined;
  #opening: Promise<OpenLanes> | undefined;

  constructor(party: Party, tables: Pick<CustomerTables, "vendorscrip">) {
    this.#party = party;
    this.#tables = tables;
  }

  /** Where it is not opened this store holds nothing of lanes, and nothing has been bought on one. */
  get opened(): OpenLanes | undefined {
    return this.#opened;
  }

  /** What is opened, or opens it. Throws `unreachable` where the part cannot be loaded, and `store-damaged`. */
  open(): OpenLanes | Promise<OpenLanes> {
    if (this.#opened !== undefined) return this.#opened;
    // Only once: a log that is opened again closes the one before.
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  /** Opens what costs nothing to open, and what a wallet has left open. Throws as `open` does. */
  async openIfUsed(): Promise<void> {
    if (areAtHand || (await this.#isUsed())) await this.open();
  }

  async #open(): Promise<OpenLanes> {
    const part = await lanes();
    this.#opened = { part, book: await part.LaneBook.open(this.#party, this.#tables) };
    return this.#opened;
  }

  async #isUsed(): Promise<boolean> {
    for (const prefix of USED)
      if ((await this.#party.store.list(prefix, { limit: 1 })).length > 0) return true;
    return false;
  }
}

/** Lanes, what was bought on them, and statements for the broker: the tables of `lanes/records.ts` whose records are read unasked. */
const USED = ["paying-lane/", "paid-run/", "copy/"];
