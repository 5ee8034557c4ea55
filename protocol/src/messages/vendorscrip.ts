/** Figure 8: obtain VendorScrip. */
import { limits } from "../limits.ts";
import { amount, digest, embedded, field, optional, scripId, text, time, uid } from "../schema.ts";
import { message } from "./define.ts";
import { grantCodec, recordCodec, spendCodec, verdict } from "./parts.ts";

/** M0, C → B: evidence that C asked, even if M never forwards. */
export const vendorscripIntent = message("vendorscrip-intent", "request", {
  merchant: field(10, uid),
  amount: field(11, amount),
});

/** M1, C → M; the part for B is attached. */
export const vendorscripRequest = message("vendorscrip-request", "request", {
  amount: field(10, amount),
  minimumExpiry: field(11, time),
  /** SHA-256 of the part for B as it stands, sealed. */
  part: field(12, digest),
});

/** The part of M1 for B, sealed to B: it names the merchant, so that no other can collect on it. */
export const vendorscripOrder = message("vendorscrip-order", "request", {
  merchant: field(10, uid),
  /** The body is a broker spend. */
  spend: field(11, spendCodec),
  /** Where C reached M: C's own note, which B gives back to a wallet that has lost its memory. */
  address: optional(12, text(limits.addressLength)),
});

/** M2, M → B; the part for B is attached as it came. From here on M owes V0. */
export const authorizationRequest = message("authorization-request", "request", {
  customer: field(10, uid),
  amount: field(11, amount),
  part: field(12, digest),
  /** V0's body: everything but its CustomerSecret. */
  scrip: field(13, embedded(512)),
  /** The finished M5, sealed to C. */
  escrow: field(14, embedded(4096)),
});

/** M4, B → M. A refusal names no reason but `refused` (or `conflict`, which ends nothing). */
export const authorizationResponse = message("authorization-response", "answer", {
  ...verdict,
  customer: field(14, uid),
  amount: field(15, amount),
});

/** M3, B → C, through M or from B: the digest in it is the part's. */
export const brokerscripChange = message(
  "brokerscrip-change",
  "answer",
  {
    ...verdict,
    record: optional(14, recordCodec),
    /** Br1, absent when Br0 was spent whole. */
    grant: optional(15, grantCodec),
    spent: optional(16, scripId),
    amount: field(17, amount),
    merchant: field(18, uid),
    /** M4, signed. */
    authorization: field(19, embedded(1024)),
    /** M5 as it was in escrow. */
    escrow: optional(20, embedded(4096)),
  },
  limits.messageBytes,
  limits.changePaddingStep,
);

/** M5, M → C. */
export const vendorscripResponse = message("vendorscrip-response", "answer", {
  ...verdict,
  grant: optional(14, grantCodec),
});
