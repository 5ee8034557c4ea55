/** Seeded randomness that costs next to nothing: xoshiro128** seeded by splitmix32 from a name. */

export interface Draws {
  /** The name that it was seeded from. */
  readonly name: string;
  /** 32 bits. */
  word(): number;
  /** 0 to `bound` − 1. */
  below(bound: number): number;
  /** `least` to `most`, both included. */
  between(least: number, most: number): number;
  chance(probability: number): boolean;
  pick<T>(list: readonly T[]): T;
  bytes(length: number): Uint8Array;
  /** Another generator, which does not depend on what was drawn from this one. */
  fork(name: string): Draws;
}

/** The generator of a name: the same name gives the same draws. */
export function drawsOf(name: string): Draws {
  const seed = splitmix(hashOf(name));
  let [a, b, c, d] = [seed(), seed(), seed(), seed()];

  const word = (): number => {
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotate(d, 11);
    return result;
  };
  const below = (bound: number): number => Math.floor((word() / 2 ** 32) * bound);
  return {
    name,
    word,
    below,
    between: (least, most) => least + below(most - least + 1),
    chance: (probability) => probability > 0 && word() < probability * 2 ** 32,
    pick: (list) => {
      const chosen = list[below(list.length)];
      if (chosen === undefined) throw new Error("nothing to pick from");
      return chosen;
    },
    bytes: (length) => {
      const out = new Uint8Array(length);
      for (let i = 0; i < length; i += 4) {
        const drawn = word();
        for (let j = 0; j < 4 && i + j < length; j += 1) out[i + j] = drawn >>> (8 * j);
      }
      return out;
    },
    fork: (more) => drawsOf(`${name}/${more}`),
  };
}

/** 32 bits of a text (FNV-1a). */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

const rotate = (value: number, by: number): number => (value << by) | (value >>> (32 - by));

function splitmix(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return mixed ^ (mixed >>> 15);
  };
}
