/**
 * A wallet that has lost everything but its phrase (design section 6, rule 7): first every open transaction is brought to
 * its end at the broker, then the purse is what the broker says, and each merchant's scrip is the latest that the merchant
 * shows, or what the broker has in escrow.
 */
import {
  brokerscripChange,
  brokerscripResponse,
  LeptaError,
  originOf,
  query,
  redeemResponse,
  refundChange,
  renewalResponse,
  reversal,
  settlementStatement,
} from "@lepta/protocol";
import { type Dealing, readAccount, takeLive } from "./account.ts";
import type { Acquaintance } from "./acquaintance.ts";
import type { Acquaintances } from "./acquaintances.ts";
import { askBroker, endAtBroker } from "./ask-broker.ts";
import { openEscrow } from "./check-change.ts";
import type { Customer } from "./customer.ts";
import { askHoldings, type HeldLine, leftOverOf } from "./holdings.ts";
import { reversedLanes } from "./lanes/end.ts";
import { bodyOf, type Holding, OPEN } from "./records.ts";

/** What could not be brought back, and why: to be tried again, or to be reversed while its credit is held. */
export interface Missing {
  /** Undefined where it is between the broker and us: money on the rail's way, a reversal that is not decided. */
  readonly merchant: string | undefined;
  /** The transaction, of figure 8 where a merchant owes. */
  readonly txn: string;
  /** A code of the table of errors. */
  readonly code: string;
}

/** Restores purse and VendorScrip; what is missing is told. Throws `unreachable` and the broker's codes. */
export async function restore(customer: Customer, merchants: Acquaintances): Promise<readonly Missing[]> {
  const { party, tables } = customer;
  await party.store.commit([tables.restoring.put(OPEN, true)]);
  const open = await endOpen(customer);
  const missing: Missing[] = open.map((txn) => ({ merchant: undefined, txn, code: "pending" }));
  // What has ended meanwhile has moved the purse, and may have been the last dealing with a merchant.
  const dealings = await takeLive(customer);
  await mark(customer, [OPEN], open);
  for (const [merchant, of] of byMerchant(dealings)) {
    const outcome = await restoreMerchant(customer, merchants, merchant, of).catch((error: unknown) => {
      if (!(error instanceof LeptaError)) throw error;
      return of.map(({ txn }) => ({ merchant, txn, code: error.code }));
    });
    missing.push(...outcome);
  }
  return missing;
}

/** Takes what has come since a wallet was restored, until nothing is on its way any more that it holds no record of. */
export async function resumeRestoring(customer: Customer): Promise<void> {
  const marked = (await customer.tables.restoring.list()).map(([txn]) => txn);
  if (marked.length === 0) return;
  const left = await endOpen(customer);
  for (const txn of marked) if (txn !== OPEN && !left.includes(txn)) await dropReversed(customer, txn);
  await takeLive(customer);
  await mark(customer, marked, left);
}

/** What stays open is remembered; what has come is in the purse. */
async function mark(
  { party, tables }: Customer,
  before: readonly string[],
  left: readonly string[],
): Promise<void> {
  await party.store.commit([
    ...before.filter((txn) => !left.includes(txn)).map((txn) => tables.restoring.remove(txn)),
    ...left.map((txn) => tables.restoring.put(txn, true)),
  ]);
}

/** A reversal that has ended well ended the scrip that it was about: the merchant had shown it while it was in dispute. */
async function dropReversed(customer: Customer, txn: string): Promise<void> {
  const { party, tables, lock } = customer;
  const { decision } = await askBroker(party, query, txn, [reversal]);
  if (decision === undefined || !decision.payload.ok) return;
  const { merchant, subject } = decision.payload;
  await lock.run(merchant, async () => {
    const held = await tables.vendorscrip.list({ under: `${merchant}/` });
    const gone = held.filter(([, { obtained }]) => obtained === subject);
    if (gone.length === 0) return;
    const ids = gone.map(([id]) => id);
    const lanes = await reversedLanes(customer, ids);
    await party.store.commit([...ids.map((id) => tables.vendorscrip.remove(id)), ...lanes.changes]);
    lanes.done();
  });
}

/** Ends what is open at the broker; tells what stays so. What we have a record of ends by itself. */
async function endOpen(customer: Customer): Promise<readonly string[]> {
  const { tables } = customer;
  const known = new Set((await tables.pending.list()).map(([txn]) => txn));
  const left: string[] = [];
  for (const [txn] of (await readAccount(customer)).open)
    if (!known.has(txn) && !(await end(customer, txn))) left.push(txn);
  return left;
}

