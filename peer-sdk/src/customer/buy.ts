/** Buying an item, whichever way its price and its merchant have it. */
import { type Amount, formatAmount, fromText, LeptaError, limits } from "@lepta/protocol";
import type { Acquaintance, Offered } from "./acquaintance.ts";
import type { Acquaintances } from "./acquaintances.ts";
import type { Bought } from "./bought.ts";
import { type Customer, positive } from "./customer.ts";
import { spendOnLane } from "./lanes/spend.ts";
import { knownOffer, offerOf, orderOf } from "./meet.ts";
import { type Provision, spendAt } from "./spend.ts";

/** What a purchase may cost, and how it is signed. */
export interface BuyOptions {
  /** The most that may be paid, `"EUR 0.05"`. */
  readonly max: string;
  /** 1 where nothing is said. */
  readonly quantity?: number;
  /** How much VendorScrip to obtain where there is too little. */
  readonly vendorScrip?: string;
  /**
   * `each`: M1 and M2 are signed by themselves. `statement`: one statement covers many purchases. Where nothing is said the
   * merchant's offer decides: what costs less than it says is bought under statements.
   */
  readonly signature?: "each" | "statement";
  /**
   * The purchase's name, 16 random bytes in base64url: known before it is made, so that whoever fails while it is under way can ask
   * what became of it. It is signed by itself, and the same name never buys twice.
   */
  readonly txn?: string;
}

/** What is wanted, where, and what may be paid for it. */
export interface Wish {
  readonly url: string;
  readonly sku: string;
  /** `options.max`, read. */
  readonly max: Amount;
  /** How many times its price is turned into VendorScrip where there is too little. */
  readonly times: number;
}

const TXN_BYTES = 16;

/** Buys an item, once more where its merchant has changed what it offers. Throws as `Wallet.buy` does. */
export async function buy(
  customer: Customer,
  merchants: Acquaintances,
  wish: Wish,
  options: BuyOptions,
): Promise<Bought> {
  const { quantity = 1, txn } = options;
  if (!Number.isInteger(quantity) || quantity < 1 || quantity > limits.quantity)
    throw new LeptaError("bad-amount", `a quantity of ${quantity}`);
  if (txn !== undefined && fromText(txn, TXN_BYTES) === undefined)
    throw new LeptaError("malformed", "a purchase's name is 16 bytes in base64url");
  const { url, sku } = wish;
  const merchant = merchants.met(url) ?? (await merchants.at(url));
  const isRemembered = merchant.offers.has(sku);
  try {
    return await buyFrom(customer, merchant, wish, quantity, options);
  } catch (error) {
    const isOutdated =
      error instanceof LeptaError && (error.code === "price-mismatch" || error.code === "unknown-item");
    if (!isRemembered || !isOutdated) throw error;
    // The merchant has changed what it offers: nothing was charged, and the new offer counts.
    merchant.offers.delete(sku);
    // A name stands for one request: what was refused under it cannot be asked for in other words.
    if (txn !== undefined) throw error;
    return buyFrom(customer, merchant, wish, quantity, options);
  }
}

async function buyFrom(
  customer: Customer,
  merchant: Acquaintance,
  { sku, max, times }: Wish,
  quantity: number,
  options: BuyOptions,
): Promise<Bought> {
  const offered = knownOffer(customer, merchant, sku) ?? (await offerOf(customer, merchant, sku));
  const order = orderOf(offered, quantity);
  const { price } = order;
  if (price.currency !== max.currency) throw new LeptaError("wrong-currency");
  if (price.value > max.value) throw new LeptaError("over-max", `${formatAmount(price)} > ${options.max}`);
  const provision: Provision =
    options.vendorScrip === undefined ? { times } : { amount: positive(options.vendorScrip) };
  const { session } = merchant;
  const { txn, signature = txn === undefined ? undefined : "each" } = options;
  return session !== undefined && isUnderStatement(offered, price, signature)
    ? spendOnLane(customer, merchant, session, order, provision)
    : spendAt(customer, merchant, order, provision, txn);
}

/** Whether a purchase goes through a lane. Throws `signature-needed` where its merchant takes no such. */
function isUnderStatement(
  { statementBelow }: Offered,
  price: Amount,
  wished: BuyOptions["signature"],
): boolean {
  const isTaken = statementBelow !== undefined && price.value < statementBelow.value;
  if (wished === "statement" && !isTaken) throw new LeptaError("signature-needed");
  return isTaken && wished !== "each";
}
