/** The figure-4 suite on node-forge: the paper's own primitives, so that the paper can be run as printed. */
import forge from "node-forge";
import { concat, equalBytes } from "../bytes.ts";
import { figure4On, type RsaPrivateKey, type RsaPublicKey } from "./figure-4-format.ts";
import type { Suite } from "./suite.ts";

/**
 * RSA-1024 with SHA-1 and AES-192-CBC: to run and to measure the paper, not to protect money. Sealing takes its content
 * key, IV and OAEP seed from the `random` port. Two things do not come from it: new keys, because forge hands their
 * generation to node's, which takes no seed (forge's own, which does, takes some twenty times as long); and the blinding of
 * private operations, which leaves no trace in their results.
 */
export const figure4Suite: Suite = figure4On({ newPrivateKey, privateKey, publicKey, encrypt, decrypt });

/** DER of a DigestInfo for SHA-1 before its 20 bytes (RFC 8017 section 9.2). */
const SHA1_DIGEST_INFO = new Uint8Array([0x30, 0x21, 0x30, 9, 6, 5, 0x2b, 0x0e, 3, 2, 0x1a, 5, 0, 4, 0x14]);
const MODULUS_LENGTH = 128;
const DIGEST_LENGTH = 20;

function newPrivateKey(): Uint8Array {
  const pair = forge.pki.rsa.generateKeyPair({ bits: 1024, e: 0x10001 });
  const pkcs8 = forge.pki.wrapRsaPrivateKey(forge.pki.privateKeyToAsn1(pair.privateKey));
  return fromBinary(forge.asn1.toDer(pkcs8).getBytes());
}

function privateKey(pkcs8: Uint8Array): RsaPrivateKey {
  const key = forge.pki.privateKeyFromAsn1(forge.asn1.fromDer(toBinary(pkcs8)));
  return {
    modulus: fromHex(key.n.toString(16)),
    exponent: fromHex(key.e.toString(16)),
    sign: (data) => fromBinary(key.sign(digest(data))),
    unwrap: (wrapped) => {
      try {
        return fromBinary(key.decrypt(toBinary(wrapped), "RSA-OAEP"));
      } catch {
        // Not below the modulus or not OAEP: forge throws for what a sender got wrong.
        return undefined;
      }
    },
  };
}

function publicKey(modulus: Uint8Array, exponent: Uint8Array): RsaPublicKey {
  const key = forge.pki.rsa.setPublicKey(toInteger(modulus), toInteger(exponent));
  return {
    // forge's own check parses the block, and takes more than one spelling of it; more than once that let forgeries pass.
    verify: (data, signature) =>
      equalBytes(fromBinary(key.encrypt(toBinary(signature), "RAW")), signatureBlock(data)),
    wrap: (contentKey, seed) =>
      fromBinary(key.encrypt(toBinary(contentKey), "RSA-OAEP", { seed: toBinary(seed) })),
  };
}

/** EMSA-PKCS1-v1_5 (RFC 8017 section 9.2): the whole block that a signature of `data` opens to. */
function signatureBlock(data: Uint8Array): Uint8Array {
  const padding = new Uint8Array(MODULUS_LENGTH - 3 - SHA1_DIGEST_INFO.length - DIGEST_LENGTH).fill(0xff);
  const hashed = fromBinary(digest(data).digest().getBytes());
  return concat(new Uint8Array([0, 1]), padding, new Uint8Array([0]), SHA1_DIGEST_INFO, hashed);
}

const digest = (data: Uint8Array): forge.md.MessageDigest => forge.md.sha1.create().update(toBinary(data));

function encrypt(contentKey: Uint8Array, iv: Uint8Array, plaintext: Uint8Array): Uint8Array {
  const cipher = forge.cipher.createCipher("AES-CBC", toBinary(contentKey));
  cipher.start({ iv: toBinary(iv) });
  cipher.update(forge.util.createBuffer(toBinary(plaintext)));
  cipher.finish();
  return fromBinary(cipher.output.getBytes());
}

function decrypt(contentKey: Uint8Array, iv: Uint8Array, ciphertext: Uint8Array): Uint8Array | undefined {
  const decipher = forge.cipher.createDecipher("AES-CBC", toBinary(contentKey));
  decipher.start({ iv: toBinary(iv) });
  decipher.update(forge.util.createBuffer(toBinary(ciphertext)));
  return decipher.finish() ? fromBinary(decipher.output.getBytes()) : undefined;
}

/** forge's byte strings: one character for each byte. */
const toBinary = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

const fromBinary = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "latin1"));

const toInteger = (bytes: Uint8Array): forge.jsbn.BigInteger =>
  new forge.jsbn.BigInteger(Buffer.from(bytes).toString("hex"), 16);

const fromHex = (digits: string): Uint8Array =>
  new Uint8Array(Buffer.from(digits.padStart(digits.length + (digits.length % 2), "0"), "hex"));
