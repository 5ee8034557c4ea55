/** Randomness that is cheap and repeats itself: the whole suite follows from one seed. */

/** Another seed, or more runs for each target, for a long search: `LEPTA_FUZZ_SEED=7 LEPTA_FUZZ_RUNS=5000000`. */
export const SEED = Number(process.env.LEPTA_FUZZ_SEED ?? 1);

/** How many inputs a target gets: so many as stand here, unless the environment says otherwise. */
export const runs = (usual: number): number => Number(process.env.LEPTA_FUZZ_RUNS ?? usual);

export interface Draw {
  /** 0 to 2^32 − 1. */
  next(): number;
  /** 0 to `end` − 1. */
  below(end: number): number;
  pick<T>(from: readonly T[]): T;
  bytes(length: number): Uint8Array;
}

/** Marsaglia's xorshift with 32 bits, begun at a place that depends on the seed and the name. */
export function drawFor(name: string): Draw {
  let state = 0x811c9dc5 ^ SEED;
  for (const character of `${SEED} ${name}`)
    state = Math.imul(state ^ (character.codePointAt(0) ?? 0), 0x01000193);
  // Zero is the one place that xorshift never leaves.
  state = state === 0 ? 1 : state;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
  const below = (end: number): number => next() % end;
  return {
    next,
    below,
    pick: (from) => from[below(from.length)] as (typeof from)[number],
    bytes: (length) => {
      const out = new Uint8Array(length);
      for (let i = 0; i < length; i += 1) out[i] = next() & 0xff;
      return out;
    },
  };
}
