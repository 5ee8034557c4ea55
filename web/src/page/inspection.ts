/** What is said of a message's bytes: whoever knows the formats says it, and the page only shows it. */
import { type Cbor, decodeCbor, isRefusal, messages, Tagged } from "@lepta/protocol";

export interface InspectedField {
  readonly name: string;
  readonly value?: string | undefined;
  readonly note?: string | undefined;
  readonly fields?: readonly InspectedField[] | undefined;
}

export interface InspectedCheck {
  readonly name: string;
  readonly state: "good" | "bad" | "unknown";
  readonly reason: string;
}

export interface Inspected {
  readonly title: string;
  readonly fields: readonly InspectedField[];
  readonly checks: readonly InspectedCheck[];
}

/** Of a message of this type. */
export type Inspect = (bytes: Uint8Array, type: string) => Promise<Inspected>;

/** The fields as they are encoded, with the names that the message's type gives them. */
export const rawInspection: Inspect = async (bytes, type) => {
  const value = decodeCbor(bytes);
  if (isRefusal(value)) return { title: type, fields: [{ name: "bytes", value: hex(bytes) }], checks: [] };
  const payload = payloadOf(value);
  const content = payload === undefined ? value : decodeCbor(payload);
  return {
    title: type,
    fields: isRefusal(content) ? [{ name: "bytes", value: hex(bytes) }] : childrenOf(content, namesOf(type)),
    checks: [],
  };
};

const SIGN1 = 18;

/** What a COSE_Sign1 signs. */
function payloadOf(value: Cbor): Uint8Array | undefined {
  if (!(value instanceof Tagged) || value.tag !== SIGN1 || !Array.isArray(value.value)) return undefined;
  const [, , payload] = value.value as readonly Cbor[];
  return payload instanceof Uint8Array ? payload : undefined;
}

const COMMON = ["", "version", "network", "type", "from", "to", "txn", "issued at", "expires at"];

function namesOf(type: string): ReadonlyMap<number, string> {
  const own = messages.find(({ name }) => name === type)?.fields ?? {};
  return new Map([
    ...COMMON.entries(),
    ...Object.entries(own).map(([name, { key }]): [number, string] => [key, name]),
  ]);
}

function childrenOf(value: Cbor, names: ReadonlyMap<number, string>): readonly InspectedField[] {
  if (value instanceof Map) return [...value].map(([key, item]) => fieldOf(names.get(key) ?? `${key}`, item));
  if (Array.isArray(value)) return value.map((item, index) => fieldOf(`${index}`, item));
  return [fieldOf("value", value)];
}

const NO_NAMES: ReadonlyMap<number, string> = new Map();

function fieldOf(name: string, value: Cbor): InspectedField {
  if (value instanceof Uint8Array) return { name, value: hex(value), note: `${value.length} bytes` };
  if (value instanceof Map || Array.isArray(value)) return { name, fields: childrenOf(value, NO_NAMES) };
  return { name, value: value instanceof Tagged ? `tag ${value.tag}` : String(value) };
}

/** The first few bytes: enough to tell them from others, and too few for a secret. */
const FEW = 8;

const hex = (bytes: Uint8Array): string =>
  `${[...bytes.subarray(0, FEW)].map((each) => each.toString(16).padStart(2, "0")).join("")}${bytes.length > FEW ? "…" : ""}`;
