/** Figures from rounds, as one JSON object and as a table for people. */
import { cpus } from "node:os";
import type { FrameBytes } from "./calls.ts";
import type { Round, RunResult } from "./rounds.ts";
import { median, spread } from "./statistics.ts";
import { type SubjectName, subjectNames } from "./subject.ts";

/** Medians over the rounds. */
interface Figures {
  readonly perSecond: number;
  /** What one core would do that runs the server and nothing else: 1,000,000 / `cpuUs`. */
  readonly perCore: number;
  /** CPU time of the server for one exchange, in microseconds. */
  readonly cpuUs: number;
  readonly p50us: number;
  readonly p99us: number;
  /** Largest less smallest `perSecond`, as a part of the median. */
  readonly spread: number;
}

interface Ratios {
  readonly defaultVsEcho: number;
  readonly defaultVsFigure4Forge: number;
  readonly defaultVsFigure4OpenSSL: number;
  readonly memoryVsDurable: number;
}

export type Report = Readonly<Record<SubjectName, Figures>> & {
  /** Of `perSecond`: medians of each round's own ratio. */
  readonly ratios: Ratios;
  /** Of `perCore`: the merchant's end alone. */
  readonly ratiosPerCore: Ratios;
  readonly bytesPerPurchase: FrameBytes;
  readonly rounds: number;
  readonly secondsPerMeasurement: number;
  readonly connections: number;
  readonly pinned: boolean;
  readonly node: string;
  readonly cpu: string;
};

export interface Circumstances {
  readonly seconds: number;
  readonly connections: number;
  readonly pinned: boolean;
}

export function reportOf({ rounds, bytes }: RunResult, circumstances: Circumstances): Report {
  const { seconds, connections, pinned } = circumstances;
  const figures = Object.fromEntries(subjectNames.map((name) => [name, figuresOf(rounds, name)]));
  return {
    ...(figures as Readonly<Record<SubjectName, Figures>>),
    ratios: ratiosOf(rounds, (round, name) => round[name].perSecond),
    ratiosPerCore: ratiosOf(rounds, (round, name) => 1 / round[name].cpu),
    bytesPerPurchase: bytes,
    rounds: rounds.length,
    secondsPerMeasurement: seconds,
    connections,
    pinned,
    node: process.version,
    cpu: cpus()[0]?.model.trim() ?? "unknown",
  };
}

function figuresOf(rounds: readonly Round[], name: SubjectName): Figures {
  const all = rounds.map((round) => round[name]);
  const cpuUs = median(all.map(({ cpu }) => cpu));
  return {
    perSecond: significant(median(all.map(({ perSecond }) => perSecond))),
    perCore: significant(1e6 / cpuUs),
    cpuUs: significant(cpuUs),
    p50us: significant(median(all.map(({ p50 }) => p50))),
    p99us: significant(median(all.map(({ p99 }) => p99))),
    spread: significant(spread(all.map(({ perSecond }) => perSecond))),
  };
}

function ratiosOf(rounds: readonly Round[], of: (round: Round, name: SubjectName) => number): Ratios {
  const ratio = (a: SubjectName, b: SubjectName) =>
    significant(median(rounds.map((round) => of(round, a) / of(round, b))));
  return {
    defaultVsEcho: ratio("default", "echo"),
    defaultVsFigure4Forge: ratio("default", "figure4Forge"),
    defaultVsFigure4OpenSSL: ratio("default", "figure4OpenSSL"),
    memoryVsDurable: ratio("defaultMemory", "default"),
  };
}

const explanations: Readonly<Record<SubjectName, string>> = {
  echo: "the floor: bare ws messages of the same sizes, no payment",
  default: "figure 7 in the default suite, every sale on disk before M2 leaves",
  defaultMemory: "the same with the merchant's store in memory: the difference is the disk's share",
  figure4OpenSSL: "the paper's own algorithms (RSA-1024, SHA-1, AES-192-CBC) on OpenSSL, durable",
  figure4Forge: "the same bytes on node-forge, the suite figure-4 as it is shipped, durable",
};

/** The report for people: a table, the ratios, and how to read them. */
export function describe(report: Report): string {
  const { bytesPerPurchase, connections, rounds, secondsPerMeasurement, pinned } = report;
  const sizes = `${bytesPerPurchase.request} bytes out and ${bytesPerPurchase.response} back`;
  const isUnsteady = subjectNames.some((name) => report[name].spread > UNSTEADY);
  return [
    `One merchant, ${connections} customers with one purchase under way each; ${rounds} rounds of ` +
      `${secondsPerMeasurement} s, medians. Node ${report.node}, ${report.cpu}.`,
    "",
    ...figuresTable(report),
    "",
    ...subjectNames.map((name) => `${name.padEnd(14)}  ${explanations[name]}`),
    "",
    pinned
      ? "per second: merchant and customers share one core, so both ends' work counts (pinned with taskset)."
      : "per second: NOT pinned, because there is no taskset here; the echo is then unsteady and so are its ratios.",
    "per core: what a core does that runs the merchant alone, 1,000,000 / CPU µs; waiting for the disk is not in it.",
    "p50, p99: as a customer waits, the other customers' turns on the core included.",
    "spread: largest less smallest, as a part of the median.",
    `One purchase is ${sizes}. Notices are signed and kept as always, but none is sent to the broker during the run.`,
    ...(isUnsteady
      ? ["Something else was running: with a spread like this, run it again before believing it."]
      : []),
    "",
    ...ratiosTable(report),
  ].join("\n");
}

function figuresTable(report: Report): readonly string[] {
  const rows = subjectNames.map((name) => {
    const { perSecond, perCore, cpuUs, p50us, p99us, spread: apart } = report[name];
    const numbers = [perSecond, perCore, cpuUs, p50us, p99us].map((value) => short.format(value));
    return [name, ...numbers, `${(apart * 100).toFixed(0)} %`];
  });
  return table([["", "per second", "per core", "CPU µs", "p50 µs", "p99 µs", "spread"], ...rows]);
}

function ratiosTable({ ratios, ratiosPerCore }: Report): readonly string[] {
  const names: readonly (readonly [keyof Ratios, string])[] = [
    ["defaultVsEcho", "default against the echo"],
    ["defaultVsFigure4Forge", "default against figure-4 on node-forge"],
    ["defaultVsFigure4OpenSSL", "default against figure-4 on OpenSSL"],
    ["memoryVsDurable", "default in memory against on disk"],
  ];
  const rows = names.map(([key, name]) => [
    name,
    ...[ratios, ratiosPerCore].map((each) => `${short.format(each[key])}×`),
  ]);
  return table([["", "per second", "per core"], ...rows]);
}

/** Lines with the first column to the left and the others to the right. */
function table(rows: readonly (readonly string[])[]): readonly string[] {
  const width = (column: number) => Math.max(...rows.map((row) => row[column]?.length ?? 0));
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(width(0)) : cell.padStart(width(column))))
      .join("  "),
  );
}

/** A spread from which on the figures say more about the machine than about us. */
const UNSTEADY = 0.25;

const short = new Intl.NumberFormat("en", { maximumSignificantDigits: 4 });
const significant = (value: number): number => Number(value.toPrecision(5));
