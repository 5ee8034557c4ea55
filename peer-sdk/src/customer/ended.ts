/** What is kept of a transaction: its place in the history once it has ended, and what its parties have signed. */
import { LeptaError } from "@lepta/protocol/core";
import type { Change } from "../ports.ts";
import type { Customer } from "./customer.ts";
import { historyId, type Pending } from "./records.ts";

/** What a party has signed is kept where it is not what it should be, while what it is about stays locked. */
export async function keepingEvidence<T>(
  { party, tables }: Customer,
  txn: string,
  evidence: { readonly request?: Uint8Array; readonly response: Uint8Array },
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const isOpen = (await tables.pending.get(txn)) !== undefined;
    if (error instanceof LeptaError && isOpen) await party.store.commit([tables.evidence.put(txn, evidence)]);
    throw error;
  }
}

/** `outcome` is `done` or the code of the refusal; the amount in the record is what the history tells. */
export const endedPending = (
  { tables }: Customer,
  txn: string,
  { kind, at, amount, merchant, order }: Pending,
  outcome: string,
): readonly Change[] => [
  tables.pending.remove(txn),
  tables.history.put(historyId(at, txn), {
    kind,
    txn,
    at,
    amount,
    outcome,
    ...(merchant === undefined ? {} : { merchant }),
    ...(order === undefined ? {} : { order }),
  }),
];
