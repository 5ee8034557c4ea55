/** Money on its way back: scrip renewed, redeemed, refunded; held credit reversed; merchants paid. */
import { limits } from "../limits.ts";
import {
  amount,
  boolean,
  charge,
  digest,
  embedded,
  field,
  list,
  optional,
  scripId,
  text,
  tuple,
  txn,
  uid,
} from "../schema.ts";
import { message } from "./define.ts";
import { grantCodec, recordCodec, spendCodec, verdict } from "./parts.ts";

/** C → the scrip's issuer, B or M: give me the same again that lives longer. */
export const renewalRequest = message("renewal-request", "request", {
  /** The body is a return spend of the scrip's whole value. */
  spend: field(10, spendCodec),
});

/** The issuer → C. */
export const renewalResponse = message("renewal-response", "answer", {
  ...verdict,
  /** Of C's audit chain, where the issuer is B. */
  record: optional(14, recordCodec),
  grant: optional(15, grantCodec),
  /** The scrip in whose place it stands. */
  spent: optional(16, scripId),
});

/** C → B: pay BrokerScrip out to the account. */
export const redeemRequest = message("redeem-request", "request", {
  /** The body is a return spend. */
  spend: field(10, spendCodec),
});

/** B → C. Where the rail would not pay, the grant is worth what was spent again. */
export const redeemResponse = message("redeem-response", "answer", {
  ...verdict,
  record: optional(14, recordCodec),
  grant: optional(15, grantCodec),
  spent: optional(16, scripId),
  amount: optional(17, amount),
  reference: optional(18, text(limits.referenceLength)),
});

/** C → M: take this VendorScrip back; the part for B is attached. Figure 8 backwards. */
export const refundRequest = message("refund-request", "request", {
  /** The body is a return spend of the scrip's whole value. */
  spend: field(10, spendCodec),
  /** SHA-256 of the part for B as it stands, sealed. */
  part: field(11, digest),
});

/** The part of a refund request for B, sealed to B. */
export const refundOrder = message("refund-order", "request", {
  merchant: field(10, uid),
  amount: field(11, amount),
  scrip: field(12, scripId),
});

/** M → B; the part for B is attached as it came. Answered by an authorization-response. */
export const refundAuthorization = message("refund-authorization", "request", {
  customer: field(10, uid),
  amount: field(11, amount),
  part: field(12, digest),
  /** The transaction of figure 8 whose credit this comes out of. */
  credit: field(13, txn),
});

/** B → C, through M or from B: the digest in it is the part's. */
export const refundChange = message(
  "refund-change",
  "answer",
  {
    ...verdict,
    record: optional(14, recordCodec),
    grant: optional(15, grantCodec),
    /** The BrokerScrip in whose place it stands. */
    replaced: optional(16, scripId),
    amount: field(17, amount),
    merchant: field(18, uid),
  },
  limits.messageBytes,
  limits.changePaddingStep,
);

/** C → B, within the time that credit is held: V0 was not usable, or M is gone. */
export const reversalRequest = message("reversal-request", "request", {
  merchant: field(10, uid),
  /** The transaction of figure 8. */
  subject: field(11, txn),
});

/** M → B: what M keeps, and the latest purchase or statement that C signed under V0. */
export const reversalClaim = message("reversal-claim", "request", {
  customer: field(10, uid),
  subject: field(11, txn),
  /** B leaves M no more than this, nor more than the evidence bears out. */
  claimed: field(12, charge),
  /** M1 of figure 7 as C signed it, or a signed-statement with C's signature. */
  evidence: optional(13, embedded(4096)),
});

/** B → C and M: what was reversed. It ends V0 and its descendants at M. */
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
export const settleRequest = message("settle-request", "request", {});

/** B → M: the credits that were paid, what was paid and what is carried over. */
export const settlementStatement = message("settlement-statement", "answer", {
  ...verdict,
  record: optional(14, recordCodec),
  /** Customer, transaction of figure 8, and what was owed for it. */
  credits: field(15, list(tuple(uid, txn, amount), limits.settlementCredits)),
  /** Carried over from before. */
  brought: field(16, charge),
  paid: field(17, charge),
  /** Less than the account's smallest unit, kept for the next time. */
  carried: field(18, charge),
  reference: optional(19, text(limits.referenceLength)),
  /** Whether more is free already. */
  more: field(20, boolean),
});
