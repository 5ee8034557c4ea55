/** Runs each flow with real peers on the embedded cloud, and says what one of it costs in requests, units and bytes. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { limits } from "@lepta/protocol";
import { type CountedCloud, startCountedCloud } from "./cloud.ts";
import { coldStart } from "./cold-start.ts";
import type { Counts } from "./counts.ts";
import { times } from "./counts.ts";
import { openLanes, PER_STATEMENT } from "./lanes.ts";
import { CUSTOMER_FLOWS, type CustomerFlow, openMarket } from "./market.ts";
import { type Invocation, totalOf } from "./recorder.ts";

/** What one of each is. */
export const flowNames = [
  /** A wallet that opens for the first time, and on another day. */
  "customerEnrolment",
  "customerDay",
  "merchantEnrolment",
  "merchantDay",
  /** A merchant asks whether somebody complains; it does so every hour. */
  "merchantHour",
  "topUp",
  "redemption",
  /** Figure 8, with its intent. */
  "vendorScrip",
  /** A full settlement. */
  "settlement",
  /** Both sides' notices of one purchase: each by itself, and in batches. */
  "singleNotices",
  "batchedNotices",
  /** Of one purchase of a lane: statements in batches of a thousand purchases, and in the largest batches. */
  "statements",
  "statementsInFull",
] as const;
export type FlowName = (typeof flowNames)[number];

export interface Counted {
  /** Of one of each. */
  readonly flows: Readonly<Record<FlowName, Flow>>;
  /** Of one run of what runs by the clock, by its name; an average over a day. */
  readonly schedules: Readonly<Record<string, Flow>>;
  /** What a function's first request costs more than its next. */
  readonly cold: Counts;
  /** Custom metrics of functions that answer requests, and of those that run by the clock. */
  readonly requestMetrics: number;
  readonly scheduleMetrics: number;
  /** Credits in the settlement that was counted. */
  readonly settledCredits: number;
  /** How many functions answered requests. */
  readonly functionsInUse: number;
}

export interface Flow {
  readonly counts: Counts;
  /** How often each route or schedule was called. */
  readonly calls: Readonly<Record<string, number>>;
}

export interface CountOptions {
  /** Purchases whose notices go in one batch, on each side. */
  readonly perBatch: number;
  /** How often each flow is run; VendorScrip and what it settles in one statement, too. */
  readonly runs: number;
  readonly progress?: (line: string) => void;
}

const DAY_HOURS = 24;
/** After these, everything that runs within a day has run. */
const WARM_HOURS = 24;
/** Purchases in batches at least, so that small batches are timed more than once. */
const LEAST_BATCHED = 20;
/** Purchases whose statements go in one batch, in whole statements, and how many such batches are counted. */
const STATED_PURCHASES = 1000;
const STATED_BATCHES = 20;

/** Starts everything in a temporary directory, counts, and ends everything again. */
export async function countFlows(options: CountOptions): Promise<Counted> {
  const dir = mkdtempSync(join(tmpdir(), "lepta-cost-"));
  // Also where a signal ends us half way.
  const clean = () => rmSync(dir, { recursive: true, force: true });
  process.once("exit", clean);
  try {
    const cloud = await startCountedCloud(join(dir, "broker"));
    try {
      return await countAll(cloud, options);
    } finally {
      await cloud.close();
    }
  } finally {
    clean();
    process.off("exit", clean);
  }
}

