import { type Cbor, decodeCbor, encodeCbor, isRefusal, limits, orThrow, Tagged, utf8 } from "@lepta/protocol";
import * as cborg from "cborg";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

const fromHex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "hex"));
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const map = (...entries: readonly (readonly [number, Cbor])[]): Cbor => new Map(entries);
const refused = { code: "malformed" };

describe("RFC 8949 appendix A", () => {
  const twentyFive = Array.from({ length: 25 }, (_, i) => i + 1);
  const inSubset: readonly (readonly [string, Cbor])[] = [
    ["00", 0],
    ["01", 1],
    ["0a", 10],
    ["17", 23],
    ["1818", 24],
    ["1819", 25],
    ["1864", 100],
    ["1903e8", 1000],
    ["1a000f4240", 1_000_000],
    ["1b000000e8d4a51000", 1_000_000_000_000],
    ["20", -1],
    ["29", -10],
    ["3863", -100],
    ["3903e7", -1000],
    ["f4", false],
    ["f5", true],
    ["f6", null],
    ["c074323031332d30332d32315432303a30343a30305a", new Tagged(0, "2013-03-21T20:04:00Z")],
    ["c11a514b67b0", new Tagged(1, 1_363_896_240)],
    ["c249010000000000000000", new Tagged(2, fromHex("010000000000000000"))],
    ["c349010000000000000000", new Tagged(3, fromHex("010000000000000000"))],
    ["d74401020304", new Tagged(23, fromHex("01020304"))],
    ["d818456449455446", new Tagged(24, fromHex("6449455446"))],
    ["d82076687474703a2f2f7777772e6578616d706c652e636f6d", new Tagged(32, "http://www.example.com")],
    ["40", new Uint8Array(0)],
    ["4401020304", fromHex("01020304")],
    ["60", ""],
    ["6161", "a"],
    ["6449455446", "IETF"],
    ["62225c", '"\\'],
    ["62c3bc", "ü"],
    ["63e6b0b4", "水"],
    ["64f0908591", "\u{10151}"],
    ["80", []],
    ["83010203", [1, 2, 3]],
    ["8301820203820405", [1, [2, 3], [4, 5]]],
    ["98190102030405060708090a0b0c0d0e0f101112131415161718181819", twentyFive],
    ["a0", map()],
    ["a201020304", map([1, 2], [3, 4])],
  ];

  test.each(inSubset)("%s is read and written in this form only", (bytes, value) => {
    expect(decodeCbor(fromHex(bytes))).toEqual(value);
    expect(hex(encodeCbor(value))).toBe(bytes);
  });

  const outsideSubset: readonly (readonly [string, string])[] = [
    ["1bffffffffffffffff", "18446744073709551615"],
    ["3bffffffffffffffff", "-18446744073709551616"],
    ["f90000", "0.0"],
    ["f98000", "-0.0"],
    ["f93c00", "1.0"],
    ["fb3ff199999999999a", "1.1"],
    ["f97bff", "65504.0"],
    ["fa47c35000", "100000.0"],
    ["fb7e37e43c8800759c", "1.0e+300"],
    ["f90001", "5.960464477539063e-8"],
    ["f97c00", "Infinity"],
    ["f97e00", "NaN"],
    ["f9fc00", "-Infinity"],
    ["fa7f800000", "Infinity in 32 bits"],
    ["fb7ff8000000000000", "NaN in 64 bits"],
    ["f7", "undefined"],
    ["f0", "simple(16)"],
    ["f8ff", "simple(255)"],
    ["c1fb41d452d9e20000000", "1(1363896240.5)"],
    ["a26161016162820203", "a map with text keys"],
    ["826161a161626163", "an array with a map with text keys"],
    ["a56161614161626142616361436164614461656145", "five text keys"],
    ["5f42010243030405ff", "bytes of indefinite length"],
    ["7f657374726561646d696e67ff", "text of indefinite length"],
    ["9fff", "an array of indefinite length"],
    ["9f018202039f0405ffff", "arrays of indefinite length, nested"],
    ["9f01820203820405ff", "an array of indefinite length, outside"],
    ["83018202039f0405ff", "an array of indefinite length, inside"],
    ["bf61610161629f0203ffff", "a map of indefinite length"],
    ["bf6346756ef563416d7421ff", "a map of indefinite length with text keys"],
  ];

  test.each(outsideSubset)("%s, %s, is refused", (bytes) => {
    expect(decodeCbor(fromHex(bytes))).toMatchObject(refused);
  });
});

