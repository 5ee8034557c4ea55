/** Counts times prices: dollars by service, in proportion to what was counted. */
import type { Assumptions } from "./assumptions.ts";
import type { Counts } from "./counts.ts";
import type { Prices } from "./prices.ts";

export const services = [
  "apiGateway",
  "lambda",
  "dynamoDb",
  "dynamoDbStorage",
  "dynamoDbBackup",
  "kms",
  "cloudWatch",
  "xRay",
  "s3",
  "eventBridge",
  "sqs",
  "stepFunctions",
  "transferOut",
] as const;
export type Service = (typeof services)[number];
export type Dollars = Readonly<Record<Service, number>>;

const GB = 1024 ** 3;
const MILLION = 1e6;
const READ_STEP = 4096;
const JOURNAL_GB = 0.5;

/** Dollars by service; the services that are not named cost nothing. */
export const dollars = (some: Partial<Dollars>): Dollars =>
  Object.fromEntries(services.map((service) => [service, some[service] ?? 0])) as Dollars;

export const addDollars = (...all: readonly Dollars[]): Dollars =>
  mapDollars((service) => all.reduce((sum, each) => sum + each[service], 0));

/** So many times. */
export const multiplyDollars = (each: Dollars, factor: number): Dollars =>
  mapDollars((service) => each[service] * factor);

export const totalDollars = (each: Dollars): number =>
  services.reduce((sum, service) => sum + each[service], 0);

/** What was counted, with what is assumed of cold starts, waiting, logs, traces, the journal and storage. */
export function priceOf(counts: Counts, cold: Counts, prices: Prices, assumptions: Assumptions): Dollars {
  const { coldStarts, coldStartTime, waitPerCall, journalTime, keptMonths } = assumptions;
  const starts = counts.invocations * coldStarts;
  const both = (name: keyof Counts): number => counts[name] + starts * cold[name];
  const gbSeconds =
    both("gbSeconds") +
    (both("gbCalls") * waitPerCall + starts * coldStartTime + counts.spends * journalTime * JOURNAL_GB) /
      1000;
  const invocations = counts.invocations + counts.spends;
  const keptGb = (counts.storedBytes * keptMonths) / GB;
  const reconciled = ((counts.storedBytes * keptMonths) / READ_STEP) * assumptions.reconciliations;
  const logged =
    counts.printedBytes +
    invocations * assumptions.platformLogBytes +
    counts.httpUnits * assumptions.accessLogBytes;
  return dollars({
    apiGateway: (counts.httpUnits / MILLION) * prices.httpApiMillionRequests,
    lambda: (invocations / MILLION) * prices.lambdaMillionRequests + gbSeconds * prices.lambdaGbSecond,
    dynamoDb:
      (counts.writeUnits / MILLION) * prices.dynamoDbMillionWriteUnits +
      ((both("readUnits") + reconciled) / MILLION) * prices.dynamoDbMillionReadUnits,
    dynamoDbStorage: keptGb * prices.dynamoDbStorageGbMonth,
    dynamoDbBackup: keptGb * prices.dynamoDbBackupGbMonth,
    kms:
      (both("kmsSymmetric") / 10_000) * prices.kmsTenThousandSymmetric +
      (both("kmsAsymmetric") / 10_000) * prices.kmsTenThousandAsymmetric,
    cloudWatch: (logged / GB) * prices.cloudWatchLogGb,
    xRay: ((counts.invocations * assumptions.tracedPart) / MILLION) * prices.xRayMillionTraces,
    s3:
      (counts.spends / 1000) * prices.s3ThousandPuts +
      ((counts.spends * assumptions.journalBytes * keptMonths) / GB) * prices.s3GbMonth,
    transferOut: (counts.responseBytes / GB) * prices.transferOutGb,
  });
}

const mapDollars = (value: (service: Service) => number): Dollars =>
  Object.fromEntries(services.map((service) => [service, value(service)])) as Dollars;
