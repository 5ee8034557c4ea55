import { gzipSync } from "node:zlib";
import { decodeRecords, encodeRecords, isLater, objectName } from "@lepta/lambdas/journal/encode";
import { describe, expect, test } from "vitest";
import { change } from "../../support/journal.ts";

const AT = Date.UTC(2027, 0, 31, 23, 59, 59);

describe("a journal's object", () => {
  test("is named by the hour of its latest record, its highest number and its lowest", () => {
    const records = [change("a", 7, "x", AT), change("b", 123, "x", AT + 1000)];
    const [most, least] = ["123".padStart(40, "0"), "7".padStart(40, "0")];
    expect(objectName({ table: "lepta", records })).toBe(
      `journal/lepta/2027/02/01/00/${most}-${least}.ndjson.gz`,
    );
  });

  test("has the same bytes whatever the order of an item's attributes", () => {
    const record = change("a", 1, undefined, AT);
    const one = encodeRecords([{ ...record, image: { x: 1n, y: "2" } }]);
    expect(encodeRecords([{ ...record, image: { y: "2", x: 1n } }])).toEqual(one);
  });

  test("a batch of nothing is no object", () => {
    expect(() => objectName({ table: "lepta", records: [] })).toThrow("at least one record");
  });

  test("numbers are compared as numbers", () => {
    expect([isLater("10", "9"), isLater("9", "10"), isLater("9", "9")]).toEqual([true, false, false]);
  });

  test.each([
    ["cut short", encodeRecords([change("a", 1, "x", AT)]).slice(0, -9)],
    ["not packed", new TextEncoder().encode("{}\n")],
    ["without its last line's end", new Uint8Array(gzipSync('{"pk":"a"}'))],
    ["with a record that lacks its number", new Uint8Array(gzipSync('{"pk":"a","sk":"b","at":1}\n'))],
    ["with a number that is none", new Uint8Array(gzipSync('{"pk":"a","sk":"b","at":1,"sequence":"-1"}\n'))],
  ])("that is %s is refused", (_, bytes) => {
    expect(() => decodeRecords(bytes)).toThrow();
  });
});
