/** What runs without being asked, and what the operator is told: schedules, dead letters, outputs, alarms, the dashboard. */
import { readDeployment } from "@lepta/lambdas/deployment";
import { functions } from "@lepta/lambdas/functions";
import { metric, metricNamespace } from "@lepta/lambdas/metrics";
import { deploymentParameter } from "@lepta/lambdas/resources";
import { type Capability, routes, schedules } from "@lepta/lambdas/routes";
import { describe, expect, test } from "vitest";
import { textOf } from "./support/iam.ts";
import { arn, lookInto, functionNames as names, properties } from "./support/lookup.ts";
import { ofType, synthesise } from "./support/synthesise.ts";

const { template, json } = synthesise({ alarmEmail: "alarms@example.org" });
const { all, the, functionOf } = lookInto(json);
const [deadLetters] = the("AWS::SQS::Queue");

describe("what nobody waits for", () => {
  const rules = all("AWS::Events::Rule").map(([, each]) => properties(each));

  test("runs by the clock as the route table's schedules say", () => {
    const [machine] = the("AWS::StepFunctions::StateMachine");
    const built = rules.map(({ ScheduleExpression, State, Targets }) => {
      const [target] = Targets as readonly { readonly Arn: unknown }[];
      return [textOf(target?.Arn), minutesOf(String(ScheduleExpression)), State];
    });
    const expected = (schedules as readonly { capability: string; everyMinutes: number }[]).map(
      ({ capability, everyMinutes }) => {
        const target =
          capability === "reconcile"
            ? `\${${machine}}`
            : `\${${functionOf(capability as Capability)[0]}.Arn}`;
        return [target, everyMinutes, "ENABLED"];
      },
    );
    expect(built.sort()).toEqual(expected.sort());
  });

  test("leaves what failed every time among the dead letters: schedules, functions and the stream", () => {
    const target = { Arn: arn(deadLetters) };
    for (const { Targets } of rules)
      for (const each of Targets as readonly Record<string, unknown>[]) {
        expect(each.DeadLetterConfig).toEqual(target);
        expect(each.RetryPolicy).toMatchObject({ MaximumRetryAttempts: expect.any(Number) });
      }
    for (const { Arn } of rules.flatMap(({ Targets }) => Targets as readonly { readonly Arn: unknown }[])) {
      const id = textOf(Arn).replace(/^\$\{(.*?)(\.Arn)?\}$/, "$1");
      if (json.Resources[id]?.Type === "AWS::Lambda::Function")
        expect(properties(json.Resources[id]).DeadLetterConfig).toEqual({ TargetArn: arn(deadLetters) });
    }
    const [, stream] = the("AWS::Lambda::EventSourceMapping");
    expect(properties(stream)).toMatchObject({
      DestinationConfig: { OnFailure: { Destination: arn(deadLetters) } },
      FunctionName: { Ref: functionOf("journal")[0] },
      StartingPosition: "TRIM_HORIZON",
      BisectBatchOnFunctionError: true,
    });
    template.hasResourceProperties("AWS::SQS::Queue", { MessageRetentionPeriod: 14 * 24 * 60 * 60 });
  });

  test("checks the books page by page, in a loop that calls reconcile until it is done", () => {
    const [, machine] = the("AWS::StepFunctions::StateMachine");
    const { States, TimeoutSeconds } = JSON.parse(textOf(properties(machine).DefinitionString));
    // A walk ends before the next one begins.
    expect(TimeoutSeconds).toBeLessThan(24 * 60 * 60);
    expect(States.Walk).toMatchObject({
      Type: "Task",
      Resource: `\${${functionOf("reconcile")[0]}.Arn}`,
      Next: "IsDone",
    });
    expect(States.Walk.TimeoutSeconds).toBeGreaterThan(functions.reconcile.timeoutSeconds);
    expect(States.IsDone).toMatchObject({
      Choices: [{ Variable: "$.done", BooleanEquals: true, Next: "Done" }],
      Default: "Walk",
    });
  });
});

/** As EventBridge writes it. */
function minutesOf(rate: string): number {
  const [, count, unit = ""] = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(rate) ?? expect.unreachable(rate);
  return Number(count) * ({ minute: 1, hour: 60, day: 24 * 60 }[unit] ?? Number.NaN);
}

