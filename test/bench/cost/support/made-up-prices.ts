/** Prices that nobody asks: each another number, so that one taken for another shows. */
import type { Prices } from "../../../../bench/src/cost/prices.ts";

export const madeUpPrices: Prices = {
  httpApiMillionRequests: 2,
  lambdaMillionRequests: 3,
  lambdaGbSecond: 5,
  dynamoDbMillionWriteUnits: 7,
  dynamoDbMillionReadUnits: 11,
  dynamoDbStorageGbMonth: 17,
  dynamoDbBackupGbMonth: 23,
  kmsTenThousandSymmetric: 13,
  kmsTenThousandAsymmetric: 17,
  kmsKeyMonth: 41,
  cloudWatchLogGb: 19,
  cloudWatchMetricMonth: 43,
  cloudWatchAlarmMonth: 47,
  cloudWatchDashboardMonth: 59,
  xRayMillionTraces: 29,
  s3ThousandPuts: 31,
  s3GbMonth: 37,
  eventBridgeMillionInvocations: 61,
  sqsMillionRequests: 67,
  stepFunctionsMillionTransitions: 71,
  transferOutGb: 53,
};
