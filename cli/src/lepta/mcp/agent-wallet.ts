/** What the server needs of a wallet, and how a wallet gives it within what an agent may spend. */
import type {
  Balance,
  HistoryEntry,
  OfferedItem,
  PaidResponse,
  PendingEntry,
  Spent,
  Wallet,
} from "@lepta/peer-sdk";
import { orThrow, type VerifiedReceipt, verifyReceipt } from "@lepta/protocol";
import type { AgentConfiguration } from "./configuration.ts";
import { type Bought, openPurchases } from "./purchases.ts";

/** What a page asks for before it gives what it has. */
export interface Quote {
  /** Of the answer without a payment. */
  readonly status: number;
  /** Where the answer sends us on. */
  readonly location: string | undefined;
  /** `"EUR 0.02"`; for what is metered the most that it can be. Undefined where nothing is asked for, or nothing that we can pay. */
  readonly price?: string;
  /** What stands in the challenge for people. */
  readonly seller?: string;
  readonly description?: string;
}

/** Pages over HTTP, within the same budget: requests go as they are, and redirects are not followed here. */
export interface PayingHttp {
  /** Asks without paying. */
  quote(request: Request): Promise<Quote>;
  /** Pays when asked to. Throws what a wallet throws. */
  fetch(request: Request): Promise<PaidResponse>;
}

export interface AgentWallet extends PayingHttp {
  offers(merchant: string, sku: string): Promise<readonly OfferedItem[]>;
  /** Buys for no more than what the configuration allows. Throws a `ToolFault` that says what became of it. */
  buy(merchant: string, sku: string, quantity: number): Promise<Bought>;
  /** What an earlier purchase has brought; asks its merchant where that is not known. */
  recall(txn: string): Promise<Bought | undefined>;
  balance(): Promise<Balance>;
  spent(): Promise<Spent>;
  history(): Promise<readonly HistoryEntry[]>;
  pending(): Promise<readonly PendingEntry[]>;
  /** One purchase as a file, and what it proves. Throws `wrong-reference` and `pending`. */
  receipt(txn: string): Promise<{ readonly file: Uint8Array; readonly facts: VerifiedReceipt }>;
}

/** The name of the budget that all payments of an agent count in. */
export const AGENT_BUDGET = "agent";

/** A wallet as an agent has it. Brings to an end what an earlier process left open, where that can be known. */
export async function agentWallet(
  wallet: Wallet,
  configuration: AgentConfiguration,
  http: PayingHttp,
): Promise<AgentWallet> {
  const budget = await wallet.budget(AGENT_BUDGET);
  const purchases = openPurchases(wallet, budget, configuration);
  await purchases.settle();
  return {
    quote: (request) => http.quote(request),
    fetch: (request) => http.fetch(request),
    offers: (merchant, sku) => wallet.offers(merchant, sku),
    buy: (merchant, sku, quantity) => purchases.buy(merchant, sku, quantity),
    recall: async (txn) => {
      if ((await wallet.pending()).some((each) => each.txn === txn)) await wallet.resume();
      await purchases.settle();
      return wallet.recall(txn);
    },
    balance: () => wallet.balance(),
    spent: async () => {
      await purchases.settle();
      return budget.spent();
    },
    history: () => wallet.history(),
    pending: () => wallet.pending(),
    receipt: async (txn) => {
      const file = await wallet.receipt(txn);
      return { file, facts: orThrow(await verifyReceipt(file, wallet.network)) };
    },
  };
}
