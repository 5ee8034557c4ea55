/** A tab's time with the wallet: it waits for the store, opens the wallet, does what the others ask, and leaves. */
import {
  type CallOff,
  type IndexedDbOptions,
  LeptaError,
  type PartyOptions,
  type PeerStore,
  type Runtime,
  Wallet,
  type WalletOptions,
} from "@lepta/peer-sdk";
import { limits, toText } from "@lepta/protocol/core";
import type { Airwaves, Ask, Message, Outcome } from "./airwaves.ts";
import type { Asker } from "./asker.ts";
import { isMethod, type Method } from "./methods.ts";
import { pack } from "./parcel.ts";
import { type WatchedStore, watchStore } from "./watch-store.ts";

/** Opens the store that tabs share, when nobody else has it any more. */
export type OpenStore = (
  name: string,
  options: Pick<IndexedDbOptions, "wait" | "lost">,
) => Promise<PeerStore>;

export interface TenancyOptions {
  readonly options: PartyOptions & WalletOptions;
  readonly name: string;
  readonly openStore: OpenStore;
  readonly air: Airwaves;
  readonly runtime: Runtime;
  readonly asker: Asker;
  readonly changed: () => void;
}

/** The pauses between two tries to open the wallet, in milliseconds. */
const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 30_000;

/** One opening of the wallet in this tab. */
interface Term {
  readonly id: string;
  readonly wallet: Wallet;
  readonly watched: WatchedStore;
  underWay: number;
  /** Nothing new is begun. */
  isOver: boolean;
}

export class Tenancy {
  readonly #options: TenancyOptions;
  #term: Term | undefined;
  /** The attempt to have the wallet; aborted where this tab is put aside or closed. */
  #attempt = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(options: TenancyOptions) {
    this.#options = options;
  }

  get isHere(): boolean {
    return this.#term !== undefined && !this.#term.isOver;
  }

  /** Waits for the store from now on. Resolves when the wallet is open here; rejects where the first try fails. */
  start(): Promise<void> {
    const first = Promise.withResolvers<void>();
    const attempt = this.#attempt;
    const run = () => this.#run(attempt, first);
    this.#running = this.#running.then(run, run);
    // `close` tells of it.
    this.#running.catch(() => undefined);
    return first.promise;
  }

  /** Leaves the wallet to others, and does not wait for it. */
  leave(): void {
    this.#attempt.abort();
  }

  /** Waits for the store again. */
  comeBack(): void {
    if (!this.#attempt.signal.aborted) return;
    this.#attempt = new AbortController();
    this.#options.air.post({ kind: "who" });
    // Whoever calls waits for a holder: that there is none yet is told there.
    this.start().catch(() => undefined);
  }

  async close(): Promise<void> {
    this.leave();
    await this.#running;
  }

  /** The recovery phrase, where this tab made the wallet. */
  async words(): Promise<string | undefined> {
    try {
      return await this.#term?.wallet.recoveryPhrase();
    } catch (error) {
      if (error instanceof LeptaError && error.code === "bad-phrase") return undefined;
      throw error;
    }
  }

  hear(message: Message): void {
    const term = this.#term;
    if (term === undefined || term.isOver) return;
    if (message.kind === "who") this.#announce(term);
    else if (message.kind === "ask" && message.holder === term.id) void this.#answer(term, message);
  }

  #announce({ id, wallet }: Term): void {
    this.#options.air.post({ kind: "here", holder: id, uid: wallet.uid });
  }

  /** Opens the wallet as often as this tab gets the store, until it is put aside. */
  async #run({ signal }: AbortController, first: PromiseWithResolvers<void>): Promise<void> {
    let pause = FIRST_PAUSE;
    // Restored once; afterwards it is a wallet like any other.
    let { options } = this.#options;
    while (!signal.aborted) {
      const lost = Promise.withResolvers<void>();
      let term: Term;
      try {
        term = await this.#open(options, signal, lost.resolve);
      } catch (error) {
        // Who opens is told of the first one; a tab that takes over tries again.
        first.reject(error);
        await this.#pause(pause, signal);
        pause = Math.min(2 * pause, LONGEST_PAUSE);
        continue;
      }
      const { phrase: _, ...rest } = options;
      [options, pause] = [rest, FIRST_PAUSE];
      first.resolve();
      await Promise.race([aborted(signal), lost.promise]);
      await this.#end(term).catch((error: unknown) => {
        // A store that was taken away cannot be closed in order.
        if (signal.aborted) throw error;
      });
    }
    first.reject(new LeptaError("closed"));
  }

  async #open(options: PartyOptions & WalletOptions, signal: AbortSignal, lost: () => void): Promise<Term> {
    const { name, openStore, runtime, air, asker, changed } = this.#options;
    const store = await openStore(name, { wait: signal, lost });
    try {
      // The store was locked by whoever had the wallet: nobody does any more.
      asker.takeOver();
      const id = toText(runtime.random(16));
      const watched = watchStore(store, runtime, () => {
        air.post({ kind: "changed", holder: id });
        changed();
      });
      const wallet = await Wallet.open({ ...options, store: watched.store });
      const term: Term = { id, wallet, watched, underWay: 0, isOver: false };
      this.#term = term;
      this.#announce(term);
      asker.meet({ id, uid: wallet.uid, perform: (method, args) => this.#perform(term, method, args) });
      return term;
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  /** What is under way is brought to its end or left as the wallet leaves it; then the others are told. */
  async #end(term: Term): Promise<void> {
    term.isOver = true;
    this.#term = undefined;
    term.watched.stop();
    // From here on this tab asks whoever comes next.
    this.#options.asker.leave(term.id);
    try {
      await term.wallet.close();
    } finally {
      this.#options.air.post({ kind: "gone", holder: term.id });
    }
  }

  async #answer(term: Term, { tab, call, method, args, until }: Ask): Promise<void> {
    const { air, runtime } = this.#options;
    // This tab was asleep, and who asked was told that nothing is known: it may have gone another way.
    if (!isMethod(method) || runtime.now() >= until) return;
    const outcome = await this.#perform(term, method, args);
    const sent = outcome !== "gone" && "value" in outcome ? { value: pack(outcome.value) } : outcome;
    air.post({ kind: "answer", tab, call, outcome: sent });
  }

  async #perform(term: Term, method: Method, args: readonly unknown[]): Promise<Outcome> {
    if (term.isOver) return "gone";
    if (term.underWay >= limits.sharedCallsHeld)
      return outcomeOf(new LeptaError("busy", `${limits.sharedCallsHeld} calls are under way`));
    term.underWay += 1;
    try {
      const work = term.wallet[method] as (...given: unknown[]) => Promise<unknown>;
      return { value: await work.apply(term.wallet, [...args]) };
    } catch (error) {
      // What a wallet says that is being closed is not what became of the call.
      return term.isOver ? "gone" : outcomeOf(error);
    } finally {
      term.underWay -= 1;
      term.watched.touch();
    }
  }

  #pause(milliseconds: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    let callOff: CallOff | undefined;
    const passed = new Promise<void>((resolve) => {
      callOff = this.#options.runtime.later(milliseconds, resolve);
    });
    return Promise.race([passed, aborted(signal)]).finally(() => callOff?.());
  }
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });

/** What is no fault of the table is our own, and its words are for nobody else. */
const outcomeOf = (error: unknown): Outcome =>
  error instanceof LeptaError
    ? { code: error.code, message: error.message }
    : { code: "internal", message: new LeptaError("internal", "the wallet").message };
