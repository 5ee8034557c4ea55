import {
  amount,
  amountOf,
  boolean,
  bytes,
  type Cbor,
  type Codec,
  charge,
  decodeAs,
  digest,
  embedded,
  encodeAs,
  encodeCbor,
  field,
  limits,
  list,
  optional,
  orThrow,
  scripId,
  struct,
  text,
  time,
  toText,
  tuple,
  txn,
  uid,
  uint,
  word,
} from "@lepta/protocol";
import { describe, expect, test } from "vitest";
import { decodeEntries } from "../../protocol/src/cbor.ts";
import { euro, fixed } from "../vectors/parties.ts";

const hex = (of: Uint8Array): string => Buffer.from(of).toString("hex");
const map = (...entries: readonly (readonly [number, Cbor])[]): Cbor => new Map(entries);

/** Whether the codec reads this CBOR value, whatever it makes of it. */
function takes<T>(codec: Codec<T>, value: Cbor): boolean {
  try {
    codec.decode(value);
    return true;
  } catch (error) {
    if (error instanceof Error && error.constructor.name === "Malformed") return false;
    throw error;
  }
}

/** One value of each kind of CBOR. */
const kinds: Readonly<Record<string, Cbor>> = {
  integer: 1,
  negative: -1,
  bytes: new Uint8Array(32),
  text: "EUR",
  array: [],
  map: orThrow(decodeEntries(encodeCbor(map()))),
  true: true,
  null: null,
};

/** Each codec takes the kinds that it is made for and no other. */
const strangers = <T>(codec: Codec<T>, ...taken: readonly string[]): void => {
  for (const [kind, value] of Object.entries(kinds))
    expect(takes(codec, value), kind).toBe(taken.includes(kind));
};

describe("a byte string", () => {
  test("is of a length between its bounds", () => {
    const codec = bytes(2, 4);
    for (const [length, taken] of [
      [1, false],
      [2, true],
      [4, true],
      [5, false],
    ] as const)
      expect(takes(codec, new Uint8Array(length))).toBe(taken);
    strangers(bytes(32), "bytes");
  });

  test("that embeds another item is kept as it came and is never empty", () => {
    const codec = embedded(3);
    // Not even CBOR: what is embedded is not looked into.
    expect(codec.decode(Uint8Array.from([0xff, 0xff]))).toEqual(Uint8Array.from([0xff, 0xff]));
    expect(takes(codec, new Uint8Array(0))).toBe(false);
    expect(takes(codec, new Uint8Array(4))).toBe(false);
    expect(takes(embedded(), new Uint8Array(limits.messageBytes))).toBe(true);
    expect(takes(embedded(), new Uint8Array(limits.messageBytes + 1))).toBe(false);
  });
});

describe("an identifier", () => {
  test.each([
    ["UID", uid, 32],
    ["digest", digest, 32],
    ["txn", txn, 16],
    ["scrip id", scripId, 16],
  ] as const)("%s is bytes of one length, and base64url in code", (_, codec, length) => {
    const raw = fixed("identifier", length);
    expect(codec.decode(raw)).toBe(toText(raw));
    expect(codec.encode(toText(raw))).toEqual(raw);
    expect(takes(codec, new Uint8Array(length - 1))).toBe(false);
    expect(takes(codec, new Uint8Array(length + 1))).toBe(false);
    expect(takes(codec, toText(raw))).toBe(false);
  });
});

describe("a text", () => {
  test("is of a length between its bounds, in UTF-16 units", () => {
    expect(takes(text(3), "")).toBe(false);
    expect(takes(text(3, 0), "")).toBe(true);
    expect(takes(text(3), "λμν")).toBe(true);
    expect(takes(text(3), "λμνξ")).toBe(false);
    expect(takes(text(3), "😀😀")).toBe(false);
    strangers(text(3), "text");
  });

  test("that is one of a few words is no other", () => {
    expect(takes(word("a", "b"), "b")).toBe(true);
    for (const other of ["", "c", "A", "a ", "toString", "__proto__"])
      expect(takes(word("a", "b"), other)).toBe(false);
    strangers(word("EUR"), "text");
  });
});

describe("a number", () => {
  test("is an unsigned integer between its bounds", () => {
    for (const [value, taken] of [
      [4, false],
      [5, true],
      [9, true],
      [10, false],
    ] as const)
      expect(takes(uint(9, 5), value)).toBe(taken);
    expect(takes(uint(), Number.MAX_SAFE_INTEGER)).toBe(true);
    strangers(uint(), "integer");
    strangers(time, "integer");
  });

  test("is no boolean, and a boolean no number", () => {
    strangers(boolean, "true");
    expect(takes(boolean, false)).toBe(true);
    expect(takes(boolean, 0)).toBe(false);
  });
});