async function countAll(
  cloud: CountedCloud,
  { perBatch, runs, progress = () => {} }: CountOptions,
): Promise<Counted> {
  const { recorder, door } = cloud;
  progress("a day of schedules");
  const schedules = await countSchedules(cloud);
  const scheduleMetrics = recorder.metrics.size;
  const market = await openMarket(cloud);
  try {
    const counted = new Map<FlowName, Flow>();
    const count = async (name: FlowName, of: number, work: () => Promise<void>, setUp = async () => {}) => {
      const invocations: Invocation[] = [];
      for (let run = 0; run < runs; run += 1) {
        await setUp();
        await door.settled();
        invocations.push(
          ...(await recorder.during(async () => {
            await work();
            await door.settled();
          })),
        );
      }
      counted.set(name, flowOf(invocations, runs * of));
    };
    progress("every flow once, so that every function is warm");
    await market.warmUp();
    for (const [name, { setUp, work }] of Object.entries<CustomerFlow>(CUSTOMER_FLOWS)) {
      progress(name);
      await count(
        name as FlowName,
        1,
        () => work(market),
        () => setUp?.(market) ?? Promise.resolve(),
      );
    }
    progress("a full settlement");
    await market.fillSettlement();
    await door.settled();
    const settled = await recorder.during(async () => {
      await market.settle();
      await door.settled();
    });
    counted.set("settlement", flowOf(settled, 1));
    progress(`notices in batches of ${perBatch}`);
    const batches = Math.ceil(LEAST_BATCHED / perBatch);
    const batched: Invocation[] = [];
    for (let batch = 0; batch < batches; batch += 1) {
      await market.buy(perBatch);
      await door.settled();
      batched.push(...(await recorder.during(() => market.flushNotices())));
    }
    counted.set("batchedNotices", flowOf(batched, perBatch * batches));
    progress("statements over lanes");
    const lanes = await openLanes(cloud);
    await lanes.sendBatch(1);
    for (const [name, statements, runs] of [
      ["statements", Math.ceil(STATED_PURCHASES / PER_STATEMENT), STATED_BATCHES],
      ["statementsInFull", limits.batchEntries, 1],
    ] as const) {
      const invocations: Invocation[] = [];
      for (let run = 0; run < runs; run += 1)
        invocations.push(...onlyNotices(await recorder.during(() => lanes.sendBatch(statements))));
      counted.set(name, flowOf(invocations, runs * statements * PER_STATEMENT));
    }
    progress("the next day");
    await cloud.passHours(DAY_HOURS);
    for (const name of ["customerDay", "merchantDay"] as const)
      counted.set(name, flowOf(await recorder.during(() => market.reopen(name)), 1));
    const requests = recorder.invocations.filter(({ route }) => route.includes(" "));
    return {
      flows: Object.fromEntries(flowNames.map((name) => [name, found(counted, name)])) as Counted["flows"],
      schedules,
      cold: coldStart(requests),
      functionsInUse: new Set(requests.map(({ name }) => name)).size,
      requestMetrics: recorder.metrics.size - scheduleMetrics,
      scheduleMetrics,
      settledCredits: market.settledCredits(),
    };
  } finally {
    await market.close();
  }
}

/** A peer by hand reads the broker's keys before each batch, which ours do once in ten minutes. */
const onlyNotices = (invocations: readonly Invocation[]): readonly Invocation[] =>
  invocations.filter(({ name }) => name === "notices");

async function countSchedules(cloud: CountedCloud): Promise<Counted["schedules"]> {
  // The first of each is a cold start.
  await cloud.passHours(WARM_HOURS);
  const invocations = await cloud.recorder.during(() => cloud.passHours(DAY_HOURS));
  const names = [...new Set(invocations.map(({ name }) => name))];
  return Object.fromEntries(
    names.map((name) => {
      const own = invocations.filter((each) => each.name === name);
      return [name, flowOf(own, own.length)];
    }),
  );
}

function flowOf(invocations: readonly Invocation[], of: number): Flow {
  const calls: Record<string, number> = {};
  for (const { route } of invocations) calls[route] = (calls[route] ?? 0) + 1 / of;
  return { counts: times(totalOf(invocations), 1 / of), calls };
}

function found(counted: ReadonlyMap<FlowName, Flow>, name: FlowName): Flow {
  const flow = counted.get(name);
  if (flow === undefined) throw new Error(`the flow ${name} was not counted`);
  return flow;
}
