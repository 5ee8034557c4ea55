/** SHA-256 and HMAC-SHA256 on node:crypto. */
import { createHmac, hash } from "node:crypto";
import { concat } from "../bytes.ts";

const DIGEST_LENGTH = 32;

/** Where short parts stand one after the other for as long as they are hashed: a fresh buffer for each costs 1 µs. */
const scratch = new Uint8Array(4096);

export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const [first] = parts;
  return digest(new Uint8Array(DIGEST_LENGTH), 0, parts.length === 1 && first ? first : joined(0, parts));
}

/** A block of SHA-256, which a key of HMAC fills up with zeros (RFC 2104). */
const BLOCK = 64;
const INNER = 0x36;
const OUTER = 0x5c;
/** The outer block and, after it, the inner digest. */
const outer = new Uint8Array(BLOCK + DIGEST_LENGTH);

/**
 * Two hashes after RFC 2104, where key and data are short: 1.4 µs where `createHmac` takes 4.4 with a new key object and 2.6
 * with one that is kept (400 bytes, Node 24).
 */
export function hmacSha256(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  if (key.length > BLOCK || lengthBehind(BLOCK, parts) > scratch.length) return hmacOf(key, parts);
  const inner = joined(BLOCK, parts);
  for (let i = 0; i < BLOCK; i += 1) {
    const byte = key[i] ?? 0;
    inner[i] = byte ^ INNER;
    outer[i] = byte ^ OUTER;
  }
  digest(outer, BLOCK, inner);
  const mac = digest(new Uint8Array(DIGEST_LENGTH), 0, outer);
  // The key is nowhere but with its owner.
  inner.fill(0, 0, BLOCK);
  outer.fill(0);
  return mac;
}

function hmacOf(key: Uint8Array, parts: readonly Uint8Array[]): Uint8Array {
  const mac = createHmac("sha256", key);
  for (const part of parts) mac.update(part);
  return new Uint8Array(mac.digest());
}

/** The parts one after the other behind so much room; in `scratch` where they are short. */
function joined(room: number, parts: readonly Uint8Array[]): Uint8Array {
  const length = lengthBehind(room, parts);
  if (length > scratch.length) return concat(new Uint8Array(room), ...parts);
  let at = room;
  for (const part of parts) {
    scratch.set(part, at);
    at += part.length;
  }
  return scratch.subarray(0, length);
}

function lengthBehind(room: number, parts: readonly Uint8Array[]): number {
  let length = room;
  for (const part of parts) length += part.length;
  return length;
}

/** Writes the digest of the data to this place. As a text of bytes it costs 0.4 µs, as a Buffer 0.9 (Node 24). */
function digest(out: Uint8Array, at: number, data: Uint8Array): Uint8Array {
  const text = hash("sha256", data, "binary");
  for (let i = 0; i < DIGEST_LENGTH; i += 1) out[at + i] = text.charCodeAt(i);
  return out;
}
