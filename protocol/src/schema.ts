/**
 * Codecs as values: each says how a type of ours stands in CBOR and refuses everything else. A structure is a map with
 * small integer keys, listed in the order of their keys; unknown or missing ones are refused.
 */
import { type Amount, amountOf } from "./amount.ts";
import { fromText, idBytes, toText } from "./bytes.ts";
import { type Cbor, decodeEntries, Entries, encodeCbor, keyRank, Malformed } from "./cbor.ts";
import { limits } from "./core-limits.ts";
import { isRefusal, type Or, refuse } from "./errors.ts";

/** How a type of ours stands in CBOR; everything else is refused (section 1 of the protocol). */
export interface Codec<T> {
  /** How the documents name this shape. */
  readonly shape: string;
  encode(value: T): Cbor;
  /** Throws Malformed. */
  decode(value: Cbor): T;
}

/** What a codec reads and writes. */
export type Value<C> = C extends Codec<infer T> ? T : never;

/** 32 bytes in base64url: a UID, a key id, a network. */
export type Uid = string;
/** 32 bytes in base64url: SHA-256 of a message's signed payload, or of something else that is named. */
export type Digest = string;
/** 16 random bytes in base64url, chosen by the initiator of a transaction. */
export type Txn = string;
/** 16 bytes in base64url: epoch (4), and 12 that its issuer uses for no other. */
export type ScripId = string;

/** The bytes of a value in its codec. */
export const encodeAs = <T>(codec: Codec<T>, value: T): Uint8Array => encodeCbor(codec.encode(value));

/** The value of these bytes in the codec, or `malformed`. */
export function decodeAs<T>(codec: Codec<T>, bytes: Uint8Array): Or<T> {
  const value = decodeEntries(bytes);
  if (isRefusal(value)) return value;
  try {
    return codec.decode(value);
  } catch (error) {
    if (error instanceof Malformed) return refuse("malformed", error.message);
    throw error;
  }
}

/** A codec that refuses to write what it would not read: a bad value of our own is our own fault and throws. */
const strict = <T>(shape: string, toCbor: (value: T) => Cbor, fromCbor: (value: Cbor) => T): Codec<T> => ({
  shape,
  encode: (value) => {
    const item = toCbor(value);
    fromCbor(item);
    return item;
  },
  decode: fromCbor,
});

/** A byte string of `least` to `most` bytes. */
export const bytes = (least: number, most = least): Codec<Uint8Array> =>
  strict(
    least === most ? `bstr .size ${least}` : `bstr .size (${least}..${most})`,
    (value) => value,
    (value) =>
      value instanceof Uint8Array && value.length >= least && value.length <= most
        ? value
        : fail(`not a byte string of ${least} to ${most} bytes`),
  );

/** An identifier of `length` bytes, in code its base64url text. */
const identifier = (name: string, length: number): Codec<string> => {
  const isOne = (value: Cbor): value is Uint8Array => value instanceof Uint8Array && value.length === length;
  return {
    shape: name,
    encode: (value) => {
      const item = idBytes(value);
      return isOne(item) ? item : fail(`not an identifier of ${length} bytes`);
    },
    decode: (value) => (isOne(value) ? toText(value) : fail(`not an identifier of ${length} bytes`)),
  };
};

/** A UID, a key id or a network: 32 bytes, as base64url text in code. */
export const uid: Codec<Uid> = identifier("id32", 32);
/** A digest: 32 bytes, as base64url text in code. */
export const digest: Codec<Digest> = identifier("id32", 32);
/** A transaction's name: 16 bytes, as base64url text in code. */
export const txn: Codec<Txn> = identifier("id16", 16);
/** A scrip's id: 16 bytes, as base64url text in code. */
export const scripId: Codec<ScripId> = identifier("id16", 16);

/** Text of `least` to `most` UTF-16 units. */
export const text = (most: number, least = 1): Codec<string> =>
  strict(
    `tstr (${least}..${most} UTF-16 units)`,
    (value) => value,
    (value) =>
      typeof value === "string" && value.length >= least && value.length <= most
        ? value
        : fail("not a text of this length"),
  );

/** ISO 4217: three capital letters. */
export const currency: Codec<string> = strict(
  "currency",
  (value) => value,
  (value) => (typeof value === "string" && /^[A-Z]{3}$/.test(value) ? value : fail("not a currency")),
);

/** One of a few words. */
export const word = <const W extends string>(...words: readonly W[]): Codec<W> =>
  strict<W>(
    words.map((each) => `"${each}"`).join(" / "),
    (value) => value,
    (value) => words.find((each) => each === value) ?? fail(`not one of ${words.join(", ")}`),
  );

/** True or false. */
export const boolean: Codec<boolean> = {
  shape: "bool",
  encode: (value) => value,
  decode: (value) => (typeof value === "boolean" ? value : fail("not a boolean")),
};

/** An unsigned integer of `least` to `most`. */
export const uint = (most: number = Number.MAX_SAFE_INTEGER, least = 0): Codec<number> =>
  strict(
    least === 0 && most === Number.MAX_SAFE_INTEGER ? "uint53" : `${least}..${most}`,
    (value) => value,
    (value) =>
      typeof value === "number" && value >= least && value <= most
        ? value
        : fail(`not an integer of ${least} to ${most}`),
  );

