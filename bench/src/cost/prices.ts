/** The price file: US dollars, without any free tier or discount. */
import { readFileSync } from "node:fs";

const names = [
  "httpApiMillionRequests",
  "lambdaMillionRequests",
  "lambdaGbSecond",
  "dynamoDbMillionWriteUnits",
  "dynamoDbMillionReadUnits",
  "dynamoDbStorageGbMonth",
  "dynamoDbBackupGbMonth",
  "kmsTenThousandSymmetric",
  "kmsTenThousandAsymmetric",
  "kmsKeyMonth",
  "cloudWatchLogGb",
  "cloudWatchMetricMonth",
  "cloudWatchAlarmMonth",
  "cloudWatchDashboardMonth",
  "xRayMillionTraces",
  "s3ThousandPuts",
  "s3GbMonth",
  "eventBridgeMillionInvocations",
  "sqsMillionRequests",
  "stepFunctionsMillionTransitions",
  "transferOutGb",
] as const;

export type PriceName = (typeof names)[number];
/** Dollars by name. */
export type Prices = Readonly<Record<PriceName, number>>;

export interface PriceFile {
  /** When the prices were looked up, `2026-11-21`. */
  readonly date: string;
  readonly region: string;
  readonly prices: Prices;
  /** Those that a reader should look up again. */
  readonly unchecked: readonly PriceName[];
}

const FILE = new URL("prices.json", import.meta.url);

/** Reads the price file of this folder. Throws with the name of what is missing or is no price. */
export const readPriceFile = (): PriceFile => parsePriceFile(readFileSync(FILE, "utf8"));

/** A price file from its text. Throws as `readPriceFile` does. */
export function parsePriceFile(text: string): PriceFile {
  const { date, region, prices } = JSON.parse(text) as {
    readonly date?: string;
    readonly region?: string;
    readonly prices?: Readonly<Record<string, { readonly dollars?: number; readonly source?: string }>>;
  };
  if (date === undefined || region === undefined) throw new Error("the price file has no date or no region");
  const entries = names.map((name) => {
    const price = prices?.[name]?.dollars;
    if (typeof price !== "number" || !(price >= 0)) throw new Error(`the price file has no price ${name}`);
    return [name, price] as const;
  });
  const unchecked = names.filter((name) => prices?.[name]?.source !== "noted");
  return { date, region, prices: Object.fromEntries(entries) as Prices, unchecked };
}
