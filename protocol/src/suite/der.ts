/** What libraries want in DER: signatures of ECDSA, and private keys of 32 bytes in PKCS #8. */
import { concat } from "../bytes.ts";

const P256_PKCS8 = Uint8Array.from([
  ...[0x30, 0x41, 2, 1, 0, 0x30, 0x13, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1],
  ...[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7, 4, 0x27, 0x30, 0x25, 2, 1, 1, 4, 0x20],
]);
const X25519_PKCS8 = Uint8Array.of(0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x6e, 4, 0x22, 4, 0x20);

/** PKCS #8 of a private scalar of P-256 without its public point (RFC 5915). */
export const p256Pkcs8 = (scalar: Uint8Array): Uint8Array<ArrayBuffer> => concat(P256_PKCS8, scalar);

/** PKCS #8 of a private key of X25519 (RFC 8410). */
export const x25519Pkcs8 = (privateBytes: Uint8Array): Uint8Array<ArrayBuffer> =>
  concat(X25519_PKCS8, privateBytes);

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
  const der = new Uint8Array(MOST_DER);
  const middle = writeInteger(der, 2, raw, 0);
  const end = writeInteger(der, middle, raw, 32);
  der[0] = 0x30;
  der[1] = end - 2;
  return der.subarray(0, end);
}

/** A sequence of two integers of 33 bytes, with their heads. */
const MOST_DER = 72;

/** Writes the 32 bytes from `from` on as an integer in its shortest form; tells where it ends. */
function writeInteger(der: Uint8Array, at: number, raw: Uint8Array, from: number): number {
  let start = from;
  while (start < from + 31 && raw[start] === 0) start += 1;
  const sign = (raw[start] ?? 0) >= 0x80 ? 1 : 0;
  const length = from + 32 - start + sign;
  der[at] = 2;
  der[at + 1] = length;
  for (let i = sign; i < length; i += 1) der[at + 2 + i] = raw[start + i - sign] ?? 0;
  return at + 2 + length;
}
