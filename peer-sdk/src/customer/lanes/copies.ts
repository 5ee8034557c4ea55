/**
 * Signed statements that the broker is not known to have: its acknowledgement lets go of them, and in time we send them
 * ourselves. Where and when the broker has recorded one is kept for its purchases' receipts.
 */
import {
  acknowledgement,
  type Credential,
  type Digest,
  idBytes,
  isInTree,
  isRefusal,
  limits,
  type Recorded,
  readMessage,
  readStatement,
  treePaths,
} from "@lepta/protocol";
import type { Kept } from "../../outbox.ts";
import type { Party } from "../../party.ts";
import type { Change } from "../../ports.ts";
import type { AcknowledgedBatch } from "../../send-batch.ts";
import type { Customer } from "../customer.ts";
import { type LaneTables, recordedTable } from "./records.ts";

/** A statement's place in a batch: its digest, the index of its entry, and the path to the tree's root. */
export type Place = readonly [digest: Digest, index: number, path: readonly Uint8Array[]];

/**
 * Takes the acknowledgement that a merchant brings: each statement of ours that it proves is on record needs no copy of
 * ours. What it proves of others, or of what we have let go of, is of no use to us; what proves nothing changes nothing.
 */
export async function takeRecorded(
  customer: Customer,
  merchant: Pick<Credential, "uid">,
  signed: Uint8Array,
  statements: readonly Place[],
): Promise<void> {
  const { party, lanes, lock } = customer;
  const read = readMessage(signed, [acknowledgement]);
  if (isRefusal(read)) return;
  const waiting: Place[] = [];
  for (const place of statements)
    if ((await lanes.tables.copies.get(place[0])) !== undefined) waiting.push(place);
  if (waiting.length === 0) return;
  const verified = await party.link.verify(read, "acknowledge", merchant.uid);
  if (isRefusal(verified)) return;
  const { count, tree, refused } = verified.payload;
  const isRefused = (index: number): boolean => refused.some(([each]) => each === index);
  const proven = waiting.filter(
    ([digest, index, path]) => !isRefused(index) && isInTree(idBytes(digest), index, count, path, tree),
  );
  if (proven.length === 0) return;
  const certificate = party.link.certificateOf(verified.sign1.kid);
  const keep = recordings(party, { acknowledgement: signed, certificate }, proven);
  // Not while they are on their way to the outbox.
  await lock.run(COPIES, () =>
    party.store.commit([...proven.map(([digest]) => lanes.tables.copies.remove(digest)), ...keep]),
  );
}

/** Our own copies that the broker has acknowledged to us: what is kept of that, with the outbox's own commit. */
export function keepRecorded(party: Party, batch: AcknowledgedBatch): Kept {
  const { entries, refused } = batch;
  const own = entries.filter(({ bytes, index }) => {
    const read = refused.has(index) ? undefined : readStatement(bytes);
    return read !== undefined && !isRefusal(read) && read.payload.customer === party.identity.uid;
  });
  if (own.length === 0) return { changes: [] };
  const paths = treePaths(entries.map(({ digest }) => idBytes(digest)));
  const places = own.map(({ digest, index }) => [digest, index, paths[index] ?? []] as const);
  return { changes: recordings(party, batch, places) };
}

/** Where and when the broker has recorded a statement, for a receipt; undefined where we have no acknowledgement of it. */
export const recordedOf = (
  { store }: Pick<Party, "store">,
  statement: Digest,
): Promise<Recorded | undefined> => recordedTable(store).get(statement);

/** Hands the copies whose time has come to the outbox, as long as that has room; tells how many wait for the next look. */
export async function sendCopies(customer: Customer): Promise<number> {
  const { party, lanes, outbox, lock } = customer;
  const { copies }: LaneTables = lanes.tables;
  const now = party.runtime.now();
  let left = 0;
  // One after the other: two would send each copy twice.
  await lock.run(COPIES, async () => {
    for (let after: string | undefined; ; ) {
      const page = await copies.list({ limit: PAGE, ...(after === undefined ? {} : { after }) });
      // In the order in which they were signed: that of their digests is no order.
      const due = outbox.hasRoom
        ? page.filter(([, copy]) => now >= copy.due).sort(([, one], [, other]) => one.due - other.due)
        : [];
      // In one commit: each is in the one or in the other.
      if (due.length > 0)
        await party.store.commit(
          due.flatMap(([digest, { signed }]) => [copies.remove(digest), outbox.put(signed)]),
        );
      left += page.length - due.length;
      after = page.at(-1)?.[0];
      if (page.length < PAGE || !outbox.hasRoom) break;
    }
  });
  if (outbox.size > 0) outbox.flushSoon(customer.noticeDelay);
  return left;
}

/** Without the key's certificate an acknowledgement proves nothing to others: then none is kept. */
function recordings(
  { store }: Pick<Party, "store">,
  { acknowledgement: signed, certificate }: Pick<AcknowledgedBatch, "acknowledgement" | "certificate">,
  places: readonly Place[],
): readonly Change[] {
  if (certificate === undefined) return [];
  const recorded = recordedTable(store);
  return places.map(([digest, index, path]) =>
    recorded.put(digest, { acknowledgement: signed, certificate, index, path }),
  );
}

/** The name of the lock that copies move under. */
const COPIES = "copies";
/** Copies that are looked at, and move, at once. */
const PAGE = 100;

/** How often it is looked whether a copy's time has come, in milliseconds. */
export const LOOK_EVERY = limits.acknowledgedWithin / 2;
