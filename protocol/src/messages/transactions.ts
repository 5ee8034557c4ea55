/** Asking the broker about a transaction, ending one that has not been decided, and asking for what one holds. */
import { amount, digest, field, list, optional, text, time, tuple, txn, uid, word } from "../schema.ts";
import { message } from "./define.ts";
import { grantCodec, recordCodec } from "./parts.ts";

/** C or M → B: how does this transaction stand? Only its parties may ask. */
export const query = message("query", "request", {
  initiator: field(10, uid),
  subject: field(11, txn),
});

/** C or M → B: end this transaction unless it is decided. M names its M2, whose credit becomes void. */
export const abort = message("abort", "request", {
  initiator: field(10, uid),
  subject: field(11, txn),
  authorization: optional(12, digest),
  /** What M asked for, so that the refusal can be signed without having seen M2. */
  amount: optional(13, amount),
});

export const transactionState = word("unknown", "open", "charging", "charged", "done", "refused", "aborted");

/** B → C or M: the state, and, once it is decided, the signed answer attached. */
export const transactionResponse = message("transaction-response", "answer", {
  request: field(10, digest),
  initiator: field(11, uid),
  subject: field(12, txn),
  state: field(13, transactionState),
  decidedAt: optional(14, time),
  record: optional(15, recordCodec),
});

/** C or M → B: what do I hold? For restoring a wallet from its phrase. */
export const accountQuery = message("account-query", "request", {
  /** Where the last page ended. */
  cursor: optional(10, text(256)),
});

/** B → C or M. */
export const accountResponse = message("account-response", "answer", {
  request: field(10, digest),
  record: field(11, recordCodec),
  live: optional(12, grantCodec),
  /** Transactions that have not reached an end. */
  open: field(13, list(txn, 64)),
  /** Merchants from whom VendorScrip was obtained, with the transactions. */
  vendors: field(14, list(tuple(uid, txn), 64)),
  cursor: optional(15, text(256)),
});
