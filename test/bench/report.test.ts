import { describe, expect, test } from "vitest";
import { reportOf, describe as told } from "../../bench/src/report.ts";
import type { Round, RunResult } from "../../bench/src/rounds.ts";
import { type SubjectName, subjectNames } from "../../bench/src/subject.ts";

const circumstances = { seconds: 1, connections: 16, pinned: true };
const bytes = {
  perPurchase: 400,
  toMerchant: 100,
  fromMerchant: 295,
  toBroker: 5,
  purchases: 4096,
  frames: { request: 90, response: 280 },
};
const memory = (resident: number, heap: number) => ({ resident, heap });

/** A round in which every subject makes 100 exchanges a second but those that are named. */
function round(rates: Readonly<Partial<Record<SubjectName, number>>>): Round {
  const each = subjectNames.map((name) => {
    const perCore = rates[name] ?? 100;
    return [name, { perCore, serverCpu: 1e5 / perCore, customerCpu: 3e5 / perCore, p50: 10, p99: 20 }];
  });
  return Object.fromEntries(each) as Round;
}

const resultOf = (...rounds: readonly Round[]): RunResult => ({
  rounds,
  bytes,
  bytesPipelined: { ...bytes, perPurchase: 380 },
  idle: { session: memory(3000, 900), bare: memory(1000, 450), ratio: memory(3, 2), connections: 500 },
  outstanding: {
    spend10MVs10k: 1.5,
    spentTable10MBytes: 200e6,
    arrayBuffers10MBytes: 201e6,
    spend10k: 100,
    spend10M: 150,
  },
});

describe("a report", () => {
  test("has the median of each round's own ratio, not the ratio of the medians", () => {
    const rounds = [
      round({ statement: 50, sessionEcho: 100 }),
      round({ statement: 10, sessionEcho: 40 }),
      round({ statement: 60, sessionEcho: 60 }),
    ];
    const { ratios, statement } = reportOf(resultOf(...rounds), circumstances);
    expect(ratios.statementVsSessionEcho).toBe(0.5);
    expect(statement.perCore).toBe(50);
  });

  test("compares each pipelined subject with one that is pipelined as well", () => {
    const rates = {
      statementPipelined: 60,
      echoPipelined: 120,
      figure4OpenSSLPipelined: 2,
      figure4OpenSSL: 1,
    };
    const { ratios } = reportOf(resultOf(round(rates)), circumstances);
    expect([ratios.pipelinedVsEcho, ratios.pipelinedVsFigure4OpenSSL]).toEqual([0.5, 30]);
  });

  test("adds the CPU time of both ends, and compares by it as well", () => {
    const report = reportOf(resultOf(round({ statement: 50 })), circumstances);
    expect([report.statement.cpuUs, report.statement.merchantCpuUs]).toEqual([8000, 2000]);
    expect(report.ratiosByCpu.statementVsSessionEcho).toBe(0.5);
  });

  test("has the figures of the table of outstanding scrip", () => {
    const report = reportOf(resultOf(round({})), circumstances);
    expect([report.spentTable10MBytes, report.ratios.spend10MVs10k]).toEqual([200e6, 1.5]);
    expect(told(report)).toContain("200 MB");
  });
});
