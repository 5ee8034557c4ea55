/**
 * The observer on Lambda, over Powertools: metrics in CloudWatch's embedded format (EMF), log lines of `LogEntry`'s
 * fields, and segments where traces are collected.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { Logger } from "@aws-lambda-powertools/logger";
import { Metrics, MetricUnit } from "@aws-lambda-powertools/metrics";
import type { ErrorCode } from "@lepta/protocol";
import { allowed, describe, isWorthALine, levelOf } from "../log.ts";
import { metric, type Stage } from "../metrics.ts";
import type { CountMetric, LogEntry, MoneyMetric, Observer, TimeMetric } from "../ports/observer.ts";
import type { Tracing } from "./powertools-tracing.ts";

export interface PowertoolsOptions {
  readonly namespace: string;
  /** The dimension `service` of every metric: the function's name. */
  readonly service: string;
  /** Undefined where no traces are collected. */
  readonly tracing?: Tracing | undefined;
  /** Milliseconds with fractions, from anywhere. */
  readonly clock?: () => number;
  /** Takes one line of EMF. */
  readonly write?: (line: string) => void;
}

/** Everything that is told in one invocation leaves in one line at its end, or as few as the format allows. */
export function powertoolsObserver(options: PowertoolsOptions): Observer {
  const { namespace, service, tracing = untraced, clock = () => performance.now() } = options;
  const { write = (line) => void process.stdout.write(`${line}\n`) } = options;
  const metrics = new Metrics({ namespace, serviceName: service });
  const logger = new Logger({ serviceName: service, logLevel: "INFO" });
  // Invocations may overlap where one process serves several: each has its own.
  const invocations = new AsyncLocalStorage<Told>();

  const log = (entry: LogEntry): void => {
    if (!isWorthALine(entry)) return;
    const { outcome, ...rest } = allowed(entry);
    logger[levelOf(entry)](outcome, rest);
  };
  const flush = (told: Told): void => {
    try {
      for (const line of packed(serialized(metrics, told))) write(JSON.stringify(line));
    } catch (error) {
      // What was decided is decided: an answer does not fail because it could not be counted.
      log({ route: service, outcome: "internal", fault: describe(error) });
    }
  };
  const tell = (note: (told: Told) => void): void => {
    const told = invocations.getStore();
    // What is told outside of an invocation leaves at once.
    const noted = told ?? nothingTold();
    note(noted);
    if (told === undefined) flush(noted);
  };

  return {
    invocation: (name, work) => {
      const told = nothingTold();
      return invocations.run(told, async () => {
        try {
          return await tracing.span(name, work);
        } finally {
          flush(told);
        }
      });
    },
    timed: async (stage, work) => {
      const begun = clock();
      try {
        return await tracing.span(stage, work);
      } finally {
        tell(({ stageTimes }) => increase(stageTimes, stage, clock() - begun));
      }
    },
    money: (name, { value }) => tell(({ money }) => money.set(name, (money.get(name) ?? 0n) + value)),
    refused: (code) => tell(({ refused }) => increase(refused, code, 1)),
    count: (name, count) => tell(({ counts }) => increase(counts, name, count)),
    measure: (name, milliseconds) => tell(({ times }) => times.set(name, milliseconds)),
    log,
  };
}

interface Told {
  /** Millionths; a broker has one currency. */
  readonly money: Map<MoneyMetric, bigint>;
  readonly counts: Map<CountMetric, number>;
  readonly times: Map<TimeMetric, number>;
  readonly refused: Map<ErrorCode, number>;
  readonly stageTimes: Map<Stage, number>;
}

const nothingTold = (): Told => ({
  money: new Map(),
  counts: new Map(),
  times: new Map(),
  refused: new Map(),
  stageTimes: new Map(),
});

const increase = <K>(sums: Map<K, number>, name: K, by: number): void => {
  sums.set(name, (sums.get(name) ?? 0) + by);
};

const untraced: Pick<Tracing, "span"> = { span: (_name, work) => work() };

type Emf = ReturnType<Metrics["serializeMetrics"]>;

/** One object for each set of dimensions. */
function serialized(metrics: Metrics, told: Told): readonly Emf[] {
  const objects: Emf[] = [];
  const close = (dimensions: Readonly<Record<string, string>>): void => {
    for (const [name, value] of Object.entries(dimensions)) metrics.addDimension(name, value);
    if (metrics.hasStoredMetrics()) objects.push(metrics.serializeMetrics());
    metrics.clearMetrics();
    metrics.clearDimensions();
  };
  for (const [code, count] of told.refused) {
    metrics.addMetric(metric.refused, MetricUnit.Count, count);
    close({ code });
  }
  for (const [stage, time] of told.stageTimes)
    metrics.addMetric(metric[`${stage}Time`], MetricUnit.Milliseconds, toMicroseconds(time));
  for (const [name, value] of told.money)
    metrics.addMetric(metric[name], MetricUnit.NoUnit, inMajorUnit(value));
  for (const [name, count] of told.counts) metrics.addMetric(metric[name], MetricUnit.Count, count);
  for (const [name, time] of told.times) metrics.addMetric(metric[name], MetricUnit.Milliseconds, time);
  close({});
  return objects;
}

const MAJOR = 1_000_000;
/** Near enough for a graph; the books count in millionths. */
const inMajorUnit = (value: bigint): number => Number(value) / MAJOR;
const toMicroseconds = (milliseconds: number): number => Math.round(milliseconds * 1000) / 1000;

/**
 * The same in as few lines as the format allows, since every line is paid for: a line can hold metrics of several sets of
 * dimensions, but each name only once.
 */
function packed(objects: readonly Emf[]): readonly Emf[] {
  const lines: Emf[] = [];
  for (const one of objects) {
    const { _aws, ...fields } = one;
    const isFree = (line: Emf): boolean =>
      Object.entries(fields).every(([name, value]) => line[name] === undefined || line[name] === value);
    const at = lines.findIndex(isFree);
    const line = lines[at];
    if (line === undefined) lines.push(one);
    else {
      const CloudWatchMetrics = [...line._aws.CloudWatchMetrics, ..._aws.CloudWatchMetrics];
      lines[at] = { ...line, ...fields, _aws: { ...line._aws, CloudWatchMetrics } };
    }
  }
  return lines;
}
