/** SHA-256 and HMAC-SHA256 on node:crypto. */
import { createHmac, createSecretKey, hash, type KeyObject } from "node:crypto";
import { concat } from "../bytes.ts";

export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(
    hash("sha256", parts.length === 1 && parts[0] ? parts[0] : concat(...parts), "buffer"),
  );
}

export function hmacSha256(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const mac = createHmac("sha256", secretKey(key));
  for (const part of parts) mac.update(part);
  return new Uint8Array(mac.digest());
}

export function macUnder(key: Uint8Array): (data: Uint8Array) => Uint8Array {
  const imported = secretKey(key);
  return (data) => createHmac("sha256", imported).update(data).digest();
}

// A key object costs a third of what raw key bytes cost on Node 24.
const secretKey = (key: Uint8Array): KeyObject => createSecretKey(key);
