/** Shapes that several messages share. */
import { limits } from "../core-limits.ts";
import {
  amount,
  boolean,
  bytes,
  digest,
  embedded,
  field,
  list,
  optional,
  refined,
  scripId,
  struct,
  text,
  time,
  tuple,
  txn,
  uid,
  uint,
  type Value,
} from "../schema.ts";

/** SHA-256 or HMAC-SHA256. */
export const hash32 = bytes(32);

/** `[body, certificate]`: a scrip as its owner shows it. */
export const scripCodec = tuple(embedded(512), hash32);
/** A scrip as its owner shows it: the bytes of its body and its certificate. */
export type ScripTuple = Value<typeof scripCodec>;

/** A new scrip for its owner: body, certificate, SHA-256 of the CustomerSecret that travels beside it. */
export const grantCodec = struct({
  body: field(1, embedded(512)),
  certificate: field(2, hash32),
  secretHash: field(3, hash32),
});
/** A new scrip for its owner, without its CustomerSecret, of which the hash is there. */
export type Grant = Value<typeof grantCodec>;

/** `[body, pop]`: what spends a scrip. */
export const spendCodec = tuple(embedded(2048), hash32);
/** What spends a scrip: the bytes of a body and the pop over them. */
export type Spend = Value<typeof spendCodec>;

/** The fields with which an answer names its request and tells the decision. */
export const verdict = {
  /** Digest of the request that is answered. */
  request: field(10, digest),
  ok: field(11, boolean),
  /** An error code, present when not ok. */
  reason: optional(12, text(32)),
  decidedAt: field(13, time),
} as const;

/** `[sequence, head]` of the audit chain of the peer to whom the answer goes. */
export const recordCodec = tuple(uint(), hash32);

/** What is bought (figure 5's OI). */
export const orderCodec = struct({
  sku: field(1, text(limits.skuLength)),
  description: field(2, text(limits.descriptionLength, 0)),
  unitPrice: field(3, amount),
  quantity: field(4, uint(limits.quantity, 1)),
});
/** What is bought: `sku`, `description`, `unitPrice` as an amount, and `quantity` (figure 5's OI). */
export type Order = Value<typeof orderCodec>;

/** What the part for B spends (figure 8, X1). */
export const brokerSpendCodec = struct({
  scrip: field(1, scripCodec),
  amount: field(2, amount),
  /** The least expiry of the VendorScrip, in milliseconds. */
  minimumExpiry: field(3, time),
});

/** What a purchase spends (figure 7, X1). */
export const purchaseSpendCodec = struct({
  scrip: field(1, scripCodec),
  order: field(2, orderCodec),
  /** Keeps the order's hash from being guessed. */
  salt: field(3, bytes(16)),
  /** The price, or the most that may be charged when metered. */
  amount: field(4, amount),
  metered: field(5, boolean),
});

/** What a redemption or a refund spends. */
export const returnSpendCodec = struct({
  scrip: field(1, scripCodec),
  amount: field(2, amount),
});

/** Where in a session a purchase stands: both sides of one pair meet under it. */
export const placeCodec = tuple(bytes(16), uint());

/** Beside a signed message, inside the seal: a scrip's CustomerSecret while it lives, or the transaction that spent it. */
export const secretCodec = refined(
  struct({
    scrip: field(1, scripId),
    secret: optional(2, hash32),
    spentBy: optional(3, tuple(uid, txn)),
  }),
  ({ secret, spentBy }) => (secret === undefined) !== (spentBy === undefined),
  "either the secret or who spent it",
);
/** A scrip's CustomerSecret, or what spent that scrip: it travels beside a signed message inside the seal. */
export type Secret = Value<typeof secretCodec>;

/** A sealed plaintext before padding: the signed message and what travels beside it. */
export const contentCodec = struct({
  signed: field(1, embedded(limits.batchBytes + limits.signatureBytes)),
  secrets: optional(2, list(secretCodec, limits.frameMessages, 1)),
  attachments: optional(3, list(embedded(), 4, 1)),
});
/** What is sealed: a signed message, the secrets beside it, and attached messages. */
export type Content = Value<typeof contentCodec>;
