/** How a wallet's transactions stand, as its owner is told. */
import type { CustomerKind } from "./records.ts";

/**
 * How a transaction stands: `reserved` while its answer is waited for, `unknown` where it was sent and no answer came,
 * `paid` once the other side has answered, `settled` once the broker has it too, `refused` where nothing came of it.
 */
export type Status = "reserved" | "unknown" | "paid" | "settled" | "refused";

export interface HistoryEntry {
  readonly kind: CustomerKind;
  readonly status: Status;
  readonly txn: string;
  /** Milliseconds. */
  readonly at: number;
  readonly amount: string;
  /** `done`, or the code of the refusal. */
  readonly outcome: string;
  readonly merchant: string | undefined;
  readonly sku: string | undefined;
}

/** A transaction that is not known to have ended. */
export type PendingEntry = Pick<HistoryEntry, "kind" | "status" | "txn" | "at" | "amount" | "merchant">;
