/**
 * Payments of which is not known yet what they have cost: found out later, also by another process, and then settled with the budget
 * that set something aside for them. Otherwise it would be set aside for ever.
 */
import { type Amount, amount, field, limits, struct, type Txn, text, txn, type Value } from "@lepta/protocol";
import type { DealingsPart } from "#parts";
import type { Change, PeerStore } from "../../ports.ts";
import { type Table, table } from "../../store/table.ts";
import type { Budget } from "../budgets.ts";
import type { Customer } from "../customer.ts";

const openCodec = struct({
  /** The budget's name. */
  budget: field(1, text(limits.budgetNameLength)),
  txn: field(2, txn),
  /** The price, or the most that may be charged. */
  amount: field(3, amount),
});
export type OpenPayment = Value<typeof openCodec>;

/** By their reservations: from before the payment's request is sent until the budget knows. */
export const openPayments = (store: PeerStore): Table<OpenPayment> => table(store, "open-payment", openCodec);

export type Standing = "sold" | "refused" | "unknown";

/** Tells the budgets what has become known of payments for whose answers this process does not wait. */
export async function reckon(
  customer: Customer,
  dealings: () => Promise<DealingsPart>,
  budgetOf: (name: string) => Promise<Budget>,
): Promise<void> {
  const { store } = customer.party;
  const open = openPayments(store);
  for (const [reservation, payment] of await open.list()) {
    if (customer.underWay.has(payment.txn)) continue;
    const standing = await standingOf(customer, dealings, payment.txn);
    if (standing === "unknown") continue;
    const budget = await budgetOf(payment.budget);
    if (standing === "refused") await budget.release(reservation);
    else await budget.confirm(reservation, await chargedOf(customer, dealings, payment));
    await store.commit([open.remove(reservation)]);
  }
}

/** What became of a purchase, as far as is known without asking anybody. */
export async function standingOf(
  customer: Customer,
  dealings: () => Promise<DealingsPart>,
  purchase: Txn,
): Promise<Standing> {
  const { tables } = customer;
  if ((await tables.pending.get(purchase)) !== undefined) return "unknown";
  const ended = (await tables.history.list()).find(([, each]) => each.txn === purchase);
  if (ended !== undefined) return ended[1].outcome === "done" ? "sold" : "refused";
  return (await dealings()).standingOf(customer, purchase);
}

/** Of what is metered that is less than the most. */
async function chargedOf(
  customer: Customer,
  dealings: () => Promise<DealingsPart>,
  { txn: purchase, amount: most }: OpenPayment,
): Promise<Amount> {
  const bought = await (await dealings()).recallFromLane(customer, purchase);
  return bought?.receipt.charged ?? most;
}

/** Written with what is kept of a payment before it is sent. */
export const noted = (store: PeerStore, reservation: string, payment: OpenPayment): Change =>
  openPayments(store).put(reservation, payment);

/** Written when the budget knows. */
export const reckoned = (store: PeerStore, reservation: string): Change =>
  openPayments(store).remove(reservation);
