import { expect, test } from "vitest";
import { systemRuntime } from "../../peer-sdk/src/ports.ts";
import { pooledRandom } from "../../peer-sdk/src/random.ts";

/** A source of which every draw is another, and how much was drawn each time. */
function counted() {
  const drawn: number[] = [];
  let next = 0;
  const random = pooledRandom((into) => {
    drawn.push(into.length);
    for (let i = 0; i < into.length; i += 1) into[i] = (next + i * 7 + (i >> 8) * 13) & 0xff;
    next += 101;
  });
  return { random, drawn };
}

test("every byte that was drawn is handed out once at most, in order, across many draws", () => {
  let counter = 0;
  const source: number[] = [];
  const random = pooledRandom((into) => {
    for (let i = 0; i < into.length; i += 1) {
      counter = (counter * 1_103_515_245 + 12_345) & 0x7fffffff;
      into[i] = counter >> 16;
      source.push(into[i] ?? 0);
    }
  });
  let at = 0;
  for (let i = 0; i < 2000; i += 1) {
    const length = i % 65;
    const bytes = [...random(length)];
    // What is left at the end of a draw and too short is passed over, and never comes later.
    if (length > 4096 - (at % 4096) && at % 4096 !== 0) at += 4096 - (at % 4096);
    expect(bytes).toEqual(source.slice(at, at + length));
    at += length;
  }
  expect(source.length).toBeGreaterThan(10 * 4096);
});

test("what is long is drawn by itself and takes nothing of the rest", () => {
  const { random, drawn } = counted();
  const first = random(16);
  expect(random(65)).toHaveLength(65);
  expect(random(100_000)).toHaveLength(100_000);
  expect(drawn).toEqual([4096, 65, 100_000]);
  expect(random(16)).not.toEqual(first);
  expect(drawn).toHaveLength(3);
});

test("who alters what was handed out alters nothing that comes later", () => {
  const [one, other] = [counted().random, counted().random];
  const taken = one(32);
  new Uint8Array(taken.buffer).fill(0);
  other(32);
  expect(one(32)).toEqual(other(32));
});

test("a source that fails hands out nothing, neither then nor from what was erased", () => {
  let isBroken = false;
  const random = pooledRandom((into) => {
    if (isBroken) throw new Error("no entropy");
    into.fill(0xaa);
  });
  for (let i = 0; i < 64; i += 1) expect([...random(64)]).toEqual(Array(64).fill(0xaa));
  isBroken = true;
  for (let i = 0; i < 3; i += 1) expect(() => random(1)).toThrow("no entropy");
  isBroken = false;
  expect([...random(64)]).toEqual(Array(64).fill(0xaa));
});

test("the platform's own gives no 16 bytes twice", () => {
  const seen = new Set(
    Array.from({ length: 5000 }, () => Buffer.from(systemRuntime.random(16)).toString("hex")),
  );
  expect(seen.size).toBe(5000);
});
