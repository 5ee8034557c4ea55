// The ciphertexts of a development KMS: version (1 byte), key id (16), nonce (12), AES-256-GCM text, tag (16).
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import type { SymmetricKey } from "./key-file.ts";

/** An encryption context as pairs sorted by name. */
export type EncryptionContext = readonly (readonly [string, string])[];

/** Encrypts under a key and a context; the blob names the key. */
export function sealBlob(key: SymmetricKey, plaintext: Uint8Array, context: EncryptionContext): Buffer {
  const header = Buffer.concat([Buffer.of(blobVersion), Buffer.from(key.id.replaceAll("-", ""), "hex")]);
  const nonce = randomBytes(nonceLength);
  const cipher = createCipheriv("aes-256-gcm", key.secret, nonce, { authTagLength: tagLength });
  cipher.setAAD(boundData(header, context));
  const text = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  return Buffer.concat([header, nonce, text, cipher.getAuthTag()]);
}

/** The id of the key a blob names, or undefined where it is no blob of ours. */
export function blobKeyId(blob: Buffer): string | undefined {
  if (blob[0] !== blobVersion || blob.length < headerLength + nonceLength + tagLength) return undefined;
  const hex = blob.toString("hex", 1, headerLength);
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** Decrypts a blob that names this key; undefined where the blob was altered or the context is another. */
export function openBlob(key: SymmetricKey, blob: Buffer, context: EncryptionContext): Buffer | undefined {
  const textStart = headerLength + nonceLength;
  const textEnd = blob.length - tagLength;
  const nonce = blob.subarray(headerLength, textStart);
  const decipher = createDecipheriv("aes-256-gcm", key.secret, nonce, { authTagLength: tagLength });
  decipher.setAAD(boundData(blob.subarray(0, headerLength), context));
  decipher.setAuthTag(blob.subarray(textEnd));
  try {
    return Buffer.concat([decipher.update(blob.subarray(textStart, textEnd)), decipher.final()]);
  } catch {
    // The only failure left here is a tag that does not match.
    return undefined;
  }
}

const blobVersion = 1;
const headerLength = 17;
const nonceLength = 12;
const tagLength = 16;

/** JSON of sorted pairs: no two contexts have the same text. */
function boundData(header: Buffer, context: EncryptionContext): Buffer {
  return Buffer.concat([header, Buffer.from(JSON.stringify(context), "utf8")]);
}
