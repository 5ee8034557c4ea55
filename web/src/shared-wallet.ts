/**
 * One wallet for all tabs of an origin. The tab that gets the store's lock opens the wallet; the others ask it over a
 * BroadcastChannel. When it goes, the next one opens the wallet. A call that was under way there ends with `pending` where it may
 * have moved money: it is never sent again by itself, and `pending()` and `history()` tell what became of it.
 */
import {
  indexedDbPeerStore,
  LeptaError,
  type PartyOptions,
  type Runtime,
  systemRuntime,
  type Wallet,
  type WalletOptions,
} from "@lepta/peer-sdk";
import { toText } from "@lepta/protocol/core";
import { type Airwaves, broadcast } from "./shared/airwaves.ts";
import { Asker } from "./shared/asker.ts";
import { type Method, methods } from "./shared/methods.ts";
import { type OpenStore, Tenancy } from "./shared/tenancy.ts";

export interface SharedWalletOptions extends Omit<PartyOptions & WalletOptions, "dir" | "store"> {
  /** Tells wallets of one origin apart; `wallet` where nothing is said. */
  readonly name?: string;
  /** How long a call may take, in milliseconds; a minute by default. */
  readonly patience?: number;
  readonly openStore?: OpenStore;
  readonly airwaves?: (name: string) => Airwaves;
}

/** A wallet as a tab has it: its calls, wherever they are done. */
export interface SharedWallet extends Pick<Wallet, Method> {
  readonly uid: string;
  /** Whether the wallet is open in this very tab. */
  readonly isHere: boolean;
  /** Tells of every change, in whatever tab it was made, until it is called off. */
  onChange(listener: () => void): () => void;
  /** The recovery phrase, in the visit and the tab that made the wallet; undefined everywhere else. It never leaves its tab. */
  words(): Promise<string | undefined>;
  /** Leaves the wallet to the other tabs. */
  close(): Promise<void>;
}

const PATIENCE = 60_000;

/**
 * Opens the wallet in this tab, or finds the tab where it is open. Throws what opening a wallet throws where this tab does it, and
 * `store-locked` where another tab holds the wallet and does not answer, or a phrase is to restore one that is open.
 */
export async function openSharedWallet(options: SharedWalletOptions): Promise<SharedWallet> {
  const {
    name = "wallet",
    patience = PATIENCE,
    openStore = indexedDbPeerStore,
    airwaves = broadcast,
  } = options;
  const { runtime = systemRuntime } = options;
  const listeners = new Set<() => void>();
  const changed = (): void => {
    for (const listener of listeners) listener();
  };
  const air = airwaves(`lepta ${name}`);
  const tab = toText(runtime.random(16));
  const asker = new Asker({ tab, air, runtime, patience, changed });
  const tenancy = new Tenancy({ options, name, openStore, air, runtime, asker, changed });
  air.listen((message) => {
    tenancy.hear(message);
    asker.hear(message);
  });
  const close = async (): Promise<void> => {
    stopWatching();
    listeners.clear();
    await tenancy.close();
    asker.close();
    air.close();
  };
  const stopWatching = watchPage(tenancy);
  try {
    air.post({ kind: "who" });
    await firstOf(tenancy, asker, runtime, patience);
    if (options.phrase !== undefined && !tenancy.isHere)
      throw new LeptaError(
        "store-locked",
        "a wallet is open in another tab: close it there and restore again",
      );
  } catch (error) {
    await close();
    throw error;
  }
  const call = (method: Method, args: readonly unknown[]): Promise<unknown> => {
    // The browser may ask its user: before money comes in, and without holding it up.
    if (method === "topUp") askToKeep();
    return asker.call(method, args);
  };
  const calls = Object.fromEntries(
    methods.map((method) => [method, (...args: readonly unknown[]) => call(method, args)]),
  ) as unknown as Pick<Wallet, Method>;
  return {
    ...calls,
    get uid() {
      return asker.uid;
    },
    get isHere() {
      return tenancy.isHere;
    },
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    words: async () => tenancy.words(),
    close,
  };
}

/** Resolves when there is a wallet, here or in another tab. */
async function firstOf(tenancy: Tenancy, asker: Asker, runtime: Runtime, patience: number): Promise<void> {
  let callOff = (): void => {};
  const tooLong = new Promise<never>((_, reject) => {
    const fault = new LeptaError(
      "store-locked",
      "another tab holds the wallet and does not answer: reload or close it",
    );
    callOff = runtime.later(patience, () => reject(fault));
  });
  try {
    await Promise.race([tenancy.start(), asker.met(), tooLong]);
  } finally {
    callOff();
  }
}

/** A page that is put aside keeps its locks and answers nobody: it leaves the wallet to others before, and comes back after. */
function watchPage(tenancy: Tenancy): () => void {
  const page: Partial<Pick<Window, "addEventListener" | "removeEventListener">> = globalThis;
  const aside = ({ persisted }: PageTransitionEvent): void => {
    if (persisted) tenancy.leave();
  };
  const back = ({ persisted }: PageTransitionEvent): void => {
    if (persisted) tenancy.comeBack();
  };
  page.addEventListener?.("pagehide", aside);
  page.addEventListener?.("pageshow", back);
  return () => {
    page.removeEventListener?.("pagehide", aside);
    page.removeEventListener?.("pageshow", back);
  };
}

/** Asks the browser not to clear what is kept here when its disk is full. */
function askToKeep(): void {
  // Where it says no, the money is as safe as it was before.
  globalThis.navigator?.storage?.persist?.().catch(() => undefined);
}
