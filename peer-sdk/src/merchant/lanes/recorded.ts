/**
 * Item 16 at the merchant: the broker's acknowledgement of statements, on its way back to the customers who signed them.
 * Who is connected gets it at once, who is away when he is back. That it was sent proves nothing, and nothing rests on it:
 * a customer who does not get it sends the broker its own copy (docs/protocol.md section 13).
 */
import {
  encodeAs,
  idBytes,
  isRefusal,
  limits,
  readStatement,
  statementsRecorded,
  treePaths,
  type Uid,
} from "@lepta/protocol";
import type { Kept } from "../../outbox.ts";
import type { Change } from "../../ports.ts";
import type { AcknowledgedBatch } from "../../send-batch.ts";
import type { Shop } from "../shop.ts";
import type { LaneVisit } from "./lane.ts";

/**
 * The broker has acknowledged a batch: what is kept, in the commit that lets go of its entries, for customers who are away,
 * and what goes to those who are here when that is durable.
 */
export function acknowledged(
  shop: Pick<Shop, "party" | "recorded" | "visits" | "onError">,
  batch: AcknowledgedBatch,
): Kept {
  const { party, recorded, visits, onError } = shop;
  const here: (readonly [LaneVisit, Uint8Array])[] = [];
  const away = new Set<Uid>();
  const changes: Change[] = [];
  const now = party.runtime.now();
  for (const [owner, item] of itemsOf(party.identity.uid, batch)) {
    const visit = visits.latest(owner);
    if (visit !== undefined) here.push([visit, item]);
    else {
      away.add(owner);
      changes.push(...recorded.keep(owner, item, now));
    }
  }
  const committed = (): void => {
    for (const [visit, item] of here) visit.send(item);
    for (const owner of away) {
      // Who came in meanwhile did not find it.
      const visit = visits.latest(owner);
      if (visit !== undefined) sendKept(shop, visit).catch(onError);
    }
  };
  return { changes: changesOnce(changes), committed };
}

/** A customer's session has opened: it gets what was kept for it. */
export async function sendKept(
  { party, recorded }: Pick<Shop, "party" | "recorded">,
  visit: LaneVisit,
): Promise<void> {
  const rows = await recorded.table.list({ under: `${visit.customer.uid}/` });
  // What does not leave is kept for the next session.
  if (rows.length === 0 || !visit.session.isOpen) return;
  const now = party.runtime.now();
  // An older one is under a key of the broker that has ended: its customer would not believe it.
  for (const [, { at, item }] of rows) if (now - at < limits.operationalKeyLife) visit.send(item);
  await party.store.commit(rows.map(([id]) => recorded.table.remove(id)));
  for (const [id] of rows) recorded.forget(id);
}

/** Items 16 for each customer whose signature is under a statement of ours that the broker has recorded. */
function* itemsOf(
  merchant: Uid,
  { acknowledgement, entries, refused }: AcknowledgedBatch,
): Generator<readonly [owner: Uid, item: Uint8Array]> {
  // Only a broker that pads it with nonsense makes it as long; no item could carry it.
  if (acknowledgement.length > ACKNOWLEDGEMENT) return;
  const indices = new Map<Uid, number[]>();
  for (const { bytes, index } of entries) {
    const read = refused.has(index) ? undefined : readStatement(bytes);
    if (read === undefined || isRefusal(read)) continue;
    const { payload, signed } = read;
    // What we sent as somebody's customer is no sale of ours, and what no customer has signed no customer waits for.
    if (payload.from !== merchant || signed.customer === undefined) continue;
    indices.set(payload.customer, [...(indices.get(payload.customer) ?? []), index]);
  }
  if (indices.size === 0) return;
  const paths = treePaths(entries.map(({ digest }) => idBytes(digest)));
  for (const [owner, own] of indices)
    for (let at = 0; at < own.length; at += limits.frameMessages) {
      const statements = own
        .slice(at, at + limits.frameMessages)
        .map((index) => [entries[index]?.digest ?? "", index, paths[index] ?? []] as const);
      yield [owner, encodeAs(statementsRecorded, [16, acknowledgement, statements])];
    }
}

/** What was put in and dropped again in one go is not put in: a commit is not asked to do both. */
function changesOnce(changes: readonly Change[]): readonly Change[] {
  return [...new Map(changes.map((change) => [change.key, change])).values()];
}

/** Bytes of an acknowledgement in an item 16. */
const ACKNOWLEDGEMENT = 64 * 1024;
