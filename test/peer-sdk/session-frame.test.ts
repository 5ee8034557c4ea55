/** Arrays of byte strings packed by hand, against the general codec that they stand in for. */
import { decodeAs, encodeAs, isRefusal, limits, orThrow, sessionItems } from "@lepta/protocol";
import { describe, expect, test } from "vitest";
import { packItems, packUnder, unpackItems } from "../../peer-sdk/src/session/frame.ts";

const bytes = (length: number, value = length): Uint8Array => new Uint8Array(length).fill(value);
const LENGTHS = [1, 2, 23, 24, 255, 256, 65_535, 65_536, 1_000_000];
const lists: readonly (readonly Uint8Array[])[] = [
  ...LENGTHS.map((length) => [bytes(length)]),
  LENGTHS.slice(0, -2).map((length) => bytes(length)),
  ...[2, 23, 24, 63, 64].map((count) => Array.from({ length: count }, (_, i) => bytes((i % 7) + 1, i))),
];

describe("the items of a message", () => {
  test("are packed as the general codec packs them", () => {
    for (const items of lists) expect(packItems(items)).toEqual(encodeAs(sessionItems, items));
  });

  test("are unpacked as the general codec unpacks them", () => {
    for (const items of lists) {
      const packed = encodeAs(sessionItems, items);
      expect(orThrow(unpackItems(packed)).map((each) => each.slice())).toEqual(
        orThrow(decodeAs(sessionItems, packed)),
      );
    }
  });

  test("altered anywhere are refused where the general codec refuses them, and read alike where it does not", () => {
    const packed = packItems([bytes(1), bytes(30), bytes(300)]);
    for (let at = 0; at < packed.length; at += 1)
      for (let bit = 0; bit < 8; bit += 1) {
        const altered = packed.slice();
        altered[at] = (altered[at] ?? 0) ^ (1 << bit);
        const [ours, general] = [unpackItems(altered), decodeAs(sessionItems, altered)];
        expect(isRefusal(ours)).toBe(isRefusal(general));
        if (!isRefusal(ours) && !isRefusal(general))
          expect(ours.map((each) => each.slice())).toEqual(general);
      }
  });

  test("cut short anywhere, or followed by anything, are refused", () => {
    const packed = packItems([bytes(1), bytes(30), bytes(300)]);
    for (let length = 0; length < packed.length; length += 1)
      expect(isRefusal(unpackItems(packed.subarray(0, length)))).toBe(true);
    expect(isRefusal(unpackItems(new Uint8Array([...packed, 0])))).toBe(true);
  });

  test("are at most as many as may be", () => {
    const many = Array.from({ length: limits.frameMessages + 1 }, () => bytes(1));
    expect(isRefusal(unpackItems(packItems(many)))).toBe(true);
    expect(isRefusal(unpackItems(packItems(many), many.length))).toBe(false);
    expect(isRefusal(unpackItems(new Uint8Array([0x80])))).toBe(true);
  });
});

test("a list packed under a name is as the name and the list packed by itself, packed again", () => {
  for (const name of [1, 23, 24, 255, 256].map((length) => bytes(length)))
    for (const items of lists) {
      const { record, packed } = packUnder(name, items);
      expect(packed).toEqual(packItems(items));
      expect(record).toEqual(packItems([name, packItems(items)]));
    }
});
