import { allocate, concat, equalBytes, fromText, idBytes, isUid, toText, utf8 } from "@lepta/protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

const anyBytes = fc.uint8Array({ maxLength: 70 });
const runs = { seed: 4648, numRuns: 2000 };

describe("base64url", () => {
  test("is written as Node writes it, and read back", () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        const text = toText(bytes);
        expect(text).toBe(Buffer.from(bytes).toString("base64url"));
        expect(fromText(text, bytes.length)).toEqual(bytes);
        expect(idBytes(text)).toEqual(bytes);
      }),
      runs,
    );
  });

  test("has one spelling: whatever text is read is what would be written", () => {
    const characters = fc.constantFrom(..."ABQgw_-9+/= \u{1f600}");
    fc.assert(
      fc.property(fc.array(characters, { maxLength: 8 }), fc.nat({ max: 6 }), (text, length) => {
        const bytes = fromText(text.join(""), length);
        if (bytes !== undefined) expect(toText(bytes)).toBe(text.join(""));
      }),
      { ...runs, numRuns: 10_000 },
    );
  });

  test.each([
    ["padding", "AA==", 1],
    ["the alphabet with plus and slash", "+/+/", 3],
    ["a space", "AA A", 3],
    ["bits past the last byte", "AB", 1],
    ["another length", "AAAA", 2],
    ["a length that no bytes have", "AAAAA", 3],
    ["a character beyond the basic plane", "A\u{1f600}A", 3],
  ])("refuses %s", (_, text, length) => {
    expect(fromText(text, length)).toBeUndefined();
  });

  test("throws where an identifier is expected and there is none: they are checked when they come in", () => {
    for (const text of ["A", "AB", "A=", "AAAAA"]) expect(() => idBytes(text)).toThrow(TypeError);
  });

  test("is a UID where it is of 32 bytes", () => {
    expect(isUid("A".repeat(43))).toBe(true);
    for (const text of ["", "A".repeat(42), "A".repeat(44), `${"A".repeat(42)}B`, `${"A".repeat(42)}=`])
      expect(isUid(text)).toBe(false);
  });
});

describe("byte strings", () => {
  test("are equal where every byte is", () => {
    fc.assert(
      fc.property(anyBytes, anyBytes, (a, b) => {
        expect(equalBytes(a, b)).toBe(Buffer.compare(a, b) === 0);
        expect(equalBytes(a, a.slice())).toBe(true);
      }),
      runs,
    );
  });

  test("differ in any one bit, and in length", () => {
    const bytes = utf8("certificate");
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const other = bytes.slice();
      other[bit >> 3] = (other[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(equalBytes(bytes, other)).toBe(false);
    }
    expect(equalBytes(bytes, bytes.subarray(1))).toBe(false);
    expect(equalBytes(bytes, concat(bytes, Uint8Array.of(0)))).toBe(false);
  });

  test("that are allocated are all 0, and nobody else's", () => {
    const lengths = [...Array.from({ length: 400 }, (_, i) => (i * 37) % 700), 2048, 2049, 100_000];
    const parts = lengths.map((length, i) => {
      const part = allocate(length);
      expect(part).toEqual(new Uint8Array(length));
      return part.fill((i % 255) + 1);
    });
    for (const [i, part] of parts.entries()) {
      expect(part.length).toBe(lengths[i]);
      expect(part.every((byte) => byte === (i % 255) + 1)).toBe(true);
    }
  });

  test("are put together in their order, into bytes of their own", () => {
    const first = utf8("ab");
    const joined = concat(first, new Uint8Array(0), utf8("c"));
    first.fill(0);
    expect(joined).toEqual(utf8("abc"));
    expect(concat()).toEqual(new Uint8Array(0));
  });
});
