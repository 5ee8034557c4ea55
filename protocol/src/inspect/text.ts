/** How values of ours and texts of others are shown: readable, bounded, and without a terminal's or a page's tricks. */
import { toText } from "../bytes.ts";
import { errors } from "../error-table.ts";
import type { Refusal } from "../errors.ts";
import { limits } from "../limits.ts";

/** What moves a cursor, turns the direction of text, or cannot be seen at all. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cn}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** A text of somebody else's on one line: unseen characters escaped, cut where it is long. */
export function printable(text: string, most: number = limits.inspectedText): string {
  const cut = text.length > most ? text.slice(0, most) : text;
  const shown = cut.replace(UNSEEN, (character) => {
    if (character === "\n") return "\\n";
    return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
  });
  return cut === text ? shown : `${shown}… (${text.length} characters)`;
}

/** Why something was refused, in words, with the code. */
export function because({ code, detail }: Refusal): string {
  const meaning = errors[code].meaning.replace(/\.$/, "");
  return `${meaning} (${detail === undefined ? code : `${code}: ${detail}`})`;
}

/** A moment in ISO 8601 with milliseconds, UTC; its number where no calendar reaches so far. */
export function moment(at: number): string {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? `${at} ms since 1970` : date.toISOString();
}

/** Identifiers and hashes in base64url as everywhere; other bytes in hex, their beginning where they are long. */
export function bytesText(bytes: Uint8Array): string {
  if (bytes.length === 16 || bytes.length === 32) return toText(bytes);
  const shown = bytes.subarray(0, HEX_BYTES);
  const hex = Array.from(shown, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return bytes.length > HEX_BYTES ? `${hex}…` : hex;
}

const HEX_BYTES = 48;

/** The beginning of an identifier, to tell it from others at a glance. */
export const short = (id: string): string => `${id.slice(0, 8)}…`;

/** `"1 byte"`, `"12 bytes"`. */
export const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? "" : "s"}`;
