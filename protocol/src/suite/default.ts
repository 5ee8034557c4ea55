/**
 * The default suite on node:crypto: ES256 to sign; X25519 with HKDF-SHA256 (COSE ECDH-ES) and AES-256-GCM to seal.
 */
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
import { concat, idBytes, utf8 } from "../bytes.ts";
import { type Cbor, encodeCbor } from "../cbor.ts";
import { encryptionData, layer, type Sealed, writeEncrypt } from "../cose/encrypt.ts";
import { decodeKey, encodeP256, encodeX25519, readKey, thumbprint, x25519Map } from "../cose/key.ts";
import { algorithm, header } from "../cose/labels.ts";
import { isRefusal, type Or, refuse } from "../errors.ts";
import { hmacSha256 } from "../hash.ts";
import type { OpeningKey, Random, SealingKey, SigningKey, Suite, VerifyingKey } from "./suite.ts";
import { agreementKey, importPoint, importX25519, publicX25519, shared } from "./x25519.ts";

export const defaultSuite: Suite = {
  name: "default",
  createSigningKey: newScalar,
  createSealingKey: (random) => random(32),
  signingKey,
  openingKey,
  verifyingKey,
  sealingKey,
};

const IV_LENGTH = 12;
const TAG_LENGTH = 16;

function newScalar(random: Random): Uint8Array {
  // All but one in 2^32 draws are in range; a source that never is, is broken.
  for (let attempt = 0; attempt < 8; attempt += 1) {
    const scalar = random(32);
    if (isScalar(scalar)) return scalar;
  }
  throw new Error("the source of randomness gives no P-256 scalar");
}

function isScalar(scalar: Uint8Array): boolean {
  try {
    createECDH("prime256v1").setPrivateKey(scalar);
    return true;
  } catch {
    return false;
  }
}

function signingKey(privateBytes: Uint8Array): SigningKey {
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
  const parts = decodeKey(publicKey);
  if (isRefusal(parts)) return parts;
  if (parts.type !== "p256") return refuse("malformed", "not a P-256 key");
  const key = importPublic({ kty: "EC", crv: "P-256", x: base64url(parts.x), y: base64url(parts.y) });
  if (isRefusal(key)) return key;
  return {
    alg: algorithm.es256,
    publicKey,
    id: thumbprint(publicKey),
    verify: (data, signature) =>
      signature.length === 64 && verifyWith("sha256", data, key, derSignature(signature)),
  };
}

function sealingKey(publicKey: Uint8Array): Or<SealingKey> {
  const parts = decodeKey(publicKey);
  if (isRefusal(parts)) return parts;
  if (parts.type !== "x25519") return refuse("malformed", "not an X25519 key");
  const key = importPoint(parts.x);
  if (isRefusal(key)) return key;
  // With a point of low order every agreement fails, whoever tries.
  const probe = shared(importX25519(new Uint8Array(32)), key);
  if (isRefusal(probe)) return probe;
  const id = thumbprint(publicKey);
  return {
    publicKey,
    id,
    seal: (contentType, plaintext, random) => seal(key, id, contentType, plaintext, random),
  };
}

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
  const iv = random(IV_LENGTH);
  // The ephemeral key stands in the protected header, so that it enters the key derivation byte by byte: X25519 itself
  // takes several spellings of one point.
  const recipient = layer(
    new Map<number, Cbor>([
      [header.alg, algorithm.ecdhEsHkdf256],
      [header.kid, idBytes(kid)],
      [header.ephemeralKey, x25519Map(publicX25519(ephemeral))],
    ]),
    new Uint8Array(0),
    true,
  );
  const headerMap = new Map<number, Cbor>([
    [header.alg, algorithm.a256gcm],
    [header.contentType, contentType],
    [header.iv, iv],
  ]);
  const cipher = createCipheriv("aes-256-gcm", agree(ephemeral, key, recipient.protectedBytes), iv);
  cipher.setAAD(encryptionData(encodeCbor(headerMap), kid));
  const content = concat(cipher.update(plaintext), cipher.final(), cipher.getAuthTag());
  return writeEncrypt(layer(headerMap, content, true), recipient);
}