describe("money", () => {
  test("is a pair of currency and value, from 1 to 2^53−1", () => {
    expect(amount.decode(["EUR", 20_000])).toEqual(euro("0.02"));
    expect(amount.encode(euro("0.02"))).toEqual(["EUR", 20_000]);
    expect(takes(amount, ["EUR", Number(limits.amount)])).toBe(true);
    for (const value of [0, -1, -20_000, "1", null, true, new Uint8Array([1]), [1]])
      expect(takes(amount, ["EUR", value as Cbor])).toBe(false);
    for (const currency of ["eur", "EU", "EURO", "", 1, null])
      expect(takes(amount, [currency, 1])).toBe(false);
    for (const shape of [[], ["EUR"], ["EUR", 1, 1], [1, "EUR"], map([0, "EUR"], [1, 1])])
      expect(takes(amount, shape)).toBe(false);
  });

  test("that was charged may be nothing", () => {
    expect(charge.decode(["EUR", 0])).toEqual(amountOf("EUR", 0n));
    expect(takes(charge, ["EUR", -1])).toBe(false);
    strangers(charge);
    strangers(amount);
  });

  test("of the largest value comes back to the last millionth", () => {
    const largest = amountOf("EUR", limits.amount);
    expect(decodeAs(amount, encodeAs(amount, largest))).toEqual(largest);
  });
});

describe("an array", () => {
  test("of one kind has a length between its bounds", () => {
    const codec = list(uint(), 3, 1);
    expect(codec.decode([1, 2, 3])).toEqual([1, 2, 3]);
    expect(takes(codec, [])).toBe(false);
    expect(takes(codec, [1, 2, 3, 4])).toBe(false);
    expect(takes(codec, [1, "2"])).toBe(false);
    strangers(list(uint(), 3), "array");
  });

  test("of fixed places has each of them and no more", () => {
    const codec = tuple(uint(), boolean);
    expect(codec.decode([1, true])).toEqual([1, true]);
    for (const wrong of [[], [1], [true, 1], [1, true, 1], [1, null]])
      expect(takes(codec, wrong)).toBe(false);
    strangers(codec);
  });
});

describe("a structure", () => {
  const codec = struct({
    first: field(1, uint()),
    second: optional(2, text(3)),
    far: field(30, boolean),
    inner: optional(-1, struct({ deep: field(1, uint()) })),
  });

  test("is a map of its fields by their keys, in the order of the keys", () => {
    const value = { far: true, second: "b", inner: { deep: 2 }, first: 1 };
    const encoded = encodeAs(codec, value);
    expect(hex(encoded)).toBe("a40101026162181ef520a10102");
    expect(decodeAs(codec, encoded)).toEqual(value);
  });

  test("is written in the order of the keys, whatever the order in which its fields are listed", () => {
    const same = struct({
      inner: optional(-1, struct({ deep: field(1, uint()) })),
      far: field(30, boolean),
      second: optional(2, text(3)),
      first: field(1, uint()),
    });
    for (const value of [
      { far: true, second: "b", inner: { deep: 2 }, first: 1 },
      { far: false, first: 1 },
    ]) {
      expect(encodeAs(same, value)).toEqual(encodeAs(codec, value));
      expect(decodeAs(same, encodeAs(codec, value))).toEqual(value);
    }
  });

  test("lacks an optional field that is absent, on both sides", () => {
    const value = { first: 1, far: false };
    const encoded = encodeAs(codec, value);
    expect(hex(encoded)).toBe("a20101181ef4");
    const read = decodeAs(codec, encoded);
    expect(Object.keys(read)).toEqual(["first", "far"]);
  });

  test.each([
    ["an unknown field", map([1, 1], [3, 0], [30, true])],
    ["an unknown field before all others", map([0, 1], [1, 1], [30, true])],
    ["an unknown field after all others", map([1, 1], [30, true], [31, 1])],
    ["an unknown negative field", map([1, 1], [30, true], [-2, 0])],
    ["no field that must be there", map([2, "b"], [30, true])],
    ["no field at all", map()],
    ["a field of another type", map([1, "1"], [30, true])],
    ["null in place of an absent field", map([1, 1], [2, null], [30, true])],
    ["a wrong field further in", map([1, 1], [30, true], [-1, map([2, 1])])],
  ])("with %s is malformed", (_, value) => {
    expect(decodeAs(codec, encodeCbor(value))).toMatchObject({ code: "malformed" });
  });

  test("is a map and nothing else", () => {
    strangers(codec);
    strangers(struct({ only: optional(1, uint()) }), "map");
  });
});

describe("decoding in a codec", () => {
  test("refuses as malformed what is no CBOR of ours and what the codec does not take", () => {
    expect(decodeAs(uint(), Uint8Array.from([0x18, 0x01]))).toMatchObject({ code: "malformed" });
    expect(decodeAs(uint(), Uint8Array.from([0x00, 0x00]))).toMatchObject({ code: "malformed" });
    expect(decodeAs(uint(), encodeCbor("1"))).toMatchObject({ code: "malformed" });
    expect(decodeAs(uint(), encodeCbor(1))).toBe(1);
  });

  test("lets our own faults through", () => {
    const broken: Codec<number> = {
      shape: "broken",
      encode: (value) => value,
      decode: () => {
        throw new TypeError("a fault of ours");
      },
    };
    expect(() => decodeAs(broken, encodeCbor(1))).toThrow(TypeError);
  });
});
