/** The purchases of a lane since a statement, as both sides keep them until the next one and beside it afterwards. */
import {
  bytes,
  chainAfter,
  digest,
  embedded,
  field,
  hash32,
  isRefusal,
  LeptaError,
  limits,
  type Or,
  optional,
  scripId,
  sha256,
  struct,
  tuple,
  uint,
  type Value,
} from "@lepta/protocol";

import { packItems, unpackItems } from "../session/frame.ts";

/** One purchase and its answer as they are kept, in one piece. */
export interface KeptEntry {
  /** `[when, item 3, item 4 or 5]`, and behind them the opening of a resumed session that entered the chain before it. */
  readonly kept: Uint8Array;
  readonly joined: Uint8Array | undefined;
}

/** One purchase and its answer, as they travelled. */
export interface RunEntry extends KeptEntry {
  /** Milliseconds. */
  readonly at: number;
  /** Item 3. */
  readonly bought: Uint8Array;
  /** Item 4 or 5. */
  readonly answered: Uint8Array;
}

/** Where a lane stands by the last statement that both have signed, or by its opening. */
export const statedCodec = struct({
  sequence: field(1, uint()),
  /** Millionths. */
  remaining: field(2, uint()),
  /** h. */
  chain: field(3, hash32),
  /** Of the statement; absent before the first. */
  statement: optional(4, digest),
});
export type Stated = Value<typeof statedCodec>;

/** A statement with what it covers. */
export const runCodec = struct({
  /** A signed-statement. */
  statement: field(1, embedded(4096)),
  /** h before it. */
  before: field(2, hash32),
  /** Each entry as it is kept, oldest first, in one array. */
  entries: field(3, bytes(1, limits.runBytes)),
  /** The credentials of the customer and of the merchant when they signed, by their digests. */
  signers: optional(4, tuple(digest, digest)),
  /** At the merchant: the line that paid for it. */
  line: optional(5, scripId),
});
export type Run = Value<typeof runCodec>;

/** The elements of a run in their order. */
export function elementsOf(entries: readonly KeptEntry[]): readonly Uint8Array[] {
  const elements: Uint8Array[] = [];
  for (const { kept, joined } of entries) {
    if (joined !== undefined) elements.push(joined);
    // What `laneElement` hashes, where it stands: M1 and M2, each with its head.
    elements.push(
      sha256(kept.subarray(BEFORE_M1, joined === undefined ? kept.length : kept.length - JOINED)),
    );
  }
  return elements;
}

/** In a kept purchase: the head of its array and when it was, and the opening behind M2. */
const BEFORE_M1 = 10;
const JOINED = 34;

/** h after these purchases, as a statement about them would say it. */
export const chainOver = (before: Uint8Array, entries: readonly KeptEntry[]): Uint8Array =>
  chainAfter(before, elementsOf(entries));

/** What is kept of a purchase: when, in 8 bytes, item 3, item 4 or 5, and the opening before it if one entered. */
export const entryParts = (
  at: number,
  bought: Uint8Array,
  answered: Uint8Array,
  joined: Uint8Array | undefined,
): readonly Uint8Array[] =>
  joined === undefined ? [momentBytes(at), bought, answered] : [momentBytes(at), bought, answered, joined];

/** A purchase as it was kept. Throws `store-damaged`. */
export function readEntry(kept: Uint8Array): RunEntry {
  const parts = orDamaged(unpackItems(kept));
  const [at, bought, answered, joined] = parts;
  const isOne = at?.length === 8 && (joined === undefined || joined.length === 32) && parts.length <= 4;
  if (!isOne || bought === undefined || answered === undefined)
    throw new LeptaError("store-damaged", "a purchase on a lane");
  return { kept, at: readMoment(at), bought, answered, joined };
}

/** Those that a statement covers, as they are kept; a closing one may cover none. */
export const keptEntries = (entries: readonly KeptEntry[]): Uint8Array =>
  entries.length === 0 ? NONE : packItems(entries.map(({ kept }) => kept));

/** As they were kept. Throws `store-damaged`. */
export function runEntries({ entries }: Pick<Run, "entries">): readonly RunEntry[] {
  if (entries.length === 1) return [];
  return orDamaged(unpackItems(entries, limits.unstatedPurchases)).map(readEntry);
}

/** A moment in milliseconds as 8 bytes, big-endian, which nobody may change: the next one is often the same. */
export function momentBytes(at: number): Uint8Array {
  if (at !== lastMoment.at) lastMoment = { at, bytes: bytesOfMoment(at) };
  return lastMoment.bytes;
}

let lastMoment: { readonly at: number; readonly bytes: Uint8Array } = { at: 0, bytes: new Uint8Array(8) };

function bytesOfMoment(at: number): Uint8Array {
  const moment = new Uint8Array(8);
  const high = Math.floor(at / 2 ** 32);
  for (let i = 3, rest = high; i >= 0; i -= 1, rest >>>= 8) moment[i] = rest & 0xff;
  for (let i = 7, rest = at >>> 0; i >= 4; i -= 1, rest >>>= 8) moment[i] = rest & 0xff;
  return moment;
}

export const readMoment = (moment: Uint8Array): number => moment.reduce((sum, byte) => sum * 0x100 + byte, 0);

function orDamaged<T>(read: Or<T>): T {
  if (isRefusal(read)) throw new LeptaError("store-damaged", "a run of purchases");
  return read;
}

/** The name of a lane in a table and in the journal, and a sequence in one: sorts as numbers do. */
export const laneId = (peer: string, number: number): string => `${peer}/${digits(number)}`;
export const digits = (number: number): string => number.toString().padStart(16, "0");

/** An empty array. */
const NONE = new Uint8Array([0x80]);
