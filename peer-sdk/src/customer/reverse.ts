/** VendorScrip that proved to be of no use, within the time that the broker holds the merchant's credit for it. */
import {
  isRefusal,
  LeptaError,
  reversal,
  reversalRequest,
  sameAmount,
  toText,
  type Verified,
} from "@lepta/protocol";
import { askAt } from "../doors.ts";
import { moreDoors } from "../more-doors.ts";
import { REQUEST_LIFE } from "../party.ts";
import { endAtBroker } from "./ask-broker.ts";
import { awaiting, type Customer, PURSE_LOCK, refusedWith, unlocked } from "./customer.ts";
import { endedPending } from "./ended.ts";
import { reversedLanes } from "./lanes/end.ts";
import { purseWith } from "./purse.ts";
import { bodyOf, type Holding, type Pending } from "./records.ts";

type Reversal = Verified<typeof reversal>;

/** What descends from the V0 of one transaction of figure 8: its name and what is held. */
type Line = readonly (readonly [id: string, held: Holding])[];

/**
 * Asks the broker to take back what one transaction of figure 8 gave to a merchant. The caller holds the merchant's lock.
 * Throws `pending` until the merchant was heard or its time is over, then `too-late`, `paid-out`, `wrong-reference`.
 */
export async function reverse(customer: Customer, merchant: string, subject: string): Promise<void> {
  const { party } = customer;
  const already = (await customer.tables.pending.list()).find(
    ([, each]) => each.kind === "reversal" && each.subject === subject,
  );
  const { txn, pending } =
    already === undefined
      ? await prepare(customer, merchant, subject)
      : { txn: already[0], pending: already[1] };
  const answer = await awaiting(customer, txn, () =>
    askAt(party, moreDoors.reversal, pending.message, { txn, digest: pending.request }),
  );
  if (isRefusal(answer)) throw new LeptaError(answer.code, answer.detail);
  await customer.lock.run(PURSE_LOCK, () => conclude(customer, txn, pending, answer));
}

/** Brings a reversal that was left under way to its end, if it has one by now. The caller holds the merchant's lock. */
export async function resumeReversal(customer: Customer, txn: string): Promise<void> {
  const pending = await customer.tables.pending.get(txn);
  if (pending === undefined) return;
  const answer = await endAtBroker(customer.party, txn, reversal);
  await customer.lock.run(PURSE_LOCK, () => conclude(customer, txn, pending, answer));
}

async function prepare(customer: Customer, merchant: string, subject: string) {
  const { party, tables } = customer;
  const { link, runtime } = party;
  const txn = toText(runtime.random(16));
  const request = await party.sign(reversalRequest, {
    to: link.network,
    txn,
    expiresAt: runtime.now() + REQUEST_LIFE,
    merchant,
    subject,
  });
  const line = await lineOf(customer, merchant, subject);
  const { currency } = await link.keys();
  const value = line.reduce((sum, [, held]) => sum + bodyOf(held).value.value, 0n);
  const pending: Pending = {
    kind: "reversal",
    message: await link.seal(request),
    request: request.digest,
    // What we know of; what comes back is for the broker to say.
    amount: { currency, value: value === 0n ? 1n : value },
    at: customer.moment(),
    merchant,
    subject,
  };
  await party.store.commit([
    tables.pending.put(txn, pending),
    ...line
      .filter(([, { lockedBy }]) => lockedBy === undefined)
      .map(([id, held]) => tables.vendorscrip.put(id, { ...held, lockedBy: txn })),
  ]);
  return { txn, pending };
}

/** Reversed: V0 and all that descends from it are nothing any more. Refused: what was locked for it is free again. */
async function conclude(
  customer: Customer,
  txn: string,
  pending: Pending,
  answer: Reversal | undefined,
): Promise<void> {
  const { party, tables } = customer;
  // Somebody else was faster.
  if ((await tables.pending.get(txn)) === undefined) return;
  const { merchant = "", subject = "" } = pending;
  const line = await lineOf(customer, merchant, subject);
  const { ok = false, reason = "aborted" } = answer?.payload ?? {};
  if (answer === undefined || !ok) {
    if (answer !== undefined && answer.payload.request !== pending.request)
      throw new LeptaError("wrong-reference");
    if (reason === "conflict") throw new LeptaError("conflict");
    const free = line.filter(([, { lockedBy }]) => lockedBy === txn);
    await party.store.commit([
      ...free.map(([id, held]) => tables.vendorscrip.put(id, unlocked(held))),
      ...endedPending(customer, txn, pending, reason),
    ]);
    throw refusedWith(reason);
  }
  const { payload, secrets } = answer;
  const isAboutThis =
    payload.request === pending.request && payload.merchant === merchant && payload.subject === subject;
  if (!isAboutThis) throw new LeptaError("wrong-reference");
  const { grant, replaced, amount } = payload;
  const purse =
    grant === undefined ? [] : await purseWith(customer, { grant, replaced, secrets }, positive(amount));
  const lanes = await reversedLanes(
    customer,
    line.map(([id]) => id),
  );
  await party.store.commit([
    ...purse,
    ...line.map(([id]) => tables.vendorscrip.remove(id)),
    ...lanes.changes,
    ...(await endedWith(customer, line)),
    ...endedPending(customer, txn, sameOr(pending, amount), "done"),
    tables.evidence.put(txn, { response: answer.signed }),
  ]);
  lanes.done();
}

/** Purchases and refunds under way with scrip that was reversed have come to nothing. */
async function endedWith(customer: Customer, line: Line) {
  const ids = new Set(line.map(([id]) => id));
  const all = await customer.tables.pending.list();
  return all
    .filter(([, { kind }]) => kind === "purchase" || kind === "refund" || kind === "renewal")
    .filter(([, { merchant, scrip }]) => ids.has(`${merchant}/${scrip}`))
    .flatMap(([id, each]) => endedPending(customer, id, each, "reversed"));
}

async function lineOf({ tables }: Customer, merchant: string, subject: string): Promise<Line> {
  const all = await tables.vendorscrip.list({ under: `${merchant}/` });
  return all.filter(([, { obtained }]) => obtained === subject);
}

const positive = (amount: Pending["amount"]) => (amount.value > 0n ? amount : undefined);

/** The record with what was reversed indeed. */
const sameOr = (pending: Pending, amount: Pending["amount"]): Pending =>
  sameAmount(pending.amount, amount) ? pending : { ...pending, amount };
