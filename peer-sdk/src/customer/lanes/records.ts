/** What a customer keeps of its lanes. */
import {
  currency,
  digest,
  embedded,
  field,
  hash32,
  isRefusal,
  LeptaError,
  limits,
  list,
  optional,
  recordedCodec,
  scripId,
  struct,
  text,
  time,
  tuple,
  uint,
  type Value,
  word,
} from "@lepta/protocol";
import { momentBytes, readMoment, runCodec, statedCodec } from "../../lanes/run.ts";
import type { PeerStore } from "../../ports.ts";
import { packItems, unpackItems } from "../../session/frame.ts";
import { table } from "../../store/table.ts";

/** Pairs of credentials that a lane remembers: one outlives many sessions. */
export const SIGNERS_KEPT = 4;

/**
 * A lane, from the moment before it is opened until its merchant has said that it has our closing signature. Its scrip stays
 * among the VendorScrip, locked by the lane's name.
 */
const laneRecord = struct({
  /** `lost` where its merchant knows nothing of it, or something else. */
  state: field(1, word("opening", "open", "closing", "lost")),
  /** The opening of the session in which it is opened. */
  session: field(2, hash32),
  scrip: field(3, scripId),
  currency: field(4, currency),
  stated: field(5, statedCodec),
  url: field(6, text(limits.addressLength)),
  /** The openings of the sessions that have gone on with it lately: one of them may enter the chain. */
  openings: field(7, list(hash32, limits.openingsKept)),
  /** Our signature under the last statement, which its merchant may not have. */
  signature: optional(8, embedded(256)),
  /** When it was opened, in milliseconds. */
  at: field(9, time),
  /** The credentials, ours and its merchant's, of the sessions that it was in lately: a statement may be from any of them. */
  signers: field(10, list(tuple(digest, digest), SIGNERS_KEPT)),
});
export type LaneRecord = Value<typeof laneRecord>;

/** A purchase in the journal, before it is sent: the lane's id, when, in 8 bytes, and item 3. */
export const journalRecord = (lane: Uint8Array, at: number, item: Uint8Array): Uint8Array =>
  packItems([lane, momentBytes(at), item]);

/** The same read again. Throws `store-damaged`. */
export function readJournalRecord(record: Uint8Array): {
  readonly lane: string;
  readonly at: number;
  readonly item: Uint8Array;
} {
  const parts = unpackItems(record);
  const [lane, at, item] = isRefusal(parts) ? [] : parts;
  if (at?.length !== 8 || item === undefined)
    throw new LeptaError("store-damaged", "the journal of purchases");
  return { lane: new TextDecoder().decode(lane), at: readMoment(at), item };
}

/** A signed statement that the broker is not known to have, and when we send it ourselves. */
const copyRecord = struct({
  /** A signed-statement. */
  signed: field(1, embedded(4096)),
  /** Milliseconds. */
  due: field(2, time),
});

/** The names are not a merchant's: a peer that is both has one store. */
export const laneTables = (store: PeerStore) => ({
  /** Under `merchant/number`. */
  lanes: table(store, "paying-lane", laneRecord),
  /** Under `merchant/first 8 bytes of h_0/last sequence`. */
  runs: table(store, "paid-run", runCodec),
  /** By the statement's digest. */
  copies: table(store, "copy", copyRecord),
  /** The last number of a lane with each merchant. */
  numbers: table(store, "lane-number", uint()),
});

export type LaneTables = ReturnType<typeof laneTables>;

/**
 * By a statement's digest: where and when the broker has recorded it. Only for statements that we have signed, one each, so
 * it grows with `runs` and no faster: whoever forgets a run forgets what stands here under its statement.
 */
export const recordedTable = (store: PeerStore) => table(store, "recorded", recordedCodec);
