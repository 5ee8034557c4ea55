/** What a customer keeps of its lanes. */
import {
  bytes,
  currency,
  embedded,
  field,
  hash32,
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
import { runCodec, statedCodec } from "../../lanes/run.ts";
import type { PeerStore } from "../../ports.ts";
import { table } from "../../store/table.ts";

/** How many openings of sessions are remembered between two statements. */
export const OPENINGS = 64;

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
  /** The openings of the sessions that went on with it since the last statement. */
  openings: field(7, list(hash32, OPENINGS)),
  /** Our signature under the last statement, which its merchant may not have. */
  signature: optional(8, embedded(256)),
  /** When it was opened, in milliseconds. */
  at: field(9, time),
});
export type LaneRecord = Value<typeof laneRecord>;

/** A purchase in the journal, before it is sent: the lane's name, when, and item 3. */
export const journalRecord = tuple(bytes(1, 64), time, bytes(1, limits.messageBytes));

/** A signed statement that the broker is not known to have, and when we send it ourselves. */
const copyRecord = struct({
  /** A signed-statement. */
  signed: field(1, embedded(4096)),
  /** Milliseconds. */
  due: field(2, time),
});

export const laneTables = (store: PeerStore) => ({
  /** Under `merchant/number`. */
  lanes: table(store, "lane", laneRecord),
  /** Under `merchant/first 8 bytes of h_0/last sequence`. */
  runs: table(store, "run", runCodec),
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