describe("the decoder refuses", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["nothing at all", ""],
    ["bytes after the end", "0000"],
    ["a second item", "8001"],
    ["an integer below 24 in two bytes", "1817"],
    ["an integer below 256 in three", "1900ff"],
    ["an integer below 65536 in five", "1a0000ffff"],
    ["an integer below 2^32 in nine", "1b00000000ffffffff"],
    ["a negative integer that is not in its shortest form", "3817"],
    ["a negative integer of nine bytes that five would do for", "3b00000000ffffffff"],
    ["a byte string whose length is not in its shortest form", "5800"],
    ["a text whose length is not in its shortest form", "79000161"],
    ["an array whose length is not in its shortest form", "980100"],
    ["a map whose length is not in its shortest form", "b8010101"],
    ["a tag that is not in its shortest form", "d81200"],
    ["a map key that is not in its shortest form", "a1180101"],
    ["the reserved additional information 28", "1c"],
    ["the reserved additional information 29", "3d"],
    ["the reserved additional information 30", "5e"],
    ["an indefinite integer", "1f"],
    ["an indefinite tag", "df00"],
    ["a break on its own", "ff"],
    ["false as a two-byte simple value", "f814"],
    ["a simple value of one byte", "e0"],
    ["a reserved simple value", "fc"],
    ["a map key twice", "a201000100"],
    ["map keys that fall", "a202000100"],
    ["a negative map key before a positive one", "a220000100"],
    ["negative map keys that fall", "a221002000"],
    ["a map key that is a byte string", "a1410100"],
    ["a map key that is a text", "a1613100"],
    ["a map key that is an array", "a18000"],
    ["a map key that is a map", "a1a000"],
    ["a map key that is tagged", "a1c10100"],
    ["a map key that is a boolean", "a1f400"],
    ["a map key that is null", "a1f600"],
    ["a map that lacks its last value", "a101"],
    ["an array that lacks its last item", "8201"],
    ["a byte string that ends early", "430102"],
    ["a text that ends early", "636161"],
    ["a tag of nothing", "d2"],
    ["an argument that ends early", "1a000f42"],
    ["text with a lone continuation byte", "6180"],
    ["text with an overlong form", "62c080"],
    ["text with a surrogate", "63eda080"],
    ["text beyond U+10FFFF", "64f4908080"],
    ["text that ends inside a character", "61c3"],
    ["2^53", "1b0020000000000000"],
    ["−2^53", "3b001fffffffffffff"],
    ["the tag 2^53", "db002000000000000000"],
  ];

  test.each(cases)("%s", (_, bytes) => {
    expect(decodeCbor(fromHex(bytes))).toMatchObject(refused);
  });

  test.each([
    ["a byte string", 2],
    ["a text", 3],
    ["an array", 4],
    ["a map", 5],
  ])("%s that says it is longer than the bytes at hand, before anything is set aside for it", (_, major) => {
    const lead = major << 5;
    for (const argument of ["1818", "19ffff", "1a7fffffff", "1affffffff", "1b001fffffffffffff"]) {
      const head = fromHex(argument);
      head[0] = lead | ((head[0] ?? 0) & 31);
      for (const rest of [[], [0], [1, 0, 2, 0]])
        expect(decodeCbor(Uint8Array.from([...head, ...rest]))).toMatchObject(refused);
    }
  });

  test("arrays in arrays that each say they fill all that is left", () => {
    const nested = Array.from({ length: 7 }, () => [0x9a, 0, 0, 0xff, 0xff]).flat();
    expect(decodeCbor(Uint8Array.from([...nested, ...new Uint8Array(0x10000)]))).toMatchObject(refused);
  });
});

