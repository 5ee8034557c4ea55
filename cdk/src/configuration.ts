/** What an operator configures, checked at synth time: a mistake is told in a sentence that says what to change. */
import { Duration } from "aws-cdk-lib";
import { ConfigurationError, type ScripBrokerProps } from "./props.ts";

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
}

const KNOWN: ReadonlySet<string> = new Set<keyof StageConfiguration>([
  "name",
  "currency",
  "alarmEmail",
  "account",
  "region",
  "scripLifeDays",
  "holdTimeDays",
  "claimTimeDays",
  "graceDays",
  "noticePatienceDays",
  "disputeWindowDays",
  "logRetentionDays",
  "tracing",
  "reservedConcurrency",
]);

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
    if (read.filter((each) => each.name.toLowerCase() === name.toLowerCase()).length > 1)
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
    if (!KNOWN.has(key))
      throw new ConfigurationError(
        `The stage "${name}" in cdk.json sets "${key}", which means nothing here. It may set ${[...KNOWN].join(", ")}.`,
      );
    if (key.endsWith("Days") && !(Number.isInteger(value) && value > 0))
      throw new ConfigurationError(
        `The stage "${name}" in cdk.json sets "${key}" to ${JSON.stringify(value)}. It must be a whole number of days above 0.`,
      );
  }
  return stage as StageConfiguration;
}

/** The construct's properties that a stage's configuration says. */
export const propsOf = ({ name, currency, alarmEmail, ...rest }: StageConfiguration): ScripBrokerProps => ({
  stage: name,
  currency,
  alarmEmail,
  ...days("scripLife", rest.scripLifeDays),
  ...days("holdTime", rest.holdTimeDays),
  ...days("claimTime", rest.claimTimeDays),
  ...days("grace", rest.graceDays),
  ...days("noticePatience", rest.noticePatienceDays),
  ...days("disputeWindow", rest.disputeWindowDays),
  ...days("logRetention", rest.logRetentionDays),
  ...(rest.tracing === undefined ? {} : { tracing: rest.tracing }),
  ...(rest.reservedConcurrency === undefined ? {} : { reservedConcurrency: rest.reservedConcurrency }),
});

const days = (name: string, count: number | undefined) =>
  count === undefined ? {} : { [name]: Duration.days(count) };
