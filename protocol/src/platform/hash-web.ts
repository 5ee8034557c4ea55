/** SHA-256 and HMAC-SHA256, synchronous, for browsers, whose own are not (ADR 3). */
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 as SHA256 } from "@noble/hashes/sha2.js";

export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = SHA256.create();
  for (const part of parts) hash.update(part);
  return hash.digest();
}

export function hmacSha256(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const mac = hmac.create(SHA256, key);
  for (const part of parts) mac.update(part);
  return mac.digest();
}