describe("the decoder takes", () => {
  test("integers up to 2^53−1 on both sides of zero", () => {
    for (const value of [
      Number.MAX_SAFE_INTEGER,
      Number.MIN_SAFE_INTEGER,
      2 ** 32,
      2 ** 32 - 1,
      -(2 ** 32),
    ]) {
      const bytes = encodeCbor(value);
      expect(decodeCbor(bytes)).toBe(value);
    }
    expect(hex(encodeCbor(Number.MAX_SAFE_INTEGER))).toBe("1b001fffffffffffff");
    expect(hex(encodeCbor(Number.MIN_SAFE_INTEGER))).toBe("3b001ffffffffffffe");
  });

  test("map keys in the order of their encoded bytes, negative ones last", () => {
    const value = map([-1, "d"], [24, "c"], [-2, "e"], [0, "a"], [23, "b"]);
    const bytes = encodeCbor(value);
    expect(hex(bytes)).toBe("a500616117616218186163206164216165");
    expect([...(decodeCbor(bytes) as ReadonlyMap<number, Cbor>).keys()]).toEqual([0, 23, 24, -1, -2]);
  });

  test("a byte order mark as the character that it is", () => {
    const bytes = encodeCbor("\u{feff}a");
    expect(decodeCbor(bytes)).toBe("\u{feff}a");
    expect(hex(bytes)).toBe("64efbbbf61");
  });

  test("eight levels and no ninth, whatever they are made of", () => {
    const wraps: readonly ((inner: Cbor) => Cbor)[] = [
      (inner) => [inner],
      (inner) => map([1, inner]),
      (inner) => new Tagged(1, inner),
    ];
    for (const wrap of wraps) {
      let value: Cbor = [];
      for (let level = 1; level < limits.nesting; level += 1) value = wrap(value);
      const bytes = encodeCbor(value);
      expect(decodeCbor(bytes)).toEqual(value);
      expect(() => encodeCbor(wrap(value))).toThrow(RangeError);
    }
    for (const lead of [[0x81], [0xa1, 1], [0xc1]])
      expect(
        decodeCbor(Uint8Array.from([...Array.from({ length: limits.nesting }, () => lead).flat(), 0x80])),
      ).toMatchObject(refused);
    expect(decodeCbor(new Uint8Array(100_000).fill(0x81))).toMatchObject(refused);
  });

  test("a view into a larger buffer, and hands out bytes of its own", () => {
    const buffer = Uint8Array.from([0xff, 0x42, 1, 2, 0xff]);
    const value = orThrow(decodeCbor(buffer.subarray(1, 4)));
    buffer.fill(9);
    expect(value).toEqual(Uint8Array.from([1, 2]));
    expect(decodeCbor(Buffer.from("420102", "hex"))).not.toBeInstanceOf(Buffer);
  });
});

describe("the encoder throws at our own fault:", () => {
  test.each([
    ["a fraction", 0.5],
    ["NaN", Number.NaN],
    ["2^53", 2 ** 53],
    ["text with a lone surrogate", "\u{d800}"],
    ["a map key with a fraction", map([0.5, 1])],
  ])("%s", (_, value) => {
    expect(() => encodeCbor(value)).toThrow(RangeError);
  });
});

const TAGS = [0, 18, 24, 96, 65_535, 1_000_000, Number.MAX_SAFE_INTEGER] as const;

/** Any value of the subset, at most eight levels deep. */
const { value: anyValue } = fc.letrec<{ leaf: Cbor; value: Cbor }>((tie) => ({
  leaf: fc.oneof(
    fc.maxSafeInteger(),
    fc.integer({ min: -300, max: 70_000 }),
    fc.string({ unit: "binary" }),
    fc.uint8Array({ maxLength: 300 }),
    fc.boolean(),
    fc.constant(null),
  ),
  value: fc.oneof(
    { maxDepth: limits.nesting - 1, depthSize: "medium", depthIdentifier: "cbor" },
    tie("leaf"),
    fc.array(tie("value"), { maxLength: 30, depthIdentifier: "cbor" }),
    fc
      .uniqueArray(fc.tuple(fc.maxSafeInteger(), tie("value")), {
        maxLength: 30,
        selector: ([key]) => key,
        depthIdentifier: "cbor",
      })
      .map((entries) => new Map(entries)),
    fc.tuple(fc.constantFrom(...TAGS), tie("value")).map(([tag, inner]) => new Tagged(tag, inner)),
  ),
}));

describe("any value", () => {
  const runs = { seed: 8949, numRuns: 3000 };

  test("comes back from its encoding", () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        expect(decodeCbor(encodeCbor(value))).toEqual(value);
      }),
      runs,
    );
  });

  test("is read by cborg, strictly, as the same value", () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        expect(cborg.decode(encodeCbor(value), strictly)).toEqual(theirs(value));
      }),
      runs,
    );
  });

  test("is written by cborg with the options of RFC 8949 in the same bytes, and read by us", () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const bytes = cborg.encode(theirs(value), cborg.rfc8949EncodeOptions);
        expect(hex(bytes)).toBe(hex(encodeCbor(value)));
        expect(decodeCbor(bytes)).toEqual(value);
      }),
      runs,
    );
  });
});

