/** What a peer asks for that has lost its memory, or wants to know what others hold for it. */
import { limits } from "../limits.ts";
import {
  boolean,
  charge,
  digest,
  embedded,
  field,
  list,
  optional,
  scripId,
  struct,
  text,
  time,
  tuple,
  txn,
  uid,
  type Value,
  word,
} from "../schema.ts";
import { message } from "./define.ts";
import { grantCodec, recordCodec } from "./parts.ts";

/** What a transaction is about, in the broker's books. */
export const transactionKinds = [
  "enrol",
  "brokerscrip",
  "vendorscrip",
  "renewal",
  "redeem",
  "refund",
  "reversal",
  "settlement",
  "abort",
] as const;
/** What a transaction is about. */
export type TransactionKind = (typeof transactionKinds)[number];
const transactionKind = word(...transactionKinds);

/** C or M → B: what do I hold, what is open, who wants an answer of mine? */
export const accountQuery = message("account-query", "request", {
  /** Where the last page ended. */
  cursor: optional(10, text(256)),
});

/** B → C or M. The secret of the live scrip stands beside it. */
export const accountResponse = message(
  "account-response",
  "answer",
  {
    request: field(10, digest),
    record: field(11, recordCodec),
    live: optional(12, grantCodec),
    /** Transactions of this page that have not reached an end. */
    open: field(13, list(tuple(txn, transactionKind), limits.accountEntries)),
    /**
     * Merchants from whom VendorScrip was obtained; the transaction; the address that C gave B with its part, or none; what
     * the merchant is owed for it, or was paid: its value less what was given back.
     */
    vendors: field(14, list(tuple(uid, txn, text(limits.addressLength, 0), charge), limits.accountEntries)),
    /** Reversals that M has not answered: the customer, the transaction of figure 8, and until when. */
    disputes: field(15, list(tuple(uid, txn, time), limits.accountEntries)),
    cursor: optional(16, text(256)),
  },
  limits.offerBytes,
);

/** C → M: what do you hold for me? */
export const holdingsRequest = message("holdings-request", "request", {
  cursor: optional(10, text(256)),
  /** Also lines in which nothing lives any more. */
  all: field(11, boolean),
});

/** The scrip that descends from one V0. */
const line = struct({
  /** The transaction of figure 8 and V0's id. */
  txn: field(1, txn),
  origin: field(2, scripId),
  /** A scrip of this line that is live; its secret stands beside the answer. */
  grant: optional(3, grantCodec),
  /** The latest purchase that C signed under V0, where there was one: why V0 is worth no more. */
  evidence: optional(4, embedded(4096)),
});
/** What a merchant holds of one V0 and all that descends from it. */
export type HoldingsLine = Value<typeof line>;

/** M → C: only to a fresh signature of C's own key (section 12 of the protocol). */
export const holdingsResponse = message(
  "holdings-response",
  "answer",
  {
    request: field(10, digest),
    lines: field(11, list(line, limits.holdings)),
    cursor: optional(12, text(256)),
  },
  limits.offerBytes,
);