describe("what the operator is told", () => {
  test("are outputs: URL, root key, address with the pin, dashboard and the next command", () => {
    const { Url, RootKey, Address, Dashboard, Next, ...others } = json.Outputs;
    expect(others).toEqual({});
    expect(textOf(Url?.Value)).toMatch(/^https:\/\/\$\{BrokerApi\w+\}\.execute-api\..*[^/]$/);
    expect(textOf(RootKey?.Value)).toMatch(/^\$\{BrokerFirstKeys\w+\.Network\}$/);
    expect(textOf(Address?.Value)).toBe(`${textOf(Url?.Value)}#${textOf(RootKey?.Value)}`);
    expect(textOf(Dashboard?.Value)).toMatch(/#dashboards\/dashboard\/lepta-test$/);
    expect(textOf(Next?.Value)).toBe("npx lepta-admin --stage test doctor");
  });

  test("is a parameter of JSON that names everything", () => {
    const [, parameter] = the("AWS::SSM::Parameter");
    expect(properties(parameter).Name).toBe(deploymentParameter("test"));
    const named = JSON.parse(textOf(properties(parameter).Value));
    expect(named).toMatchObject({
      version: 1,
      stage: "test",
      url: textOf(json.Outputs.Url?.Value),
      rootKey: `\${${the("AWS::KMS::Key", "KmsRoot")[0]}.Arn}`,
      wrappingKey: `\${${the("AWS::KMS::Key", "KmsWrapping")[0]}.Arn}`,
      table: `\${${the("AWS::DynamoDB::Table")[0]}}`,
      journalBucket: `\${${the("AWS::S3::Bucket")[0]}}`,
      functions: Object.fromEntries(names.map((name) => [name, `\${${functionOf(name)[0]}}`])),
      dashboard: textOf(json.Outputs.Dashboard?.Value),
      stateMachine: `\${${the("AWS::StepFunctions::StateMachine")[0]}}`,
    });
    for (const [, each] of all("AWS::CloudWatch::Alarm"))
      expect(String(properties(each).AlarmName).startsWith(named.alarmPrefix)).toBe(true);
    // lepta-admin reads it, strictly.
    expect(readDeployment(JSON.stringify({ ...named, url: "https://api.example.org" }))).toMatchObject({
      stage: "test",
    });
  });

  test("the first keys are made while it is deployed, by rotate, when all that it needs is there", () => {
    const [, keys] = the("Custom::LeptaKeys");
    expect(properties(keys).ServiceToken).toEqual(arn(functionOf("rotate")[0]));
    expect(keys.DependsOn).toEqual(
      expect.arrayContaining([the("AWS::DynamoDB::Table")[0], the("AWS::KMS::Key", "KmsRoot")[0]]),
    );
  });
});

describe("the alarms", () => {
  const alarms = new Map(
    all("AWS::CloudWatch::Alarm").map(([, each]) => [
      String(properties(each).AlarmName).replace("lepta-test-", ""),
      properties(each),
    ]),
  );

  test("are there for books that do not balance, errors, throttles, dead letters and rotation overdue", () => {
    expect([...alarms.keys()]).toEqual(expect.arrayContaining(NEEDED));
  });

  test("each tell somebody, by mail, when they begin and when they end, and say what they mean", () => {
    const [topic] = the("AWS::SNS::Topic");
    template.hasResourceProperties("AWS::SNS::Subscription", {
      TopicArn: { Ref: topic },
      Protocol: "email",
      Endpoint: "alarms@example.org",
    });
    for (const [name, { AlarmActions, OKActions, AlarmDescription }] of alarms) {
      expect([AlarmActions, OKActions]).toEqual([[{ Ref: topic }], [{ Ref: topic }]]);
      expect(AlarmDescription).toMatch(
        new RegExp(`^[A-Z].{15,}\\. What to do: docs/operate.md, "${name}"\\.$`),
      );
    }
  });

  test("may be told to the topic by CloudWatch, whose right goes with the first policy that a topic is given", () => {
    const [topic] = the("AWS::SNS::Topic");
    const [, policy] = the("AWS::SNS::TopicPolicy");
    const { Statement } = properties(policy).PolicyDocument as {
      readonly Statement: readonly { readonly Effect: string }[];
    };
    const [allowed, ...more] = Statement.filter(({ Effect }) => Effect === "Allow");
    expect(more).toEqual([]);
    expect(allowed).toMatchObject({
      Action: "sns:Publish",
      Principal: { Service: "cloudwatch.amazonaws.com" },
      Resource: { Ref: topic },
      Condition: { StringEquals: { "aws:SourceAccount": { Ref: "AWS::AccountId" } } },
    });
    expect(
      textOf(
        (allowed as { Condition?: { ArnLike?: Record<string, unknown> } }).Condition?.ArnLike?.[
          "aws:SourceArn"
        ],
      ),
    ).toMatch(/:alarm:lepta-test-\*$/);
  });

  test("take silence for bad where something must be heard, and for good elsewhere", () => {
    const breaching = [...alarms].filter(([, { TreatMissingData }]) => TreatMissingData === "breaching");
    expect(breaching.map(([name]) => name).sort()).toEqual(["BooksNotChecked", "RotationOverdue"]);
    for (const [, { TreatMissingData }] of alarms)
      expect(["breaching", "notBreaching"]).toContain(TreatMissingData);
  });

  test("and the dashboard name no metric that no function emits", () => {
    const [, dashboard] = the("AWS::CloudWatch::Dashboard");
    const body = textOf(properties(dashboard).DashboardBody);
    JSON.parse(body);
    const namespace = metricNamespace("test");
    const drawn = [
      ...[...body.matchAll(/MetricName=\\"(\w+)\\"/g)].map(([, name]) => name),
      ...[...body.matchAll(new RegExp(`\\["${namespace}","(\\w+)"`, "g"))].map(([, name]) => name),
    ];
    const watched = [...JSON.stringify([...alarms]).matchAll(METRIC)].map(([, name]) => name);
    const own = [...alarms.values()].flatMap(({ Namespace, MetricName }) =>
      Namespace === namespace ? [String(MetricName)] : [],
    );
    expect(watched).toContain(metric.faults);
    // A name with anything but letters and digits, as a stage's may be, is searched for in quotes.
    const searches = body.match(/SEARCH\('\{/g) ?? [];
    expect(searches.length).toBeGreaterThan(0);
    expect(body.split(`SEARCH('{\\"${namespace}\\",`)).toHaveLength(searches.length + 1);
    expect(Object.values(metric)).toEqual(expect.arrayContaining([...drawn, ...watched, ...own]));
    // What the dashboard must show: money, refusals, double spends, latency, throttles of KMS.
    const { issued, redeemed, liveBrokerScrip, refused, doubleSpends, kmsThrottles } = metric;
    const { receiveTime, settleTime, answerTime } = metric;
    expect(drawn).toEqual(
      expect.arrayContaining([
        issued,
        redeemed,
        liveBrokerScrip,
        refused,
        doubleSpends,
        receiveTime,
        settleTime,
        answerTime,
        kmsThrottles,
      ]),
    );
    expect(body).toMatch(/'p50'.*'p99'/s);
    expect(own).toEqual(expect.arrayContaining([metric.findings, metric.keyLifeLeft]));
  });

  test("on what runs by the clock, and must stay bad for a while, has a turn in every period", () => {
    const minutes = schedules.find(({ capability }) => capability === "finish")?.everyMinutes ?? Number.NaN;
    const { Period, EvaluationPeriods } = alarms.get("LeftOpen") ?? {};
    expect(Number(Period)).toBeGreaterThan(minutes * 60);
    expect(Number(Period) * Number(EvaluationPeriods)).toBe(30 * 60);
  });

  test("hear of a journal that is not called although the table is written to, and so has no age", () => {
    const { Metrics, EvaluationPeriods } = alarms.get("JournalBehind") ?? {};
    const watched = (Metrics ?? []) as readonly {
      readonly Id: string;
      readonly Expression?: string;
      readonly MetricStat?: { readonly Metric: { readonly MetricName: string } };
    }[];
    const named = watched.map(({ Id, MetricStat }) => [Id, MetricStat?.Metric.MetricName]);
    expect(Object.fromEntries(named)).toMatchObject({
      age: "IteratorAge",
      calls: "Invocations",
      writes: "ConsumedWriteCapacityUnits",
    });
    expect(watched.find(({ Expression }) => Expression !== undefined)?.Expression).toBe(
      "IF(FILL(writes, 0) > 0 AND FILL(calls, 0) == 0, 86400000, FILL(age, 0))",
    );
    expect(EvaluationPeriods).toBe(2);
  });

  test("watch every way in which a walk over the books can end undone", () => {
    const watched = JSON.stringify(alarms.get("ReconciliationFailed"));
    for (const end of ["ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted"])
      expect(watched).toContain(end);
  });

  test("watch every function: its errors, and its throttles where requests or the clock call it", () => {
    const watched = (name: string) => JSON.stringify(alarms.get(name));
    for (const name of names) {
      const [id] = functionOf(name);
      expect(watched("ErrorsAnswering") + watched("ErrorsBehind")).toContain(id);
    }
    for (const { capability } of routes) expect(watched("Throttles")).toContain(functionOf(capability)[0]);
  });
});

const NEEDED = [
  "BooksDoNotBalance",
  "BooksNotChecked",
  "ErrorsAnswering",
  "ErrorsBehind",
  "Faults",
  "Throttles",
  "TableThrottles",
  "DeadLetters",
  "RotationOverdue",
];

/** A metric of ours inside an expression of an alarm. */
const METRIC = /"MetricName":"(\w+)","Namespace":"Lepta\/test"/g;

describe("a table that was restored from a backup", () => {
  const streamArn = "arn:aws:dynamodb:eu-central-1:123456789012:table/lepta-2/stream/2027-01-01T00:00:00.000";
  const restored = synthesise({ restoredTable: { name: "lepta-2", streamArn } });

  test("takes the place of the lost one, whose last changes still reach the journal", () => {
    const text = JSON.stringify(restored.json);
    for (const [, { Properties = {} }] of ofType(restored.json, "AWS::Lambda::Function"))
      expect((Properties.Environment as { Variables: Record<string, unknown> }).Variables.LEPTA_TABLE).toBe(
        "lepta-2",
      );
    const streams = ofType(restored.json, "AWS::Lambda::EventSourceMapping").map(([, each]) =>
      textOf(properties(each).EventSourceArn),
    );
    expect(streams).toEqual([expect.stringMatching(/^\$\{BrokerTable\w+\.StreamArn\}$/), streamArn]);
    expect(ofType(restored.json, "AWS::DynamoDB::Table")).toHaveLength(1);
    expect(text).toContain("table/lepta-2");
  });
});
