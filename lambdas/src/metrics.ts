/** The names of the metrics: what the functions emit is what the dashboard draws and the alarms watch. */

/** The namespace of a stage's metrics; `POWERTOOLS_METRICS_NAMESPACE` carries it to the functions. */
export const metricNamespace = (stage: string): string => `Lepta/${stage}`;

/** Every metric has the dimension `service`: the function's name. Money is in the currency's major unit. */
export const metric = {
  /** Money that became BrokerScrip. */
  issued: "Issued",
  /** BrokerScrip that became money again. */
  redeemed: "Redeemed",
  /** What merchants were paid. */
  paidOut: "PaidOut",
  /** VendorScrip that the broker authorised. */
  authorised: "Authorised",
  /** Refusals, signed or not; with the dimension `code`. */
  refused: "Refused",
  /** Requests that would have spent a spent scrip. */
  doubleSpends: "DoubleSpendAttempts",
  /** Faults of our own: a request that ended with `internal`, a scheduled run that threw. */
  faults: "Faults",
  /** Milliseconds of one stage of a request; with the dimension `stage`. */
  stageTime: "StageTime",
  /** Live BrokerScrip, as reconciliation last counted it. */
  liveBrokerScrip: "LiveBrokerScrip",
  /** Owed to merchants, as reconciliation last counted it. */
  owedToMerchants: "OwedToMerchants",
  /** What reconciliation found wrong; 0 says that the books balance. */
  findings: "Findings",
  /** Milliseconds until the first operational key that is in use ends. */
  keyLifeLeft: "KeyLifeLeft",
  /** Requests to KMS, and those that it refused because there were too many. */
  kmsCalls: "KmsCalls",
  kmsThrottles: "KmsThrottles",
  /** Transactions that the schedule could not bring to their end in one turn. */
  leftOpen: "LeftOpen",
} as const;

/** The stages of a request that are timed (docs/architecture.md). */
export const stages = ["receive", "settle", "answer"] as const;
export type Stage = (typeof stages)[number];
