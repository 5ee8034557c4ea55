/** Private bytes wrapped under a function's data key: AES-256-GCM, bound to what they are. */
import { createCipheriv, createDecipheriv } from "node:crypto";
import { concat, type Random, utf8 } from "@lepta/protocol";

const IV_LENGTH = 12;
const TAG_LENGTH = 16;

/** iv ‖ ciphertext ‖ tag. `name` says which key this is; unwrapping needs the same. */
export function wrap(dataKey: Uint8Array, name: string, secret: Uint8Array, random: Random): Uint8Array {
  const iv = random(IV_LENGTH);
  const cipher = createCipheriv("aes-256-gcm", dataKey, iv).setAAD(utf8(name));
  return concat(iv, cipher.update(secret), cipher.final(), cipher.getAuthTag());
}

/** Throws where the bytes were altered or belong to another name. */
export function unwrap(dataKey: Uint8Array, name: string, wrapped: Uint8Array): Uint8Array {
  const decipher = createDecipheriv("aes-256-gcm", dataKey, wrapped.subarray(0, IV_LENGTH)).setAAD(
    utf8(name),
  );
  decipher.setAuthTag(wrapped.subarray(-TAG_LENGTH));
  return concat(decipher.update(wrapped.subarray(IV_LENGTH, -TAG_LENGTH)), decipher.final());
}
