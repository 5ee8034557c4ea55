/** A tab's side of its calls: who has the wallet, what was asked there, and what to say where no answer comes. */
import { type CallOff, LeptaError, type Runtime } from "@lepta/peer-sdk";
import { limits } from "@lepta/protocol/core";
import type { Airwaves, Message, Outcome } from "./airwaves.ts";
import { isOnce, type Method } from "./methods.ts";
import { unpack } from "./parcel.ts";

export interface AskerOptions {
  readonly tab: string;
  readonly air: Airwaves;
  readonly runtime: Runtime;
  readonly patience: number;
  readonly changed: () => void;
}

/** Does a call in this tab. */
export type Perform = (method: Method, args: readonly unknown[]) => Promise<Outcome>;

interface Holder {
  readonly id: string;
  readonly uid: string;
  /** Where the wallet is in this tab. */
  readonly perform?: Perform;
}

interface Asked {
  readonly holder: string;
  answer(outcome: Outcome | "silence"): void;
}

export class Asker {
  readonly #options: AskerOptions;
  #holder: Holder | undefined;
  /** Tenancies that are over: what was sent before is heard after. */
  readonly #gone = new Set<string>();
  #uid = "";
  readonly #asked = new Map<number, Asked>();
  readonly #looking = new Set<(holder: Holder | undefined) => void>();
  #count = 0;
  #underWay = 0;
  #isClosed = false;

  constructor(options: AskerOptions) {
    this.#options = options;
  }

  /** The wallet's, once somebody was met who has it. */
  get uid(): string {
    return this.#uid;
  }

  /** Resolves when somebody has the wallet. */
  async met(): Promise<void> {
    if (this.#holder === undefined) await new Promise((resolve) => this.#looking.add(resolve));
  }

  hear(message: Message): void {
    if (message.kind === "here") this.meet({ id: message.holder, uid: message.uid });
    else if (message.kind === "gone") this.leave(message.holder);
    else if (message.kind === "changed" && message.holder === this.#holder?.id) this.#options.changed();
    else if (message.kind === "answer" && message.tab === this.#options.tab)
      this.#asked.get(message.call)?.answer(message.outcome);
  }

  /** There is a new holder. Whoever was it before is none any more. */
  meet(holder: Holder): void {
    if (holder.id === this.#holder?.id || this.#gone.has(holder.id)) return;
    if (this.#holder !== undefined) this.leave(this.#holder.id);
    this.#holder = holder;
    this.#uid = holder.uid;
    for (const found of this.#looking) found(holder);
    this.#looking.clear();
    this.#options.changed();
  }

  /** Tells the tabs that nobody answers for the one before us, and that is so here, too. */
  takeOver(): void {
    const before = this.#holder;
    if (before === undefined) return;
    this.#options.air.post({ kind: "gone", holder: before.id });
    this.leave(before.id);
  }

  leave(holder: string): void {
    this.#gone.add(holder);
    if (this.#gone.size > limits.sharedHolders) this.#gone.delete([...this.#gone][0] ?? "");
    if (this.#holder?.id === holder) this.#holder = undefined;
    for (const each of [...this.#asked.values()]) if (each.holder === holder) each.answer("gone");
  }

  /** Does a call where the wallet is. */
  async call(method: Method, args: readonly unknown[]): Promise<unknown> {
    if (this.#isClosed) throw new LeptaError("closed");
    if (this.#underWay >= limits.sharedCalls)
      throw new LeptaError("busy", `${limits.sharedCalls} calls are under way in this tab`);
    const { runtime, patience } = this.#options;
    const until = runtime.now() + patience;
    this.#underWay += 1;
    try {
      for (;;) {
        const holder = await this.#find(until);
        const outcome = await (holder.perform?.(method, args) ?? this.#ask(holder, method, args, until));
        if (outcome === "silence" || outcome === "gone") {
          // Sent, and perhaps done: what moves money is not sent again.
          if (isOnce(method)) throw new LeptaError("pending", WHERE_TO_LOOK);
          if (outcome === "silence")
            throw new LeptaError("unreachable", "the tab with the wallet does not answer");
        } else if ("value" in outcome) return unpack(outcome.value);
        else throw Object.assign(new LeptaError(outcome.code), { message: outcome.message });
      }
    } finally {
      this.#underWay -= 1;
    }
  }

  /** Nobody is asked any more, and nobody waits. */
  close(): void {
    this.#isClosed = true;
    for (const each of [...this.#asked.values()]) each.answer("gone");
    for (const found of this.#looking) found(undefined);
    this.#looking.clear();
  }

  async #find(until: number): Promise<Holder> {
    const { runtime } = this.#options;
    if (this.#isClosed) throw new LeptaError("closed");
    if (this.#holder !== undefined) return this.#holder;
    let callOff: CallOff | undefined;
    const found = await new Promise<Holder | undefined>((resolve) => {
      this.#looking.add(resolve);
      callOff = runtime.later(Math.max(0, until - runtime.now()), () => {
        this.#looking.delete(resolve);
        resolve(undefined);
      });
    });
    callOff?.();
    if (found !== undefined) return found;
    if (this.#isClosed) throw new LeptaError("closed");
    throw new LeptaError("unreachable", "no tab has the wallet open");
  }

  #ask(
    holder: Holder,
    method: Method,
    args: readonly unknown[],
    until: number,
  ): Promise<Outcome | "silence"> {
    const { tab, air, runtime } = this.#options;
    this.#count += 1;
    const call = this.#count;
    return new Promise((resolve) => {
      // Before anything waits for it: arguments that cannot be sent are the caller's mistake.
      air.post({ kind: "ask", holder: holder.id, tab, call, method, args, until });
      const answer = (outcome: Outcome | "silence"): void => {
        callOff();
        this.#asked.delete(call);
        resolve(outcome);
      };
      const callOff = runtime.later(Math.max(0, until - runtime.now()), () => answer("silence"));
      this.#asked.set(call, { holder: holder.id, answer });
    });
  }
}

const WHERE_TO_LOOK =
  "the tab with the wallet has gone or does not answer: look at what is pending and at the history before you try again";
