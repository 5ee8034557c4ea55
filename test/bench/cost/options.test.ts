import { expect, test } from "vitest";
import { standardAssumptions } from "../../../bench/src/cost/assumptions.ts";
import { readOptions } from "../../../bench/src/cost/options.ts";

test("without flags it is a million purchases under the standard assumptions", () => {
  expect(readOptions([])).toEqual({
    purchases: 1_000_000,
    assumptions: standardAssumptions,
    json: false,
    help: false,
  });
});

test("flags set the number of purchases and the assumptions", () => {
  const args = ["--purchases", "5000", "--per-batch", "20", "--top-ups", "0.5", "--json"];
  const assumptions = { ...standardAssumptions, purchasesPerBatch: 20, topUpsPerCustomer: 0.5 };
  expect(readOptions(args)).toEqual({ purchases: 5000, assumptions, json: true, help: false });
});

test.each([
  ["--purchases", "-1"],
  ["--purchases", "1.5"],
  ["--purchases", "1e6"],
  ["--purchases", "many"],
  ["--purchases", ""],
  ["--per-batch", "0"],
  ["--per-batch", "1001"],
  ["--per-vendorscrip", "0"],
  ["--days", "32"],
])("%s %s is refused with a sentence that names the flag", (flag, value) => {
  expect(readOptions([`${flag}=${value}`])).toEqual({ wrong: expect.stringContaining(flag) });
});

test("a flag that does not exist is refused", () => {
  expect(readOptions(["--per-month", "3"])).toEqual({ wrong: expect.stringContaining("--per-month") });
  expect(readOptions(["100"])).toHaveProperty("wrong");
});
