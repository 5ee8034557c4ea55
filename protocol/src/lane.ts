/**
 * A lane: one scrip's way through many purchases (design section 5, docs/protocol.md section 13). Both sides keep its
 * chain: h_0 binds session, lane and scrip; each purchase is an element; a statement's h takes in the run that it covers.
 */
import { concat, idBytes, toText } from "./bytes.ts";
import { encodeCbor } from "./cbor.ts";
import { hmacSha256, sha256 } from "./hash.ts";
import type { ScripId, Txn } from "./schema.ts";

/** h_0 = SHA-256(session opening (32) ‖ lane (8, big-endian) ‖ scrip id (16)). */
export const laneOrigin = (opening: Uint8Array, lane: number, scrip: ScripId): Uint8Array =>
  sha256(opening, number64(lane), idBytes(scrip));

/** The element of a purchase: SHA-256 of M1 and M2, the two items as they travelled, each encoded as a byte string. */
export const laneElement = (bought: Uint8Array, answered: Uint8Array): Uint8Array =>
  sha256(encodeCbor(bought), encodeCbor(answered));

/** h after a run: SHA-256(h before ‖ elements in their order). A resumed session's opening is an element of its own. */
export const chainAfter = (before: Uint8Array, elements: readonly Uint8Array[]): Uint8Array =>
  sha256(before, ...elements);

/** The pop of item 1: HMAC-SHA256(CustomerSecret, h_0). */
export const proveLane = (secret: Uint8Array, origin: Uint8Array): Uint8Array => hmacSha256(secret, origin);

/** The pop of item 11: HMAC-SHA256(CustomerSecret, h_0 ‖ the opening of the session that goes on with the lane (32)). */
export const proveResumption = (secret: Uint8Array, origin: Uint8Array, opening: Uint8Array): Uint8Array =>
  hmacSha256(secret, origin, opening);

/** The name of a purchase on a lane: the first 8 bytes of h_0 and its sequence (8, big-endian). */
export const lanePurchase = (origin: Uint8Array, sequence: number): Txn =>
  toText(concat(origin.subarray(0, 8), number64(sequence)));

/** The same from the lane's name: the first 8 bytes of h_0 in base64url. */
export const purchaseOnLane = (lane: string, sequence: number): Txn =>
  toText(concat(idBytes(lane), number64(sequence)));

/** The lane and the sequence in such a name: 8 bytes of h_0 in base64url, and the sequence. */
export function readLanePurchase(txn: Txn): { readonly lane: string; readonly sequence: number } {
  const bytes = idBytes(txn);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return { lane: toText(bytes.subarray(0, 8)), sequence: Number(view.getBigUint64(8)) };
}

function number64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
}
