/** SHA-256 and HMAC-SHA256, synchronous, on node:crypto. */
import { createHmac, createSecretKey, hash, type KeyObject } from "node:crypto";
import { concat, utf8 } from "./bytes.ts";

/** SHA-256 of the parts, one after the other: 32 bytes. */
export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(
    hash("sha256", parts.length === 1 && parts[0] ? parts[0] : concat(...parts), "buffer"),
  );
}

/** HMAC-SHA256 of the parts, one after the other: 32 bytes. */
export function hmacSha256(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const mac = createHmac("sha256", secretKey(key));
  for (const part of parts) mac.update(part);
  return new Uint8Array(mac.digest());
}

/** HMAC-SHA256 that derives one secret from another, with a label that names its purpose. */
export const derive = (key: Uint8Array, label: string, ...context: readonly Uint8Array[]): Uint8Array =>
  hmacSha256(key, utf8(`lepta/1 ${label}\0`), ...context);

/** HMAC-SHA256 of some bytes under one key: 32 bytes. */
export type Mac = (data: Uint8Array) => Uint8Array;

/** HMAC-SHA256 under a key that is used often: it is imported once. */
export function macUnder(key: Uint8Array): Mac {
  const imported = secretKey(key);
  return (data) => createHmac("sha256", imported).update(data).digest();
}

// A key object costs a third of what raw key bytes cost on Node 24.
const secretKey = (key: Uint8Array): KeyObject => createSecretKey(key);
