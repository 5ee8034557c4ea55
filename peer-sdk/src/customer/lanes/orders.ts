/** Orders as a customer sends them on lanes: encoded once, and used again for every purchase alike. */
import { decodeAs, isRefusal, LeptaError, laneBuy, orderTail } from "@lepta/protocol";
import type { Bargain } from "../bought.ts";

/** What is bought for how much, and how that stands on a lane. */
export interface KnownOrder extends Bargain {
  /** Millionths: the price, or the most that may be charged. */
  readonly units: number;
  /** Its merchant charges what was used. */
  readonly isMetered: boolean;
  /** The item's bytes behind the sequence. */
  readonly tail: Uint8Array;
}

/** As long as its offer is remembered. */
const known = new WeakMap<Bargain, KnownOrder>();

export function knownOrder(bargain: Bargain): KnownOrder {
  const before = known.get(bargain);
  if (before !== undefined) return before;
  const { order, price, isMetered = false } = bargain;
  const tail = orderTail(price, order, isMetered);
  const made = { order, price, units: Number(price.value), isMetered, tail };
  known.set(bargain, made);
  return made;
}

/** The order in an item 3 of ours, from the journal. Throws `store-damaged`. */
export function orderOf(item: Uint8Array): KnownOrder & { readonly sequence: number } {
  const buy = decodeAs(laneBuy, item);
  if (isRefusal(buy)) throw new LeptaError("store-damaged", "a purchase on a lane");
  const [, , sequence, price, metered, order] = buy;
  return { ...knownOrder({ order, price, isMetered: metered === 1 }), sequence };
}
