/** What is assumed and not counted: how the system is used, and what AWS adds to what the functions do. */

export interface Assumptions {
  /** Purchases that one VendorScrip pays for. */
  readonly purchasesPerVendorScrip: number;
  /** Purchases whose notices go in one batch, on each side. */
  readonly purchasesPerBatch: number;
  /** Of one customer in a month, and of one merchant. */
  readonly purchasesPerCustomer: number;
  readonly purchasesPerMerchant: number;
  /** Of one customer in a month. */
  readonly topUpsPerCustomer: number;
  readonly redemptionsPerCustomer: number;
  /** Days of the month on which a customer opens its wallet; each renews its credential. */
  readonly daysPerCustomer: number;
  /** The part of the customers and merchants who are new in a month. */
  readonly newPeers: number;
  /** Months of purchases that the table holds: notices are not removed from it. */
  readonly keptMonths: number;
  /** How long a function waits for each SDK call on AWS, in milliseconds; counted is only the CPU time of its work. */
  readonly waitPerCall: number;
  /** The part of the requests that start a function, and how long it loads for 1 GB of memory, in milliseconds. */
  readonly coldStarts: number;
  readonly coldStartTime: number;
  /** Bytes of START, END and REPORT for each invocation, and of an access log line for each request. */
  readonly platformLogBytes: number;
  readonly accessLogBytes: number;
  /** The part of the invocations that are traced. */
  readonly tracedPart: number;
  /** One object and one invocation of the journal's function (half a GB, so many milliseconds) for each spent scrip, and its bytes. */
  readonly journalTime: number;
  readonly journalBytes: number;
  /** Custom metrics at least, where the functions printed fewer while they were counted. */
  readonly leastRequestMetrics: number;
  readonly leastScheduleMetrics: number;
  readonly alarms: number;
  readonly dashboards: number;
  /** Keys: root, wrapping, and the table's own. */
  readonly keys: number;
  /** Requests to KMS that DynamoDB makes for the table's key in an hour. */
  readonly tableKeyRequestsPerHour: number;
  /** Messages in dead-letter queues, and transitions of state machines, of which there are none. */
  readonly deadLettersPerMonth: number;
  readonly stateTransitionsPerMonth: number;
  /** How often a month reconciliation reads the whole table. */
  readonly reconciliations: number;
  readonly hoursPerMonth: number;
}

/** What holds where the caller says nothing else. */
export const standardAssumptions: Assumptions = {
  purchasesPerVendorScrip: 100,
  purchasesPerBatch: 100,
  purchasesPerCustomer: 1000,
  purchasesPerMerchant: 100_000,
  topUpsPerCustomer: 1,
  redemptionsPerCustomer: 0.1,
  daysPerCustomer: 10,
  newPeers: 0.1,
  keptMonths: 1,
  waitPerCall: 5,
  coldStarts: 0.01,
  coldStartTime: 500,
  platformLogBytes: 400,
  accessLogBytes: 350,
  tracedPart: 0.05,
  journalTime: 50,
  journalBytes: 512,
  leastRequestMetrics: 30,
  leastScheduleMetrics: 8,
  alarms: 13,
  dashboards: 1,
  keys: 3,
  tableKeyRequestsPerHour: 12,
  deadLettersPerMonth: 0,
  stateTransitionsPerMonth: 122,
  reconciliations: 30.4,
  hoursPerMonth: 730,
};
