/** Canonical JSON (RFC 8785) of what our headers hold: texts, integers, booleans, arrays and objects, and nothing else. */
import { limits } from "@lepta/protocol";

export type Json = string | number | boolean | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: Json;
}

/** The one spelling of the value. Throws where it holds something else, such as null, a fraction, or a text that is not Unicode. */
export function canonicalJson(value: unknown, depth = 0): string {
  if (typeof value === "boolean") return String(value);
  if (typeof value === "string") return canonicalText(value);
  if (typeof value === "number" && Number.isSafeInteger(value)) return String(value);
  if (typeof value !== "object" || value === null) throw new TypeError(`not for a header: ${typeof value}`);
  if (depth === limits.jsonNesting) throw new RangeError("nested too deeply for a header");
  if (Array.isArray(value)) return `[${value.map((each) => canonicalJson(each, depth + 1)).join(",")}]`;
  if (!isPlain(value)) throw new TypeError("not for a header: an object that is no record");
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, each]) => `${canonicalText(name)}:${canonicalJson(each, depth + 1)}`).join(",")}}`;
}

/** JSON's own escapes are those of RFC 8785, but for half a surrogate pair, which UTF-8 cannot say. */
function canonicalText(text: string): string {
  if (!text.isWellFormed()) throw new TypeError("not for a header: half a surrogate pair");
  return JSON.stringify(text);
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
