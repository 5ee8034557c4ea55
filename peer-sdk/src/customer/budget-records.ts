/** What a wallet keeps of a budget. A file of its own, for what opens a wallet comes without it. */
import {
  type Amount,
  charge,
  field,
  optional,
  struct,
  text,
  time,
  uint,
  type Value,
} from "@lepta/protocol/core";
import type { Change, PeerStore } from "../ports.ts";
import { type Table, table } from "../store/table.ts";

const budgetTotals = struct({
  /** What was charged within the last 24 hours, and what is set aside. */
  charged: field(1, charge),
  reserved: field(2, charge),
  /** The latest moment that was seen. */
  latest: field(3, time),
  /** How many payments are remembered. */
  entries: field(4, uint()),
});
export type BudgetTotals = Value<typeof budgetTotals>;

const budgetCharge = struct({
  amount: field(1, charge),
  at: field(2, time),
  /** What had been set aside for it. */
  reserved: optional(3, charge),
});

const budgetPlace = struct({ id: field(1, text(64)), amount: field(2, charge), at: field(3, time) });

export interface BudgetTables {
  known(): Promise<BudgetTotals | undefined>;
  totals(totals: BudgetTotals): Change;
  /** By reservation: what is set aside, and what was charged. */
  readonly reserved: Table<Amount>;
  readonly charged: Table<Value<typeof budgetCharge>>;
  /** What was charged, in the order in which it is forgotten. */
  readonly byTime: Table<Value<typeof budgetPlace>>;
}

export const budgetTables = (store: PeerStore, name: string): BudgetTables => {
  const totals = table(store, "budget", budgetTotals);
  return {
    known: () => totals.get(name),
    totals: (record) => totals.put(name, record),
    reserved: table(store, `budget-reserved/${name}`, charge),
    charged: table(store, `budget-charged/${name}`, budgetCharge),
    byTime: table(store, `budget-time/${name}`, budgetPlace),
  };
};
