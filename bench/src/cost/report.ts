/** How an estimate is shown: tables for people, one JSON object for programs. */

import { limits } from "@lepta/protocol";
import type { Assumptions } from "./assumptions.ts";
import { type Dollars, type Service, services, totalDollars } from "./dollars.ts";
import { type Estimate, monthOf, noticeRatio, type Part } from "./estimate.ts";
import type { Counted, Flow, FlowName } from "./flows.ts";
import type { PriceFile } from "./prices.ts";
import { CORE_MIB } from "./recorder.ts";

export interface Report {
  readonly purchases: number;
  readonly assumptions: Assumptions;
  readonly file: PriceFile;
  readonly counted: Counted;
  readonly estimate: Estimate;
}

const serviceNames: Readonly<Record<Service, string>> = {
  apiGateway: "API Gateway",
  lambda: "Lambda",
  dynamoDb: "DynamoDB requests",
  dynamoDbStorage: "DynamoDB storage",
  dynamoDbBackup: "DynamoDB backups",
  kms: "KMS",
  cloudWatch: "CloudWatch",
  xRay: "X-Ray",
  s3: "S3 (journal)",
  eventBridge: "EventBridge",
  sqs: "SQS",
  stepFunctions: "Step Functions",
  transferOut: "Transfer out",
};

const partNames: Readonly<Record<Part, string>> = {
  notices: "notices, in batches",
  vendorScrip: "VendorScrip and its settlement",
  customers: "customers: credentials, top-ups, redemptions",
  merchants: "merchants: credentials, complaints",
};

const flowTitles: Readonly<Record<FlowName, string>> = {
  customerEnrolment: "a customer enrols",
  customerDay: "a customer comes on another day",
  merchantEnrolment: "a merchant enrols",
  merchantDay: "a merchant on another day",
  merchantHour: "a merchant asks for complaints",
  topUp: "top-up (figure 6)",
  redemption: "redemption",
  vendorScrip: "VendorScrip (figure 8)",
  settlement: "a full settlement",
  singleNotices: "a purchase's notices, each by itself",
  batchedNotices: "a purchase's notices, in batches",
  statements: "a lane's purchase, in statements",
  statementsInFull: "a lane's purchase, in full batches",
};

/** The tables, without a line break at the end. */
export function describe({ purchases, assumptions, file, counted, estimate }: Report): string {
  const { perMillionPurchases, notices, statements, idlePerMonth, inUsePerMonth } = estimate;
  const month = monthOf(estimate, purchases);
  const total = [month, perMillionPurchases, idlePerMonth, inUsePerMonth];
  const sums = (each: readonly Dollars[]): readonly string[] => each.map((one) => usd(totalDollars(one)));
  const { single, batch } = notices;
  return [
    `US dollars, ${file.region}, prices of ${file.date}; no free tier and no discount is taken off.`,
    "",
    ...table([
      [`${integer.format(purchases)} purchases`, "month", "per million", "idle month", "in use"],
      ...services.map((service) => [serviceNames[service], ...total.map((each) => usd(each[service]))]),
      ["Total", ...sums(total)],
    ]),
    "",
    ...table([
      ["of the dollars per million purchases", ""],
      ...(Object.keys(partNames) as Part[]).map((part) => [
        partNames[part],
        usd(totalDollars(estimate.parts[part])),
      ]),
    ]),
    "",
    ...table([
      ["a million purchases' notices", "single", `in ${assumptions.purchasesPerBatch}s`],
      ...services
        .filter((service) => single[service] + batch[service] > 0)
        .map((service) => [serviceNames[service], usd(single[service]), usd(batch[service])]),
      ["Total", ...sums([single, batch])],
    ]),
    "",
    ...table([
      [
        "a million purchases' statements",
        "a thousand each",
        `in ${integer.format(limits.batchEntries)} entries`,
      ],
      ...services
        .filter((service) => statements.batch[service] + statements.full[service] > 0)
        .map((service) => [
          serviceNames[service],
          fine(statements.batch[service]),
          fine(statements.full[service]),
        ]),
      ["Total", ...[statements.batch, statements.full].map((each) => fine(totalDollars(each)))],
    ]),
    `Single notices cost ${noticeRatio(estimate).toFixed(2)} times as much as batches of ${assumptions.purchasesPerBatch}.`,
    "",
    `A thousand VendorScrips                  ${usd(totalDollars(estimate.perThousandVendorScrip))}`,
    `Each further month of a million kept     ${usd(totalDollars(estimate.perFurtherMonthKept))}`,
    "",
    ...table([
      ["counted, for one", "requests", "SDK calls", "write units", "read units", "KMS", "sent", "GB-ms"],
      ...(Object.entries(counted.flows) as [FlowName, Flow][]).map(([name, flow]) =>
        row(flowTitles[name], flow),
      ),
      ...Object.entries(counted.schedules).map(([name, flow]) => row(`schedule ${name}`, flow)),
    ]),
    "",
    "Assumed:",
    ...Object.entries(assumptions).map(([name, value]) => `  ${name} ${value}`),
    `Prices to look up again: ${file.unchecked.join(", ")}.`,
  ].join("\n");
}

