/**
 * The figure-4 suite but for its primitives: which bytes stand where in a key, a signature, a sealed message and a proof.
 * The algorithms are the paper's (figure 4) under their COSE identifiers: RS1 (RSA-1024, SHA-1, PKCS #1 v1.5) signs,
 * RSAES-OAEP with SHA-1 carries a fresh 24-byte key, A192CBC (RFC 9459) encrypts.
 *
 * CBC authenticates nothing: of a sealed message only the carried key is safe from changes, and `open` may give out a
 * plaintext that was altered on its way. That is acceptable only because what is inside is signed and names its type
 * and its recipient. For the same reason whoever opens a message has to answer a bad seal and a bad signature alike:
 * where the two can be told apart, CBC's padding becomes an oracle that decrypts.
 */
import { concat, idBytes, utf8 } from "../bytes.ts";
import type { Cbor } from "../cbor.ts";
import { layer, type Sealed, writeEncrypt } from "../cose/encrypt.ts";
import { decodeKey, encodeRsa, type PublicKey, thumbprint } from "../cose/key.ts";
import { algorithm, header } from "../cose/labels.ts";
import { isRefusal, type Or, refuse } from "../errors.ts";
import type { Uid } from "../schema.ts";
import type { OpeningKey, Random, SealingKey, SigningKey, Suite, VerifyingKey } from "./suite.ts";

/** What a cryptographic library has to do for this suite. */
export interface Figure4Primitives {
  /** PKCS #8 of a new RSA-1024 key with the exponent 65537. */
  newPrivateKey(): Uint8Array;
  privateKey(pkcs8: Uint8Array): RsaPrivateKey;
  /** The modulus is odd and of 1024 bits, the exponent 65537. */
  publicKey(modulus: Uint8Array, exponent: Uint8Array): RsaPublicKey;
  /** AES-192-CBC with PKCS #7 padding. */
  encrypt(contentKey: Uint8Array, iv: Uint8Array, plaintext: Uint8Array): Uint8Array;
  /** The plaintext of one or more whole blocks, or undefined where their padding is wrong in any byte. */
  decrypt(contentKey: Uint8Array, iv: Uint8Array, ciphertext: Uint8Array): Uint8Array | undefined;
}

export interface RsaPrivateKey {
  readonly modulus: Uint8Array;
  readonly exponent: Uint8Array;
  /** RSASSA-PKCS1-v1_5 with SHA-1: 128 bytes. */
  sign(data: Uint8Array): Uint8Array;
  /** What RSAES-OAEP with SHA-1 wrapped into these 128 bytes, or undefined. */
  unwrap(wrapped: Uint8Array): Uint8Array | undefined;
}

export interface RsaPublicKey {
  /** Whether these 128 bytes, a number below the modulus, open to the one and complete block that signs `data`. */
  verify(data: Uint8Array, signature: Uint8Array): boolean;
  /** RSAES-OAEP with SHA-1 under this seed of 20 bytes. */
  wrap(contentKey: Uint8Array, seed: Uint8Array): Uint8Array;
}

/** The suite on these primitives. */
export const figure4On = (primitives: Figure4Primitives): Suite => ({
  name: "figure-4",
  createSigningKey: () => primitives.newPrivateKey(),
  createSealingKey: () => primitives.newPrivateKey(),
  signingKey: (privateBytes) => signingKey(primitives.privateKey(privateBytes)),
  openingKey: (privateBytes) => openingKey(primitives, primitives.privateKey(privateBytes)),
  verifyingKey: (publicKey) => verifyingKey(primitives, publicKey),
  sealingKey: (publicKey) => sealingKey(primitives, publicKey),
});

const MODULUS_LENGTH = 128;
/** 65537. */
const EXPONENT = new Uint8Array([1, 0, 1]);
const CONTENT_KEY_LENGTH = 24;
const BLOCK_LENGTH = 16;
const OAEP_SEED_LENGTH = 20;

function signingKey(key: RsaPrivateKey): SigningKey {
  const publicKey = encodePublic(key);
  return { alg: algorithm.rs1, publicKey, id: thumbprint(publicKey), sign: (data) => key.sign(data) };
}

function verifyingKey(primitives: Figure4Primitives, publicKey: Uint8Array): Or<VerifyingKey> {
  const key = importPublic(primitives, publicKey);
  if (isRefusal(key)) return key;
  return { alg: algorithm.rs1, publicKey, id: thumbprint(publicKey), verify: key.verify };
}

function sealingKey(primitives: Figure4Primitives, publicKey: Uint8Array): Or<SealingKey> {
  const key = importPublic(primitives, publicKey);
  if (isRefusal(key)) return key;
  const id = thumbprint(publicKey);
  return {
    publicKey,
    id,
    seal: (contentType, plaintext, random) => seal(primitives, key, id, contentType, plaintext, random),
  };
}

