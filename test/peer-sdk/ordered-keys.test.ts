import fc from "fast-check";
import { expect, test } from "vitest";
import { isBefore, OrderedKeys } from "../../peer-sdk/src/store/ordered-keys.ts";

/** The order of UTF-8 is that of code points. */
const inOrder = (keys: Iterable<string>): readonly string[] =>
  [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));

const few = fc.string({ unit: fc.constantFrom("a", "b", "/", "\u{1fa99}", "～", "é"), maxLength: 4 });

test("a key is before another exactly where its UTF-8 is", () => {
  fc.assert(
    fc.property(few, few, (a, b) => {
      expect(isBefore(a, b)).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)) < 0);
    }),
  );
});

test("whatever is put in and taken out, what is left is found in order from any key on", () => {
  const step = fc.record({ key: few, isPut: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), few, (steps, first) => {
      const plain = new Set<string>();
      const keys = new OrderedKeys();
      for (const { key, isPut } of steps) {
        if (isPut && !plain.has(key)) keys.add(key);
        if (!isPut) keys.remove(key);
        if (isPut) plain.add(key);
        else plain.delete(key);
      }
      expect([...keys.from("")]).toEqual(inOrder(plain));
      expect([...keys.from(first)]).toEqual(inOrder(plain).filter((key) => !isBefore(key, first)));
    }),
  );
});

test("many thousand keys come out in order, put in upwards, downwards and mixed, and half of them taken out again", () => {
  const numbers = Array.from({ length: 5000 }, (_, i) => i);
  const mixed = numbers.map((i) => (i * 2741) % 5000);
  for (const order of [numbers, [...numbers].reverse(), mixed]) {
    const keys = new OrderedKeys();
    const names = order.map((i) => `k/${i.toString().padStart(5, "0")}`);
    for (const name of names) keys.add(name);
    expect([...keys.from("")]).toEqual([...names].sort());
    const gone = new Set(names.filter((_, i) => i % 2 === 0));
    for (const name of gone) keys.remove(name);
    const left = names.filter((name) => !gone.has(name)).sort();
    expect([...keys.from("")]).toEqual(left);
    expect([...keys.from("k/02500")]).toEqual(left.filter((name) => name >= "k/02500"));
    for (const name of left) keys.remove(name);
    expect([...keys.from("")]).toEqual([]);
  }
});
