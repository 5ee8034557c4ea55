/** The default suite on node:crypto. */
import {
  createCipheriv,
  createDecipheriv,
  createECDH,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  diffieHellman,
  hkdfSync,
  type KeyObject,
  sign as signWith,
  timingSafeEqual,
  verify as verifyWith,
} from "node:crypto";
import { concat } from "../bytes.ts";
import type { Sealed } from "../cose/encrypt.ts";
import { encodeP256, encodeX25519, thumbprint } from "../cose/key.ts";
import { algorithm } from "../cose/labels.ts";
import { isRefusal, type Or, orThrow, refuse } from "../errors.ts";
import { hmacSha256 } from "../hash.ts";
import { limits } from "../limits.ts";
import type { Uid } from "../schema.ts";
import {
  IV_LENGTH,
  isScalar,
  newScalar,
  newSeal,
  POSSESSION,
  p256Of,
  pointOf,
  readSeal,
  type SealParts,
  TAG_LENGTH,
  x25519Of,
} from "./default-format.ts";
import { derSignature, rawSignature } from "./der.ts";
import type { OpeningKey, Random, SealingKey, SigningKey, Suite, VerifyingKey } from "./suite.ts";
import { agreementKey, importPoint, importX25519, publicX25519, shared } from "./x25519.ts";

/**
 * ES256, X25519 with HKDF-SHA256, AES-256-GCM: on node:crypto in Node, on WebCrypto in browsers (section 2 of the protocol).
 */
export const defaultSuite: Suite = {
  name: "default",
  createSigningKey: newScalar,
  createSealingKey: (random) => random(32),
  signingKey,
  openingKey,
  verifyingKey,
  sealingKey,
};

const EMPTY = new Uint8Array(0);

function signingKey(privateBytes: Uint8Array): SigningKey {
  if (!isScalar(privateBytes)) throw new TypeError("not a scalar of P-256");
  const ecdh = createECDH("prime256v1");
  ecdh.setPrivateKey(privateBytes);
  const point = new Uint8Array(ecdh.getPublicKey());
  const [x, y] = [point.slice(1, 33), point.slice(33)];
  const key = createPrivateKey({
    key: { kty: "EC", crv: "P-256", d: base64url(privateBytes), x: base64url(x), y: base64url(y) },
    format: "jwk",
  });
  const publicKey = encodeP256(x, y);
  // DER with our own conversion costs half of what node's ieee-p1363 costs on Node 24.
  const sign = (data: Uint8Array) => rawSignature(signWith("sha256", data, key));
  return { alg: algorithm.es256, publicKey, id: thumbprint(publicKey), sign };
}

function verifyingKey(publicKey: Uint8Array): Or<VerifyingKey> {
  const parts = p256Of(publicKey);
  if (isRefusal(parts)) return parts;
  const key = importP256(parts.x, parts.y);
  return isRefusal(key) ? key : new P256Key(publicKey, key);
}

/** Small, as a merchant has one for each customer who is connected: the imported key is kept only where it is used. */
class P256Key implements VerifyingKey {
  readonly alg = algorithm.es256;
  readonly id: Uid;
  readonly #encoded: string;
  /** For the first signature, which most keys are imported for. */
  #fresh: KeyObject | undefined;

  constructor(publicKey: Uint8Array, key: KeyObject) {
    this.id = thumbprint(publicKey);
    this.#encoded = compact(publicKey);
    this.#fresh = key;
  }

  get publicKey(): Uint8Array {
    return bytesOf(this.#encoded);
  }

  verify(data: Uint8Array, signature: Uint8Array): boolean {
    if (signature.length !== 64) return false;
    const key = this.#fresh ?? imported(this.id, () => this.#import());
    this.#fresh = undefined;
    return verifyWith("sha256", data, key, derSignature(signature));
  }

  #import(): KeyObject {
    const { x, y } = orThrow(p256Of(this.publicKey));
    return orThrow(importP256(x, y));
  }
}

function sealingKey(publicKey: Uint8Array): Or<SealingKey> {
  const point = x25519Of(publicKey);
  if (isRefusal(point)) return point;
  const key = importPoint(point);
  if (isRefusal(key)) return key;
  // With a point of low order every agreement fails, whoever tries.
  const probe = shared(importX25519(new Uint8Array(32)), key);
  return isRefusal(probe) ? probe : new X25519Key(publicKey);
}

/** Small, as the key above. */
class X25519Key implements SealingKey {
  readonly #encoded: string;