function openingKey(primitives: Figure4Primitives, key: RsaPrivateKey): OpeningKey {
  const publicKey = encodePublic(key);
  const id = thumbprint(publicKey);
  return {
    publicKey,
    id,
    // CBC takes no additional data and notices no alteration by itself.
    authenticates: false,
    open: (sealed) => open(primitives, key, id, sealed),
    provePossession: (verifier, context) => key.sign(possession(verifier.id, context)),
    checkPossession: (prover, context, proof) => {
      const proverKey = importPublic(primitives, prover.publicKey);
      return !isRefusal(proverKey) && proverKey.verify(possession(id, context), proof);
    },
  };
}

function seal(
  primitives: Figure4Primitives,
  key: RsaPublicKey,
  kid: Uid,
  contentType: string,
  plaintext: Uint8Array,
  random: Random,
): Uint8Array {
  const contentKey = random(CONTENT_KEY_LENGTH);
  const iv = random(BLOCK_LENGTH);
  const body = new Map<number, Cbor>([
    [header.alg, algorithm.a192cbc],
    [header.contentType, contentType],
    [header.iv, iv],
  ]);
  const recipient = new Map<number, Cbor>([
    [header.alg, algorithm.rsaOaep],
    [header.kid, idBytes(kid)],
  ]);
  const wrapped = key.wrap(contentKey, random(OAEP_SEED_LENGTH));
  // Neither algorithm takes additional data, and COSE then wants both protected headers empty.
  return writeEncrypt(
    layer(body, primitives.encrypt(contentKey, iv, plaintext), false),
    layer(recipient, wrapped, false),
  );
}

function open(primitives: Figure4Primitives, key: RsaPrivateKey, id: Uid, sealed: Sealed): Or<Uint8Array> {
  const { body, recipient } = sealed;
  const iv = body.unprotectedHeader.get(header.iv);
  if (!isOurs(sealed) || !(iv instanceof Uint8Array) || iv.length !== BLOCK_LENGTH)
    return refuse("malformed", "headers");
  if (sealed.kid !== id || recipient.content.length !== MODULUS_LENGTH) return refuse("unauthentic");
  if (body.content.length === 0 || body.content.length % BLOCK_LENGTH !== 0) return refuse("unauthentic");
  const contentKey = key.unwrap(recipient.content);
  if (contentKey?.length !== CONTENT_KEY_LENGTH) return refuse("unauthentic");
  return primitives.decrypt(contentKey, iv, body.content) ?? refuse("unauthentic");
}

/** Only what this suite writes: these labels and no others, none of them protected. */
const isOurs = ({ body, recipient }: Sealed): boolean =>
  body.protectedBytes.length === 0 &&
  body.unprotectedHeader.size === 3 &&
  body.unprotectedHeader.get(header.alg) === algorithm.a192cbc &&
  recipient.protectedBytes.length === 0 &&
  recipient.unprotectedHeader.size === 2 &&
  recipient.unprotectedHeader.get(header.alg) === algorithm.rsaOaep;

/** What the owner of a sealing key signs with it, and nothing else is: no signed message begins with these bytes. */
const possession = (verifier: Uid, context: Uint8Array): Uint8Array =>
  concat(utf8("lepta/1 possession"), idBytes(verifier), context);

/** An odd modulus of all 1024 bits: with any other the libraries fail, each in its own way. */
const isUsable = (parts: PublicKey): parts is PublicKey & { type: "rsa" } =>
  parts.type === "rsa" &&
  parts.n.length === MODULUS_LENGTH &&
  (parts.n[0] ?? 0) >= 0x80 &&
  (parts.n[MODULUS_LENGTH - 1] ?? 0) % 2 === 1 &&
  Buffer.compare(parts.e, EXPONENT) === 0;

function encodePublic({ modulus, exponent }: RsaPrivateKey): Uint8Array {
  const encoded = encodeRsa(modulus, exponent);
  const parts = decodeKey(encoded);
  if (isRefusal(parts) || !isUsable(parts)) throw new TypeError("not a private key of this suite");
  return encoded;
}

function importPublic(primitives: Figure4Primitives, encoded: Uint8Array): Or<RsaPublicKey> {
  const parts = decodeKey(encoded);
  if (isRefusal(parts)) return parts;
  if (!isUsable(parts)) return refuse("malformed", "not an RSA-1024 key with the exponent 65537");
  const { n, e } = parts;
  const key = primitives.publicKey(n, e);
  // s + n opens to the same block as s: a signature is the one number below the modulus, in its one spelling.
  const verify = (data: Uint8Array, signature: Uint8Array) =>
    signature.length === MODULUS_LENGTH && Buffer.compare(signature, n) < 0 && key.verify(data, signature);
  return { verify, wrap: key.wrap };
}
