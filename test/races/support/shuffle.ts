/** A store whose calls are let through one after the other, in an order that only the seed decides. */
import type { Store } from "@lepta/lambdas";
import { seededRandom } from "../../support/runtime.ts";

export interface Shuffle {
  readonly store: Store;
  /** How many calls were let through. */
  readonly calls: () => number;
  /** How many commits found that their state had moved. */
  readonly overtaken: () => number;
}

export interface ShuffleOptions {
  readonly seed: string;
  /**
   * How often, of 256, the latest caller goes first. At 0 every waiting handler is as likely as any other, and nearly
   * every decision is overtaken; near 256 handlers seldom meet.
   */
  readonly latestFirst?: number;
}

/** Stands before a store: every `get` and `commit` waits until it is drawn. */
export function shuffled(inner: Store, { seed, latestFirst = 0 }: ShuffleOptions): Shuffle {
  const draw = draws(seed);
  const waiting: (() => void)[] = [];
  let isDriving = false;
  let calls = 0;
  let overtaken = 0;

  const turn = (): Promise<void> =>
    new Promise((resolve) => {
      waiting.push(resolve);
      if (isDriving) return;
      isDriving = true;
      // Everybody who is about to call is waiting before the first one is drawn.
      setImmediate(drive);
    });

  async function drive(): Promise<void> {
    while (waiting.length > 0) {
      const at =
        (draw() & 0xff) < latestFirst ? waiting.length - 1 : Math.floor((draw() / 2 ** 32) * waiting.length);
      const last = waiting.pop();
      const next = at === waiting.length ? last : waiting[at];
      if (at < waiting.length && last !== undefined) waiting[at] = last;
      calls += 1;
      next?.();
      // What was let through goes on until it calls again: only promises stand in its way.
      for (let step = 0; step < MICROTASKS; step += 1) await undefined;
    }
    isDriving = false;
  }

  return {
    store: {
      get: async (keys) => {
        await turn();
        return inner.get(keys);
      },
      list: (pk, options) => inner.list(pk, options),
      commit: async (writes) => {
        await turn();
        const outcome = await inner.commit(writes);
        if (outcome === "moved") overtaken += 1;
        return outcome;
      },
    },
    calls: () => calls,
    overtaken: () => overtaken,
  };
}

/** More promises than lie between two calls of one handler's `settle`. */
const MICROTASKS = 12;

/** 32 bits at a time, of SHA-256 over the seed once and of xorshift from there: a draw must cost next to nothing. */
function draws(seed: string): () => number {
  const start = seededRandom(seed)(4);
  let state = new DataView(start.buffer).getUint32(0) || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
}
