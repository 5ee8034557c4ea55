/**
 * The default suite but for its primitives: which private bytes are keys, what stands where in a seal, and what its keys are
 * derived from. ES256 signs; X25519 with HKDF-SHA256 (COSE ECDH-ES) and AES-256-GCM seal.
 */
import { idBytes, utf8 } from "../bytes.ts";
import { type Cbor, encodeCbor } from "../cbor.ts";
import { encryptionData, layer, type Sealed, writeEncrypt } from "../cose/encrypt.ts";
import { decodeKey, type PublicKey, readKey, x25519Map } from "../cose/key.ts";
import { algorithm, header } from "../cose/labels.ts";
import { isRefusal, type Or, refuse } from "../errors.ts";
import type { Uid } from "../schema.ts";
import type { Random, SealingKey } from "./suite.ts";

export const IV_LENGTH = 12;
export const TAG_LENGTH = 16;
/** What the key of a proof of possession is derived for. */
export const POSSESSION = utf8("lepta/1 possession");
/** The order of P-256's group, big-endian. */
const ORDER = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

/** Private bytes of a signing key. */
export function newScalar(random: Random): Uint8Array {
  // All but one in 2^32 draws are in range; a source that never is, is broken.
  for (let attempt = 0; attempt < 8; attempt += 1) {
    const scalar = random(32);
    if (isScalar(scalar)) return scalar;
  }
  throw new Error("the source of randomness gives no P-256 scalar");
}

/** Whether 32 bytes are a private key of P-256. */
export function isScalar(bytes: Uint8Array): boolean {
  const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return bytes.length === 32 && digits < ORDER && bytes.some((byte) => byte !== 0);
}

/** The parts of an encoded public key of P-256, or `malformed`; whether it is a point, only a library knows. */
export function p256Of(publicKey: Uint8Array): Or<Extract<PublicKey, { readonly type: "p256" }>> {
  const parts = decodeKey(publicKey);
  return isRefusal(parts) || parts.type === "p256" ? parts : refuse("malformed", "not a P-256 key");
}

/** The 32 bytes of an encoded public key of X25519, or `malformed`. */
export function x25519Of(publicKey: Uint8Array): Or<Uint8Array> {
  const parts = decodeKey(publicKey);
  if (isRefusal(parts)) return parts;
  return parts.type === "x25519" ? parts.x : refuse("malformed", "not an X25519 key");
}

/** The point of the other side in a proof of possession. Throws where its key is none of this suite's. */
export function pointOf({ publicKey }: SealingKey): Uint8Array {
  const point = x25519Of(publicKey);
  if (isRefusal(point)) throw new TypeError("not a sealing key of this suite");
  return point;
}

/** What one seal encrypts with. */
export interface SealParts {
  readonly iv: Uint8Array;
  /** For HKDF: COSE_KDF_Context (RFC 9053 section 5.2), which binds the content key to the recipient's header. */
  readonly context: Uint8Array;
  /** What the content cipher authenticates besides the content. */
  readonly bound: Uint8Array;
}

/** The parts of a new seal, and the seal once ciphertext and tag are there. */
export function newSeal(kid: Uid, contentType: string, ephemeral: Uint8Array, iv: Uint8Array) {
  // The ephemeral key stands in the protected header, so that it enters the key derivation byte by byte: X25519 itself
  // takes several spellings of one point.
  const recipient = layer(
    new Map<number, Cbor>([
      [header.alg, algorithm.ecdhEsHkdf256],
      [header.kid, idBytes(kid)],
      [header.ephemeralKey, x25519Map(ephemeral)],
    ]),
    new Uint8Array(0),
    true,
  );
  const headerMap = new Map<number, Cbor>([
    [header.alg, algorithm.a256gcm],
    [header.contentType, contentType],
    [header.iv, iv],
  ]);
  const bound = encryptionData(encodeCbor(headerMap), kid);
  const parts: SealParts = { iv, context: contextOf(recipient.protectedBytes), bound };
  const finish = (content: Uint8Array): Uint8Array =>
    writeEncrypt(layer(headerMap, content, true), recipient);
  return { ...parts, finish };
}

/** The parts of a seal that came, with its ephemeral point, and ciphertext and tag; or `malformed`. */
export function readSeal(
  sealed: Sealed,
): Or<SealParts & { readonly ephemeral: Uint8Array; readonly content: Uint8Array }> {
  const { body, recipient, kid } = sealed;
  const iv = body.protectedHeader.get(header.iv);
  const ephemeral = readKey(recipient.protectedHeader.get(header.ephemeralKey));
  if (!isOurs(sealed) || isRefusal(ephemeral) || ephemeral.type !== "x25519")
    return refuse("malformed", "headers");
  if (!(iv instanceof Uint8Array) || iv.length !== IV_LENGTH || body.content.length < TAG_LENGTH)
    return refuse("malformed", "headers");
  return {
    iv,
    context: contextOf(recipient.protectedBytes),
    bound: encryptionData(body.protectedBytes, kid),
    ephemeral: ephemeral.x,
    content: body.content,
  };
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

function contextOf(recipientProtected: Uint8Array): Uint8Array {
  const nobody = [null, null, null];
  return encodeCbor([algorithm.a256gcm, nobody, nobody, [256, recipientProtected]]);
}
