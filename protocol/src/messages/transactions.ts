/** Asking the broker about a transaction, and ending one that has not been decided. */
import { amount, digest, field, optional, time, txn, uid, type Value, word } from "../schema.ts";
import { message } from "./define.ts";
import { recordCodec } from "./parts.ts";

/** C or M → B: how does this transaction stand? Only its parties may ask. */
export const query = message("query", "request", {
  initiator: field(10, uid),
  subject: field(11, txn),
  /** With it C asks about a purchase from this merchant: the `txn` of figure 7, or a lane's name for it. */
  merchant: optional(12, uid),
});

/** C or M → B: end this transaction unless it is decided. M names its M2, whose credit becomes void. */
export const abort = message("abort", "request", {
  initiator: field(10, uid),
  subject: field(11, txn),
  authorization: optional(12, digest),
  /** What M asked for, so that the refusal can be signed without having seen M2. */
  amount: optional(13, amount),
});

/**
 * `paying`: the rail has not confirmed a payment. `disputed`: a merchant may still answer a reversal. `one-sided`,
 * `matched`, `differs`: of a purchase, by what its parties have told.
 */
export const transactionState = word(
  "unknown",
  "open",
  "charging",
  "charged",
  "paying",
  "disputed",
  "done",
  "refused",
  "aborted",
  "one-sided",
  "matched",
  "differs",
);
/** How a transaction stands in the broker's books. */
export type TransactionState = Value<typeof transactionState>;

/** B → C or M: the state, and, once it is decided, the signed answer attached. */
export const transactionResponse = message("transaction-response", "answer", {
  request: field(10, digest),
  initiator: field(11, uid),
  subject: field(12, txn),
  state: field(13, transactionState),
  decidedAt: optional(14, time),
  record: optional(15, recordCodec),
});
