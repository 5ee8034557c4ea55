/** What a purchase is about, and what it leaves in the customer's hands. */
import type { Amount, Order } from "@lepta/protocol";
import type { Goods } from "../goods.ts";

/** The evidence of one purchase: M1 and M2, each signed by its sender. */
export interface Receipt {
  readonly txn: string;
  readonly merchant: string;
  readonly order: Order;
  readonly charged: Amount;
  /** Milliseconds. */
  readonly at: number;
  readonly request: Uint8Array;
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

export interface Bought {
  readonly goods: Goods;
  readonly receipt: Receipt;
}
