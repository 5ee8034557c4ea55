/** What a wallet tells its owner of lanes: what is under way on them, and what was. */
import { formatAmount, lanePurchase } from "@lepta/protocol";
import type { Customer } from "../customer.ts";
import type { HistoryEntry, PendingEntry } from "../status.ts";
import type { LaneBook } from "./book.ts";
import { openPurchases, statedPurchases } from "./prove.ts";

/** All purchases on lanes that have ended, in no order. */
export async function historyOnLanes(customer: Customer): Promise<readonly HistoryEntry[]> {
  // The broker is known to have a statement when it needs no copy of ours any more.
  const copies = new Set((await customer.lanes.tables.copies.list()).map(([digest]) => digest));
  return [...(await statedPurchases(customer)), ...openPurchases(customer)].map(
    ({ txn, entry, charged, outcome, merchant, order, statement }): HistoryEntry => ({
      kind: "purchase",
      status:
        outcome !== "done"
          ? "refused"
          : statement === undefined || copies.has(statement)
            ? "paid"
            : "settled",
      txn,
      at: entry.at,
      amount: formatAmount(charged),
      outcome,
      merchant,
      sku: order.sku,
    }),
  );
}

/** Purchases that are under way on lanes. */
export const pendingOnLanes = (book: LaneBook): readonly PendingEntry[] =>
  book.all().flatMap(({ flight, origin, merchant }) =>
    flight.map(
      ({ sequence, at, order, settle }): PendingEntry => ({
        kind: "purchase",
        status: settle === undefined ? "unknown" : "reserved",
        txn: lanePurchase(origin, sequence),
        at,
        amount: formatAmount(order.price),
        merchant,
      }),
    ),
  );
