/** The alarms: each says in its description what it means, and docs/operate.md what to do. */
import type { FunctionName } from "@lepta/lambdas/functions";
import { metric, metricNamespace } from "@lepta/lambdas/metrics";
import { ArnFormat, Duration, Stack } from "aws-cdk-lib";
import type { HttpApi } from "aws-cdk-lib/aws-apigatewayv2";
import {
  Alarm,
  ComparisonOperator,
  type IMetric,
  MathExpression,
  Metric,
  Stats,
  TreatMissingData,
} from "aws-cdk-lib/aws-cloudwatch";
import { SnsAction } from "aws-cdk-lib/aws-cloudwatch-actions";
import { PolicyStatement, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import type { IFunction } from "aws-cdk-lib/aws-lambda";
import { Topic } from "aws-cdk-lib/aws-sns";
import { EmailSubscription } from "aws-cdk-lib/aws-sns-subscriptions";
import type { Queue } from "aws-cdk-lib/aws-sqs";
import type { StateMachine } from "aws-cdk-lib/aws-stepfunctions";
import type { Construct } from "constructs";
import type { BrokerTable } from "./table.ts";

export interface Watched {
  readonly stage: string;
  readonly api: HttpApi;
  readonly functions: Readonly<Record<FunctionName, IFunction>>;
  readonly table: BrokerTable;
  readonly deadLetters: Queue;
  readonly reconciliation: StateMachine;
}

interface AlarmDefinition {
  readonly name: string;
  readonly metric: IMetric;
  readonly threshold: number;
  readonly means: string;
  /** `above` where nothing is said; a metric that must be there and is not is as bad as a wrong one. */
  readonly when?: "below";
  readonly missing?: "bad";
  readonly periods?: number;
}

const MINUTES = Duration.minutes(5);
const MINUTES_10 = Duration.minutes(10);
const HOURS_3 = Duration.hours(3);
const DAY = Duration.days(1);
/** A quarter of an operational key's life: rotation renews at half. */
const LEAST_KEY_LIFE = Duration.hours(6);

/** What answers requests, and what works behind them: a metric's expression takes ten at most. */
const ANSWERING: readonly FunctionName[] = [
  "keys",
  "enrol",
  "fund",
  "authorise",
  "settle",
  "notices",
  "query",
];
const BEHIND: readonly FunctionName[] = ["rotate", "finish", "reconcile", "journal", "operate"];

export function createAlarms(
  scope: Construct,
  watched: Watched,
  alarmEmail: string,
): { readonly alarms: readonly Alarm[]; readonly topic: Topic } {
  const topic = new Topic(scope, "Alarms", {
    displayName: `Lepta ${watched.stage}`,
    enforceSSL: true,
  });
  topic.addToResourcePolicy(ringing(topic, watched.stage));
  if (alarmEmail !== "none") topic.addSubscription(new EmailSubscription(alarmEmail));
  const alarms = definitions(watched).map(({ name, means, when, missing, periods = 1, ...rest }) => {
    const alarm = new Alarm(scope, `${name}Alarm`, {
      alarmName: `lepta-${watched.stage}-${name}`,
      alarmDescription: `${means} What to do: docs/operate.md, "${name}".`,
      ...rest,
      evaluationPeriods: periods,
      comparisonOperator:
        when === "below" ? ComparisonOperator.LESS_THAN_THRESHOLD : ComparisonOperator.GREATER_THAN_THRESHOLD,
      treatMissingData: missing === "bad" ? TreatMissingData.BREACHING : TreatMissingData.NOT_BREACHING,
    });
    alarm.addAlarmAction(new SnsAction(topic));
    alarm.addOkAction(new SnsAction(topic));
    return alarm;
  });
  return { alarms, topic };
}

/**
 * CloudWatch may tell the topic what this stage's alarms say. A topic without a policy lets it; this one has a policy, which
 * refuses plain HTTP, and takes the place of that one: without this statement no alarm would reach anybody.
 */
function ringing(topic: Topic, stage: string): PolicyStatement {
  const { account } = Stack.of(topic);
  const alarms = Stack.of(topic).formatArn({
    service: "cloudwatch",
    resource: "alarm",
    resourceName: `lepta-${stage}-*`,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
  return new PolicyStatement({
    sid: "AlarmsOfThisStage",
    principals: [new ServicePrincipal("cloudwatch.amazonaws.com")],
    actions: ["sns:Publish"],
    resources: [topic.topicArn],
    conditions: { StringEquals: { "aws:SourceAccount": account }, ArnLike: { "aws:SourceArn": alarms } },
  });
}

function definitions(watched: Watched): readonly AlarmDefinition[] {
  const { api, functions, table, deadLetters, reconciliation, stage } = watched;
  const own = (name: string, service: FunctionName, statistic: string, period: Duration) =>
    new Metric({
      namespace: metricNamespace(stage),
      metricName: name,
      dimensionsMap: { service },
      statistic,
      period,
    });
  const sumOf = (names: readonly FunctionName[], of: (name: FunctionName) => IMetric) =>
    new MathExpression({
      expression: names.map((name) => `FILL(${name}, 0)`).join(" + "),
      usingMetrics: Object.fromEntries(names.map((name) => [name, of(name)])),
      period: MINUTES,
    });
  const errors = (name: FunctionName) => functions[name].metricErrors({ period: MINUTES });
  const throttles = (name: FunctionName) => functions[name].metricThrottles({ period: MINUTES });
  return [
    {
      name: "BooksDoNotBalance",
      metric: own(metric.findings, "reconcile", Stats.MAXIMUM, DAY),
      threshold: 0,
      means: "Reconciliation found something in the table that must not be.",
    },
    {
      name: "BooksNotChecked",
      metric: own(metric.findings, "reconcile", Stats.SAMPLE_COUNT, DAY),
      threshold: 1,
      when: "below",
      missing: "bad",
      periods: 2,
      means: "Nobody has checked the books for two days.",
    },
    {
      name: "ReconciliationFailed",
      // One that ran out of time or was stopped by hand has not failed, as Step Functions counts.
      metric: new MathExpression({
        expression: "FILL(failed, 0) + FILL(late, 0) + FILL(stopped, 0)",
        usingMetrics: {
          failed: reconciliation.metricFailed({ period: HOURS_3 }),
          late: reconciliation.metricTimedOut({ period: HOURS_3 }),
          stopped: reconciliation.metricAborted({ period: HOURS_3 }),
        },
        period: HOURS_3,
      }),
      threshold: 0,
      means: "A walk over the table ended before it was done.",
    },
    {
      name: "RotationOverdue",
      metric: own(metric.keyLifeLeft, "rotate", Stats.MINIMUM, HOURS_3),
      threshold: LEAST_KEY_LIFE.toMilliseconds(),
      when: "below",
      missing: "bad",
      means: "An operational key ends in less than six hours, or rotation does not run.",
    },
    {
      name: "Faults",
      metric: sumOf(ANSWERING, (name) => own(metric.faults, name, Stats.SUM, MINUTES)),
      threshold: 0,
      means: "A request was answered with `internal`: a fault of the broker's own.",
    },
    {
      name: "ErrorsAnswering",
      metric: sumOf(ANSWERING, errors),
      threshold: 0,
      means: "A function that answers requests crashed or ran out of time.",
    },
    {
      name: "ErrorsBehind",
      metric: sumOf(BEHIND, errors),
      threshold: 0,
      means: "A function that runs by the clock, on the stream or for the operator failed.",
    },
    {
      name: "Throttles",
      metric: sumOf([...ANSWERING, "finish", "rotate", "journal"], throttles),
      threshold: 0,
      means: "Lambda refused to start a function: the account's concurrency is used up.",
    },
    {
      name: "TableThrottles",
      metric: new MathExpression({
        expression: "FILL(reads, 0) + FILL(writes, 0)",
        usingMetrics: {
          reads: table.metric("ReadThrottleEvents", { statistic: Stats.SUM, period: MINUTES }),
          writes: table.metric("WriteThrottleEvents", { statistic: Stats.SUM, period: MINUTES }),
        },
        period: MINUTES,
      }),
      threshold: 0,
      periods: 3,
      means: "DynamoDB has refused requests for a quarter of an hour.",
    },
    {
      name: "ServerErrors",
      metric: api.metricServerError({ period: MINUTES, statistic: Stats.SUM }),
      threshold: 0,
      periods: 3,
      means: "The HTTP API has answered with 5xx for a quarter of an hour.",
    },
    {
      name: "DeadLetters",
      metric: deadLetters.metricApproximateNumberOfMessagesVisible({
        period: MINUTES,
        statistic: Stats.MAXIMUM,
      }),
      threshold: 0,
      means: "Something that nobody waited for failed every time and was put aside.",
    },
    {
      name: "LeftOpen",
      // Longer than between two turns, which come a little early or late: a period without one would count as a good one.
      metric: own(metric.leftOpen, "finish", Stats.MAXIMUM, MINUTES_10),
      threshold: 0,
      periods: 3,
      means: "Transactions that the schedule could not bring to their end for half an hour.",
    },
    {
      name: "JournalBehind",
      // A journal that is not called at all has no age: where the table is written to and nobody writes it down, it is late.
      metric: new MathExpression({
        expression: `IF(FILL(writes, 0) > 0 AND FILL(calls, 0) == 0, ${DAY.toMilliseconds()}, FILL(age, 0))`,
        usingMetrics: {
          age: functions.journal.metric("IteratorAge", { statistic: Stats.MAXIMUM, period: MINUTES }),
          calls: functions.journal.metricInvocations({ statistic: Stats.SUM, period: MINUTES }),
          writes: table.metric("ConsumedWriteCapacityUnits", { statistic: Stats.SUM, period: MINUTES }),
        },
        period: MINUTES,
      }),
      threshold: Duration.minutes(15).toMilliseconds(),
      // The call for what is written at the end of one period comes in the next.
      periods: 2,
      means: "The journal is a quarter of an hour behind the table: a restore would lose what it lacks.",
    },
  ];
}
