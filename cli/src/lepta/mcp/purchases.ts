/** Purchases of merchants within a budget: set aside before they are made, counted by what they cost, and found again by name. */
import type { Budget, Goods, Receipt, Wallet } from "@lepta/peer-sdk";
import {
  type Amount,
  formatAmount,
  isRefusal,
  LeptaError,
  multiply,
  orThrow,
  parseAmount,
  toText,
} from "@lepta/protocol";
import type { AgentConfiguration } from "./configuration.ts";
import { type Outcome, ofWallet } from "./fault.ts";

export interface Bought {
  readonly goods: Goods;
  readonly receipt: Receipt;
}

export interface Purchases {
  /** Throws a `ToolFault` that says whether money has moved. */
  buy(merchant: string, sku: string, quantity: number): Promise<Bought>;
  /** Looks for what became of the purchases that are set aside and that nobody here waits for. */
  settle(): Promise<void>;
}

/** What is used of a wallet. */
type Buyer = Pick<Wallet, "offers" | "buy" | "pending" | "recall">;

export function openPurchases(wallet: Buyer, budget: Budget, configuration: AgentConfiguration): Purchases {
  /** Purchases that a caller waits for. */
  const waitedFor = new Set<string>();
  return {
    buy: async (merchant, sku, quantity) => {
      const txn = toText(crypto.getRandomValues(new Uint8Array(TXN_BYTES)));
      waitedFor.add(txn);
      try {
        const price = await setAside(wallet, budget, configuration, txn, { merchant, sku, quantity });
        const max = formatAmount(price);
        return await buyNamed(wallet, budget, txn, () =>
          wallet.buy(merchant, sku, { max, quantity, txn, ...provisionFor(price, configuration) }),
        );
      } finally {
        waitedFor.delete(txn);
      }
    },
    settle: async () => {
      for (const id of await budget.open()) {
        const txn = txnOf(id);
        // Others with the same budget look after their own.
        if (txn !== undefined && !waitedFor.has(txn)) await settleOne(wallet, budget, txn);
      }
    },
  };
}

const TXN_BYTES = 16;
/** Marks what is set aside for a purchase of a merchant, under the purchase's name. */
const PREFIX = "buy-";
const idOf = (txn: string): string => PREFIX + txn;
const txnOf = (id: string): string | undefined =>
  id.startsWith(PREFIX) ? id.slice(PREFIX.length) : undefined;

interface Wish {
  readonly merchant: string;
  readonly sku: string;
  readonly quantity: number;
}

/** Asks for the price and sets it aside; whatever goes wrong here, nothing is paid. */
async function setAside(
  wallet: Buyer,
  budget: Budget,
  configuration: AgentConfiguration,
  txn: string,
  { merchant, sku, quantity }: Wish,
): Promise<Amount> {
  try {
    const item = (await wallet.offers(merchant, sku)).find((each) => each.sku === sku);
    if (item === undefined) throw new LeptaError("unknown-item", sku);
    const price = orThrow(multiply(parseAmount(item.price), quantity));
    orThrow(await budget.reserve(idOf(txn), price, configuration));
    return price;
  } catch (error) {
    throw ofWallet(error, "nothing-paid");
  }
}

async function buyNamed(
  wallet: Buyer,
  budget: Budget,
  txn: string,
  buy: () => Promise<Bought>,
): Promise<Bought> {
  try {
    const bought = await buy();
    await budget.confirm(idOf(txn), bought.receipt.charged);
    return bought;
  } catch (error) {
    // Where even this fails, as with a store that is gone, it stays set aside, and the next process asks.
    const outcome = await settleOne(wallet, budget, txn).catch((): Outcome => "unknown");
    throw ofWallet(error, outcome, txn);
  }
}

/**
 * What became of a purchase that nobody makes any more. The order matters: what is not under way now has ended, so that what
 * it brought is in the books, or nothing was charged.
 */
async function settleOne(wallet: Buyer, budget: Budget, txn: string): Promise<Outcome> {
  if ((await wallet.pending()).some((each) => each.txn === txn)) return "unknown";
  const bought = await wallet.recall(txn);
  if (bought === undefined) {
    await budget.release(idOf(txn));
    return "nothing-paid";
  }
  await budget.confirm(idOf(txn), bought.receipt.charged);
  return "paid";
}

/** How many times its price a wallet turns into a merchant's scrip by itself. */
const TIMES = 20;

/** No merchant holds more for this agent than it may spend in a day. */
function provisionFor(price: Amount, { perDay }: AgentConfiguration): { readonly vendorScrip?: string } {
  const provision = multiply(price, TIMES);
  const isLittle = !isRefusal(provision) && provision.value <= perDay.value;
  return isLittle ? {} : { vendorScrip: formatAmount(price) };
}
