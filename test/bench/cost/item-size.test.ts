import { expect, test } from "vitest";
import { itemSize } from "../../../bench/src/cost/item-size.ts";

test("an item counts the UTF-8 bytes of its names and strings: AWS's example has 23 bytes", () => {
  expect(itemSize({ "shirt-color": { S: "R" }, "shirt-size": { S: "M" } })).toBe(23);
  expect(itemSize({ é: { S: "€" } })).toBe(2 + 3);
});

test("a number counts a byte for two significant digits and one more, without zeroes at its ends", () => {
  const numberSize = (text: string) => itemSize({ n: { N: text } }) - 1;
  expect(numberSize("27")).toBe(2);
  expect(numberSize("461")).toBe(3);
  expect(numberSize("1000000")).toBe(2);
  expect(numberSize("0.0050")).toBe(2);
  expect(numberSize("1798761600000")).toBe(5);
  expect(numberSize("-27")).toBe(3);
});

test("a binary counts its raw bytes, and not those of its base64", () => {
  expect(itemSize({ b: { B: new Uint8Array(300) } })).toBe(301);
});

test("a boolean and a null count one byte", () => {
  expect(itemSize({ yes: { BOOL: true }, no: { NULL: true } })).toBe(4 + 3);
});

test("a list or map counts three bytes, and one for each element", () => {
  expect(itemSize({ l: { L: [] } })).toBe(1 + 3);
  expect(itemSize({ l: { L: [{ S: "ab" }, { N: "7" }] } })).toBe(1 + 3 + (1 + 2) + (1 + 2));
  expect(itemSize({ m: { M: { k: { S: "ab" } } } })).toBe(1 + 3 + (1 + 1 + 2));
});
