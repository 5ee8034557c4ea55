/** Those who wait equally long to be woken, with one timer for all of them: a merchant has thousands of sessions. */
import type { CallOff, Runtime } from "../ports.ts";

export interface Sleeper {
  wake(): void;
}

const lines = new WeakMap<Runtime, Map<number, Line>>();

/** The line of those who wait for so many milliseconds by this clock. */
export function lineOf(runtime: Runtime, wait: number): Line {
  const ofRuntime = lines.get(runtime) ?? new Map<number, Line>();
  lines.set(runtime, ofRuntime);
  const line = ofRuntime.get(wait) ?? new Line(runtime, wait);
  ofRuntime.set(wait, line);
  return line;
}

export class Line {
  readonly #runtime: Runtime;
  readonly #wait: number;
  /** When each is woken, in milliseconds: in the order in which they came. */
  readonly #due = new Map<Sleeper, number>();
  #timer: CallOff | undefined;

  constructor(runtime: Runtime, wait: number) {
    this.#runtime = runtime;
    this.#wait = wait;
  }

  /** Wakes somebody once, who does not wait here yet. */
  enter(who: Sleeper): void {
    this.#due.set(who, this.#runtime.now() + this.#wait);
    this.#arm();
  }

  /** Nobody is to be woken any more. */
  leave(who: Sleeper): void {
    this.#due.delete(who);
    if (this.#due.size > 0) return;
    this.#timer?.();
    this.#timer = undefined;
  }

  #arm(): void {
    const [first] = this.#due.values();
    if (first === undefined || this.#timer !== undefined) return;
    this.#timer = this.#runtime.later(Math.max(first - this.#runtime.now(), 0), () => this.#ring());
  }

  #ring(): void {
    this.#timer = undefined;
    for (const [who, due] of this.#due) {
      const left = due - this.#runtime.now();
      // The clock was set back: nobody is to wait for longer on that account than once more.
      if (left > this.#wait) this.#enterAgain();
      if (left > 0) break;
      this.#due.delete(who);
      who.wake();
    }
    this.#arm();
  }

  #enterAgain(): void {
    const due = this.#runtime.now() + this.#wait;
    for (const [who, before] of this.#due) this.#due.set(who, Math.min(before, due));
  }
}
