import { limits } from "@lepta/protocol";
import { beforeAll, expect, test } from "vitest";
import { standardAssumptions } from "../../../bench/src/cost/assumptions.ts";
import { services } from "../../../bench/src/cost/dollars.ts";
import { estimate } from "../../../bench/src/cost/estimate.ts";
import { type Counted, countFlows } from "../../../bench/src/cost/flows.ts";
import { PER_STATEMENT } from "../../../bench/src/cost/lanes.ts";
import { readPriceFile } from "../../../bench/src/cost/prices.ts";
import { describe, jsonOf } from "../../../bench/src/cost/report.ts";

const PER_BATCH = 8;
let counted: Counted;

beforeAll(async () => {
  counted = await countFlows({ perBatch: PER_BATCH, runs: 2 });
});

test("no purchase and no VendorScrip costs a KMS call once functions are warm", () => {
  const { singleNotices, batchedNotices, vendorScrip, topUp, settlement } = counted.flows;
  for (const { counts } of [singleNotices, batchedNotices, vendorScrip, topUp, settlement])
    expect(counts.kmsSymmetric + counts.kmsAsymmetric).toBe(0);
});

test("a day later warm functions have read their keys again, and asked KMS nothing", () => {
  const { customerDay, merchantDay } = counted.flows;
  for (const { counts } of [customerDay, merchantDay])
    expect(counts.kmsSymmetric + counts.kmsAsymmetric).toBe(0);
});

test("a cold start costs a function at most one KMS call", () => {
  expect(counted.cold.kmsSymmetric).toBeGreaterThan(0);
  expect(counted.cold.kmsSymmetric).toBeLessThanOrEqual(1);
  expect(counted.cold.kmsAsymmetric).toBe(0);
});

test("a purchase's notices are two requests by themselves, and as many in a batch cost two together", () => {
  const { singleNotices, batchedNotices } = counted.flows;
  expect(singleNotices.calls["POST /notices"]).toBeCloseTo(2, 9);
  expect(batchedNotices.calls["POST /notices"]).toBeCloseTo(2 / PER_BATCH, 9);
  expect(singleNotices.counts.httpUnits).toBe(2);
  expect(batchedNotices.counts.httpUnits).toBeCloseTo(2 / PER_BATCH, 9);
});

test("a batch writes no more for each purchase, and reads less", () => {
  const [single, batch] = [counted.flows.singleNotices.counts, counted.flows.batchedNotices.counts];
  expect(batch.writeUnits).toBeLessThanOrEqual(single.writeUnits);
  expect(batch.readUnits).toBeLessThan(single.readUnits);
  expect(batch.sdkCalls).toBeLessThan(single.sdkCalls);
});

test("a statement of a lane's purchases is one call and one write unit, reads nothing, and asks KMS nothing", () => {
  const { statements, statementsInFull } = counted.flows;
  for (const { counts } of [statements, statementsInFull]) {
    expect(counts.writeUnits).toBeCloseTo(1 / PER_STATEMENT, 9);
    expect(counts.kmsSymmetric + counts.kmsAsymmetric).toBe(0);
  }
  // The sender's credential is read once for a batch; keys are read again by the clock.
  const ofBatch = (name: "sdkCalls" | "readUnits") =>
    statementsInFull.counts[name] * PER_STATEMENT * limits.batchEntries;
  expect(ofBatch("sdkCalls")).toBeCloseTo(limits.batchEntries + 1, 6);
  expect(ofBatch("readUnits")).toBeCloseTo(1, 6);
  expect(statementsInFull.calls["POST /notices"]).toBeCloseTo(1 / (PER_STATEMENT * limits.batchEntries), 12);
});

test("figure 8 is the intent and the authorisation, and spends one scrip", () => {
  const { calls, counts } = counted.flows.vendorScrip;
  expect(calls).toEqual({ "POST /intent": 1, "POST /authorise": 1 });
  expect(counts.spends).toBe(1);
  expect(counts.writeUnits).toBeGreaterThan(0);
});

test("the settlement that is counted is a full one", () => {
  expect(counted.settledCredits).toBe(45);
  expect(counted.flows.settlement.calls).toEqual({ "POST /settle": 1 });
});

test("what runs by the clock is counted over a day", () => {
  expect(Object.keys(counted.schedules)).toEqual(expect.arrayContaining(["rotate", "finish"]));
  expect(counted.schedules.rotate?.counts.kmsAsymmetric).toBeGreaterThan(0);
  expect(counted.schedules.finish?.counts.readUnits).toBeGreaterThan(0);
});

test("everything that answers takes time and memory", () => {
  for (const { counts } of Object.values(counted.flows)) {
    expect(counts.gbSeconds).toBeGreaterThan(0);
    expect(counts.responseBytes).toBeGreaterThan(0);
  }
});

test("the report has its promised shape: single notices cost more, and services add up", () => {
  const file = readPriceFile();
  const assumptions = { ...standardAssumptions, purchasesPerBatch: PER_BATCH };
  const report = {
    purchases: 2_000_000,
    assumptions,
    file,
    counted,
    estimate: estimate(counted, file.prices, assumptions),
  };
  const json = JSON.parse(JSON.stringify(jsonOf(report)));
  expect(json).toMatchObject({
    perMillionPurchases: { total: expect.any(Number), byService: expect.any(Object) },
    perThousandVendorScrip: expect.any(Number),
    idlePerMonth: expect.any(Number),
    assumptions: { purchasesPerBatch: PER_BATCH, purchasesPerVendorScrip: 100 },
    prices: { date: file.date },
  });
  expect(json.notices.single).toBeGreaterThan(json.notices.batch);
  expect(json.notices.batch).toBeGreaterThan(json.statements.batch.total);
  expect(json.statements.batch.total).toBeGreaterThan(json.statements.full.total);
  const { total, byService } = json.perMillionPurchases;
  expect(Object.keys(byService)).toEqual([...services]);
  expect(Object.values<number>(byService).reduce((sum, each) => sum + each, 0)).toBeCloseTo(total, 8);
  expect(json.month.total).toBeCloseTo(json.idlePerMonth + json.inUsePerMonth + 2 * total, 6);
  expect(describe(report)).toContain("Single notices cost");
});
