/** Canonical JSON: one spelling for each value, and none for what a header may not hold. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { canonicalJson } from "../../../peer-sdk/src/http/jcs.ts";
import { record } from "./arbitraries.ts";

test("a value has one spelling, whatever the order of its members, and it reads as the value", () => {
  fc.assert(
    fc.property(record, (value) => {
      const spelled = canonicalJson(value);
      expect(canonicalJson(Object.fromEntries(Object.entries(value).reverse()))).toBe(spelled);
      expect(JSON.parse(spelled)).toEqual(JSON.parse(JSON.stringify(value)));
    }),
  );
});

test("members stand in the order of their UTF-16 units, as RFC 8785 shows", () => {
  const value = { "€": 1, "\r": 2, "\ufb33": 3, "1": 4, "😀": 5, "\u0080": 6, ö: 7 };
  expect(canonicalJson(value)).toBe('{"\\r":2,"1":4,"\u0080":6,"ö":7,"€":1,"😀":5,"\ufb33":3}');
});

test("texts are escaped as little as JSON allows", () => {
  expect(canonicalJson("\u20ac$\u000f\nA'B\"\\/\u007f")).toBe('"€$\\u000f\\nA\'B\\"\\\\/\u007f"');
});

test("what is no text, integer, boolean, array or record has no spelling", () => {
  const others = [null, undefined, 0.5, Number.NaN, 2 ** 53, 1n, () => 0, new Date(0), new Map(), "\ud800"];
  for (const other of others) {
    expect(() => canonicalJson(other)).toThrow(TypeError);
    expect(() => canonicalJson({ member: [other] })).toThrow(TypeError);
  }
  expect(() => canonicalJson({ "\udc00": 1 })).toThrow(TypeError);
});

test("minus zero is zero", () => {
  expect(canonicalJson([-0])).toBe("[0]");
});

test("what is nested without end is not spelled", () => {
  const ring: { self?: unknown } = {};
  ring.self = ring;
  expect(() => canonicalJson(ring)).toThrow(RangeError);
});
