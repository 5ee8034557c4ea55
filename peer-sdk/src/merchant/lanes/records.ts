/** What a merchant keeps of its lanes. */
import {
  bytes,
  currency,
  embedded,
  field,
  hash32,
  isRefusal,
  LeptaError,
  optional,
  scripId,
  struct,
  time,
  tuple,
  uint,
  type Value,
} from "@lepta/protocol";
import { type RunEntry, readEntry, runCodec, statedCodec } from "../../lanes/run.ts";
import type { PeerStore } from "../../ports.ts";
import { packUnder, unpackItems } from "../../session/frame.ts";
import { table } from "../../store/table.ts";
import { SALT } from "../outstanding.ts";

/** The change that a closing statement grants: its id and its salt. */
const changeCodec = tuple(scripId, bytes(SALT));

/** An open lane, as of the last statement; the purchases since are in the journal. */
const laneRecord = struct({
  /** The opening of the session in which it was opened. */
  session: field(1, hash32),
  scrip: field(2, scripId),
  currency: field(3, currency),
  expiresAt: field(4, time),
  stated: field(5, statedCodec),
  /** A statement that was proposed and is not known to be signed: payload and our signature. */
  proposed: optional(6, tuple(embedded(2048), embedded(256))),
  /** The change in it, where it closes the lane. */
  change: optional(7, changeCodec),
  /** When it was opened, in milliseconds. */
  openedAt: field(8, time),
  /** The V0 from which its scrip descends: the name of its line. */
  origin: field(9, scripId),
});
export type LaneRecord = Value<typeof laneRecord>;

/** What was bought without a statement on lanes that have ended without one: it counts against the pair's bounds for good. */
const unstatedRecord = struct({
  count: field(1, uint()),
  /** Millionths. */
  value: field(2, uint()),
});
export type UnstatedRecord = Value<typeof unstatedRecord>;

/** One purchase in the journal: `[the lane's id/name, the purchase as it is kept]`, with the latter as a view of it. */
export const journalRecord = (lane: Uint8Array, parts: readonly Uint8Array[]) => packUnder(lane, parts);

/** The same read again. Throws `store-damaged`. */
export function readJournalRecord(record: Uint8Array): {
  /** Its id, and its name. */
  readonly lane: string;
  readonly name: string;
  readonly entry: RunEntry;
} {
  const parts = unpackItems(record);
  const [lane, kept] = isRefusal(parts) ? [] : parts;
  if (kept === undefined) throw new LeptaError("store-damaged", "the journal of purchases");
  const [owner = "", number = "", name = ""] = new TextDecoder().decode(lane).split("/");
  return { lane: `${owner}/${number}`, name, entry: readEntry(kept) };
}

export const laneTables = (store: PeerStore) => ({
  /** Under `owner/number`. */
  lanes: table(store, "lane", laneRecord),
  /** Under `owner/first 8 bytes of h_0/last sequence`. */
  runs: table(store, "run", runCodec),
  /** By owner. */
  unstated: table(store, "unstated", unstatedRecord),
});
export type LaneTables = ReturnType<typeof laneTables>;
