/** What a merchant sells: prices as people write them, and what produces the goods. */
import { type Amount, type Order, parseAmount } from "@lepta/protocol";
import { Goods } from "../goods.ts";

/** One purchase, for the handler: its id is the same when the same purchase comes again. */
export interface Purchase {
  readonly sku: string;
  readonly quantity: number;
  /** The customer's pseudonym. */
  readonly customer: string;
  /** The customer's UID and the transaction: an idempotency key. */
  readonly id: string;
}

type Produce = (purchase: Purchase) => Goods | string | Uint8Array | Promise<Goods | string | Uint8Array>;

export interface CatalogueItem {
  /** `"EUR 0.02"`, for one. */
  readonly price: string;
  readonly description?: string;
  /** Produces the goods; may be called again for the same purchase after a crash. A thrown error charges nothing. */
  readonly deliver: Produce;
}

export type Catalogue = Readonly<Record<string, CatalogueItem>>;

/** An item whose price was read. */
export interface Listed {
  readonly sku: string;
  readonly description: string;
  readonly price: Amount;
  readonly deliver: Produce;
}

/** Reads all prices. Throws `bad-amount` at the first bad one. */
export const readCatalogue = (catalogue: Catalogue): ReadonlyMap<string, Listed> =>
  new Map(
    Object.entries(catalogue).map(([sku, { price, description = "", deliver }]) => [
      sku,
      { sku, description, price: parseAmount(price), deliver },
    ]),
  );

/** The goods in their one form. */
export async function produce(listed: Listed, order: Order, customer: string, txn: string): Promise<Goods> {
  const made = await listed.deliver({
    sku: order.sku,
    quantity: order.quantity,
    customer,
    id: `${customer}/${txn}`,
  });
  if (made instanceof Goods) return made;
  return typeof made === "string"
    ? new Goods("text/plain;charset=utf-8", new TextEncoder().encode(made))
    : new Goods("application/octet-stream", made);
}
