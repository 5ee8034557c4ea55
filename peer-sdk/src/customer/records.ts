/** What a customer keeps: its BrokerScrip, its VendorScrip by merchant, what is under way, and what was. */
import {
  amount,
  boolean,
  bytes,
  charge,
  digest,
  embedded,
  field,
  grantCodec,
  limits,
  optional,
  orderCodec,
  orThrow,
  readScrip,
  type ScripBody,
  struct,
  text,
  time,
  tuple,
  txn,
  type Uid,
  uid,
  type Value,
  word,
} from "@lepta/protocol/core";
import type { PeerStore } from "../ports.ts";
import { type Table, table } from "../store/table.ts";

/** A scrip that we own. A locked one is on its way to its issuer: only the issuer's answer unlocks it. */
const holding = struct({
  grant: field(1, grantCodec),
  secret: field(2, bytes(32)),
  lockedBy: optional(3, txn),
  /** M4, which makes V0 live whoever brings it to the merchant: kept until V0 is first spent. */
  authorization: optional(4, embedded(1024)),
  /** The code with which the issuer has refused it for good: it is evidence, and money no more. */
  unusable: optional(5, text(32)),
  /** Of VendorScrip: the transaction of figure 8 whose credit stands behind it. */
  obtained: optional(6, txn),
});
/** A scrip that a wallet owns, with its secret, and what stands behind it. */
export type Holding = Value<typeof holding>;

/** What a customer does. */
const customerKind = word(
  "topup",
  "vendorscrip",
  "purchase",
  "renewal",
  "redeem",
  "refund",
  "reversal",
  "received",
);
/**
 * What a wallet did: `topup` and `redeem` at the broker, `vendorscrip`, `renewal`, `refund`, `reversal`, `purchase`;
 * `received` is what a merchant gave back.
 */
export type CustomerKind = Value<typeof customerKind>;

/** A transaction that has not reached its end: written before its first message is sent, removed with its outcome. */
const pendingRecord = struct({
  kind: field(1, customerKind),
  /** The request as it was sent, and may be sent again: sealed, or what a session seals anew. */
  message: field(2, bytes(1, 64 * 1024)),
  /** Digest of the request, and of the part for B. */
  request: field(3, digest),
  part: optional(4, digest),
  amount: field(5, amount),
  at: field(6, time),
  merchant: optional(7, uid),
  url: optional(8, text(limits.addressLength)),
  /** M1 of a purchase, signed, and what it buys. */
  signed: optional(9, embedded()),
  order: optional(10, orderCodec),
  /** The scrip that it spends. */
  scrip: optional(11, text(22, 22)),
  /** The least expiry of the VendorScrip that was asked for. */
  minimumExpiry: optional(12, time),
  /** The transaction of figure 8 that a reversal is about. */
  subject: optional(13, txn),
  /** M1 of a purchase in a session: the message is a content. */
  unsealed: optional(14, boolean),
});
/** A transaction that has not reached its end. */
export type Pending = Value<typeof pendingRecord>;

const historyRecord = struct({
  kind: field(1, customerKind),
  txn: field(2, txn),
  at: field(3, time),
  /** What was obtained, or charged. */
  amount: field(4, charge),
  /** done, or the code of the refusal. */
  outcome: field(5, text(32)),
  merchant: optional(6, uid),
  order: optional(7, orderCodec),
});
export type HistoryRecord = Value<typeof historyRecord>;

/** What the parties have signed in a transaction that has ended, apart from its history: it may be long. */
const evidenceRecord = struct({
  request: optional(1, embedded()),
  response: field(2, embedded(limits.goodsBytes + limits.signatureBytes)),
  /** The credentials of the customer and of the merchant when they signed, by their digests. */
  signers: optional(3, tuple(digest, digest)),
});

const merchantRecord = struct({
  url: field(1, text(limits.addressLength)),
  /** Its signing key, whose thumbprint is its UID: what it signed stays checkable when its credential has ended. */
  publicKey: field(2, embedded(256)),
});
export type MerchantRecord = Value<typeof merchantRecord>;

/** A wallet's tables by what they hold. */
export interface CustomerTables {
  /** At most one BrokerScrip: its id is `PURSE`. */
  readonly purse: Table<Holding>;
  /** VendorScrip under `merchant/scrip`. */
  readonly vendorscrip: Table<Holding>;
  /** By transaction. */
  readonly pending: Table<Pending>;
  /** Under the time and the transaction. */
  readonly history: Table<HistoryRecord>;
  /** By transaction. */
  readonly evidence: Table<Value<typeof evidenceRecord>>;
  /**
   * Transactions that were open when a wallet was restored, and `OPEN` while it looks for them: it holds no other record of
   * them.
   */
  readonly restoring: Table<boolean>;
  /** BrokerScrip that the broker's answers have passed over, by its id: evidence, and money no more. */
  readonly superseded: Table<Holding>;
  /** Scrip of purchases that a merchant has given back, under `purchase's credit/scrip`: each is taken once. */
  readonly received: Table<boolean>;
  /** By the merchant's UID. */
  readonly merchants: Table<MerchantRecord>;
  /** Which merchant an address was when we first met it. */
  readonly addresses: Table<Uid>;
}

/** The id of a wallet's one BrokerScrip in its table. */
export const PURSE = "live";
export const OPEN = "open";

/** The tables of a wallet in this store. */
export const customerTables = (store: PeerStore): CustomerTables => ({
  purse: table(store, "brokerscrip", holding),
  vendorscrip: table(store, "vendorscrip", holding),
  pending: table(store, "pending", pendingRecord),
  history: table(store, "history", historyRecord),
  evidence: table(store, "evidence", evidenceRecord),
  restoring: table(store, "restoring", boolean),
  superseded: table(store, "superseded", holding),
  received: table(store, "received", boolean),
  merchants: table(store, "merchant", merchantRecord),
  addresses: table(store, "address", uid),
});

/** Sorts by time, then by transaction. */
export const historyId = (at: number, transaction: string): string =>
  `${at.toString().padStart(15, "0")}-${transaction}`;

/** What a holding's scrip says. */
export const bodyOf = (held: Holding): ScripBody => orThrow(readScrip(held.grant.body));
