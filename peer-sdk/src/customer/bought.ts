/** What a purchase is about, and what it leaves in the customer's hands. */
import type { Amount, Order } from "@lepta/protocol";
import type { Goods } from "../goods.ts";

/** The evidence of one purchase: M1 and M2, each signed by its sender. */
export interface Receipt {
  /** The purchase's name: `wallet.receipt(txn)` makes a file of it that proves it to others. */
  readonly txn: string;
  /** The merchant's UID. */
  readonly merchant: string;
  readonly order: Order;
  /** In millionths, at most the `max` that was allowed. */
  readonly charged: Amount;
  /** Milliseconds. */
  readonly at: number;
  /** M1 as it was sent: a COSE_Sign1, or an item of a lane. */
  readonly request: Uint8Array;
  /** M2 as it came. */
  readonly response: Uint8Array;
}

/** What is bought for how much. */
export interface Bargain {
  readonly order: Order;
  /** The price, or the most that may be charged. */
  readonly price: Amount;
  /** Its merchant charges what was used. */
  readonly isMetered?: boolean;
}

/** What a purchase bought, and its evidence. */
export interface Bought {
  readonly goods: Goods;
  readonly receipt: Receipt;
}
