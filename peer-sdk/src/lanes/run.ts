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
  laneElement,
  limits,
  type Or,
  optional,
  scripId,
  struct,
  tuple,
  uint,
  type Value,
} from "@lepta/protocol";

import { packAll, unpackItems } from "../session/frame.ts";

/** One purchase and its answer, as they travelled. */
export interface RunEntry {
  /** Milliseconds. */
  readonly at: number;
  /** Item 3. */
  readonly bought: Uint8Array;
  /** Item 4 or 5. */
  readonly answered: Uint8Array;
  /** The opening of a resumed session that entered the chain before it. */
  readonly joined: Uint8Array | undefined;
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
  /** Each entry as `packEntry` writes it, oldest first, in one array. */
  entries: field(3, bytes(1, limits.runBytes)),
  /** The credentials of the customer and of the merchant when they signed, by their digests. */
  signers: optional(4, tuple(digest, digest)),
  /** At the merchant: the line that paid for it. */
  line: optional(5, scripId),
});
export type Run = Value<typeof runCodec>;

/** The elements of a run in their order. */
export const elementsOf = (entries: readonly RunEntry[]): readonly Uint8Array[] =>
  entries.flatMap(({ bought, answered, joined }) => {
    const element = laneElement(bought, answered);
    return joined === undefined ? [element] : [joined, element];
  });

/** h after these purchases, as a statement about them would say it. */
export const chainOver = (before: Uint8Array, entries: readonly RunEntry[]): Uint8Array =>
  chainAfter(before, elementsOf(entries));

/** A purchase as it is kept: when, in 8 bytes, item 3, item 4 or 5, and the opening before it if one entered. */
export const entryParts = ({ at, bought, answered, joined }: RunEntry): readonly Uint8Array[] =>
  joined === undefined ? [momentBytes(at), bought, answered] : [momentBytes(at), bought, answered, joined];

/** The same read again. Throws `store-damaged`. */
export function readEntry(parts: readonly Uint8Array[]): RunEntry {
  const [at, bought, answered, joined] = parts;
  if (at?.length !== 8 || bought === undefined || answered === undefined || parts.length > 4)
    throw new LeptaError("store-damaged", "a purchase on a lane");
  return { at: readMoment(at), bought, answered, joined };
}

/** Those that a statement covers, as they are kept; a closing one may cover none. */
export const keptEntries = (entries: readonly RunEntry[]): Uint8Array =>
  entries.length === 0 ? NONE : packAll(entries.map(entryParts));

/** As they were kept. Throws `store-damaged`. */
export function runEntries({ entries }: Pick<Run, "entries">): readonly RunEntry[] {
  if (entries.length === 1) return [];
  const packed = orDamaged(unpackItems(entries, limits.unstatedPurchases));
  return packed.map((each) => readEntry(orDamaged(unpackItems(each))));
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