  constructor(publicKey: Uint8Array) {
    this.#encoded = compact(publicKey);
  }

  get id(): Uid {
    return thumbprint(this.publicKey);
  }

  get publicKey(): Uint8Array {
    return bytesOf(this.#encoded);
  }

  seal(contentType: string, plaintext: Uint8Array, random: Random): Uint8Array {
    const { id } = this;
    const key = imported(id, () => orThrow(importPoint(orThrow(x25519Of(this.publicKey)))));
    return seal(key, id, contentType, plaintext, random);
  }
}

/** Keys that were used more than once, by their thumbprints: importing one costs as much as using it. */
const kept = new Map<Uid, KeyObject>();

function imported(id: Uid, importIt: () => KeyObject): KeyObject {
  const known = kept.get(id);
  if (known !== undefined) return known;
  const key = importIt();
  const [oldest] = kept.keys();
  if (kept.size >= limits.keyCache && oldest !== undefined) kept.delete(oldest);
  kept.set(id, key);
  return key;
}

/** Bytes as a text of one character each: what is kept for long takes a third of what an array of bytes takes. */
const compact = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");
const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "latin1"));

function openingKey(privateBytes: Uint8Array): OpeningKey {
  const key = importX25519(privateBytes);
  const agreement = agreementKey(key);
  const publicKey = encodeX25519(agreement.publicKey);
  return {
    publicKey,
    id: thumbprint(publicKey),
    agreement,
    authenticates: true,
    open: (sealed) => open(key, sealed),
    provePossession: (verifier, context) => possession(key, verifier, context),
    checkPossession: (prover, context, proof) => {
      const expected = possession(key, prover, context);
      return expected.length > 0 && expected.length === proof.length && timingSafeEqual(expected, proof);
    },
  };
}

function seal(
  key: KeyObject,
  kid: string,
  contentType: string,
  plaintext: Uint8Array,
  random: Random,
): Uint8Array {
  const ephemeral = importX25519(random(32));
  const { finish, ...parts } = newSeal(kid, contentType, publicX25519(ephemeral), random(IV_LENGTH));
  const cipher = createCipheriv("aes-256-gcm", contentKey(ephemeral, key, parts), parts.iv);
  cipher.setAAD(parts.bound);
  return finish(concat(cipher.update(plaintext), cipher.final(), cipher.getAuthTag()));
}

function open(key: KeyObject, sealed: Sealed): Or<Uint8Array> {
  const parts = readSeal(sealed);
  if (isRefusal(parts)) return parts;
  const { iv, bound, content } = parts;
  const sender = importPoint(parts.ephemeral);
  if (isRefusal(sender)) return sender;
  const border = content.length - TAG_LENGTH;
  try {
    const decipher = createDecipheriv("aes-256-gcm", contentKey(key, sender, parts), iv);
    decipher.setAAD(bound);
    decipher.setAuthTag(content.subarray(border));
    return concat(decipher.update(content.subarray(0, border)), decipher.final());
  } catch {
    // A tag that does not match or a point of low order: the sender's fault either way.
    return refuse("unauthentic");
  }
}

/** ECDH-ES with HKDF-256. Throws with a point of low order. */
function contentKey(ours: KeyObject, theirs: KeyObject, { context }: SealParts): KeyObject {
  // Raw key bytes cost more than twice as much as key objects on Node 24.
  const secret = createSecretKey(diffieHellman({ privateKey: ours, publicKey: theirs }));
  return createSecretKey(new Uint8Array(hkdfSync("sha256", secret, EMPTY, context, 32)));
}

/** Static Diffie–Hellman proof of possession, after RFC 6955: a MAC under the secret that both keys share. */
function possession(ours: KeyObject, theirs: SealingKey, context: Uint8Array): Uint8Array {
  const key = importPoint(pointOf(theirs));
  const secret = isRefusal(key) ? key : shared(ours, key);
  // A point of low order shares no secret; an empty proof matches none.
  if (isRefusal(secret)) return EMPTY;
  return hmacSha256(new Uint8Array(hkdfSync("sha256", secret, EMPTY, POSSESSION, 32)), context);
}

function importP256(x: Uint8Array, y: Uint8Array): Or<KeyObject> {
  try {
    return createPublicKey({
      key: { kty: "EC", crv: "P-256", x: base64url(x), y: base64url(y) },
      format: "jwk",
    });
  } catch {
    return refuse("malformed", "not a point of the curve");
  }
}

const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");
