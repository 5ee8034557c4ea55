/** What an operator configures, checked at synth time: a mistake is told in a sentence that says what to change. */
import { functions } from "@lepta/lambdas/functions";
import { Duration } from "aws-cdk-lib";
import { ConfigurationError, checkProps, type ScripBrokerProps } from "./props.ts";

/** One entry of `stages` in cdk.json: the construct's properties in JSON. Durations are whole days. */
export interface StageConfiguration {
  readonly name: string;
  readonly currency: string;
  readonly alarmEmail: string;
  readonly account?: string;
  readonly region?: string;
  readonly scripLifeDays?: number;
  readonly holdTimeDays?: number;
  readonly claimTimeDays?: number;
  readonly graceDays?: number;
  readonly noticePatienceDays?: number;
  readonly disputeWindowDays?: number;
  readonly logRetentionDays?: number;
  readonly tracing?: boolean;
  readonly reservedConcurrency?: ScripBrokerProps["reservedConcurrency"];
  readonly restoredTable?: ScripBrokerProps["restoredTable"];
}

interface Kind {
  readonly said: string;
  holds(value: unknown): boolean;
}

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) > 0;
const text: Kind = { said: "a text", holds: (value) => typeof value === "string" };
const days: Kind = { said: "a whole number of days above 0", holds: isCount };

/** What may stand behind each name. */
const KINDS: Readonly<Record<keyof StageConfiguration, Kind>> = {
  name: text,
  currency: text,
  alarmEmail: text,
  account: {
    said: "an account's twelve digits, as a text",
    holds: (value) => typeof value === "string" && /^\d{12}$/.test(value),
  },
  region: {
    said: 'a region, such as "eu-central-1"',
    holds: (value) => typeof value === "string" && /^[a-z]{2,}(-[a-z]+)+-\d$/.test(value),
  },
  scripLifeDays: days,
  holdTimeDays: days,
  claimTimeDays: days,
  graceDays: days,
  noticePatienceDays: days,
  disputeWindowDays: days,
  logRetentionDays: days,
  tracing: { said: "true or false", holds: (value) => typeof value === "boolean" },
  restoredTable: {
    said: 'a table\'s name and its stream: { "name": "…", "streamArn": "arn:aws:dynamodb:…:table/…/stream/…" }',
    holds: (value) => {
      const { name, streamArn, ...more } = (value ?? {}) as Readonly<Record<string, unknown>>;
      const isOfTable = typeof name === "string" && String(streamArn).includes(`:table/${name}/stream/`);
      return isOfTable && Object.keys(more).length === 0;
    },
  },
  reservedConcurrency: {
    said: `whole numbers above 0 by function (${Object.keys(functions).join(", ")})`,
    holds: (value) =>
      typeof value === "object" &&
      value !== null &&
      Object.entries(value).every(([name, count]) => Object.hasOwn(functions, name) && isCount(count)),
  },
};

/**
 * The stages to synthesise: of the list `stages` in cdk.json all, or the one that `-c stage=NAME` names. Throws
 * `ConfigurationError`.
 */
export function readStages(stages: unknown, only: unknown): readonly StageConfiguration[] {
  if (!Array.isArray(stages) || stages.length === 0)
    throw new ConfigurationError(
      'cdk.json has no stages. Add "stages": [{ "name": "test", "currency": "EUR", "alarmEmail": "you@example.org" }] to its context.',
    );
  const read = stages.map(readStage);
  for (const { name } of read)
    if (read.filter((each) => each.name === name).length > 1)
      throw new ConfigurationError(
        `Two stages in cdk.json have the name "${name}": keys, parameters and stacks are named after it. Rename one of them.`,
      );
  if (only === undefined) return read;
  const chosen = read.filter(({ name }) => name === only);
  if (chosen.length === 0)
    throw new ConfigurationError(
      `There is no stage "${String(only)}" in cdk.json. It has ${read.map(({ name }) => `"${name}"`).join(", ")}; add one, or choose one of these with -c stage=NAME.`,
    );
  return chosen;
}

function readStage(stage: unknown): StageConfiguration {
  if (typeof stage !== "object" || stage === null || typeof (stage as { name?: unknown }).name !== "string")
    throw new ConfigurationError('A stage in cdk.json has no name. Give it one, such as "name": "test".');
  const { name } = stage as { readonly name: string };
  for (const [key, value] of Object.entries(stage)) {
    const kind = KINDS[key as keyof StageConfiguration];
    if (!Object.hasOwn(KINDS, key) || kind === undefined)
      throw new ConfigurationError(
        `The stage "${name}" in cdk.json sets "${key}", which means nothing here. It may set ${Object.keys(KINDS).join(", ")}.`,
      );
    if (!kind.holds(value))
      throw new ConfigurationError(
        `The stage "${name}" in cdk.json sets "${key}" to ${JSON.stringify(value)}. It must be ${kind.said}.`,
      );
  }
  const configuration = stage as StageConfiguration;
  checkProps(propsOf(configuration));
  return configuration;
}

/** The construct's properties that a stage's configuration says. */
export const propsOf = ({ name, currency, alarmEmail, ...rest }: StageConfiguration): ScripBrokerProps => ({
  stage: name,
  currency,
  alarmEmail,
  ...inDays("scripLife", rest.scripLifeDays),
  ...inDays("holdTime", rest.holdTimeDays),
  ...inDays("claimTime", rest.claimTimeDays),
  ...inDays("grace", rest.graceDays),
  ...inDays("noticePatience", rest.noticePatienceDays),
  ...inDays("disputeWindow", rest.disputeWindowDays),
  ...inDays("logRetention", rest.logRetentionDays),
  ...(rest.restoredTable === undefined ? {} : { restoredTable: rest.restoredTable }),
  ...(rest.tracing === undefined ? {} : { tracing: rest.tracing }),
  ...(rest.reservedConcurrency === undefined ? {} : { reservedConcurrency: rest.reservedConcurrency }),
});

const inDays = (name: string, count: number | undefined) =>
  count === undefined ? {} : { [name]: Duration.days(count) };
