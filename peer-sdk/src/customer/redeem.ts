/** Figure 6 backwards: BrokerScrip is paid out to the account that was enrolled. */
import {
  type Amount,
  isRefusal,
  LeptaError,
  redeemResponse,
  sameAmount,
  subtract,
  type Verified,
} from "@lepta/protocol";
import { askAt } from "../doors.ts";
import { moreDoors } from "../more-doors.ts";
import { endAtBroker } from "./ask-broker.ts";
import { awaiting, type Customer, PURSE_LOCK, refusedWith } from "./customer.ts";
import { endedPending } from "./ended.ts";
import { prepareReturn } from "./prepare-return.ts";
import { keepPurse, purseOf, purseWith } from "./purse.ts";
import { bodyOf, type Holding, type Pending } from "./records.ts";
import { purseAfter, releasedPurse } from "./spent-purse.ts";

type Answer = Verified<typeof redeemResponse>;

/**
 * Pays an amount out, or, without one, as much as the account can hold; tells how much it was. Throws
 * `insufficient-funds`, `bad-amount` where it is no multiple of the account's smallest unit, `declined`, `pending`.
 */
export function redeem(customer: Customer, amount: Amount | undefined): Promise<Amount> {
  return customer.lock.run(PURSE_LOCK, async () => {
    const { party } = customer;
    const { currency, unit } = await party.link.keys();
    const held = await purseOf(customer);
    if (held?.lockedBy !== undefined) throw new LeptaError("pending", held.lockedBy);
    if (held === undefined) throw new LeptaError("insufficient-funds");
    const { value } = bodyOf(held);
    const wished = amount ?? { currency, value: value.value - (value.value % unit) };
    if (wished.currency !== currency)
      throw new LeptaError("wrong-currency", `this broker deals in ${currency}`);
    if (wished.value === 0n || isRefusal(subtract(value, wished))) throw new LeptaError("insufficient-funds");
    if (wished.value % unit !== 0n)
      throw new LeptaError("bad-amount", "no multiple of the account's smallest unit");
    const { txn, pending } = await prepareReturn(customer, "redeem", held, wished);
    const named = { txn, digest: pending.request };
    const answer = await awaiting(customer, txn, () =>
      askAt(party, moreDoors.redeem, pending.message, named),
    );
    if (isRefusal(answer)) throw new LeptaError(answer.code, answer.detail);
    await conclude(customer, txn, pending, answer);
    return wished;
  });
}

/** Brings a redemption that was left under way to its end, if it has one by now. */
export async function resumeRedemption(customer: Customer, txn: string): Promise<void> {
  await customer.lock.run(PURSE_LOCK, () => endRedemption(customer, txn));
}

/** The same where the caller holds the purse's lock. */
export async function endRedemption(customer: Customer, txn: string): Promise<void> {
  const pending = await customer.tables.pending.get(txn);
  if (pending === undefined) return;
  await conclude(customer, txn, pending, await endAtBroker(customer.party, txn, redeemResponse));
}

async function conclude(
  customer: Customer,
  txn: string,
  pending: Pending,
  answer: Answer | undefined,
): Promise<void> {
  const { party, tables } = customer;
  const held = await purseOf(customer);
  if (answer === undefined) {
    const back = held?.lockedBy === txn ? [releasedPurse(customer, held, "aborted")] : [];
    await party.store.commit([...back, ...endedPending(customer, txn, pending, "aborted")]);
    throw refusedWith("aborted");
  }
  const { ok, reason = "", request, spent, amount, grant } = answer.payload;
  if (request !== pending.request) throw new LeptaError("wrong-reference");
  if (reason === "conflict") throw new LeptaError("conflict");
  const isPaid = ok && spent === pending.scrip && amount !== undefined && sameAmount(amount, pending.amount);
  if (ok && !isPaid) throw new LeptaError("scrip-mismatch", "the broker's answer is not what was asked for");
  const purse = ok
    ? [keepPurse(customer, purseAfter(customer, { grant, secrets: answer.secrets }, held, pending))]
    : await purseBack(customer, txn, pending, answer, held);
  await party.store.commit([
    ...purse,
    ...endedPending(customer, txn, pending, ok ? "done" : reason),
    tables.evidence.put(txn, { response: answer.signed }),
  ]);
  if (!ok) throw refusedWith(reason);
}

/** A refusal left the scrip as it was; or, where it was spent and the rail would not pay, minted all of it again. */
async function purseBack(
  customer: Customer,
  txn: string,
  pending: Pending,
  { payload: { grant, spent, reason = "" }, secrets }: Answer,
  held: Holding | undefined,
) {
  if (grant === undefined) return held?.lockedBy === txn ? [releasedPurse(customer, held, reason)] : [];
  // In place of what we hold locked stands the same value again, and what was bought since.
  const isLocked = held?.lockedBy === txn && spent === bodyOf(held).id;
  const least = isLocked ? bodyOf(held).value : pending.amount;
  const changes = await purseWith(customer, { grant, replaced: "", secrets }, least);
  return changes.length === 0 && isLocked ? [keepPurse(customer, undefined)] : changes;
}
