/** CBOR that is nothing of ours: its tree. Of byte strings that could be a key or a secret only the length is shown. */
import { type Cbor, type CborMap, Tagged } from "../cbor.ts";
import type { InspectedField } from "./inspection.ts";
import { field, type Place } from "./report.ts";
import { bytesText, count, printable } from "./text.ts";

/** One value, with what is in it. */
export function cborField(name: string, value: Cbor, place: Place): InspectedField {
  if (value instanceof Uint8Array) {
    const length = count(value.length, "byte");
    return value.length >= SECRET_BYTES
      ? field(name, `${length}, not shown`, { note: "it could be a secret" })
      : field(name, bytesText(value), { note: length });
  }
  if (typeof value === "string") return field(name, JSON.stringify(printable(value)));
  if (typeof value !== "object" || value === null) return field(name, String(value));
  if (value instanceof Tagged)
    return field(name, `tag ${value.tag}`, { fields: [cborField("Content", value.value, place)] });
  const isMap = value instanceof Map;
  const entries: Iterable<readonly [number, Cbor]> = isMap
    ? (value as CborMap).entries()
    : (value as readonly Cbor[]).entries();
  const size = isMap ? (value as CborMap).size : (value as readonly Cbor[]).length;
  const fields: InspectedField[] = [];
  for (const [key, item] of entries) {
    if (!place.report.hasRoom()) {
      fields.push(field("…", "more than is shown"));
      break;
    }
    fields.push(cborField(String(key), item, place));
  }
  return field(name, `${isMap ? "map" : "array"} of ${size}`, { fields });
}

/** Identifiers of 16 bytes are none; keys and CustomerSecrets are of 32. */
const SECRET_BYTES = 24;
