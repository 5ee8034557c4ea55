/** A clock that only tests move, randomness that repeats itself and a sleep that takes no time. */
import { createHash } from "node:crypto";
import type { Runtime } from "@lepta/lambdas";

export interface TestRuntime extends Runtime {
  /** Sets the clock, in milliseconds. */
  set(now: number): void;
  /** Moves the clock on, in milliseconds. */
  advance(milliseconds: number): void;
  /** Every sleep that was asked for, in milliseconds. */
  readonly slept: readonly number[];
}

export interface TestRuntimeOptions {
  /** Two runtimes with one seed draw the same bytes. */
  readonly seed?: string;
  /** Whether a sleep moves the clock on by its length; otherwise it moves nothing. */
  readonly sleepAdvances?: boolean;
}

/** The clock at which tests start: 1 January 2027. */
export const START = Date.UTC(2027, 0, 1);

/** A runtime for a test. `sleep` lets others go first and then resolves, without waiting. */
export function testRuntime(start = START, options: TestRuntimeOptions = {}): TestRuntime {
  const { seed = "lepta", sleepAdvances = false } = options;
  const slept: number[] = [];
  let now = start;
  return {
    now: () => now,
    random: seededRandom(seed),
    sleep: async (milliseconds) => {
      slept.push(milliseconds);
      if (sleepAdvances) now += milliseconds;
      await new Promise((resolve) => setImmediate(resolve));
    },
    set: (value) => {
      now = value;
    },
    advance: (milliseconds) => {
      now += milliseconds;
    },
    slept,
  };
}

/** SHA-256 of the seed and a counter, block after block. */
export function seededRandom(seed: string): (length: number) => Uint8Array {
  let count = 0;
  return (length) => {
    const out = new Uint8Array(length);
    for (let at = 0; at < length; at += 32) {
      const block = createHash("sha256").update(`${seed} ${count}`).digest();
      out.set(block.subarray(0, Math.min(32, length - at)), at);
      count += 1;
    }
    return out;
  };
}
