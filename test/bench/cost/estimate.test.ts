import { expect, test } from "vitest";
import { standardAssumptions } from "../../../bench/src/cost/assumptions.ts";
import { type Counts, zero } from "../../../bench/src/cost/counts.ts";
import { totalDollars } from "../../../bench/src/cost/dollars.ts";
import { estimate, monthOf, noticeRatio } from "../../../bench/src/cost/estimate.ts";
import { type Counted, type FlowName, flowNames } from "../../../bench/src/cost/flows.ts";
import { madeUpPrices } from "./support/made-up-prices.ts";

/** Nothing is counted but what is named. */
function counted(some: Partial<Record<FlowName, Partial<Counts>>>): Counted {
  const flow = (counts: Partial<Counts> = {}) => ({ counts: { ...zero, ...counts }, calls: {} });
  return {
    flows: Object.fromEntries(flowNames.map((name) => [name, flow(some[name])])) as Counted["flows"],
    schedules: {
      rotate: flow({ invocations: 1, writeUnits: 1 }),
      finish: flow({ invocations: 1, readUnits: 1 }),
      reconcile: flow({ invocations: 1 }),
    },
    cold: zero,
    requestMetrics: 0,
    scheduleMetrics: 0,
    settledCredits: 4,
    functionsInUse: 7,
  };
}

const of = (some: Partial<Record<FlowName, Partial<Counts>>>, assumed = {}) =>
  estimate(counted(some), madeUpPrices, { ...standardAssumptions, ...assumed });

test("each part is shared by the purchases that it is for", () => {
  const one = { writeUnits: 1 };
  const perWrite = 7;
  expect(of({ batchedNotices: one }).perMillionPurchases.dynamoDb).toBeCloseTo(perWrite, 9);
  expect(of({ singleNotices: one }).perMillionPurchases.dynamoDb).toBe(0);
  expect(of({ vendorScrip: one }).parts.vendorScrip.dynamoDb).toBeCloseTo(perWrite / 100, 9);
  expect(of({ vendorScrip: one }, { purchasesPerVendorScrip: 20 }).parts.vendorScrip.dynamoDb).toBeCloseTo(
    perWrite / 20,
    9,
  );
  expect(of({ settlement: one }).parts.vendorScrip.dynamoDb).toBeCloseTo(perWrite / 100 / 4, 9);
  expect(of({ topUp: one }, { topUpsPerCustomer: 3 }).parts.customers.dynamoDb).toBeCloseTo(
    (3 * perWrite) / 1000,
    9,
  );
  expect(of({ merchantHour: one }).parts.merchants.dynamoDb).toBeCloseTo((730 * perWrite) / 100_000, 9);
});

test("a thousand VendorScrips cost figure 8 and their part of full settlements", () => {
  const { perThousandVendorScrip } = of({ vendorScrip: { writeUnits: 22 }, settlement: { writeUnits: 8 } });
  expect(perThousandVendorScrip.dynamoDb).toBeCloseTo(((22 + 8 / 4) * 1000 * 7) / 1e6, 9);
});

test("the month is what stands ready and what purchases add, in proportion to their number", () => {
  const found = of({ batchedNotices: { writeUnits: 10, invocations: 2, storedBytes: 1272 } });
  const month = (purchases: number) => totalDollars(monthOf(found, purchases));
  const [idle, million] = [found.idlePerMonth, found.perMillionPurchases].map(totalDollars);
  const fixed = (idle ?? 0) + totalDollars(found.inUsePerMonth);
  expect(month(0)).toBe(idle);
  expect(month(1_000_000) - fixed).toBeCloseTo(million ?? 0, 6);
  expect(month(7_000_000) - fixed).toBeCloseTo(7 * (million ?? 0), 6);
});

test("an idle month costs keys, alarms, a dashboard, metrics and what runs by the clock", () => {
  const { kms, cloudWatch, dynamoDb, eventBridge, apiGateway } = of({}).idlePerMonth;
  const runs = { rotate: 730, finish: 730 * 12, reconcile: 730 / 24 };
  expect(kms).toBeCloseTo(3 * 41 + ((12 * 730) / 10_000) * 13, 9);
  const logs = ((runs.rotate + runs.finish + runs.reconcile) * 400 * 19) / 1024 ** 3;
  expect(cloudWatch).toBeCloseTo(13 * 47 + 59 + 8 * 43 + logs, 9);
  expect(dynamoDb).toBeCloseTo((runs.rotate * 7 + runs.finish * 11) / 1e6, 9);
  expect(eventBridge).toBeCloseTo(((runs.rotate + runs.finish + runs.reconcile) / 1e6) * 61, 9);
  expect(apiGateway).toBe(0);
});

test("statements are priced apart, and are no part of what purchases with single notices cost", () => {
  const found = of({ statements: { writeUnits: 1 / 128 }, statementsInFull: { writeUnits: 1 / 256 } });
  expect(found.statements.batch.dynamoDb).toBeCloseTo(7 / 128, 9);
  expect(found.statements.full.dynamoDb).toBeCloseTo(7 / 256, 9);
  expect(totalDollars(found.perMillionPurchases)).toBe(0);
});

test("notices are priced apart: each by itself, and in batches", () => {
  const found = of(
    { singleNotices: { httpUnits: 2 }, batchedNotices: { httpUnits: 0.02 } },
    { accessLogBytes: 0 },
  );
  expect(found.notices.single.apiGateway).toBeCloseTo(4, 9);
  expect(found.notices.batch.apiGateway).toBeCloseTo(0.04, 9);
  expect(noticeRatio(found)).toBeCloseTo(100, 6);
});

test("each further month that is kept costs storage, backups and reconciliation", () => {
  const { perFurtherMonthKept } = of({ batchedNotices: { storedBytes: 1024, writeUnits: 10 } });
  const gb = (1024 * 1e6) / 1024 ** 3;
  expect(perFurtherMonthKept.dynamoDbStorage).toBeCloseTo(gb * 17, 9);
  expect(perFurtherMonthKept.dynamoDbBackup).toBeCloseTo(gb * 23, 9);
  expect(perFurtherMonthKept.dynamoDb).toBeCloseTo(((1024 * 1e6) / 4096 / 1e6) * 30.4 * 11, 6);
});
