/** JSON objects as headers carry them: base64url without padding over UTF-8. */
import { fromText, type Or, refuse, toText, utf8 } from "@lepta/protocol";
import { canonicalJson } from "./jcs.ts";

/** The text of a record, through its one spelling (RFC 8785). Throws where it holds what JSON of a header may not. */
export const encodeJson = (value: object): string => toText(utf8(canonicalJson(value)));

/** The record in a text of so many characters at most, or `malformed`. What its members are is not looked at. */
export function decodeJson(text: string, most: number): Or<Readonly<Record<string, unknown>>> {
  if (text.length > most) return refuse("malformed", "too long");
  const bytes = fromText(text, Math.floor((text.length * 3) / 4));
  if (bytes === undefined) return refuse("malformed", "not base64url without padding");
  const value = parsed(bytes);
  return isRecord(value) ? value : refuse("malformed", "not a JSON object");
}

export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch {
    // Bytes that are not UTF-8, or a text that is not JSON: a peer's fault, of which the caller makes a refusal.
    return undefined;
  }
}
