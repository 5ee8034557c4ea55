/** COSE_Key (RFC 9052 section 7) with the required parameters only, and its thumbprint (RFC 9679). */
import { toText } from "../bytes.ts";
import { type CborMap, decodeCbor, encodeCbor } from "../cbor.ts";
import { isRefusal, type Or, refuse } from "../errors.ts";
import { sha256 } from "../hash.ts";
import type { Uid } from "../schema.ts";
import { curve, key, kty } from "./labels.ts";

/** The encoded public key of a signer on P-256; x and y of 32 bytes each. */
export const encodeP256 = (x: Uint8Array, y: Uint8Array): Uint8Array =>
  encodeCbor(
    new Map<number, number | Uint8Array>([
      [key.kty, kty.ec2],
      [key.crv, curve.p256],
      [key.x, x],
      [key.y, y],
    ]),
  );

/** The encoded public key for X25519; x of 32 bytes. */
export const encodeX25519 = (x: Uint8Array): Uint8Array => encodeCbor(x25519Map(x));

export const x25519Map = (x: Uint8Array): CborMap =>
  new Map<number, number | Uint8Array>([
    [key.kty, kty.okp],
    [key.crv, curve.x25519],
    [key.x, x],
  ]);

/** The encoded public RSA key (RFC 8230). */
export const encodeRsa = (n: Uint8Array, e: Uint8Array): Uint8Array =>
  encodeCbor(
    new Map<number, number | Uint8Array>([
      [key.kty, kty.rsa],
      [key.rsaModulus, n],
      [key.rsaExponent, e],
    ]),
  );

export type PublicKey =
  | { readonly type: "p256"; readonly x: Uint8Array; readonly y: Uint8Array }
  | { readonly type: "x25519"; readonly x: Uint8Array }
  | { readonly type: "rsa"; readonly n: Uint8Array; readonly e: Uint8Array };

/** A public key of one of our three kinds with no further parameter, or `malformed`. */
export function decodeKey(bytes: Uint8Array): Or<PublicKey> {
  const map = decodeCbor(bytes);
  return isRefusal(map) ? map : readKey(map);
}

/** The same, from a decoded map: the ephemeral key inside a header. */
export function readKey(map: unknown): Or<PublicKey> {
  if (!(map instanceof Map)) return refuse("malformed", "a key is a map");
  const at = (label: number) => (map as CborMap).get(label);
  const x = at(key.x);
  const y = at(key.y);
  if (at(key.kty) === kty.ec2 && at(key.crv) === curve.p256 && map.size === 4 && is32(x) && is32(y))
    return { type: "p256", x, y };
  if (at(key.kty) === kty.okp && at(key.crv) === curve.x25519 && map.size === 3 && is32(x))
    return { type: "x25519", x };
  const n = at(key.rsaModulus);
  const e = at(key.rsaExponent);
  if (at(key.kty) === kty.rsa && map.size === 3 && n instanceof Uint8Array && e instanceof Uint8Array)
    return n.length === 128 && n[0] !== 0 && e.length === 3
      ? { type: "rsa", n, e }
      : refuse("malformed", "RSA key size");
  return refuse("malformed", "a key of another kind");
}

/** RFC 9679 with SHA-256: of a signing key it is a UID, of the broker's root key the network. */
export const thumbprint = (encoded: Uint8Array): Uid => toText(sha256(encoded));

const is32 = (value: unknown): value is Uint8Array => value instanceof Uint8Array && value.length === 32;
