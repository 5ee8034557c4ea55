/** Figure 7: Buy Item. */
import { limits } from "../limits.ts";
import {
  amount,
  boolean,
  bytes,
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
  uid,
  uint,
} from "../schema.ts";
import { message } from "./define.ts";
import { grantCodec, hash32, placeCodec, spendCodec, verdict } from "./parts.ts";

/** M0, C → B: what C is about to buy, without what it is. */
export const purchaseNotice = message("purchase-notice", "notice", {
  merchant: field(10, uid),
  /** The price, or the maximum when metered. */
  amount: field(11, amount),
  metered: field(12, boolean),
  /** Salted hash of the order. */
  order: field(13, hash32),
  /** Digest of M1. */
  purchase: field(14, digest),
  place: optional(15, placeCodec),
});

/** M1, C → M. */
export const purchaseRequest = message("purchase-request", "request", {
  /** The body is a purchase spend. */
  spend: field(10, spendCodec),
});

/** M2, M → C. The same M1 gets the same M2 again. */
export const purchaseResponse = message(
  "purchase-response",
  "answer",
  {
    ...verdict,
    charged: field(14, charge),
    spent: optional(15, scripId),
    /** V1, absent when V0 was spent whole or nothing was charged. */
    grant: optional(16, grantCodec),
    goods: optional(17, bytes(0, limits.deliveryBytes)),
    /** Media type of the goods. */
    goodsType: optional(18, text(127)),
  },
  limits.goodsBytes,
);

/** M3, M → B. */
export const saleNotice = message("sale-notice", "notice", {
  customer: field(10, uid),
  /** 0 when refused. */
  charged: field(11, charge),
  order: field(12, hash32),
  purchase: field(13, digest),
  /** Digest of M2. */
  response: field(14, digest),
  place: optional(15, placeCodec),
});

/** C or M → B: notices and statements, each signed on its own, in one envelope. */
export const noticeBatch = message(
  "notice-batch",
  "notice",
  { entries: field(10, list(embedded(4096), limits.batchEntries, 1)) },
  limits.batchBytes,
);

/** B → C or M: what was recorded. */
export const acknowledgement = message(
  "acknowledgement",
  "answer",
  {
    request: field(10, digest),
    decidedAt: field(11, time),
    count: field(12, uint(limits.batchEntries)),
    /** Merkle tree hash (RFC 9162 section 2.1) over the entries' digests, in their order. */
    tree: field(13, hash32),
    /** `[index, code]` of each entry that was not recorded. */
    refused: field(14, list(tuple(uint(limits.batchEntries), text(32)), limits.batchEntries)),
  },
  64 * 1024,
);
