/**
 * One peer's whole chain, page by page, between two looks at its purse. What was linked before the first look is judged
 * always; the purse only where it stayed as it was.
 */
import { encodeCbor, sha256, toText, type Uid } from "@lepta/protocol";
import { keys, TRANSACTION } from "../broker/items.ts";
import type { Finding } from "../broker/reconcile/findings.ts";
import {
  auditCarry,
  auditPurse,
  auditRecord,
  type ChainEnd,
  chainEnd,
  isChainWhole,
  newAudit,
  type PeerAudit,
  type PeerState,
} from "../broker/reconcile/peer-audit.ts";
import { type Item, UnreadableItem } from "../ports/store.ts";
import type { PeerProgress } from "./reconcile-progress.ts";
import type { Reconciliation } from "./reconciliation.ts";

/** How often a chain whose purse moves is read again before it is left for another run. */
const TRIES = 3;
const PAGE = 100;

export type Audited =
  | { readonly done: false; readonly peer: PeerProgress }
  /** Not settled where the purse had moved each time: only its chain was judged. */
  | { readonly done: true; readonly settled: boolean; readonly findings: readonly Finding[] };

/** Reads until the chain is at its end or the time is over, a page at the least. */
export async function auditPeer(
  ports: Reconciliation,
  peer: PeerProgress,
  network: Uid,
  deadline: number,
): Promise<Audited> {
  try {
    return await readChain(ports, peer, network, deadline);
  } catch (error) {
    // The one that cannot be read has a finding of its own, and without it nothing can be said of the chain.
    if (error instanceof DamagedRecord || error instanceof UnreadableItem)
      return { done: true, settled: true, findings: [] };
    throw error;
  }
}

async function readChain(
  ports: Reconciliation,
  { uid, tries, seen, end: begun, after, audit = newAudit }: PeerProgress,
  network: Uid,
  deadline: number,
): Promise<Audited> {
  const isLast = tries >= TRIES - 1;
  const again: Audited = { done: false, peer: { uid, tries: tries + 1 } };
  const state = await readState(ports, uid);
  if (state === undefined) return { done: true, settled: true, findings: [] };
  const now = fingerprint(state);
  if (seen !== undefined && seen !== now && !isLast) return again;
  const first = seen ?? now;
  const end = begun ?? endOf(state);
  let place = after;
  let sums = audit;
  do {
    const options = { prefix: TRANSACTION, limit: PAGE, ...(place === undefined ? {} : { after: place }) };
    const page = await ports.store.list(keys.purse(uid).pk, options);
    for (const { item } of page.items) sums = taken(sums, item, end, state);
    place = page.next;
    if (place !== undefined && ports.runtime.now() >= deadline)
      return { done: false, peer: { uid, tries, seen: first, end, after: place, audit: sums } };
  } while (place !== undefined);
  const last = await readState(ports, uid);
  const settled = first === now && last !== undefined && fingerprint(last) === now;
  if (!settled && !isLast) return again;
  const isWhole = isChainWhole(sums, uid, network, end);
  // A purse that does not rest cannot be compared with its records; what is linked is compared all the same.
  const purse = [
    ...(isWhole ? [] : (["chain-broken"] as const)),
    ...(settled ? auditPurse(sums, state) : []),
  ];
  const carry = settled ? auditCarry(sums, state) : [];
  const findings = [
    ...[...new Set(purse)].map((name) => ({ name, key: keys.purse(uid) })),
    ...carry.map((name) => ({ name, key: keys.carry(uid, ports.currency) })),
  ];
  return { done: true, settled, findings };
}

/** A record that is not what it should be. */
class DamagedRecord extends Error {}

function endOf({ purse }: PeerState): ChainEnd {
  try {
    return chainEnd(purse);
  } catch (error) {
    throw new DamagedRecord("a purse cannot be read", { cause: error });
  }
}

function taken(audit: PeerAudit, item: Item, end: ChainEnd, state: PeerState): PeerAudit {
  try {
    return auditRecord(audit, item, end, state);
  } catch (error) {
    throw new DamagedRecord("a record cannot be read", { cause: error });
  }
}

async function readState({ store, currency }: Reconciliation, uid: Uid): Promise<PeerState | undefined> {
  const [purse, carry] = await store.get([keys.purse(uid), keys.carry(uid, currency)]);
  return purse === undefined ? undefined : { purse, carry };
}

/** Purses are never the same again: their sequence grows, and no two scrips have one id. */
const fingerprint = ({ purse, carry }: PeerState): string =>
  toText(sha256(encodeCbor([purse, carry ?? {}].map((item) => entriesOf(item)))));

const entriesOf = (item: Item) =>
  Object.entries(item)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => [name, typeof value === "bigint" ? value.toString() : value]);
