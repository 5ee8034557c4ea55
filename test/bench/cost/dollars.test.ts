import { expect, test } from "vitest";
import { standardAssumptions } from "../../../bench/src/cost/assumptions.ts";
import { zero } from "../../../bench/src/cost/counts.ts";
import { priceOf, totalDollars } from "../../../bench/src/cost/dollars.ts";
import { madeUpPrices } from "./support/made-up-prices.ts";

/** Nothing that AWS adds. */
const bare = {
  ...standardAssumptions,
  waitPerCall: 0,
  coldStarts: 0,
  coldStartTime: 0,
  platformLogBytes: 0,
  accessLogBytes: 0,
  tracedPart: 0,
  journalTime: 0,
  journalBytes: 0,
  keptMonths: 0,
};

const GB = 1024 ** 3;

test("each count costs its price and nothing else", () => {
  const price = (counts: object, assumptions = bare) =>
    priceOf({ ...zero, ...counts }, zero, madeUpPrices, assumptions);
  expect(price({ httpUnits: 3e6 }).apiGateway).toBe(6);
  expect(price({ invocations: 2e6 }).lambda).toBe(6);
  expect(price({ gbSeconds: 10 }).lambda).toBe(50);
  expect(price({ writeUnits: 2e6, readUnits: 1e6 }).dynamoDb).toBe(14 + 11);
  expect(price({ kmsSymmetric: 10_000, kmsAsymmetric: 20_000 }).kms).toBe(13 + 34);
  expect(price({ printedBytes: 2 * GB }).cloudWatch).toBe(38);
  expect(price({ responseBytes: GB }).transferOut).toBe(53);
  expect(price({ spends: 1000 }).s3).toBe(31);
  for (const name of ["httpUnits", "writeUnits", "readUnits", "kmsSymmetric", "gbSeconds"] as const) {
    const each = price({ [name]: 1000 });
    const [most] = Object.values(each).sort((a, b) => b - a);
    expect(totalDollars(each)).toBe(most);
  }
});

test("what is assumed is priced beside what was counted", () => {
  const invocations = { ...zero, invocations: 1000 };
  const price = (counts: typeof zero, assumed: object, cold = zero) =>
    priceOf(counts, cold, madeUpPrices, { ...bare, ...assumed });
  const alone = price(invocations, {});
  expect(price({ ...zero, gbCalls: 200 }, { waitPerCall: 5 }).lambda).toBeCloseTo(5, 12);
  expect(price(invocations, { coldStarts: 0.1, coldStartTime: 500 }).lambda - alone.lambda).toBeCloseTo(
    250,
    9,
  );
  const cold = { ...zero, kmsSymmetric: 1 };
  expect(price(invocations, { coldStarts: 0.1 }, cold).kms).toBeCloseTo((100 / 10_000) * 13, 12);
  expect(price(invocations, { platformLogBytes: GB / 1000 }).cloudWatch).toBeCloseTo(19, 9);
  expect(price(invocations, { tracedPart: 0.5 }).xRay).toBeCloseTo((500 / 1e6) * 29, 12);
  const stored = { ...zero, storedBytes: GB };
  const kept = price(stored, { keptMonths: 2, reconciliations: 0 });
  expect([kept.dynamoDbStorage, kept.dynamoDbBackup]).toEqual([34, 46]);
  const reconciled = price(stored, { keptMonths: 1, reconciliations: 1 });
  expect(reconciled.dynamoDb).toBeCloseTo((GB / 4096 / 1e6) * 11, 12);
});
