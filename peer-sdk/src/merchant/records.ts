/** What a merchant keeps: its scrip, what it asked the broker to authorise, and its sales. */
import {
  amount,
  boolean,
  bytes,
  charge,
  digest,
  embedded,
  field,
  limits,
  optional,
  scripId,
  struct,
  text,
  time,
  txn,
  uid,
  uint,
  type Value,
  word,
} from "@lepta/protocol";
import type { PeerStore } from "../ports.ts";
import { type Table, table } from "../store/table.ts";

/** A VendorScrip that this merchant made. Spent ones keep no salt: their secrets are gone. */
const scripRecord = struct({
  state: field(1, word("reserved", "live", "spent")),
  owner: field(2, uid),
  value: field(3, amount),
  expiresAt: field(4, time),
  salt: optional(5, bytes(32)),
  /** The transaction in which it was obtained, or that gave it as change. */
  from: field(6, txn),
  /** The transaction that spent it. */
  spentBy: optional(7, txn),
  /** Refused purchases that were kept for it. */
  refusals: optional(8, uint()),
});
export type ScripRecord = Value<typeof scripRecord>;

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
});
export type AuthorizationRecord = Value<typeof authorizationRecord>;

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
});
export type SaleRecord = Value<typeof saleRecord>;

export interface MerchantTables {
  readonly scrip: Table<ScripRecord>;
  readonly authorizations: Table<AuthorizationRecord>;
  /** The ids of the authorizations that are `sent`. */
  readonly sent: Table<boolean>;
  readonly sales: Table<SaleRecord>;
  /** M2 of each sale, signed: apart, because it holds the goods. */
  readonly responses: Table<Uint8Array>;
}

export const merchantTables = (store: PeerStore): MerchantTables => ({
  scrip: table(store, "scrip", scripRecord),
  authorizations: table(store, "authorization", authorizationRecord),
  sent: table(store, "sent", boolean),
  sales: table(store, "sale", saleRecord),
  responses: table(store, "response", embedded(limits.goodsBytes + limits.signatureBytes)),
});