function open(key: KeyObject, sealed: Sealed): Or<Uint8Array> {
  const { body, recipient } = sealed;
  const iv = body.protectedHeader.get(header.iv);
  const ephemeral = readKey(recipient.protectedHeader.get(header.ephemeralKey));
  if (!isOurs(sealed) || isRefusal(ephemeral) || ephemeral.type !== "x25519")
    return refuse("malformed", "headers");
  if (!(iv instanceof Uint8Array) || iv.length !== IV_LENGTH || body.content.length < TAG_LENGTH)
    return refuse("malformed", "headers");
  const sender = importPoint(ephemeral.x);
  if (isRefusal(sender)) return sender;
  const border = body.content.length - TAG_LENGTH;
  try {
    const decipher = createDecipheriv("aes-256-gcm", agree(key, sender, recipient.protectedBytes), iv);
    decipher.setAAD(encryptionData(body.protectedBytes, sealed.kid));
    decipher.setAuthTag(body.content.subarray(border));
    return concat(decipher.update(body.content.subarray(0, border)), decipher.final());
  } catch {
    // A tag that does not match or a point of low order: the sender's fault either way.
    return refuse("unauthentic");
  }
}

/** Only what this suite writes: these labels and no others, all of them protected. */
const isOurs = ({ body, recipient }: Sealed): boolean =>
  body.unprotectedHeader.size === 0 &&
  body.protectedHeader.size === 3 &&
  body.protectedHeader.get(header.alg) === algorithm.a256gcm &&
  recipient.unprotectedHeader.size === 0 &&
  recipient.protectedHeader.size === 3 &&
  recipient.protectedHeader.get(header.alg) === algorithm.ecdhEsHkdf256 &&
  recipient.content.length === 0;

/** ECDH-ES with HKDF-256: the content key, bound to the recipient's header by COSE_KDF_Context (RFC 9053 section 5.2). */
function agree(ours: KeyObject, theirs: KeyObject, recipientProtected: Uint8Array): KeyObject {
  const nobody = [null, null, null];
  const context = encodeCbor([algorithm.a256gcm, nobody, nobody, [256, recipientProtected]]);
  // Raw key bytes cost more than twice as much as key objects on Node 24.
  const secret = createSecretKey(diffieHellman({ privateKey: ours, publicKey: theirs }));
  return createSecretKey(new Uint8Array(hkdfSync("sha256", secret, new Uint8Array(0), context, 32)));
}

/** Static Diffie–Hellman proof of possession, after RFC 6955: a MAC under the secret that both keys share. */
function possession(ours: KeyObject, theirs: SealingKey, context: Uint8Array): Uint8Array {
  const parts = decodeKey(theirs.publicKey);
  if (isRefusal(parts) || parts.type !== "x25519") throw new TypeError("not a sealing key of this suite");
  const key = importPoint(parts.x);
  if (isRefusal(key)) throw new TypeError("not a sealing key of this suite");
  try {
    const secret = diffieHellman({ privateKey: ours, publicKey: key });
    const macKey = hkdfSync("sha256", secret, new Uint8Array(0), utf8("lepta/1 possession"), 32);
    return hmacSha256(new Uint8Array(macKey), context);
  } catch {
    // A point of low order shares no secret; an empty proof matches none.
    return new Uint8Array(0);
  }
}

function importPublic(jwk: { kty: string; crv: string; x: string; y?: string }): Or<KeyObject> {
  try {
    return createPublicKey({ key: jwk, format: "jwk" });
  } catch {
    return refuse("malformed", "not a point of the curve");
  }
}

const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");

/** r and s of 32 bytes each, as COSE wants them, from DER. */
export function rawSignature(der: Uint8Array): Uint8Array {
  const raw = new Uint8Array(64);
  let at = 2;
  for (const end of [32, 64]) {
    const length = der[at + 1] ?? 0;
    const number = der.subarray(at + 2, at + 2 + length);
    const trimmed = number.length > 32 ? number.subarray(number.length - 32) : number;
    raw.set(trimmed, end - trimmed.length);
    at += 2 + length;
  }
  return raw;
}

/** DER from r and s of 32 bytes each. */
export function derSignature(raw: Uint8Array): Uint8Array {
  const body = concat(derInteger(raw.subarray(0, 32)), derInteger(raw.subarray(32)));
  return concat(new Uint8Array([0x30, body.length]), body);
}

function derInteger(number: Uint8Array): Uint8Array {
  let start = 0;
  while (start < number.length - 1 && number[start] === 0) start += 1;
  const digits = number.subarray(start);
  const sign = (digits[0] ?? 0) >= 0x80 ? 1 : 0;
  return concat(new Uint8Array([2, digits.length + sign, ...(sign ? [0] : [])]), digits);
}
