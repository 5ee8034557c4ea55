/**
 * VendorScrip that is not spent, in memory: a salt and a state at a numbered place, in chunks of typed arrays. Places are
 * used again, the lowest first, so that the table is as large as what is outstanding and not as what was ever made.
 */
import { equalBytes } from "@lepta/protocol";

/** Bytes of a salt. */
export const SALT = 16;
/** Places in a chunk: their numbers within it fill 16 bits. */
export const CHUNK = 65_536;
/** Chunks, at most: a place has 32 bits. */
const CHUNKS = 65_536;

/**
 * What a scrip that is not spent may be. `taken` is one that memory does not answer for: it is being made, or a commit failed
 * and nobody has looked at the disk since.
 */
export type Standing = (typeof STANDINGS)[number];
const STANDINGS = ["taken", "reserved", "live", "returning", "lane"] as const;
/** The byte of each state; 0 is a place that is free. */
const CODES = Object.fromEntries(STANDINGS.map((each, i) => [each, i + 1])) as Readonly<
  Record<Standing, number>
>;

interface Chunk {
  readonly salts: Uint8Array;
  readonly states: Uint8Array;
  /** How many of its places are free. */
  room: number;
  /** Which, as a stack; made when the first of them is wanted. */
  free: Uint16Array | undefined;
}

export class Outstanding {
  readonly #chunks: (Chunk | undefined)[] = [];
  /** No chunk below it has room. */
  #lowest = 0;
  /** A chunk of which all is free: one is kept, so that its border costs nothing. */
  #empty: number | undefined;
  #size = 0;

  /** Places in use. */
  get size(): number {
    return this.#size;
  }

  /** What the table takes, salts included. */
  get bytes(): number {
    return this.#chunks.reduce(
      (sum, chunk) =>
        chunk === undefined
          ? sum
          : sum + chunk.salts.byteLength + chunk.states.byteLength + (chunk.free?.byteLength ?? 0),
      0,
    );
  }

  /** Gives a scrip that is being made the lowest place that is free. */
  take(salt: Uint8Array): number {
    while ((this.#chunks[this.#lowest]?.room ?? 1) === 0) this.#lowest += 1;
    const at = this.#lowest;
    const chunk = this.#chunkAt(at);
    chunk.free ??= freeIn(chunk);
    const index = chunk.free[chunk.room - 1] ?? 0;
    this.#occupy(at, chunk, index, salt, "taken");
    return at * CHUNK + index;
  }

  /** Takes in a scrip that has its place already; where another is there it stays out, and the disk answers for it. */
  hold(place: number, salt: Uint8Array, state: Standing): void {
    const [at, index] = split(place);
    const chunk = this.#chunkAt(at);
    if (chunk.states[index] !== 0) return;
    chunk.free = undefined;
    this.#occupy(at, chunk, index, salt, state);
  }

  /** How the scrip at this place stands; undefined where there is none. */
  stateAt(place: number): Standing | undefined {
    const [at, index] = split(place);
    return STANDINGS[(this.#chunks[at]?.states[index] ?? 0) - 1];
  }

  /** The salt at this place, as a copy. */
  saltAt(place: number): Uint8Array {
    const [at, index] = split(place);
    return this.#chunks[at]?.salts.slice(index * SALT, (index + 1) * SALT) ?? new Uint8Array(SALT);
  }

  /** Keeps how the scrip with this salt stands; one that is not here stays out. */
  set(place: number, salt: Uint8Array, state: Standing): void {
    const [at, index] = split(place);
    const chunk = this.#chunks[at];
    if (chunk !== undefined && isAt(chunk, index, salt)) chunk.states[index] = CODES[state];
  }

  /** The scrip with this salt is spent, or was never made: its salt goes, and its place is the next one's. */
  free(place: number, salt: Uint8Array): void {
    const [at, index] = split(place);
    const chunk = this.#chunks[at];
    if (chunk === undefined || !isAt(chunk, index, salt)) return;
    chunk.salts.fill(0, index * SALT, (index + 1) * SALT);
    chunk.states[index] = 0;
    if (chunk.free !== undefined) chunk.free[chunk.room] = index;
    chunk.room += 1;
    this.#size -= 1;
    this.#lowest = Math.min(this.#lowest, at);
    if (chunk.room === CHUNK) this.#giveBack(at);
  }

  #occupy(at: number, chunk: Chunk, index: number, salt: Uint8Array, state: Standing): void {
    chunk.salts.set(salt, index * SALT);
    chunk.states[index] = CODES[state];
    chunk.room -= 1;
    this.#size += 1;
    if (this.#empty === at) this.#empty = undefined;
  }

  #chunkAt(at: number): Chunk {
    const known = this.#chunks[at];
    if (known !== undefined) return known;
    if (at >= CHUNKS) throw new RangeError("all places of scrip are taken");
    const chunk: Chunk = {
      salts: new Uint8Array(CHUNK * SALT),
      states: new Uint8Array(CHUNK),
      room: CHUNK,
      free: undefined,
    };
    this.#chunks[at] = chunk;
    return chunk;
  }

  /** Of two empty chunks the higher one goes. */
  #giveBack(at: number): void {
    const other = this.#empty ?? at;
    this.#empty = Math.min(at, other);
    if (other !== at) this.#chunks[Math.max(at, other)] = undefined;
  }
}

const split = (place: number): readonly [at: number, index: number] => [
  Math.floor(place / CHUNK),
  place % CHUNK,
];

const isAt = ({ salts, states }: Chunk, index: number, salt: Uint8Array): boolean =>
  states[index] !== 0 && equalBytes(salts.subarray(index * SALT, (index + 1) * SALT), salt);

/** The free places of a chunk, the lowest on top. */
function freeIn({ states }: Chunk): Uint16Array {
  const free = new Uint16Array(CHUNK);
  let count = 0;
  for (let index = CHUNK - 1; index >= 0; index -= 1) {
    if (states[index] !== 0) continue;
    free[count] = index;
    count += 1;
  }
  return free;
}
