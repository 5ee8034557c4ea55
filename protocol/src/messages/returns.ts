/** Money on its way back: refunds, reversals of held credit, settlement of what merchants are owed. */

import { limits } from "../limits.ts";
import {
  amount,
  charge,
  digest,
  embedded,
  field,
  list,
  optional,
  scripId,
  text,
  time,
  tuple,
  txn,
  uid,
} from "../schema.ts";
import { message } from "./define.ts";
import { grantCodec, recordCodec, spendCodec, verdict } from "./parts.ts";

/** C → M: take this VendorScrip back; the part for B is attached. Figure 8 backwards. */
export const refundRequest = message("refund-request", "request", {
  /** The body is a return spend of VendorScrip. */
  spend: field(10, spendCodec),
  part: field(11, digest),
});

/** The part of a refund request for B, sealed to B. */
export const refundOrder = message("refund-order", "request", {
  merchant: field(10, uid),
  amount: field(11, amount),
  scrip: field(12, scripId),
});

/** M → B; the part for B is attached as it came. */
export const refundAuthorization = message("refund-authorization", "request", {
  customer: field(10, uid),
  amount: field(11, amount),
  part: field(12, digest),
  /** M's finished answer to C, sealed to C: it ends the scrip and names the change. */
  escrow: field(13, embedded(4096)),
});

/** B → C, through M or from B. */
export const refundChange = message("refund-change", "answer", {
  ...verdict,
  record: optional(14, recordCodec),
  grant: optional(15, grantCodec),
  replaced: optional(16, scripId),
  amount: field(17, amount),
  merchant: field(18, uid),
  authorization: field(19, embedded(1024)),
  escrow: optional(20, embedded(4096)),
});

/** B → M. */
export const refundResponse = message("refund-response", "answer", {
  ...verdict,
  customer: field(14, uid),
  amount: field(15, amount),
});

/** M → C, in escrow. */
export const refundReceipt = message("refund-receipt", "answer", {
  ...verdict,
  spent: optional(14, scripId),
  grant: optional(15, grantCodec),
});

/** C → B, within the time that credit is held: V0 was not usable. */
export const reversalRequest = message("reversal-request", "request", {
  merchant: field(10, uid),
  subject: field(11, txn),
});

/** B → M: answer in time or lose the credit. */
export const reversalNotice = message("reversal-notice", "notice", {
  customer: field(10, uid),
  subject: field(11, txn),
  answerBy: field(12, time),
});

/** M → B: the latest that C signed under V0, and what M claims beyond it (at most A). */
export const reversalClaim = message("reversal-claim", "request", {
  customer: field(10, uid),
  subject: field(11, txn),
  evidence: field(12, list(embedded(4096), 2)),
  beyond: field(13, charge),
});

/** B → C and M: what was reversed; V0 and its descendants end. */
export const reversal = message("reversal", "answer", {
  ...verdict,
  record: optional(14, recordCodec),
  customer: field(15, uid),
  merchant: field(16, uid),
  subject: field(17, txn),
  amount: field(18, charge),
  grant: optional(19, grantCodec),
  replaced: optional(20, scripId),
});

/** M → B: pay out what is owed and free. */
export const settleRequest = message("settle-request", "request", {
  amount: optional(10, amount),
});

/** B → M: credits that were paid, what was paid and what is carried over. */
export const settlementStatement = message("settlement-statement", "answer", {
  ...verdict,
  credits: field(14, list(tuple(uid, txn, amount), limits.settlementCredits)),
  paid: field(15, charge),
  /** Less than the account's smallest unit, kept for the next time. */
  carried: field(16, charge),
  reference: optional(17, text(limits.referenceLength)),
  /** Where more credits follow in another statement. */
  more: optional(18, text(256)),
});
