/** The environment of a function: the names that the deployment sets, and what they mean. */
import type { SuiteName } from "@lepta/protocol";
import type { Policy } from "./pipeline/broker.ts";

/** The names of the environment variables. */
export const variable = {
  table: "LEPTA_TABLE",
  rootKey: "LEPTA_ROOT_KEY",
  wrappingKey: "LEPTA_WRAPPING_KEY",
  currency: "LEPTA_CURRENCY",
  rail: "LEPTA_RAIL",
  suite: "LEPTA_SUITE",
  scripLife: "LEPTA_SCRIP_LIFE_MS",
  holdTime: "LEPTA_HOLD_TIME_MS",
  claimTime: "LEPTA_CLAIM_TIME_MS",
  grace: "LEPTA_GRACE_MS",
  noticePatience: "LEPTA_NOTICE_PATIENCE_MS",
  disputeWindow: "LEPTA_DISPUTE_WINDOW_MS",
  recallableLimit: "LEPTA_RECALLABLE_LIMIT",
  journal: "LEPTA_JOURNAL",
} as const;

export type Variables = Readonly<Record<string, string | undefined>>;

/** What a deployment sets: places, and what the operator decided. Whatever is absent has its standard. Times in milliseconds. */
export interface Settings {
  readonly table: string;
  /** Key ids, ARNs or aliases. */
  readonly rootKey: string;
  readonly wrappingKey: string;
  /** The bucket of the journal. */
  readonly journal?: string;
  /** ISO 4217. */
  readonly currency: string;
  readonly rail?: "sandbox";
  readonly suite?: SuiteName;
  readonly scripLife?: number;
  readonly holdTime?: number;
  readonly claimTime?: number;
  readonly grace?: number;
  readonly noticePatience?: number;
  readonly disputeWindow?: number;
  /** Millionths. */
  readonly recallableLimit?: bigint;
}

/** The variables that say these settings: `readEnvironment` reads them back. */
export const variablesOf = (settings: Settings): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(settings).flatMap(([name, value]: [string, string | number | bigint | undefined]) =>
      value === undefined ? [] : [[variable[name as keyof Settings], value.toString()]],
    ),
  );

export interface Environment {
  readonly table: string;
  readonly rootKey: string;
  readonly wrappingKey: string;
  readonly rail: "sandbox";
  readonly suite: SuiteName;
  readonly policy: Policy;
  /** The bucket of the journal; only the function `journal` needs it. */
  readonly journal: string | undefined;
  /** Set where the services are not AWS's own: the embedded cloud. */
  readonly dynamoDbEndpoint: string | undefined;
  readonly kmsEndpoint: string | undefined;
  readonly s3Endpoint: string | undefined;
}

const DAY = 24 * 60 * 60 * 1000;
const CURRENCIES: ReadonlySet<string> = new Set(Intl.supportedValuesOf("currency"));

/** Reads the variables. Throws with the variable's name where one is missing or means nothing. */
export function readEnvironment(variables: Variables): Environment {
  const needed = (name: string): string => {
    const value = variables[name];
    if (value === undefined || value === "") throw new Error(`the environment variable ${name} is not set`);
    return value;
  };
  const whole = (name: string, standard: number): number => {
    const text = variables[name];
    if (text === undefined) return standard;
    if (!/^\d{1,15}$/.test(text))
      throw new Error(`the environment variable ${name} is not a whole number: ${text}`);
    return Number(text);
  };
  const currency = needed(variable.currency);
  if (!CURRENCIES.has(currency)) throw new Error(`${variable.currency} is not an ISO 4217 code: ${currency}`);
  const suite = variables[variable.suite] ?? "default";
  if (suite !== "default" && suite !== "figure-4")
    throw new Error(`${variable.suite} names no suite: ${suite}`);
  const rail = variables[variable.rail] ?? "sandbox";
  if (rail !== "sandbox") throw new Error(`${variable.rail} names no funding rail: ${rail}`);
  const holdTime = whole(variable.holdTime, 3 * DAY);
  const claimTime = whole(variable.claimTime, Math.floor(holdTime / 3));
  if (holdTime > 0 && (claimTime === 0 || claimTime >= holdTime))
    throw new Error(
      `${variable.claimTime} must be more than nothing and shorter than ${variable.holdTime}: ${claimTime}`,
    );
  const disputeWindow = whole(variable.disputeWindow, 400 * DAY);
  if (disputeWindow <= holdTime)
    throw new Error(`${variable.disputeWindow} must be longer than ${variable.holdTime}: ${disputeWindow}`);
  return {
    table: needed(variable.table),
    rootKey: needed(variable.rootKey),
    wrappingKey: needed(variable.wrappingKey),
    rail,
    suite,
    policy: {
      currency,
      scripLife: whole(variable.scripLife, 365 * DAY),
      holdTime,
      claimTime,
      grace: whole(variable.grace, 90 * DAY),
      noticePatience: whole(variable.noticePatience, 7 * DAY),
      disputeWindow,
      recallableLimit: BigInt(whole(variable.recallableLimit, 0)),
    },
    journal: variables[variable.journal],
    dynamoDbEndpoint: variables.AWS_ENDPOINT_URL_DYNAMODB,
    kmsEndpoint: variables.AWS_ENDPOINT_URL_KMS,
    s3Endpoint: variables.AWS_ENDPOINT_URL_S3,
  };
}
