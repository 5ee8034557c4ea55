/** Keys and credentials: what binds a UID to a peer's keys and the broker's operational keys to its root. */
import { limits } from "../core-limits.ts";
import {
  currency,
  embedded,
  field,
  list,
  optional,
  struct,
  text,
  time,
  uid,
  uint,
  type Value,
  word,
} from "../schema.ts";
import { message } from "./define.ts";
import { recordCodec, verdict } from "./parts.ts";

/** What an operational key may be used for, and nothing else. */
export const purpose = word("enrol", "decide", "acknowledge", "seal");
/** What an operational key may be used for. */
export type Purpose = Value<typeof purpose>;

/** Root → everybody: one operational key, for one purpose, at most 24 hours. Signed by the root; always ES256. */
export const keyCertificate = message("key-certificate", "notice", {
  purpose: field(10, purpose),
  publicKey: field(11, embedded(256)),
  notBefore: field(12, time),
  notAfter: field(13, time),
});

/**
 * Root → everybody: an operational key that is believed stolen is good for nothing from a moment on, whatever its
 * certificate says. Signed by the root; always ES256.
 */
export const keyRevocation = message("key-revocation", "notice", {
  /** The operational key's id. */
  key: field(10, uid),
  revokedFrom: field(11, time),
});

/** A peer → everybody: its sealing key. The broker cannot hand out another one for this UID. */
export const sealingKeyStatement = message("sealing-key", "notice", {
  publicKey: field(10, embedded(256)),
  notBefore: field(11, time),
  notAfter: field(12, time),
  /** A higher serial replaces a lower one. */
  serial: field(13, uint()),
});

/** B → everybody, through the peer: this peer is enrolled. */
export const enrolment = message("enrolment", "notice", {
  publicKey: field(10, embedded(256)),
});

/** Enrolment, the peer's sealing key and the certificate of the broker's key that signed the enrolment. */
export const credentialCodec = struct({
  enrolment: field(1, embedded(1024)),
  sealingKey: field(2, embedded(1024)),
  certificate: field(3, embedded(1024)),
});

/** C or M → B: enrol with an account, or, without one, renew the enrolment and perhaps the sealing key. */
export const enrolRequest = message("enrol-request", "request", {
  account: optional(10, text(limits.accountLength)),
  mandate: optional(11, text(limits.mandateLength)),
  publicKey: field(12, embedded(256)),
  sealingKey: field(13, embedded(1024)),
  /** Proof of possession of the sealing key towards the broker's, over the sealing key statement's digest and `txn`. */
  possession: field(14, embedded(256)),
});

/** B → C or M. */
export const enrolResponse = message("enrol-response", "answer", {
  ...verdict,
  record: optional(14, recordCodec),
  enrolment: optional(15, embedded(1024)),
});

/** GET /keys: not signed; each certificate and revocation in it is, and the root key is what the caller pinned. */
export const brokerKeysCodec = struct({
  version: field(1, uint(1, 1)),
  type: field(3, word("broker-keys")),
  rootKey: field(10, embedded(256)),
  certificates: field(11, list(embedded(1024), limits.certificates)),
  suite: field(12, word("default", "figure-4")),
  currency: field(13, currency),
  /** The funding rail's name: "sandbox" takes any account. */
  rail: field(14, text(32)),
  /** The smallest amount that the rail pays, in millionths: redeemed amounts are multiples of it. */
  unit: field(15, uint(2 ** 53 - 1, 1)),
  /** Of keys that would be valid still: absent where there are none. */
  revocations: optional(16, list(embedded(1024), limits.revocations)),
});
