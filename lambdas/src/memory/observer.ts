/** An observer that keeps what it is told, for tests. */
import { type Amount, add, type ErrorCode, orThrow } from "@lepta/protocol";
import { allowed } from "../log.ts";
import type { Stage } from "../metrics.ts";
import type { CountMetric, LogEntry, MoneyMetric, Observer, TimeMetric } from "../ports/observer.ts";

export interface MemoryObserver extends Observer {
  /** Names of invocations, in the order in which they ended. */
  readonly invocations: readonly string[];
  readonly stages: readonly Stage[];
  readonly refusals: readonly ErrorCode[];
  readonly entries: readonly LogEntry[];
  /** What was told of it in all; undefined where nothing was. */
  sum(name: MoneyMetric): Amount | undefined;
  counted(name: CountMetric): number | undefined;
  measured(name: TimeMetric): number | undefined;
  /** Forgets all of it. */
  clear(): void;
}

export function memoryObserver(): MemoryObserver {
  const invocations: string[] = [];
  const stages: Stage[] = [];
  const refusals: ErrorCode[] = [];
  const entries: LogEntry[] = [];
  const sums = new Map<MoneyMetric, Amount>();
  const counts = new Map<CountMetric, number>();
  const times = new Map<TimeMetric, number>();
  return {
    invocations,
    stages,
    refusals,
    entries,
    sum: (name) => sums.get(name),
    counted: (name) => counts.get(name),
    measured: (name) => times.get(name),
    clear: () => {
      for (const list of [invocations, stages, refusals, entries]) list.length = 0;
      for (const map of [sums, counts, times]) map.clear();
    },
    invocation: (name, work) => work().finally(() => invocations.push(name)),
    timed: (stage, work) => {
      stages.push(stage);
      return work();
    },
    money: (name, amount) => {
      const before = sums.get(name);
      sums.set(name, before === undefined ? amount : orThrow(add(before, amount)));
    },
    refused: (code) => void refusals.push(code),
    count: (name, count) => void counts.set(name, (counts.get(name) ?? 0) + count),
    measure: (name, milliseconds) => void times.set(name, milliseconds),
    log: (entry) => void entries.push(allowed(entry)),
  };
}
