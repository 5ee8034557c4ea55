/** Orders as a customer sends them on lanes: encoded once, and used again for every purchase alike. */
import {
  type Amount,
  decodeAs,
  isRefusal,
  LeptaError,
  laneBuy,
  type Order,
  orderTail,
} from "@lepta/protocol";

/** What is bought for how much. */
export interface KnownOrder {
  readonly order: Order;
  readonly price: Amount;
  /** Millionths: the price, or the most that may be charged. */
  readonly units: number;
  /** Its merchant charges what was used. */
  readonly isMetered: boolean;
  /** The item's bytes behind the sequence. */
  readonly tail: Uint8Array;
}

export const knownOrder = (order: Order, price: Amount, isMetered = false): KnownOrder => ({
  order,
  price,
  units: Number(price.value),
  isMetered,
  tail: orderTail(price, order, isMetered),
});

/** The order in an item 3 of ours, from the journal. Throws `store-damaged`. */
export function orderOf(item: Uint8Array): KnownOrder & { readonly sequence: number } {
  const buy = decodeAs(laneBuy, item);
  if (isRefusal(buy)) throw new LeptaError("store-damaged", "a purchase on a lane");
  const [, , sequence, price, metered, order] = buy;
  return { ...knownOrder(order, price, metered === 1), sequence };
}
