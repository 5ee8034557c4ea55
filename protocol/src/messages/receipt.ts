/** A receipt's file: what proves one purchase to a third party (docs/protocol.md section 13). */
import { limits } from "../limits.ts";
import { embedded, field, list, optional, struct, uint, type Value, word } from "../schema.ts";
import { hash32 } from "./parts.ts";
import { signedStatement } from "./signed-statement.ts";

/** Of a file that holds one receipt. */
export const RECEIPT_MEDIA_TYPE = "application/lepta.receipt+cbor";

/** The broker has recorded a statement: its acknowledgement, and the path from the statement's entry to the tree in it. */
export const recordedCodec = struct({
  /** Signed. */
  acknowledgement: field(1, embedded(64 * 1024 + limits.signatureBytes)),
  /** Of the broker's key that signed it. */
  certificate: field(2, embedded(1024)),
  /** The statement's place in the batch. */
  index: field(3, uint(limits.batchEntries)),
  path: field(4, list(hash32, limits.merklePath)),
});
/** That the broker has recorded a statement, as a receipt carries it. */
export type Recorded = Value<typeof recordedCodec>;

/** The run of a lane in which a purchase stands, and the statement that covers it. */
export const runCodec = struct({
  /** h before the run. */
  before: field(1, hash32),
  /** Elements of the run before the purchase: other purchases and openings of sessions. */
  earlier: field(2, list(hash32, limits.runElements)),
  /** Elements of the run after the purchase. */
  later: field(3, list(hash32, limits.runElements)),
  statement: field(4, signedStatement),
  recorded: optional(5, recordedCodec),
});
/** The run of a lane in which a purchase stands, as a receipt carries it. */
export type Run = Value<typeof runCodec>;

/** One purchase as a file that is checked against the root key alone. Not signed as a whole: each part of it is. */
export const receiptCodec = struct({
  version: field(1, uint(1, 1)),
  type: field(3, word("receipt")),
  /** The root key, whose thumbprint is the network. */
  rootKey: field(10, embedded(256)),
  /** C's credential, in force when the statement or M2 was signed. */
  customer: field(11, embedded(3072)),
  /** M's credential, likewise. */
  merchant: field(12, embedded(3072)),
  /** M1: an item of a lane, or a COSE_Sign1. */
  request: field(13, embedded(limits.messageBytes + limits.signatureBytes)),
  /** M2: an item of a lane, or a COSE_Sign1. */
  response: field(14, embedded(limits.goodsBytes + limits.signatureBytes)),
  /** Absent where M1 and M2 are signed themselves. */
  run: optional(15, runCodec),
});
/** The parts of a receipt's file; the wallet makes one, `verifyReceipt` checks it. */
export type Receipt = Value<typeof receiptCodec>;
