/** SHA-256 and HMAC-SHA256 on node:crypto. */
import { createHmac, createSecretKey, hash, type KeyObject } from "node:crypto";
import { concat } from "../bytes.ts";

export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const [first] = parts;
  // As characters: on Node 24 they cost half of what a buffer does (0.63 µs and 1.17 for 360 bytes).
  const digest = hash("sha256", parts.length === 1 && first !== undefined ? first : joined(parts), "binary");
  const bytes = new Uint8Array(LENGTH);
  for (let i = 0; i < LENGTH; i += 1) bytes[i] = digest.charCodeAt(i);
  return bytes;
}

const LENGTH = 32;

/** Where short parts stand one after the other for as long as they are hashed: a fresh buffer for each costs 1 µs. */
const scratch = new Uint8Array(4096);

function joined(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  if (length > scratch.length) return concat(...parts);
  let at = 0;
  for (const part of parts) {
    scratch.set(part, at);
    at += part.length;
  }
  return scratch.subarray(0, length);
}

export function hmacSha256(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const mac = createHmac("sha256", secretKey(key));
  for (const part of parts) mac.update(part);
  return new Uint8Array(mac.digest());
}

// A key object costs a third of what raw key bytes cost on Node 24.
const secretKey = (key: Uint8Array): KeyObject => createSecretKey(key);
