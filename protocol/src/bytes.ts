/** Bytes and their base64url text form: the one spelling of identifiers outside CBOR. */

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const NO_DIGIT = 255;
/** The value of each ASCII character, or `NO_DIGIT`. */
const VALUES = new Uint8Array(128).fill(NO_DIGIT);
for (let i = 0; i < ALPHABET.length; i += 1) VALUES[ALPHABET.charCodeAt(i)] = i;
/** The code of each character. */
const CODES = Uint8Array.from(ALPHABET, (character) => character.charCodeAt(0));

const encoder = new TextEncoder();

/** UTF-8 bytes of a text. */
export const utf8 = (text: string): Uint8Array => encoder.encode(text);

/**
 * Bytes, all 0, for something small without secrets that stays inside this library: parts of one buffer, which is there for as
 * long as any of them. A buffer for each costs more than what is written into it: with sixteen purchases under way 32 µs of both
 * ends' CPU time for each where it is 24 so (Node 24).
 */
export function allocate(length: number): Uint8Array {
  if (length > SLAB / 8) return new Uint8Array(length);
  if (used + length > SLAB) {
    slab = new ArrayBuffer(SLAB);
    used = 0;
  }
  const part = new Uint8Array(slab, used, length);
  used += length;
  return part;
}

const SLAB = 16_384;
let slab = new ArrayBuffer(SLAB);
let used = 0;

/** One byte string after the other. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Whether two byte strings are the same, in time that depends on their length only. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i += 1) difference |= (a[i] ?? 0) ^ (b[i] ?? 0);
  return difference === 0;
}

/** base64url without padding (RFC 4648 section 5). Made at once: a text that grows piece by piece keeps its pieces, 600 bytes for a UID. */
export function toText(bytes: Uint8Array): string {
  if (bytes.length <= MOST_BYTES) return textOf(bytes);
  let text = "";
  for (let at = 0; at < bytes.length; at += MOST_BYTES) text += textOf(bytes.subarray(at, at + MOST_BYTES));
  return text;
}

/** So many bytes at most are made into text at once: a multiple of three, so that the texts of pieces can be put together. */
const MOST_BYTES = 3072;
/** The character codes of a text, for each length of texts as short as a UID: an array for each would leave 1 KB behind. */
const kept: number[][] = Array.from({ length: 44 }, (_, length) => Array<number>(length).fill(0));

function textOf(bytes: Uint8Array): string {
  const length = Math.ceil((bytes.length * 4) / 3);
  const codes = kept[length] ?? Array<number>(length).fill(0);
  for (let i = 0, at = 0; i < bytes.length; i += 3, at += 4) {
    const word = ((bytes[i] ?? 0) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    codes[at] = CODES[word >> 18] ?? 0;
    codes[at + 1] = CODES[(word >> 12) & 63] ?? 0;
    if (at + 2 < length) codes[at + 2] = CODES[(word >> 6) & 63] ?? 0;
    if (at + 3 < length) codes[at + 3] = CODES[word & 63] ?? 0;
  }
  return String.fromCharCode(...codes);
}

/** The bytes of a base64url text of exactly `length` bytes, or undefined where it is not one in its only spelling. */
export function fromText(text: string, length: number): Uint8Array | undefined {
  if (text.length !== Math.ceil((length * 4) / 3)) return undefined;
  const out = new Uint8Array(length);
  let word = 0;
  let bits = 0;
  let at = 0;
  for (let i = 0; i < text.length; i += 1) {
    const value = VALUES[text.charCodeAt(i)] ?? NO_DIGIT;
    if (value === NO_DIGIT) return undefined;
    word = ((word << 6) | value) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out[at] = (word >> bits) & 0xff;
      at += 1;
    }
  }
  // The bits past the last whole byte are zero in the only spelling that we accept.
  return (word & ((1 << bits) - 1)) === 0 ? out : undefined;
}

/** The bytes of an identifier in text form. Throws where it is not one: identifiers are checked when they are decoded. */
export function idBytes(text: string): Uint8Array {
  const bytes = fromText(text, Math.floor((text.length * 3) / 4));
  if (bytes === undefined) throw new TypeError("not an identifier in base64url");
  return bytes;
}