/** Ends one transaction; false where it is on the rail's way, or disputed, and ends later. */
async function end(customer: Customer, txn: string): Promise<boolean> {
  try {
    await endAtBroker(customer.party, txn, brokerscripChange);
    return true;
  } catch (error) {
    if (!(error instanceof LeptaError) || error.code !== "pending") throw error;
    return (await askBroker(customer.party, query, txn, DECISIONS)).decision !== undefined;
  }
}

/** What the broker signs about a transaction once it is decided. */
const DECISIONS = [
  brokerscripResponse,
  brokerscripChange,
  renewalResponse,
  redeemResponse,
  refundChange,
  reversal,
  settlementStatement,
] as const;

function byMerchant(dealings: readonly Dealing[]): ReadonlyMap<string, readonly Dealing[]> {
  const all = new Map<string, Dealing[]>();
  for (const dealing of dealings) all.set(dealing.merchant, [...(all.get(dealing.merchant) ?? []), dealing]);
  return all;
}

async function restoreMerchant(
  customer: Customer,
  merchants: Acquaintances,
  merchant: string,
  dealings: readonly Dealing[],
): Promise<readonly Missing[]> {
  const address = dealings.findLast((each) => each.address !== "")?.address ?? "";
  // The address is our own note, and it pins nothing: the merchant's own signature does.
  const acquaintance = await merchants.at(`${address}#${merchant}`);
  return customer.lock.run(merchant, async () => {
    const isBusy = (await customer.tables.pending.list()).some(([, each]) => each.merchant === merchant);
    if (isBusy) throw new LeptaError("pending", merchant);
    const lines = await askHoldings(customer, acquaintance, true);
    const missing: Missing[] = [];
    for (const dealing of dealings) {
      const { txn } = dealing;
      const found = await bringBack(customer, acquaintance, dealing, lines);
      if (!found) missing.push({ merchant, txn, code: "scrip-mismatch" });
    }
    return missing;
  });
}

/**
 * The scrip of one V0: what the merchant shows of its line, or V0 itself where nothing that we signed says that it was
 * spent. False where the merchant owes what it does not show.
 */
async function bringBack(
  customer: Customer,
  merchant: Acquaintance,
  { txn, owed }: Dealing,
  lines: readonly HeldLine[],
): Promise<boolean> {
  const { party, tables } = customer;
  const { uid, verifyingKey } = merchant.credential;
  const { decision: change } = await askBroker(party, query, txn, [brokerscripChange]);
  if (change === undefined) return false;
  const { amount, merchant: of } = change.payload;
  const pending = { amount, merchant: of, request: undefined, minimumExpiry: 0 };
  const v0 = of === uid ? await openEscrow(customer, pending, verifyingKey, change) : undefined;
  const ours = lines.filter(({ line }) => line.txn === txn);
  const live = ours.flatMap(({ held }) => (held === undefined ? [] : [held]));
  const names = new Set((await tables.vendorscrip.list({ under: `${uid}/` })).map(([id]) => id));
  const keep = (held: Holding) => {
    const id = `${uid}/${bodyOf(held).id}`;
    // What we know already may be on its way.
    return names.has(id) ? [] : [tables.vendorscrip.put(id, held)];
  };
  await party.store.commit([tables.evidence.put(txn, { response: change.signed }), ...live.flatMap(keep)]);
  if (v0 === undefined) return live.length > 0;
  const first = bodyOf(v0).id;
  const isShown = live.some((held) => originOf(bodyOf(held)) === first);
  // What a lane of ours holds is shown to nobody: this wallet has gone on buying since it was restored.
  const isOnLane = customer.lanes
    .with(uid)
    .some(({ held, record }) => record.state !== "lost" && originOf(bodyOf(held)) === first);
  if (isShown || isOnLane) return true;
  const signed = (await Promise.all(ours.map(({ line }) => leftOverOf(customer, uid, line)))).find(
    (each) => each?.origin === first,
  );
  if (signed !== undefined) {
    // What our own signature left of V0 was given back since, or the merchant hides it.
    const givenBack = bodyOf(v0).value.value - owed.value;
    return signed.rest.value <= givenBack;
  }
  await party.store.commit(keep(v0));
  return false;
}
