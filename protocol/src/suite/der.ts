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
  const body = concat(derInteger(raw.subarray(0, 32)), derInteger(raw.subarray(32)));
  return concat(Uint8Array.of(0x30, body.length), body);
}

function derInteger(number: Uint8Array): Uint8Array {
  let start = 0;
  while (start < number.length - 1 && number[start] === 0) start += 1;
  const digits = number.subarray(start);
  const sign = (digits[0] ?? 0) >= 0x80 ? 1 : 0;
  return concat(Uint8Array.from([2, digits.length + sign, ...(sign ? [0] : [])]), digits);
}
