/** What somebody hands in to be inspected: bytes as they are, or written down in one of three notations. */
import { limits } from "@lepta/protocol";

export interface Input {
  readonly bytes: Uint8Array;
  readonly notation: "raw" | "hex" | "base64" | "base64url";
}

/** Bytes of input at most, in whatever notation: hex takes two characters for a byte, and lines may be broken. */
export const INPUT_BYTES: number = 3 * limits.receiptBytes;

/** The bytes that are meant. Text of digits alone is a notation of bytes; whatever else comes is the bytes themselves. */
export function readInput(input: Uint8Array): Input {
  const text = digitsOf(input);
  if (text === undefined || text === "") return { bytes: input, notation: "raw" };
  // Every hex text is base64 as well: whoever writes only hex digits, and an even number, means hex.
  if (/^(0x)?([0-9a-f]{2})+$/i.test(text))
    return { bytes: decode(text.replace(/^0x/i, ""), "hex"), notation: "hex" };
  if (text.length % 4 === 1) return { bytes: input, notation: "raw" };
  if (/^[A-Za-z0-9_-]+$/.test(text)) return { bytes: decode(text, "base64url"), notation: "base64url" };
  if (/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return { bytes: decode(text, "base64"), notation: "base64" };
  return { bytes: input, notation: "raw" };
}

const decode = (text: string, notation: "hex" | "base64" | "base64url"): Uint8Array =>
  new Uint8Array(Buffer.from(text, notation));

/** The text without its white space; undefined where the bytes are no text of ASCII, or too many to be one of ours. */
function digitsOf(input: Uint8Array): string | undefined {
  if (input.length > INPUT_BYTES) return undefined;
  const isText = input.every((byte) => (byte >= 0x20 && byte < 0x7f) || (byte >= 0x09 && byte <= 0x0d));
  return isText ? Buffer.from(input).toString("latin1").replace(/\s/g, "") : undefined;
}
