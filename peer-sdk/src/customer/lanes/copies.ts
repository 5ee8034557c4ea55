/** Signed statements that the broker is not known to have: its receipt lets go of them, and in time we send them ourselves. */
import {
  acknowledgement,
  type Credential,
  idBytes,
  isInTree,
  isRefusal,
  limits,
  readMessage,
} from "@lepta/protocol";
import type { Customer } from "../customer.ts";

/** A statement's place in a batch: its digest, the index of its entry, and the path to the tree's root. */
export type Recorded = readonly [digest: string, index: number, path: readonly Uint8Array[]];

/** Takes the broker's receipt that a merchant brings: each statement that it proves is on record needs no copy of ours. */
export async function takeRecorded(
  { party, lanes }: Customer,
  merchant: Credential,
  signed: Uint8Array,
  statements: readonly Recorded[],
): Promise<void> {
  const read = readMessage(signed, [acknowledgement]);
  if (isRefusal(read)) return;
  const verified = await party.link.verify(read, "acknowledge", merchant.uid);
  if (isRefusal(verified)) return;
  const { count, tree, refused } = verified.payload;
  const isRefused = (index: number): boolean => refused.some(([each]) => each === index);
  const proven = statements.filter(
    ([digest, index, path]) => !isRefused(index) && isInTree(idBytes(digest), index, count, path, tree),
  );
  if (proven.length > 0)
    await party.store.commit(proven.map(([digest]) => lanes.tables.copies.remove(digest)));
}

/** Hands the copies whose time has come to the outbox; tells how many wait on. */
export async function sendCopies(customer: Customer): Promise<number> {
  const { party, lanes, outbox } = customer;
  const now = party.runtime.now();
  let left = 0;
  for (const [digest, { signed, due }] of await lanes.tables.copies.list()) {
    if (now < due) {
      left += 1;
      continue;
    }
    // In one commit: it is in the one or in the other.
    await party.store.commit([lanes.tables.copies.remove(digest), outbox.put(signed)]);
  }
  if (outbox.size > 0) outbox.flushSoon(customer.noticeDelay);
  return left;
}

/** How often it is looked whether a copy's time has come, in milliseconds. */
export const LOOK_EVERY = limits.acknowledgedWithin / 2;
