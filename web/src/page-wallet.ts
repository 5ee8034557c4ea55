/** What a page's elements ask of a wallet: a wallet of this tab's own fulfils it, and one that tabs share. */
import type {
  Balance,
  BuyOptions,
  Goods,
  HistoryEntry,
  PendingEntry,
  Receipt,
  Wallet,
} from "@lepta/peer-sdk";

export interface PageWallet {
  readonly uid: string;
  topUp(amount: string): Promise<void>;
  buy(
    merchant: string,
    sku: string,
    options: BuyOptions,
  ): Promise<{ readonly goods: Goods; readonly receipt: Receipt }>;
  balance(): Promise<Balance>;
  history(): Promise<readonly HistoryEntry[]>;
  pending(): Promise<readonly PendingEntry[]>;
  /** A receipt as a file. Throws `pending` while no statement covers the purchase. */
  receipt(txn: string): Promise<Uint8Array>;
  recall(txn: string): Promise<{ readonly goods: Goods; readonly receipt: Receipt } | undefined>;
  resume(): Promise<void>;
  /** Tells of every change until it is called off. */
  onChange(listener: () => void): () => void;
  /** The twelve words, while the wallet can still tell them: in many browsers only in the visit that made it. */
  words?(): Promise<string | undefined>;
}

/** A wallet of this tab's own, which tells its listeners when a call of theirs has changed something. */
export function pageWalletOf(wallet: Wallet): PageWallet {
  const listeners = new Set<() => void>();
  const tell = (): void => {
    for (const listener of listeners) listener();
  };
  // Also what fails may have changed something: a purchase is then under way.
  const telling = async <T>(work: Promise<T>): Promise<T> => {
    tell();
    return work.finally(tell);
  };
  return {
    uid: wallet.uid,
    topUp: (amount) => telling(wallet.topUp(amount)),
    buy: (merchant, sku, options) => telling(wallet.buy(merchant, sku, options)),
    balance: () => wallet.balance(),
    history: () => wallet.history(),
    pending: () => wallet.pending(),
    receipt: (txn) => wallet.receipt(txn),
    recall: (txn) => wallet.recall(txn),
    resume: () => telling(wallet.resume()),
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    words: async () => wallet.recoveryPhrase(),
  };
}
