/** What a wallet holds, read once for all elements of a page that show it. */
import type { Balance, HistoryEntry, PendingEntry } from "@lepta/peer-sdk";
import type { PageWallet } from "./page-wallet.ts";

export interface WalletState {
  readonly balance: Balance;
  /** Newest first. */
  readonly history: readonly HistoryEntry[];
  readonly pending: readonly PendingEntry[];
}

type Listener = (state: WalletState) => void;

/** Tells the state now and after every change, until it is called off; `failed` is told where it cannot be read. */
export function watchState(
  wallet: PageWallet,
  listener: Listener,
  failed: (error: unknown) => void,
): () => void {
  const reader = readers.get(wallet) ?? new Reader(wallet);
  readers.set(wallet, reader);
  return reader.listen({ told: listener, failed });
}

interface Listening {
  readonly told: Listener;
  readonly failed: (error: unknown) => void;
}

/** Reads the wallet again when it has changed, never twice at once; what changes meanwhile is read when that is done. */
class Reader {
  readonly #wallet: PageWallet;
  readonly #listeners = new Set<Listening>();
  #last: WalletState | undefined;
  #isReading = false;
  #isStale = true;
  #unlisten: (() => void) | undefined;

  constructor(wallet: PageWallet) {
    this.#wallet = wallet;
  }

  listen(listening: Listening): () => void {
    this.#listeners.add(listening);
    if (this.#last !== undefined) listening.told(this.#last);
    this.#unlisten ??= this.#wallet.onChange(() => this.#refresh());
    if (this.#last === undefined) this.#refresh();
    return () => {
      this.#listeners.delete(listening);
      if (this.#listeners.size > 0) return;
      this.#unlisten?.();
      this.#unlisten = undefined;
      this.#last = undefined;
    };
  }

  #refresh(): void {
    this.#isStale = true;
    if (this.#isReading) return;
    this.#isReading = true;
    this.#read()
      .catch((error: unknown) => {
        for (const { failed } of this.#listeners) failed(error);
      })
      .finally(() => {
        this.#isReading = false;
        // What changed while the last listener was told.
        if (this.#isStale && this.#listeners.size > 0) this.#refresh();
      });
  }

  async #read(): Promise<void> {
    while (this.#isStale) {
      this.#isStale = false;
      const wallet = this.#wallet;
      const [balance, history, pending] = await Promise.all([
        wallet.balance(),
        wallet.history(),
        wallet.pending(),
      ]);
      const state = { balance, history: history.toReversed(), pending };
      this.#last = state;
      for (const { told } of this.#listeners) told(state);
    }
  }
}

const readers = new WeakMap<PageWallet, Reader>();
