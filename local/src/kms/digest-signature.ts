// ECDSA on P-256 over a digest that someone else computed. Node hashes whatever it signs, so the two formulas are
// written out here, with its own curve arithmetic below them. They do not run in constant time: development only.
import { createECDH, type KeyObject } from "node:crypto";

/** Signs a 32-byte digest; the signature is DER. */
export function signDigest(privateKey: KeyObject, digest: Uint8Array): Buffer {
  const secret = secretOf(privateKey);
  for (;;) {
    const nonce = createECDH(curve);
    const r = xCoordinate(nonce.generateKeys()) % order;
    const s = (inverse(integer(nonce.getPrivateKey())) * (integer(digest) + r * secret)) % order;
    // Either is zero once in 2^256 signatures, and such a signature is void.
    if (r !== 0n && s !== 0n) return encode(r, s);
  }
}

/** Whether a DER signature over a 32-byte digest was made with this key. */
export function verifyDigest(privateKey: KeyObject, digest: Uint8Array, signature: Uint8Array): boolean {
  const parts = decode(signature);
  if (parts === undefined) return false;
  const { r, s } = parts;
  if (r === 0n || r >= order || s === 0n || s >= order) return false;
  // With the private key at hand, the point u1*G + u2*Q of the textbook is one multiple of G: the signer's nonce.
  const nonce = ((integer(digest) + r * secretOf(privateKey)) * inverse(s)) % order;
  if (nonce === 0n) return false;
  const point = createECDH(curve);
  point.setPrivateKey(nonce.toString(16).padStart(64, "0"), "hex");
  return xCoordinate(point.getPublicKey()) % order === r;
}

const curve = "prime256v1";
const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

function secretOf(privateKey: KeyObject): bigint {
  const { d } = privateKey.export({ format: "jwk" });
  if (d === undefined) throw new Error("The signing key has no private part");
  return integer(Buffer.from(d, "base64url"));
}

function integer(bytes: Uint8Array): bigint {
  return BigInt(`0x0${Buffer.from(bytes).toString("hex")}`);
}

/** The x of an uncompressed point: 04, x (32 bytes), y (32 bytes). */
function xCoordinate(point: Buffer): bigint {
  return integer(point.subarray(1, 33));
}

/** The inverse modulo the order, which is prime: value^(order - 2). */
function inverse(value: bigint): bigint {
  let result = 1n;
  let power = value % order;
  for (let exponent = order - 2n; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = (result * power) % order;
    power = (power * power) % order;
  }
  return result;
}

function encode(r: bigint, s: bigint): Buffer {
  const body = Buffer.concat([encodeInteger(r), encodeInteger(s)]);
  return Buffer.concat([Buffer.of(0x30, body.length), body]);
}

function encodeInteger(value: bigint): Buffer {
  const hex = value.toString(16);
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
  // A first bit of one would make the integer negative.
  const padding = (bytes[0] ?? 0) >= 0x80 ? Buffer.of(0) : Buffer.alloc(0);
  return Buffer.concat([Buffer.of(0x02, padding.length + bytes.length), padding, bytes]);
}

/** Reads without checking and then encodes again: only a strict DER signature comes out the same. */
function decode(signature: Uint8Array): { r: bigint; s: bigint } | undefined {
  // Two integers of at most 33 bytes each; more is no signature, and not worth the arithmetic.
  if (signature.length > 72) return undefined;
  const rEnd = 4 + (signature[3] ?? 0);
  const r = integer(signature.subarray(4, rEnd));
  const s = integer(signature.subarray(rEnd + 2));
  return encode(r, s).equals(signature) ? { r, s } : undefined;
}