describe("any bytes are refused or are the one encoding of what they say:", () => {
  /** Whether they are accepted. Not `expect`, which costs more than the decoder and is called half a million times. */
  const canonical = (bytes: Uint8Array): boolean => {
    const value = decodeCbor(bytes);
    if (isRefusal(value)) {
      if (value.code !== "malformed") throw new Error(`${hex(bytes)} is refused as ${value.code}`);
      return false;
    }
    if (hex(encodeCbor(value)) !== hex(bytes)) throw new Error(`${hex(bytes)} is not the one encoding`);
    return true;
  };

  test("random ones", () => {
    let accepted = 0;
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => {
        if (canonical(bytes)) accepted += 1;
      }),
      { seed: 1, numRuns: 20_000 },
    );
    expect(accepted).toBeGreaterThan(100);
  });

  test("every string of one or two bytes, and every one of three that begins a text, an array or a map", () => {
    for (let a = 0; a < 256; a += 1) {
      canonical(Uint8Array.of(a));
      for (let b = 0; b < 256; b += 1) canonical(Uint8Array.of(a, b));
    }
    for (const a of [0x62, 0x82, 0xa1])
      for (let b = 0; b < 256; b += 1) for (let c = 0; c < 256; c += 1) canonical(Uint8Array.of(a, b, c));
  });

  test("encodings with some bytes changed, cut out or put in", () => {
    let accepted = 0;
    fc.assert(
      fc.property(
        anyValue,
        fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 }), fc.nat({ max: 2 })), {
          minLength: 1,
          maxLength: 3,
        }),
        (value, edits) => {
          const bytes = [...encodeCbor(value)];
          for (const [at, byte, kind] of edits)
            bytes.splice(at % (bytes.length + 1), kind === 0 ? 0 : 1, ...(kind === 1 ? [] : [byte]));
          if (canonical(Uint8Array.from(bytes))) accepted += 1;
        },
      ),
      { seed: 2, numRuns: 10_000 },
    );
    expect(accepted).toBeGreaterThan(100);
  });

  test("where we accept, cborg accepts too and says the same", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 8 }), (bytes) => {
        const value = decodeCbor(bytes);
        if (isRefusal(value) || hasOtherTags(value)) return;
        expect(cborg.decode(bytes, strictly)).toEqual(theirs(value));
      }),
      { seed: 3, numRuns: 20_000 },
    );
  });
});

test("a text is written whole wherever the buffer grows, short or long, ASCII or not", () => {
  const texts = [
    "",
    "a",
    "EUR",
    "\x00\x7f",
    "é",
    "aé",
    "a".repeat(23),
    "a".repeat(24),
    "a".repeat(48),
    "a".repeat(49),
  ];
  for (const text of [...texts, `${"a".repeat(47)}é`]) {
    const encoded = `${hex(cborg.encode(text))}`;
    for (let room = 0; room < 64; room += 1) {
      // After a large value the buffer is a small one again.
      encodeCbor(new Uint8Array(100_000));
      const before = new Uint8Array(4096 - room);
      expect(hex(encodeCbor([before, text]))).toBe(`82${hex(cborg.encode(before))}${encoded}`);
    }
  }
});

test("text is UTF-8 in its bytes", () => {
  expect(hex(encodeCbor("λεπτά"))).toBe(`6a${hex(utf8("λεπτά"))}`);
});

const strictly = {
  useMaps: true,
  strict: true,
  allowIndefinite: false,
  rejectDuplicateMapKeys: true,
  tags: cborg.Tagged.preserve(...TAGS),
} as const;

/** The same value in cborg's types. */
function theirs(value: Cbor): unknown {
  if (value instanceof Tagged) return new cborg.Tagged(value.tag, theirs(value.value));
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [key, theirs(item)]));
  return Array.isArray(value) ? value.map(theirs) : value;
}

function hasOtherTags(value: Cbor): boolean {
  if (value instanceof Tagged) return !TAGS.some((tag) => tag === value.tag) || hasOtherTags(value.value);
  if (value instanceof Map) return [...value.values()].some(hasOtherTags);
  return Array.isArray(value) && value.some(hasOtherTags);
}
