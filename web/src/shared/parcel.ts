/** What was bought, as a message between tabs carries it: objects that reckon or can do something become plain ones on the way. */
import { Goods, type Receipt } from "@lepta/peer-sdk";

interface Bought {
  readonly goods: Goods;
  readonly receipt: Receipt;
}

/** A result as it can be sent; all but what was bought is plain already. */
export function pack(value: unknown): unknown {
  if (!isBought(value)) return value;
  const { goods, receipt } = value;
  const { txn, merchant, order, charged, at, request, response } = receipt;
  return {
    // Of a view all that it looks at would be sent.
    goods: { type: goods.type, bytes: goods.bytes.slice() },
    // Some receipts make these only when they are asked for.
    receipt: { txn, merchant, order, charged, at, request, response } satisfies Receipt,
  };
}

/** A result as its wallet gave it. */
export function unpack(value: unknown): unknown {
  if (!isBought(value)) return value;
  const { goods, receipt } = value;
  return { goods: new Goods(goods.type, goods.bytes), receipt };
}

const isBought = (value: unknown): value is Bought =>
  typeof value === "object" && value !== null && "goods" in value && "receipt" in value;
