/**
 * What the broker tells about what it did, for those who watch over it: metrics, log lines and traces. Nothing here can
 * carry a name, a key or a text of a message: amounts, counts, times, codes of our own table and places in our own code.
 */
import type { Amount, ErrorCode } from "@lepta/protocol";
import type { Stage } from "../metrics.ts";

/** Metrics that are money, by their names in `metrics.ts`. */
export type MoneyMetric =
  | "issued"
  | "redeemed"
  | "paidOut"
  | "authorised"
  | "liveBrokerScrip"
  | "owedToMerchants";
export type CountMetric = "doubleSpends" | "faults" | "leftOpen" | "findings" | "kmsCalls" | "kmsThrottles";
/** Milliseconds. */
export type TimeMetric = "keyLifeLeft";

/** All that a log line can hold: a line has these fields and no others, so no secret finds its way into one. */
export interface LogEntry {
  /** A route of the table, or the name of a scheduled function. */
  readonly route: string;
  /** An error code, `answered`, or what a scheduled run did in one word. */
  readonly outcome: string;
  /** The kind and place of a fault of our own. */
  readonly fault?: string;
  readonly count?: number;
  /** The platform's name of the request. */
  readonly requestId?: string;
}

/** None of these ever throws, but for what `work` throws: what was committed is answered, whoever watches. */
export interface Observer {
  /** One invocation of a function: what is told in it leaves together when it ends, also when it throws. */
  invocation<T>(name: string, work: () => Promise<T>): Promise<T>;
  /** Times a stage of a request; several of one stage in one invocation are one time. */
  timed<T>(stage: Stage, work: () => Promise<T>): Promise<T>;
  /** Several in one invocation are summed. */
  money(name: MoneyMetric, amount: Amount): void;
  /** One request, or one notice of a batch, was refused. */
  refused(code: ErrorCode): void;
  /** Several in one invocation are summed; 0 is told too. */
  count(name: CountMetric, count: number): void;
  measure(name: TimeMetric, milliseconds: number): void;
  log(entry: LogEntry): void;
}

/** An observer that nobody asks anything. */
export const silentObserver: Observer = {
  invocation: (_name, work) => work(),
  timed: (_stage, work) => work(),
  money: () => {},
  refused: () => {},
  count: () => {},
  measure: () => {},
  log: () => {},
};
