/** A message that has passed, as a line of JSON: how the merchant's side tells it to the page. */
import type { PassedMessage } from "@lepta/peer-sdk";
import { isUid } from "@lepta/protocol";

/** The message as a line of JSON, its bytes in base64url. */
export const passedToJson = ({ bytes, ...rest }: PassedMessage): string =>
  JSON.stringify({ ...rest, bytes: toBase64Url(bytes) });

/** The message that a line of JSON tells; undefined where it tells none. */
export function passedFromJson(text: string): PassedMessage | undefined {
  try {
    const told: unknown = JSON.parse(text);
    if (typeof told !== "object" || told === null) return undefined;
    const { at, from, to, type, txn, bytes } = told as Readonly<Record<string, unknown>>;
    if (typeof at !== "number" || typeof type !== "string" || typeof bytes !== "string") return undefined;
    if (!isParty(from) || !isParty(to)) return undefined;
    const message = { at, from, to, type, bytes: fromBase64Url(bytes) };
    return typeof txn === "string" ? { ...message, txn } : message;
  } catch {
    // Not JSON, or not base64url: whoever listens sees no message in it.
    return undefined;
  }
}

/** Whoever is not known yet goes by an empty text. */
const isParty = (value: unknown): value is string =>
  typeof value === "string" && (value === "" || isUid(value));

/** Bytes that are put into one call: more of them are more arguments than an engine takes. */
const STRIDE = 8192;

function toBase64Url(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += STRIDE)
    text += String.fromCharCode(...bytes.subarray(at, at + STRIDE));
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

const fromBase64Url = (text: string): Uint8Array =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (each) => each.charCodeAt(0));
