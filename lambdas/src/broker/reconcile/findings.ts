/** What the reconciliation can find wrong in the table: a name, what it means and what to do. */
import type { Key } from "../../ports/store.ts";

/** Stable names; the operator's handbook lists them. */
export const findingNames = {
  "keys-missing":
    "The root key's item, a data key or every epoch is gone: restore the partition KEYS, nothing can be decided without it.",
  "unknown-item":
    "An item is of no kind that the broker writes, or in no state that it knows: find out who wrote it.",
  "unreadable-item":
    "An item lacks an attribute or has one of another kind: restore it from a backup or the journal.",
  "credential-altered":
    "A peer's signing key is not the one that its UID names: freeze the peer and restore its credential.",
  "enrolment-one-sided":
    "A credential, its account and its purse do not name each other: restore the one that is missing.",
  "purse-altered":
    "A purse says another scrip, value, currency or expiry than the scrip's body that it holds: restore the purse.",
  "purse-of-no-record":
    "The live scrip was granted by no record of its owner's chain: restore the purse, freeze the peer meanwhile.",
  "purse-wrong":
    "A purse holds another value than its owner's records have minted less what they have spent.",
  "tombstone-of-live": "A scrip that was spent is live again: its owner can spend it twice. Freeze the peer.",
  "tombstone-missing": "A record spent a scrip of which no tombstone is left: restore the tombstone.",
  "tombstone-altered":
    "A tombstone names a transaction that did not spend this scrip, or another value: restore it.",
  "chain-broken":
    "A peer's audit chain has a gap, a double or another end than the purse says: a record was removed, added or moved.",
  "record-altered":
    "A record's content does not make the hash that was chained: it was changed after the decision.",
  "record-unbalanced": "A record mints another value than what it spent and what it moved leave.",
  "open-missing": "A transaction is under way and no schedule will finish it: put its item in OPEN# back.",
  "open-stray":
    "The schedule's index names a transaction that is not there, or recallable money that is not its.",
  "credit-missing": "A transaction is done and the merchant's side of it is not there: restore the credit.",
  "credit-of-no-transaction":
    "A merchant's credit has no transaction that is done for this merchant: it must not be paid. Freeze the merchant.",
  "credit-differs":
    "A credit states another value, currency or request than the transaction that it comes from.",
  "credit-owed-wrong":
    "More is owed for a credit than was authorised, less than nothing, or something for an ended one.",
  "credit-not-in-settlement":
    "A credit counts as paid, and no settlement that is paying or done names it with this amount.",
  "settlement-credit-missing":
    "A settlement lists a credit that is not settled by it: it may be paid a second time. Freeze the merchant.",
  "settlement-unbalanced":
    "A settlement pays and carries another sum than its credits and what it brought: compare it with the bank.",
  "carry-wrong": "What is carried over for a merchant is not what its settlements left.",
  "due-missing": "A credit is held and not in the order of what becomes free: it would never be paid.",
  "due-stray": "The order of what becomes free names a credit that is not held until then.",
  "dispute-one-sided": "A reversal is under way on one side only: credit, record and dispute do not agree.",
  "loss-of-no-transaction": "A loss is written off for no transaction that minted this much.",
  "exposure-wrong":
    "What is minted against recallable money is not the sum of the transactions that are open for it.",
  "notice-altered":
    "A pair of notices is in a state that its sides do not make, or a wait stands under another's key.",
  "statement-altered":
    "A statement is about others than its key names, or in a state that its signatures do not make: restore it.",
  "excess-of-no-reversal":
    "What a merchant kept once beyond its evidence belongs to no reversal of this pair's: restore the mark or remove it.",
  "books-unbalanced":
    "Over the whole table, what came in is not what is live, owed or gone (promise 4 of guarantees.md); the other findings say where.",
} as const;

export type FindingName = keyof typeof findingNames;

/** Never a secret and never an account: keys of items hold UIDs, ids and hashes. */
export interface Finding {
  readonly name: FindingName;
  readonly key: Key;
}
