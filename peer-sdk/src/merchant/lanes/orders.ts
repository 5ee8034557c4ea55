/** Orders as they come on lanes: judged once against the catalogue, and known again by their bytes. */
import {
  type BuyHeads,
  decodeAs,
  type ErrorCode,
  hasTail,
  isRefusal,
  laneBuy,
  limits,
  multiply,
  type Or,
  refuse,
  sameAmount,
} from "@lepta/protocol";
import type { Listed } from "../catalogue.ts";

/** What may be bought so. */
export interface KnownOrder {
  /** The item's bytes behind the sequence. */
  readonly tail: Uint8Array;
  readonly listed: Listed;
  readonly quantity: number;
  readonly currency: string;
  /** Millionths. */
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
    const price = multiply(listed.price, order.quantity);
    const isAgreed =
      !isRefusal(price) &&
      metered === 0 &&
      sameAmount(amount, price) &&
      sameAmount(order.unitPrice, listed.price) &&
      order.description === listed.description;
    if (!isAgreed) return refuse("price-mismatch");
    if (Number(price.value) >= this.#below) return refuse("signature-needed");
    const known: KnownOrder = {
      tail: new Uint8Array(item.subarray(heads.tail)),
      listed,
      quantity: order.quantity,
      currency: price.currency,
      price: Number(price.value),
    };
    this.#known.unshift(known);
    if (this.#known.length > REMEMBERED) this.#known.pop();
    return known;
  }
}
