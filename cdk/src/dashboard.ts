/** The dashboard: the money first, then what goes wrong, then how fast, then the services underneath. */
import { metric, metricNamespace, stages } from "@lepta/lambdas/metrics";
import { Duration, Stack } from "aws-cdk-lib";
import {
  type Alarm,
  AlarmStatusWidget,
  Dashboard,
  GraphWidget,
  type IMetric,
  MathExpression,
  Metric,
  PeriodOverride,
  SingleValueWidget,
  Stats,
  TextWidget,
} from "aws-cdk-lib/aws-cloudwatch";
import { Operation } from "aws-cdk-lib/aws-dynamodb";
import type { Construct } from "constructs";
import type { Watched } from "./alarms.ts";

const PERIOD = Duration.minutes(5);
const HOUR = Duration.hours(1);

export interface DashboardOptions extends Watched {
  readonly currency: string;
  readonly alarms: readonly Alarm[];
}

export function createDashboard(scope: Construct, options: DashboardOptions): Dashboard {
  const { stage, currency, api, functions, table, alarms } = options;
  const namespace = metricNamespace(stage);
  // In quotes, since the name of a stage may have a hyphen.
  const searched = `"${namespace}"`;
  const each = (name: string, dimension: "service" | "service,code", statistic: string) =>
    new MathExpression({
      expression: `SEARCH('{${searched},${dimension}} MetricName="${name}"', '${statistic}', ${PERIOD.toSeconds()})`,
      label: "",
      period: PERIOD,
      usingMetrics: {},
    });
  const total = (name: string, label: string, period = PERIOD) =>
    new MathExpression({
      expression: `SUM(SEARCH('{${searched},service} MetricName="${name}"', 'Sum', ${period.toSeconds()}))`,
      label,
      period,
      usingMetrics: {},
    });
  const stageTimes = (statistic: string) =>
    stages.map((stage) => each(metric[`${stage}Time`], "service", statistic));
  const counted = (name: string, label: string) =>
    new Metric({
      namespace,
      metricName: name,
      dimensionsMap: { service: "reconcile" },
      statistic: Stats.MAXIMUM,
      period: Duration.days(1),
      label,
    });
  const dashboard = new Dashboard(scope, "Dashboard", {
    dashboardName: `lepta-${stage}`,
    periodOverride: PeriodOverride.INHERIT,
  });
  dashboard.addWidgets(
    new TextWidget({
      width: 24,
      height: 1,
      markdown: `**Lepta ${stage}** · amounts in ${currency} · what to do on an alarm: docs/operate.md`,
    }),
  );
  dashboard.addWidgets(new AlarmStatusWidget({ title: "Alarms", width: 24, height: 3, alarms: [...alarms] }));
  dashboard.addWidgets(
    new SingleValueWidget({
      title: "Outstanding, as reconciliation last counted it",
      width: 8,
      height: 6,
      metrics: [
        counted(metric.liveBrokerScrip, "live BrokerScrip"),
        counted(metric.owedToMerchants, "owed to merchants"),
        counted(metric.findings, "findings"),
      ],
    }),
    graph("Issued, authorised, redeemed, paid out", [
      total(metric.issued, "issued", HOUR),
      total(metric.authorised, "authorised", HOUR),
      total(metric.redeemed, "redeemed", HOUR),
      total(metric.paidOut, "paid to merchants", HOUR),
    ]),
    graph("Refused, by code", [each(metric.refused, "service,code", "Sum")]),
  );
  dashboard.addWidgets(
    graph("Double-spend attempts and faults", [
      total(metric.doubleSpends, "double-spend attempts"),
      total(metric.faults, "faults of our own"),
    ]),
    graph("Stages of a request, p50, in ms", stageTimes("p50")),
    graph("Stages of a request, p99, in ms", stageTimes("p99")),
  );
  const http = { period: PERIOD };
  dashboard.addWidgets(
    graph("HTTP API: latency, in ms", [
      api.metricLatency({ ...http, statistic: Stats.p(50), label: "p50" }),
      api.metricLatency({ ...http, statistic: Stats.p(99), label: "p99" }),
    ]),
    graph("HTTP API: requests and refusals", [
      api.metricCount({ ...http, statistic: Stats.SUM, label: "requests" }),
      api.metricClientError({ ...http, statistic: Stats.SUM, label: "4xx" }),
      api.metricServerError({ ...http, statistic: Stats.SUM, label: "5xx" }),
    ]),
    graph(
      "Functions: errors and throttles",
      Object.entries(functions).flatMap(([name, built]) => [
        built.metricErrors({ period: PERIOD, label: `${name} errors` }),
        built.metricThrottles({ period: PERIOD, label: `${name} throttles` }),
      ]),
    ),
  );
  dashboard.addWidgets(
    graph("DynamoDB: units used and throttles", [
      table.metricConsumedReadCapacityUnits({ period: PERIOD, label: "read units" }),
      table.metricConsumedWriteCapacityUnits({ period: PERIOD, label: "write units" }),
      table.metricThrottledRequestsForOperations({
        period: PERIOD,
        operations: [Operation.GET_ITEM, Operation.QUERY, Operation.PUT_ITEM, Operation.TRANSACT_WRITE_ITEMS],
        label: "throttled",
      }),
    ]),
    graph("KMS: calls, and those that it throttled", [
      total(metric.kmsCalls, "calls"),
      total(metric.kmsThrottles, "throttled"),
    ]),
    graph("Rotation and schedules", [
      new Metric({
        namespace,
        metricName: metric.keyLifeLeft,
        dimensionsMap: { service: "rotate" },
        statistic: Stats.MINIMUM,
        period: HOUR,
        label: "life left of the shortest key, in ms",
      }),
      new Metric({
        namespace,
        metricName: metric.leftOpen,
        dimensionsMap: { service: "finish" },
        statistic: Stats.MAXIMUM,
        period: PERIOD,
        label: "left open",
      }),
    ]),
  );
  return dashboard;
}

const graph = (title: string, left: IMetric[]): GraphWidget =>
  new GraphWidget({ title, width: 8, height: 6, left });

/** Where the operator looks at it. */
export const dashboardUrl = (scope: Construct, stage: string): string => {
  const { region } = Stack.of(scope);
  return `https://${region}.console.aws.amazon.com/cloudwatch/home?region=${region}#dashboards/dashboard/lepta-${stage}`;
};
