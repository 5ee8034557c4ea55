/** Orders as they come on lanes: judged once against the catalogue, and known again by their bytes. */
import {
  type BuyHeads,
  decodeAs,
  type ErrorCode,
  hasTail,
  isRefusal,
  laneBuy,
  limits,
  type Or,
  refuse,
} from "@lepta/protocol";
import { isAgreed, type Listed } from "../catalogue.ts";

/** What may be bought so. */
export interface KnownOrder {
  /** The item's bytes behind the sequence. */
  readonly tail: Uint8Array;
  readonly listed: Listed;
  readonly quantity: number;
  readonly description: string;
  readonly currency: string;
  /** Millionths: the price, or the most that may be charged. */
  readonly price: number;
}

/** How many different orders are remembered. */
const REMEMBERED = 64;

export class Orders {
  readonly #items: ReadonlyMap<string, Listed>;
  /** From this price on, in millionths, a purchase is signed by itself. */
  readonly #below: number;
  readonly #known: KnownOrder[] = [];

  constructor(items: ReadonlyMap<string, Listed>, below: bigint) {
    this.#items = items;
    this.#below = Number(below < limits.unstatedAmount ? below : limits.unstatedAmount);
  }

  /** The order in an item 3, or why it is refused; `malformed` where the bytes are no item 3 at all. */
  read(item: Uint8Array, heads: BuyHeads): Or<KnownOrder> {
    for (const known of this.#known) if (hasTail(item, heads, known.tail)) return known;
    const buy = decodeAs(laneBuy, item);
    if (isRefusal(buy)) return buy;
    const [, , , amount, metered, order] = buy;
    const listed = this.#items.get(order.sku);
    if (listed === undefined) return refuse("unknown-item" satisfies ErrorCode);
    if (!isAgreed(listed, order, amount, metered === 1)) return refuse("price-mismatch");
    if (Number(amount.value) >= this.#below) return refuse("signature-needed");
    const known: KnownOrder = {
      tail: new Uint8Array(item.subarray(heads.tail)),
      listed,
      quantity: order.quantity,
      description: order.description,
      currency: amount.currency,
      price: Number(amount.value),
    };
    // Each of these is the only one of its kind.
    if (listed.isBound) return known;
    this.#known.unshift(known);
    if (this.#known.length > REMEMBERED) this.#known.pop();
    return known;
  }
}
