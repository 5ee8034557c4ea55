/** What a merchant sells: prices as people write them, and what produces the goods. */
import {
  type Amount,
  type ErrorCode,
  GOODS_TYPE,
  isRefusal,
  LeptaError,
  limits,
  multiply,
  type Order,
  parseAmount,
  sameAmount,
  utf8,
} from "@lepta/protocol";
import { Goods } from "../goods.ts";

/** One purchase, for the handler: its id is the same when the same purchase comes again. */
export interface Purchase {
  /** The item's name in the catalogue. */
  readonly sku: string;
  /** How many, from 1. */
  readonly quantity: number;
  /** The customer's pseudonym. */
  readonly customer: string;
  /** The customer's UID and the transaction: an idempotency key. */
  readonly id: string;
}

/** A handler of a catalogue: makes the goods of one purchase. */
export type Produce<P extends Purchase = Purchase> = (purchase: P) => Made | Promise<Made>;

/** One item that a merchant sells. */
export interface CatalogueItem {
  /** `"EUR 0.02"`, for one. */
  readonly price: string;
  /** What customers are shown, up to `limits.descriptionLength` UTF-16 units. */
  readonly description?: string;
  /** Produces the goods; may be called again for the same purchase after a crash. A thrown error charges nothing. */
  readonly deliver: Produce;
}

/** What a merchant sells, by the item's name (its SKU, up to `limits.skuLength` UTF-16 units). */
export type Catalogue = Readonly<Record<string, CatalogueItem>>;

/** An item whose price was read. */
export interface Listed {
  readonly sku: string;
  readonly description: string;
  readonly price: Amount;
  readonly deliver: Produce<BoundPurchase>;
  /** Where the price is for one unit of what is metered: its name, and the most units of one order. */
  readonly meter?: { readonly unit: string; readonly piece: number };
  /** An order's description is no text of ours: it says what the purchase is for, and the handler judges it. */
  readonly isBound?: boolean;
}

/** One purchase with its order's description. */
export interface BoundPurchase extends Purchase {
  readonly description: string;
  /** It came on a lane, whose next purchases wait for its answer. */
  readonly isOnLane: boolean;
}

/** A handler's decision not to sell: nobody's fault, and the customer is told this code. */
export class NotSold extends Error {
  readonly code: ErrorCode;
  constructor(code: ErrorCode) {
    super(code);
    this.name = "NotSold";
    this.code = code;
  }
}

/** Whether an order is what we sell, at our price; what is metered may be ordered up to its most. Throws nothing. */
export function isAgreed(listed: Listed, order: Order, amount: Amount, isMetered: boolean): boolean {
  const { price, description, meter, isBound } = listed;
  const total = multiply(price, order.quantity);
  return (
    !isRefusal(total) &&
    isMetered === (meter !== undefined) &&
    order.quantity <= (meter?.piece ?? limits.quantity) &&
    sameAmount(amount, total) &&
    sameAmount(order.unitPrice, price) &&
    (isBound === true || order.description === description)
  );
}

/** Reads all items. Throws `bad-amount` or, where a name or description is too long, `malformed`, with the item's name. */
export const readCatalogue = (catalogue: Catalogue): ReadonlyMap<string, Listed> =>
  new Map(
    Object.entries(catalogue).map(([sku, { price, description = "", deliver }]) => {
      const isNamed = sku !== "" && sku.length <= limits.skuLength && sku.isWellFormed();
      if (!isNamed || description.length > limits.descriptionLength || !description.isWellFormed())
        throw new LeptaError("malformed", `name or description of item ${JSON.stringify(sku)}`);
      return [sku, { sku, description, price: priceOf(sku, price), deliver }];
    }),
  );

/** A price as people write it. Throws `bad-amount` with the item's name. */
export function priceOf(sku: string, text: string): Amount {
  const price = amountIn(text);
  if (price === undefined || price.value === 0n)
    throw new LeptaError("bad-amount", `${sku}: ${JSON.stringify(text)}`);
  return price;
}

/** Undefined where a text is none, or names no currency. */
function amountIn(text: string): Amount | undefined {
  if (!/^[A-Z]{3} /.test(text)) return undefined;
  try {
    return parseAmount(text);
  } catch (error) {
    if (error instanceof LeptaError) return undefined;
    throw error;
  }
}

/** What a handler makes: goods of a media type, plain text, or bytes (`application/octet-stream`). */
export type Made = Goods | string | Uint8Array | Delivery;

/** What is told of a sale. */
export type Told = (isSold: boolean | undefined) => void;

/** Goods, and who wants to know what becomes of them. */
export class Delivery {
  readonly goods: Goods;
  /** Of what is metered, how many units were used; charged is the price of so many. */
  readonly units: number | undefined;
  /** Told once: true when the sale is durable, false when there is none, undefined where the store is broken and nobody knows. */
  readonly told: Told;

  constructor(goods: Goods, told: Told, units?: number) {
    this.goods = goods;
    this.told = told;
    this.units = units;
  }
}

/** The goods in their one form. Throws what the handler throws, and where it makes nothing that can be delivered. */
export async function produce(
  listed: Listed,
  { sku, quantity, description }: Order,
  customer: string,
  txn: string,
): Promise<Delivery> {
  return deliveryOf(
    sku,
    await listed.deliver({ sku, quantity, description, customer, id: `${customer}/${txn}`, isOnLane: false }),
  );
}

/** What a handler made, in its one form. Throws where it cannot be delivered. */
export function deliveryOf(sku: string, made: unknown): Delivery {
  return made instanceof Delivery ? made : new Delivery(goodsOf(sku, made), nobody);
}

const nobody = (): void => {};

/** What a handler made as goods. Throws where they cannot be delivered. */
export function goodsOf(sku: string, made: unknown): Goods {
  const goods = inOneForm(made);
  const isDelivery =
    goods instanceof Goods && goods.bytes.length <= limits.deliveryBytes && isMediaType(goods.type);
  if (!isDelivery) throw new LeptaError("delivery-failed", `the handler of ${sku} made nothing to deliver`);
  return goods;
}

function inOneForm(made: unknown): unknown {
  if (typeof made === "string") return new Goods(GOODS_TYPE, utf8(made));
  return made instanceof Uint8Array ? new Goods(BYTES, made) : made;
}

const isMediaType = (type: string): boolean => type === GOODS_TYPE || /^[\x20-\x7e]{1,127}$/.test(type);

const BYTES = "application/octet-stream";
