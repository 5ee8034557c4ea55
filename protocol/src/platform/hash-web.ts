/** SHA-256 and HMAC-SHA256, synchronous, for browsers, whose own are not (ADR 3). */
import { sha256 as SHA256 } from "@noble/hashes/sha2.js";

export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = SHA256.create();
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** A block of SHA-256, which a key of HMAC fills up with zeros (RFC 2104). */
const BLOCK = 64;
const INNER = 0x36;
const OUTER = 0x5c;

/** Two hashes after RFC 2104: the library's class for it is a KiB of a page's first load. */
export function hmacSha256(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const block = new Uint8Array(BLOCK);
  block.set(key.length > BLOCK ? sha256(key) : key);
  const inner = sha256(
    block.map((byte) => byte ^ INNER),
    ...parts,
  );
  return sha256(
    block.map((byte) => byte ^ OUTER),
    inner,
  );
}
