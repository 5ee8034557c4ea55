import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CHUNK, Outstanding, SALT, type Standing } from "../../peer-sdk/src/merchant/outstanding.ts";

/** A salt of its own for each number. */
function saltOf(number: number): Uint8Array {
  const salt = new Uint8Array(SALT).fill(7);
  new DataView(salt.buffer).setUint32(0, number);
  return salt;
}

/** What one chunk takes, with its list of free places. */
const CHUNK_BYTES = CHUNK * (SALT + 1 + 2);

/** A table with so many live scrips, in the places from 0 on. */
function filled(count: number): Outstanding {
  const table = new Outstanding();
  for (let i = 0; i < count; i += 1) table.set(table.take(saltOf(i)), saltOf(i), "live");
  return table;
}

describe("places of outstanding scrip", () => {
  test("an empty table takes no memory and answers for nothing", () => {
    const table = new Outstanding();
    expect([table.size, table.bytes]).toEqual([0, 0]);
    for (const place of [0, CHUNK - 1, CHUNK, 2 ** 32 - 1]) expect(table.stateAt(place)).toBeUndefined();
  });

  test("a scrip that is being made has its place and no answer yet", () => {
    const table = new Outstanding();
    expect(table.take(saltOf(1))).toBe(0);
    expect(table.take(saltOf(2))).toBe(1);
    expect([table.stateAt(0), table.stateAt(1), table.size]).toEqual(["taken", "taken", 2]);
  });

  const states: readonly Standing[] = ["taken", "reserved", "live", "returning", "lane"];
  test.each(states.flatMap((from) => states.map((to) => [from, to] as const)))(
    "from %s to %s, its salt stays",
    (from, to) => {
      const table = new Outstanding();
      table.hold(0, saltOf(1), from);
      table.set(0, saltOf(1), to);
      expect([table.stateAt(0), table.saltAt(0), table.size]).toEqual([to, saltOf(1), 1]);
    },
  );

  test.each(states)("what was %s is gone with its salt when it is freed", (from) => {
    const table = new Outstanding();
    table.hold(0, saltOf(1), from);
    table.free(0, saltOf(1));
    expect([table.stateAt(0), table.saltAt(0), table.size]).toEqual([undefined, new Uint8Array(SALT), 0]);
  });

  test("what is said of a scrip that is not at the place changes nothing there", () => {
    const table = filled(1);
    table.set(0, saltOf(9), "lane");
    table.free(0, saltOf(9));
    table.hold(0, saltOf(9), "reserved");
    table.set(1, new Uint8Array(SALT), "live");
    table.free(1, new Uint8Array(SALT));
    expect([table.stateAt(0), table.saltAt(0), table.stateAt(1)]).toEqual(["live", saltOf(0), undefined]);
    expect(table.size).toBe(1);
  });

  test("a salt that was read is a copy: it outlives its place", () => {
    const table = filled(1);
    const salt = table.saltAt(0);
    table.free(0, salt);
    expect(salt).toEqual(saltOf(0));
  });

  test("the first and the last place of a chunk are told apart, and each chunk begins anew", () => {
    const table = filled(2 * CHUNK + 1);
    for (const place of [0, CHUNK - 1, CHUNK, 2 * CHUNK - 1, 2 * CHUNK])
      expect([table.stateAt(place), table.saltAt(place)]).toEqual(["live", saltOf(place)]);
    expect(table.stateAt(2 * CHUNK + 1)).toBeUndefined();
    expect(table.bytes).toBe(3 * CHUNK_BYTES);
  });

  test.each([0, 2 ** 24 - 1, 2 ** 24, 2 ** 31, 2 ** 32 - 1])("place %d is held like any other", (place) => {
    const table = new Outstanding();
    table.hold(place, saltOf(1), "live");
    expect([table.stateAt(place), table.saltAt(place)]).toEqual(["live", saltOf(1)]);
    table.set(place, saltOf(1), "lane");
    expect(table.stateAt(place)).toBe("lane");
    table.free(place, saltOf(1));
    expect(table.stateAt(place)).toBeUndefined();
  });

  test("beyond 32 bits there is no place", () => {
    expect(() => new Outstanding().hold(2 ** 32, saltOf(1), "live")).toThrow(RangeError);
  });

  test("the lowest chunk with room is filled first, so that the others can be given back", () => {
    const table = filled(2 * CHUNK);
    table.free(CHUNK + 5, saltOf(CHUNK + 5));
    table.free(3, saltOf(3));
    expect(table.take(saltOf(1))).toBe(3);
    expect(table.take(saltOf(2))).toBe(CHUNK + 5);
    expect(table.take(saltOf(3))).toBe(2 * CHUNK);
  });

  test("what a table held when it was loaded is in nobody's way afterwards", () => {
    const table = filled(2);
    table.hold(2, saltOf(2), "reserved");
    table.hold(4, saltOf(4), "live");
    expect([table.take(saltOf(5)), table.take(saltOf(6))]).toEqual([3, 5]);
  });

  test("memory of chunks in which all is gone is given back, but for one", () => {
    const table = filled(4 * CHUNK);
    for (let i = 0; i < 4 * CHUNK; i += 1) table.free(i, saltOf(i));
    expect([table.size, table.bytes]).toEqual([0, CHUNK_BYTES]);
    expect(table.take(saltOf(1))).toBeLessThan(CHUNK);
  });

  test("a scrip that comes and goes at a border makes no chunk each time", () => {
    const table = filled(CHUNK);
    const place = table.take(saltOf(CHUNK));
    const { bytes } = table;
    table.free(place, saltOf(CHUNK));
    expect(table.bytes).toBe(bytes);
  });

  test("whatever is done, it says what a plain map says", () => {
    const act = fc.record({
      kind: fc.constantFrom("take", "set", "free", "hold", "stranger"),
      which: fc.nat(),
      state: fc.constantFrom(...states),
      // The borders of chunks, and places that are near to each other.
      place: fc.oneof(fc.nat(20), fc.integer({ min: CHUNK - 10, max: CHUNK + 10 }), fc.nat(2 ** 18)),
    });
    fc.assert(
      fc.property(fc.array(act, { maxLength: 120 }), (acts) => {
        const table = new Outstanding();
        const model = new Map<number, { readonly salt: Uint8Array; state: Standing }>();
        for (const [i, { kind, which, state, place }] of acts.entries()) {
          const salt = saltOf(i + 1);
          const known = [...model.keys()][which % Math.max(1, model.size)];
          const there = known === undefined ? undefined : model.get(known);
          if (kind === "take") {
            const taken = table.take(salt);
            expect(model.has(taken)).toBe(false);
            model.set(taken, { salt, state: "taken" });
          } else if (kind === "hold") {
            table.hold(place, salt, state);
            if (!model.has(place)) model.set(place, { salt, state });
          } else if (known !== undefined && there !== undefined) {
            if (kind === "set") {
              table.set(known, there.salt, state);
              there.state = state;
            } else if (kind === "free") {
              table.free(known, there.salt);
              model.delete(known);
            } else {
              table.set(known, salt, state);
              table.free(known, salt);
            }
          }
          expect(table.size).toBe(model.size);
        }
        for (const [place, { salt, state }] of model)
          expect([table.stateAt(place), table.saltAt(place)]).toEqual([state, salt]);
        for (const { place } of acts) if (!model.has(place)) expect(table.stateAt(place)).toBeUndefined();
      }),
      { numRuns: 300 },
    );
  });
});
