/** The figure-4 suite on node:crypto: the same bytes as on node-forge, so that suites are measured on one library. */
import {
  constants,
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hash,
  privateDecrypt,
  publicEncrypt,
  sign as signWith,
  verify as verifyWith,
} from "node:crypto";
import { concat } from "../bytes.ts";
import { figure4On, type RsaPrivateKey, type RsaPublicKey } from "./figure-4-format.ts";
import type { Suite } from "./suite.ts";

/**
 * Sealing takes its content key, IV and OAEP seed from the `random` port. New keys do not come from it, because OpenSSL
 * takes no seed for them; nor does the blinding of private operations, which leaves no trace in their results.
 */
export const figure4OpenSslSuite: Suite = figure4On({
  newPrivateKey,
  privateKey,
  publicKey,
  encrypt,
  decrypt,
});

const MODULUS_LENGTH = 128;
const DIGEST_LENGTH = 20;

function newPrivateKey(): Uint8Array {
  const pair = generateKeyPairSync("rsa", {
    modulusLength: 1024,
    publicExponent: 0x10001,
    privateKeyEncoding: { type: "pkcs8", format: "der" },
    publicKeyEncoding: { type: "spki", format: "der" },
  });
  return new Uint8Array(pair.privateKey);
}

function privateKey(pkcs8: Uint8Array): RsaPrivateKey {
  const key = createPrivateKey({ key: Buffer.from(pkcs8), format: "der", type: "pkcs8" });
  const { n = "", e = "" } = createPublicKey(key).export({ format: "jwk" });
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  return {
    modulus: new Uint8Array(Buffer.from(n, "base64url")),
    exponent: new Uint8Array(Buffer.from(e, "base64url")),
    sign: (data) => new Uint8Array(signWith("sha1", data, key)),
    unwrap: (wrapped) => {
      try {
        return new Uint8Array(privateDecrypt({ key, padding, oaepHash: "sha1" }, wrapped));
      } catch {
        // Not below the modulus or not OAEP: OpenSSL fails for what a sender got wrong.
        return undefined;
      }
    },
  };
}

function publicKey(modulus: Uint8Array, exponent: Uint8Array): RsaPublicKey {
  const key = createPublicKey({
    key: { kty: "RSA", n: base64url(modulus), e: base64url(exponent) },
    format: "jwk",
  });
  return {
    // OpenSSL compares the whole block with the one that it would have signed, as the format asks.
    verify: (data, signature) => verifyWith("sha1", data, key, signature),
    // OpenSSL draws the seed of its own OAEP itself, so the block is made here and only then raised to the exponent.
    wrap: (contentKey, seed) =>
      new Uint8Array(publicEncrypt({ key, padding: constants.RSA_NO_PADDING }, oaepBlock(contentKey, seed))),
  };
}

/** EME-OAEP with SHA-1 and an empty label (RFC 8017 section 7.1.1). */
function oaepBlock(contentKey: Uint8Array, seed: Uint8Array): Uint8Array {
  const room = MODULUS_LENGTH - 1 - DIGEST_LENGTH;
  const zeros = new Uint8Array(room - DIGEST_LENGTH - 1 - contentKey.length);
  const data = concat(sha1(new Uint8Array(0)), zeros, new Uint8Array([1]), contentKey);
  const maskedData = xor(data, mask(seed, room));
  return concat(new Uint8Array([0]), xor(seed, mask(maskedData, DIGEST_LENGTH)), maskedData);
}

/** MGF1 with SHA-1 (RFC 8017 appendix B.2.1), for fewer than 256 digests. */
function mask(seed: Uint8Array, length: number): Uint8Array {
  const rounds = Array.from({ length: Math.ceil(length / DIGEST_LENGTH) }, (_, round) =>
    sha1(concat(seed, new Uint8Array([0, 0, 0, round]))),
  );
  return concat(...rounds).subarray(0, length);
}

const sha1 = (data: Uint8Array): Uint8Array => new Uint8Array(hash("sha1", data, "buffer"));

const xor = (a: Uint8Array, b: Uint8Array): Uint8Array => a.map((byte, at) => byte ^ (b[at] ?? 0));

function encrypt(contentKey: Uint8Array, iv: Uint8Array, plaintext: Uint8Array): Uint8Array {
  const cipher = createCipheriv("aes-192-cbc", contentKey, iv);
  return concat(cipher.update(plaintext), cipher.final());
}

function decrypt(contentKey: Uint8Array, iv: Uint8Array, ciphertext: Uint8Array): Uint8Array | undefined {
  const decipher = createDecipheriv("aes-192-cbc", contentKey, iv);
  try {
    return concat(decipher.update(ciphertext), decipher.final());
  } catch {
    // Padding that is not PKCS #7's, in any of its bytes.
    return undefined;
  }
}

const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");
