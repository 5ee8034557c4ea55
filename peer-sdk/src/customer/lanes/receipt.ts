/** What a purchase on a lane leaves in the customer's hands. */
import { type Amount, lanePurchase, type Order, type Txn } from "@lepta/protocol";
import type { Receipt } from "../bought.ts";
import type { KnownOrder } from "./orders.ts";

/** The evidence of one purchase on a lane; its name is only spelt where somebody asks. */
export class LaneReceipt implements Receipt {
  readonly merchant: string;
  readonly at: number;
  readonly request: Uint8Array;
  readonly response: Uint8Array;
  readonly #origin: Uint8Array;
  readonly #sequence: number;
  readonly #order: KnownOrder;

  constructor(
    merchant: string,
    origin: Uint8Array,
    sequence: number,
    known: KnownOrder,
    entry: { readonly at: number; readonly bought: Uint8Array; readonly answered: Uint8Array },
  ) {
    this.merchant = merchant;
    this.at = entry.at;
    this.request = entry.bought;
    this.response = entry.answered;
    this.#origin = origin;
    this.#sequence = sequence;
    this.#order = known;
  }

  get txn(): Txn {
    return lanePurchase(this.#origin, this.#sequence);
  }

  get order(): Order {
    return this.#order.order;
  }

  get charged(): Amount {
    return this.#order.price;
  }
}
