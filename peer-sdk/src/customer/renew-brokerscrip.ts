/** BrokerScrip in exchange for the same that lives longer: near its end, and for a time after it. */
import { checkGrant, isRefusal, LeptaError, orThrow, renewalResponse, type Verified } from "@lepta/protocol";
import { askAt } from "../doors.ts";
import { moreDoors } from "../more-doors.ts";
import type { Change } from "../ports.ts";
import { endAtBroker } from "./ask-broker.ts";
import { awaiting, type Customer, PURSE_LOCK, refusedWith, secretFor, unlocked } from "./customer.ts";
import { endedPending } from "./ended.ts";
import { prepareReturn } from "./prepare-return.ts";
import { keepPurse, purseOf } from "./purse.ts";
import { bodyOf, type Holding, type Pending } from "./records.ts";
import { releasedPurse } from "./spent-purse.ts";

type Answer = Verified<typeof renewalResponse>;

/** Renews the purse where it ends before `before`, in milliseconds. Throws `pending` and the broker's codes. */
export function renewBrokerScrip(customer: Customer, before: number): Promise<void> {
  return customer.lock.run(PURSE_LOCK, async () => {
    const held = await purseOf(customer);
    if (held === undefined || held.lockedBy !== undefined || held.unusable !== undefined) return;
    if (bodyOf(held).expiresAt >= before) return;
    const { txn, pending } = await prepareReturn(customer, "renewal", held, bodyOf(held).value);
    const named = { txn, digest: pending.request };
    const answer = await awaiting(customer, txn, () =>
      askAt(customer.party, moreDoors.renew, pending.message, named),
    );
    if (isRefusal(answer)) throw new LeptaError(answer.code, answer.detail);
    await conclude(customer, txn, pending, answer);
  });
}

/** Brings a renewal that was left under way to its end. */
export async function resumeBrokerRenewal(customer: Customer, txn: string): Promise<void> {
  await customer.lock.run(PURSE_LOCK, () => endBrokerRenewal(customer, txn));
}

/** The same where the caller holds the purse's lock. */
export async function endBrokerRenewal(customer: Customer, txn: string): Promise<void> {
  const pending = await customer.tables.pending.get(txn);
  if (pending === undefined) return;
  await conclude(customer, txn, pending, await endAtBroker(customer.party, txn, renewalResponse));
}

async function conclude(
  customer: Customer,
  txn: string,
  pending: Pending,
  answer: Answer | undefined,
): Promise<void> {
  const { party } = customer;
  const { ok = false, reason = "aborted", grant, request } = answer?.payload ?? {};
  if (answer !== undefined && request !== pending.request) throw new LeptaError("wrong-reference");
  if (reason === "conflict" && answer !== undefined) throw new LeptaError("conflict");
  const held = await purseOf(customer);
  const isOurs = held?.lockedBy === txn;
  if (!ok || grant === undefined) {
    await party.store.commit([
      ...(isOurs ? [unrenewed(customer, held, reason)] : []),
      ...endedPending(customer, txn, pending, reason),
    ]);
    throw refusedWith(reason);
  }
  const { uid: owner, network } = party.identity;
  const least = isOurs ? { expiresAt: bodyOf(held).expiresAt } : {};
  const expected = {
    kind: "broker",
    network,
    issuer: network,
    owner,
    value: pending.amount,
    ...least,
  } as const;
  const body = orThrow(checkGrant(grant, undefined, { ...expected, parent: pending.scrip ?? null }));
  const isSpent = answer?.secrets.some((each) => each.scrip === body.id && each.spentBy !== undefined);
  const next = isSpent ? undefined : { grant, secret: secretFor(answer?.secrets ?? [], body.id) };
  if (next !== undefined) orThrow(checkGrant(grant, next.secret, expected));
  // Spent since by another transaction of ours, whose answer brings the purse up to date.
  const moves = next !== undefined || isOurs ? [keepPurse(customer, next)] : [];
  await party.store.commit([...moves, ...endedPending(customer, txn, pending, "done")]);
}

/** The purse as it was; one that has expired for too long is not asked about again. */
const unrenewed = (customer: Customer, held: Holding, reason: string): Change =>
  reason === "scrip-expired"
    ? keepPurse(customer, { ...unlocked(held), unusable: reason })
    : releasedPurse(customer, held, reason);
