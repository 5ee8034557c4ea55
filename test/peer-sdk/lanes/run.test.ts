/** What is kept of purchases on lanes, and the elements of the chain that are read from it where they stand. */
import { chainAfter, laneElement } from "@lepta/protocol";
import { describe, expect, test } from "vitest";
import {
  chainOver,
  elementsOf,
  entryParts,
  type KeptEntry,
  keptEntries,
  readEntry,
  runEntries,
} from "../../../peer-sdk/src/lanes/run.ts";
import { packItems } from "../../../peer-sdk/src/session/frame.ts";

const bytes = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
const opening = bytes(32, 7);
/** Lengths around each length of a head. */
const LENGTHS = [1, 23, 24, 255, 256, 65_535, 65_536];

const purchases = LENGTHS.flatMap((m1) =>
  LENGTHS.flatMap((m2) =>
    [undefined, opening].map((joined) => ({
      at: m1 * 2 ** 25,
      bought: bytes(m1, 1),
      answered: bytes(m2, 2),
      joined,
    })),
  ),
);
const keep = ({ at, bought, answered, joined }: (typeof purchases)[number]): KeptEntry => ({
  kept: packItems(entryParts(at, bought, answered, joined)),
  joined,
});

describe("a purchase that is kept", () => {
  test("is read as it was", () => {
    for (const each of purchases) expect(readEntry(keep(each).kept)).toMatchObject(each);
  });

  test("gives the element of its M1 and M2, and before it the opening that has entered the chain", () => {
    for (const each of purchases) {
      const { bought, answered, joined } = each;
      const element = laneElement(bought, answered);
      expect(elementsOf([keep(each)])).toEqual(joined === undefined ? [element] : [joined, element]);
    }
    const all = purchases.map(keep);
    const elements = all.flatMap((each) => elementsOf([each]));
    expect(chainOver(opening, all)).toEqual(chainAfter(opening, elements));
  });

  test("stands in a run as it was kept, as does none", () => {
    const some = purchases.slice(0, 12).map(keep);
    const read = runEntries({ entries: keptEntries(some) });
    expect(read).toMatchObject(purchases.slice(0, 12));
    expect(runEntries({ entries: keptEntries([]) })).toEqual([]);
  });

  test("is damaged where it is cut short, or anything else stands in its place", () => {
    const { kept } = keep({ at: 1, bought: bytes(30, 1), answered: bytes(300, 2), joined: opening });
    const damaged = expect.objectContaining({ code: "store-damaged" });
    for (let length = 0; length < kept.length; length += 1)
      expect(() => readEntry(kept.subarray(0, length))).toThrow(damaged);
    for (const parts of [
      [bytes(8, 1), bytes(3, 1)],
      [bytes(7, 1), bytes(3, 1), bytes(3, 1)],
      [bytes(8, 1), bytes(3, 1), bytes(3, 1), bytes(31, 1)],
    ])
      expect(() => readEntry(packItems(parts))).toThrow(damaged);
  });
});
