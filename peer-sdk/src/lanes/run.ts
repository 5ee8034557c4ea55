/** The purchases of a lane since a statement, as both sides keep them until the next one and beside it afterwards. */
import {
  bytes,
  chainAfter,
  digest,
  embedded,
  field,
  hash32,
  laneElement,
  limits,
  list,
  optional,
  scripId,
  struct,
  time,
  tuple,
  uint,
  type Value,
} from "@lepta/protocol";

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
  /** When, the purchase, its answer, and the opening before it or nothing. */
  entries: field(
    3,
    list(
      tuple(
        time,
        bytes(1, limits.messageBytes),
        bytes(1, limits.goodsBytes + limits.messageBytes),
        bytes(0, 32),
      ),
      limits.unstatedPurchases,
    ),
  ),
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

/** As they are kept. */
export const keptEntries = (entries: readonly RunEntry[]): Run["entries"] =>
  entries.map(({ at, bought, answered, joined }) => [at, bought, answered, joined ?? NOTHING] as const);

/** As they were kept. */
export const runEntries = ({ entries }: Run): readonly RunEntry[] =>
  entries.map(([at, bought, answered, joined]) => ({
    at,
    bought,
    answered,
    joined: joined.length === 0 ? undefined : joined,
  }));

/** The name of a lane in a table and in the journal, and a sequence in one: sorts as numbers do. */
export const laneId = (peer: string, number: number): string => `${peer}/${digits(number)}`;
export const digits = (number: number): string => number.toString().padStart(16, "0");

/**
 * The name of a run: `peer/first 8 bytes of h_0/last sequence`. A lane may close when its last purchase is in a statement already: its
 * closing statement covers none, ends where the one before it ends, and must not take its place.
 */
export const runId = (peer: string, lane: string, last: number, entries: readonly unknown[]): string =>
  `${peer}/${lane}/${digits(last)}${entries.length === 0 ? "." : ""}`;

const NOTHING = new Uint8Array(0);