/** The object of `--json`. */
export function jsonOf({ purchases, assumptions, file, counted, estimate }: Report) {
  const { perMillionPurchases, parts, notices, statements, idlePerMonth, inUsePerMonth } = estimate;
  return {
    perMillionPurchases: {
      ...shown(perMillionPurchases),
      parts: Object.fromEntries(
        Object.entries(parts).map(([part, each]) => [part, rounded(totalDollars(each))]),
      ),
    },
    perThousandVendorScrip: rounded(totalDollars(estimate.perThousandVendorScrip)),
    idlePerMonth: rounded(totalDollars(idlePerMonth)),
    idleByService: shown(idlePerMonth).byService,
    inUsePerMonth: rounded(totalDollars(inUsePerMonth)),
    perFurtherMonthKept: rounded(totalDollars(estimate.perFurtherMonthKept)),
    month: { purchases, ...shown(monthOf(estimate, purchases)) },
    notices: {
      single: rounded(totalDollars(notices.single)),
      batch: rounded(totalDollars(notices.batch)),
      ratio: rounded(noticeRatio(estimate)),
    },
    statements: { batch: shown(statements.batch), full: shown(statements.full) },
    counted: {
      ...Object.fromEntries(Object.entries(counted.flows).map(([name, { counts }]) => [name, counts])),
      schedules: Object.fromEntries(
        Object.entries(counted.schedules).map(([name, { counts }]) => [name, counts]),
      ),
      coldStart: counted.cold,
    },
    assumptions: { ...assumptions, wholeCoreAtMiB: CORE_MIB, freeTier: false },
    prices: { date: file.date, region: file.region, unchecked: file.unchecked },
  };
}

const shown = (each: Dollars) => ({
  total: rounded(totalDollars(each)),
  byService: Object.fromEntries(services.map((service) => [service, rounded(each[service])])),
});

const row = (title: string, { counts, calls }: Flow): readonly string[] => [
  title,
  short.format(Object.values(calls).reduce((sum, each) => sum + each, 0)),
  short.format(counts.sdkCalls),
  short.format(counts.writeUnits),
  short.format(counts.readUnits),
  short.format(counts.kmsSymmetric + counts.kmsAsymmetric),
  short.format(counts.requestBytes + counts.responseBytes),
  short.format(counts.gbSeconds * 1000),
];

/** Lines with the first column to the left and the others to the right. */
function table(rows: readonly (readonly string[])[]): readonly string[] {
  const width = (column: number) => Math.max(...rows.map((each) => each[column]?.length ?? 0));
  return rows.map((each) =>
    each
      .map((cell, column) => (column === 0 ? cell.padEnd(width(0)) : cell.padStart(width(column))))
      .join("  "),
  );
}

const integer = new Intl.NumberFormat("en");
const short = new Intl.NumberFormat("en", { maximumSignificantDigits: 4 });
const money = new Intl.NumberFormat("en", { minimumFractionDigits: 4, maximumFractionDigits: 4 });
const small = new Intl.NumberFormat("en", { minimumFractionDigits: 6, maximumFractionDigits: 6 });
const fine = (value: number): string => small.format(value);
const usd = (value: number): string => money.format(value);
/** Twelve digits: far more than anybody knows of a price, and few enough that sums come out even. */
const rounded = (value: number): number => Number(value.toPrecision(12));
