/** Randomness that a seed repeats: which step a process dies at, and how. */

export interface Dice {
  /** A whole number from 0 up to, and without, the bound. */
  below(bound: number): number;
}

/** Mulberry32: small, and good enough to choose moments with. */
export function createDice(seed: number): Dice {
  let state = seed >>> 0;
  return {
    below: (bound) => {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * bound);
    },
  };
}
