/** SHA-256 and HMAC-SHA256, synchronous (ADR 3), on what the platform offers. */
import * as platform from "#hash";
import { utf8 } from "./bytes.ts";

/** SHA-256 of the parts, one after the other: 32 bytes. */
export const sha256: (...parts: readonly Uint8Array[]) => Uint8Array = platform.sha256;

/** HMAC-SHA256 of the parts, one after the other: 32 bytes. */
export const hmacSha256: (key: Uint8Array, ...parts: readonly Uint8Array[]) => Uint8Array =
  platform.hmacSha256;

/** HMAC-SHA256 that derives one secret from another, with a label that names its purpose. */
export const derive = (key: Uint8Array, label: string, ...context: readonly Uint8Array[]): Uint8Array =>
  hmacSha256(key, utf8(`lepta/1 ${label}\0`), ...context);

/** HMAC-SHA256 of some bytes under one key: 32 bytes. */
export type Mac = (data: Uint8Array) => Uint8Array;

/** HMAC-SHA256 under a key that is used often: whatever becomes of the bytes it was given in, it stays the same. */
export const macUnder: (key: Uint8Array) => Mac = platform.macUnder;