/** Milliseconds since 1970. */
export const time: Codec<number> = { ...uint(), shape: "time" };

const moneyFrom = (least: number, shape: string): Codec<Amount> =>
  strict<Amount>(
    shape,
    ({ currency: code, value }) => [code, Number(value)],
    (value) => {
      if (!Array.isArray(value) || value.length !== 2) return fail("not an amount");
      const [code, units] = value as readonly Cbor[];
      if (typeof units !== "number" || units < least) return fail("not an amount in range");
      return amountOf(currency.decode(code ?? null), BigInt(units));
    },
  );

/** `[currency, value]`, from 1. */
export const amount: Codec<Amount> = moneyFrom(1, "amount");
/** `[currency, value]`, from 0: what was charged. */
export const charge: Codec<Amount> = moneyFrom(0, "charge");

/** A codec that takes only some of the values of another, both ways. */
export const refined = <T>(codec: Codec<T>, holds: (value: T) => boolean, why: string): Codec<T> => ({
  shape: codec.shape,
  encode: (value) => (holds(value) ? codec.encode(value) : fail(why)),
  decode: (item) => {
    const value = codec.decode(item);
    return holds(value) ? value : fail(why);
  },
});

/** An array of at most `most` and at least `least`. */
export const list = <T>(item: Codec<T>, most: number, least = 0): Codec<readonly T[]> => ({
  shape: `[${least}*${most} ${item.shape}]`,
  encode: (values) =>
    values.length >= least && values.length <= most
      ? values.map((value) => item.encode(value))
      : fail("not an array of this length"),
  decode: (value) =>
    Array.isArray(value) && value.length >= least && value.length <= most
      ? (value as readonly Cbor[]).map((each) => item.decode(each))
      : fail("not an array of this length"),
});

/** An array of exactly these. */
export const tuple = <const C extends readonly Codec<unknown>[]>(
  ...items: C
): Codec<{ readonly [K in keyof C]: Value<C[K]> }> => ({
  shape: `[${items.map((item) => item.shape).join(", ")}]`,
  encode: (values) => items.map((item, i) => item.encode(values[i])),
  decode: (value) => {
    if (!Array.isArray(value) || value.length !== items.length) fail("not an array of this length");
    return items.map((item, i) => item.decode((value as readonly Cbor[])[i] ?? null)) as {
      readonly [K in keyof C]: Value<C[K]>;
    };
  },
});

/** The bytes of another item, kept as they came: what is signed or compared is never encoded again. */
export const embedded = (most: number = limits.messageBytes): Codec<Uint8Array> => ({
  ...bytes(1, most),
  shape: `bstr .size (1..${most})`,
});

/** One entry of a structure: its integer key, its codec, and whether it may be absent. */
export interface Field<T, O extends boolean> {
  readonly key: number;
  readonly codec: Codec<T>;
  readonly optional: O;
}

/** A field that must be there. */
export const field = <T>(key: number, codec: Codec<T>): Field<T, false> => ({ key, codec, optional: false });
/** A field that may be absent. */
export const optional = <T>(key: number, codec: Codec<T>): Field<T, true> => ({ key, codec, optional: true });

/** The entries of a structure by their names in code. */
export type Fields = Readonly<Record<string, Field<unknown, boolean>>>;

type Required<F extends Fields> = { [K in keyof F]: F[K]["optional"] extends true ? never : K }[keyof F];
type Optional<F extends Fields> = { [K in keyof F]: F[K]["optional"] extends true ? K : never }[keyof F];

/** The object that a structure with these fields is in code. */
export type Struct<F extends Fields> = {
  readonly [K in Required<F>]: Value<F[K]["codec"]>;
} & {
  readonly [K in Optional<F>]?: Value<F[K]["codec"]>;
};

/** A map with exactly these fields. */
export function struct<const F extends Fields>(fields: F): Codec<Struct<F>> & { readonly fields: F } {
  const named = Object.entries(fields)
    .map(([name, each]) => ({ name, ...each }))
    .sort((a, b) => keyRank(a.key) - keyRank(b.key));
  return {
    fields,
    shape: `{${named.map(({ name, key, codec, optional }) => `${optional ? "? " : ""}${key}: ${codec.shape} ; ${name}`).join(", ")}}`,
    encode: (value) => {
      const entries = new Entries();
      for (const { name, key, codec, optional } of named) {
        const item = (value as Readonly<Record<string, unknown>>)[name];
        if (item === undefined && optional) continue;
        entries.keys.push(key);
        entries.items.push(codec.encode(item));
      }
      return entries;
    },
    decode: (value) => {
      if (!(value instanceof Entries)) return fail("not a map");
      const { keys, items } = value;
      const out: Record<string, unknown> = {};
      // Both are in the order of their keys.
      let at = 0;
      for (const { name, key, codec, optional } of named) {
        const item = keys[at] === key ? items[at] : undefined;
        if (item !== undefined) {
          out[name] = codec.decode(item);
          at += 1;
        } else if (!optional) fail(`field ${name} is missing`);
      }
      if (at < keys.length) fail(`unknown field ${keys[at]}`);
      return out as Struct<F>;
    },
  };
}

/** An identifier that a person typed, checked. */
export const isUid = (value: string): value is Uid => fromText(value, 32) !== undefined;

function fail(why: string): never {
  throw new Malformed(why);
}
