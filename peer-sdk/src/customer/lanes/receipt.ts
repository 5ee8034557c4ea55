/** What a purchase on a lane leaves in the customer's hands. */
import { type Amount, lanePurchase, type Order, type Txn } from "@lepta/protocol";
import type { Receipt } from "../bought.ts";
import type { KnownOrder } from "./orders.ts";

interface Entry {
  readonly at: number;
  readonly bought: Uint8Array;
  readonly answered: Uint8Array;
}

/** The evidence of one purchase on a lane; its name is only spelt where somebody asks. */
export class LaneReceipt implements Receipt {
  readonly merchant: string;
  readonly at: number;
  readonly #entry: Entry;
  readonly #origin: Uint8Array;
  readonly #sequence: number;
  readonly #order: KnownOrder;
  readonly #charged: Amount;

  constructor(
    merchant: string,
    origin: Uint8Array,
    sequence: number,
    known: KnownOrder,
    charged: Amount,
    entry: Entry,
  ) {
    this.merchant = merchant;
    this.at = entry.at;
    this.#entry = entry;
    this.#origin = origin;
    this.#sequence = sequence;
    this.#order = known;
    this.#charged = charged;
  }

  /** Copies, as in memory both stand among other things: whoever passes on their buffers passes on nothing else. */
  get request(): Uint8Array {
    return new Uint8Array(this.#entry.bought);
  }

  get response(): Uint8Array {
    return new Uint8Array(this.#entry.answered);
  }

  get txn(): Txn {
    return lanePurchase(this.#origin, this.#sequence);
  }

  get order(): Order {
    return this.#order.order;
  }

  get charged(): Amount {
    return this.#charged;
  }
}
