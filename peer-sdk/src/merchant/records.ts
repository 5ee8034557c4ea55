/** What a merchant keeps: its scrip by lines, what it asked the broker, its sales, and what it gave back. */
import {
  amount,
  boolean,
  bytes,
  charge,
  digest,
  embedded,
  field,
  limits,
  list,
  optional,
  scripId,
  struct,
  text,
  time,
  txn,
  type Uid,
  uid,
  uint,
  type Value,
  word,
} from "@lepta/protocol";
import type { PeerStore } from "../ports.ts";
import { type Table, table } from "../store/table.ts";
import { SALT } from "./outstanding.ts";

/**
 * A VendorScrip that this merchant made: `reserved` until the broker has authorised it, `live`, `returning` while the
 * broker has not decided its refund, `lane` while it pays for an open lane, `spent`. Spent ones keep no salt: their secrets are gone.
 */
export const scripRecord = struct({
  state: field(1, word("reserved", "live", "returning", "lane", "spent")),
  owner: field(2, uid),
  value: field(3, amount),
  expiresAt: field(4, time),
  salt: optional(5, bytes(SALT)),
  /** The transaction in which it was obtained, or that gave it as change; not kept of what was spent from memory. */
  from: optional(6, txn),
  /** The transaction that spent it, or is about to give it back. */
  spentBy: optional(7, txn),
  /** Refused purchases that were kept for it. */
  refusals: optional(8, uint()),
  parent: optional(9, scripId),
  /** The first of its line. */
  origin: field(10, scripId),
});
/** A scrip that this merchant has made, and how it stands. */
export type ScripRecord = Value<typeof scripRecord>;

/** A V0 and all that descends from it. */
const lineRecord = struct({
  /** The transaction of figure 8 whose credit stands behind it. */
  credit: field(1, txn),
  /** What V0 was worth. */
  value: field(2, amount),
  /** Those of its scrips that are not spent. */
  live: field(3, list(scripId, limits.holdings)),
  /** What was charged under it. */
  sold: field(4, charge),
  /** The latest purchase that its owner signed and that was charged. */
  latest: optional(5, embedded(4096)),
  /** The broker has reversed its credit, or is about to: nothing is sold under it any more. */
  ended: optional(6, boolean),
});
export type LineRecord = Value<typeof lineRecord>;

/** The name of a line, in its table and of its lock. */
export const lineId = (owner: Uid, origin: string): string => `${owner}/${origin}`;

/** Figure 8 at the merchant, from `sent` (M2 is on its way) to the broker's terminal answer. */
const authorizationRecord = struct({
  state: field(1, word("sent", "live", "refused")),
  /** Digest of M1. */
  request: field(2, digest),
  /** Digest of M2, and M2 as it is sent. */
  digest: field(3, digest),
  sealed: optional(4, bytes(1, 64 * 1024)),
  /** M5 as it is in escrow; neither is kept once it is refused. */
  escrow: optional(5, embedded(4096)),
  scrip: field(6, scripId),
  amount: field(7, amount),
  /** M3, once it came. */
  change: optional(8, embedded()),
  /** When the broker's refusal came: each M5 that tells of it is the same. */
  refusedAt: optional(9, time),
});
export type AuthorizationRecord = Value<typeof authorizationRecord>;

/** A refund, from `sent` to the broker's terminal answer. */
const refundRecord = struct({
  state: field(1, word("sent", "done", "refused")),
  /** Digest of the customer's request. */
  request: field(2, digest),
  /** Digest of ours to the broker, and ours as it is sent. */
  digest: field(3, digest),
  sealed: optional(4, bytes(1, 64 * 1024)),
  scrip: field(5, scripId),
  amount: field(6, amount),
  /** What the broker tells the customer, once it came. */
  change: optional(7, embedded()),
});
export type RefundRecord = Value<typeof refundRecord>;

/** A decided purchase: the same M1 gets the same M2 again. */
const saleRecord = struct({
  request: field(1, digest),
  ok: field(3, uint(1)),
  charged: field(4, charge),
  sku: field(5, text(limits.skuLength, 0)),
  quantity: field(6, uint(limits.quantity)),
  at: field(7, time),
  /** The change scrip, whose secret goes beside M2 while it lives. */
  change: optional(8, scripId),
  /** The line under which it was charged. */
  origin: optional(9, scripId),
  /** The scrip in which the purchase was given back. */
  refunded: optional(10, scripId),
});
/** A sale as it is kept. */
export type SaleRecord = Value<typeof saleRecord>;

/** A renewed scrip: the same request gets the same answer. */
const renewalRecord = struct({
  request: field(1, digest),
  scrip: field(2, scripId),
  response: field(3, embedded()),
});
export type RenewalRecord = Value<typeof renewalRecord>;

/** A settlement: what was asked, and the broker's statement once it came. */
const settlementRecord = struct({
  sealed: field(1, bytes(1, 64 * 1024)),
  request: field(2, digest),
  at: field(3, time),
  statement: optional(4, embedded()),
});
export type SettlementRecord = Value<typeof settlementRecord>;

/** What the keys of scrip that is not spent begin with. */
export const UNSPENT = "scrip/";

/**
 * All scrip. What is spent lies apart, so that a merchant that starts reads what is outstanding and not all that ever was: to
 * spend is to put the one and to remove the other, in one commit.
 */
function scripRecords(store: PeerStore): Table<ScripRecord> {
  const unspent = table(store, "scrip", scripRecord);
  const spent = table(store, "spent", scripRecord);
  return {
    get: async (id) => (await unspent.get(id)) ?? (await spent.get(id)),
    list: async (options = {}) => {
      const all = [...(await unspent.list(options)), ...(await spent.list(options))];
      return all.sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, options.limit);
    },
    put: (id, record) => (record.state === "spent" ? spent : unspent).put(id, record),
    remove: (id) => unspent.remove(id),
  };
}

/** A merchant's tables by what they hold. */
export interface MerchantTables {
  readonly scrip: Table<ScripRecord>;
  /** Under `owner/origin`. */
  readonly lines: Table<LineRecord>;
  readonly authorizations: Table<AuthorizationRecord>;
  /** The ids of the authorizations that are `sent`. */
  readonly sent: Table<boolean>;
  readonly refunds: Table<RefundRecord>;
  /** The ids of the refunds that are `sent`. */
  readonly returning: Table<boolean>;
  readonly sales: Table<SaleRecord>;
  /** M2 of each sale, signed: apart, because it holds the goods. */
  readonly responses: Table<Uint8Array>;
  readonly renewals: Table<RenewalRecord>;
  /** Under the time and the transaction. */
  readonly settlements: Table<SettlementRecord>;
}

/** The tables of a merchant in this store. */
export const merchantTables = (store: PeerStore): MerchantTables => ({
  scrip: scripRecords(store),
  lines: table(store, "line", lineRecord),
  authorizations: table(store, "authorization", authorizationRecord),
  sent: table(store, "sent", boolean),
  refunds: table(store, "refund", refundRecord),
  returning: table(store, "returning", boolean),
  sales: table(store, "sale", saleRecord),
  responses: table(store, "response", embedded(limits.goodsBytes + limits.signatureBytes)),
  renewals: table(store, "renewed", renewalRecord),
  settlements: table(store, "settlement", settlementRecord),
});
