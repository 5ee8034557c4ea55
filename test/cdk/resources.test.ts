/** What a deployment makes of the route table, the table of functions and the definitions of table and keys. */
import { type FunctionName, functions } from "@lepta/lambdas/functions";
import { metric, metricNamespace } from "@lepta/lambdas/metrics";
import { deploymentParameter, keyAlias, keyDefinitions, tableDefinition } from "@lepta/lambdas/resources";
import { type Capability, routes, schedules } from "@lepta/lambdas/routes";
import { Match } from "aws-cdk-lib/assertions";
import { describe, expect, test } from "vitest";
import { functionsByRole, textOf } from "./support/iam.ts";
import { ofType, type Resource, synthesise } from "./support/synthesise.ts";

const { stack, template, json } = synthesise({ alarmEmail: "alarms@example.org" });
const names = Object.keys(functions) as FunctionName[];

const all = (type: string) => ofType(json, type);
const properties = (resource: Resource): Readonly<Record<string, unknown>> => resource.Properties ?? {};
/** The one resource of a type whose logical id begins like this. */
function the(type: string, start = ""): readonly [id: string, resource: Resource] {
  const found = all(type).filter(
    ([id]) => new RegExp(`^Broker${start}[0-9A-F]{8}$`).test(id) || start === "",
  );
  expect(found.map(([id]) => id)).toHaveLength(1);
  return found[0] ?? expect.unreachable(type);
}
const pascal = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);
const functionOf = (name: FunctionName) => the("AWS::Lambda::Function", `${pascal(name)}Function`);
const arn = (id: string) => ({ "Fn::GetAtt": [id, "Arn"] });
const [deadLetters] = the("AWS::SQS::Queue");
const [storageKey] = the("AWS::KMS::Key", "KmsStorage");

describe("the HTTP API", () => {
  const [, stage] = the("AWS::ApiGatewayV2::Stage");
  const keys = routes.map(({ method, path }) => `${method} ${path}`);

  test("has the routes of the route table and no other, each to its capability's function", () => {
    const integrations = new Map(
      all("AWS::ApiGatewayV2::Integration").map(([id, each]) => [
        `integrations/\${${id}}`,
        [textOf(properties(each).IntegrationUri), properties(each).PayloadFormatVersion],
      ]),
    );
    const built = all("AWS::ApiGatewayV2::Route").map(([, each]) => {
      const { RouteKey, Target } = properties(each);
      return [RouteKey, ...(integrations.get(textOf(Target)) ?? [])];
    });
    const expected = routes.map(({ method, path, capability }) => {
      const [id] = functionOf(capability);
      return [`${method} ${path}`, `\${${id}.Arn}`, "2.0"];
    });
    expect(built.sort()).toEqual(expected.sort());
  });

  test("may invoke a function for its own routes and for nothing else", () => {
    const api = all("AWS::Lambda::Permission").map(([, each]) => properties(each));
    const invoked = api
      .filter(({ Principal }) => Principal === "apigateway.amazonaws.com")
      .map(({ FunctionName: name, SourceArn }) => `${textOf(name)} ${textOf(SourceArn).split("/").at(-1)}`);
    const [apiId] = the("AWS::ApiGatewayV2::Api");
    expect(
      api.every(
        ({ SourceArn }) => !textOf(SourceArn).includes("execute-api") || textOf(SourceArn).includes(apiId),
      ),
    ).toBe(true);
    expect(invoked.sort()).toEqual(
      routes.map(({ path, capability }) => `\${${functionOf(capability)[0]}.Arn} ${path.slice(1)}`).sort(),
    );
  });

  test("throttles each route for itself, and what no route names like the rarest", () => {
    const settings = properties(stage).RouteSettings as Record<string, Record<string, number>>;
    expect(Object.keys(settings).sort()).toEqual([...keys].sort());
    for (const key of keys) {
      expect(settings[key]?.ThrottlingRateLimit).toBeGreaterThan(0);
      expect(settings[key]?.ThrottlingBurstLimit).toBeGreaterThan(0);
    }
    const rarest = Math.min(...keys.map((key) => settings[key]?.ThrottlingRateLimit ?? 0));
    expect(properties(stage).DefaultRouteSettings).toMatchObject({ ThrottlingRateLimit: rarest });
  });

  test("waits with its settings for the routes that they name", () => {
    expect(stage.DependsOn).toEqual(
      expect.arrayContaining(all("AWS::ApiGatewayV2::Route").map(([id]) => id)),
    );
  });

  test("logs each request without the caller's address, its headers or its body", () => {
    const [log] = the("AWS::Logs::LogGroup", "AccessLog");
    const { DestinationArn, Format } = properties(stage).AccessLogSettings as Record<string, unknown>;
    expect(DestinationArn).toEqual(arn(log));
    const fields = Object.values(JSON.parse(String(Format)));
    expect(fields).toEqual(expect.arrayContaining(["$context.routeKey", "$context.status"]));
    // An address, a user agent or an authorizer's words would tell who: none of these begins like what is allowed.
    for (const field of fields)
      expect(field).toMatch(
        /^\$context\.(requestId|requestTimeEpoch|routeKey|status|response\w+|integrationErrorMessage)$/,
      );
  });
});

describe("each function", () => {
  test("is one of the table of functions, and all of them are there", () => {
    expect(
      functionsByRole(json)
        .map(({ name }) => name)
        .sort(),
    ).toEqual([...names].sort());
  });

  test.each(names)("%s has the size of its definition, a log of its own and traces", (name) => {
    const [, built] = functionOf(name);
    const { memoryMiB, timeoutSeconds } = functions[name];
    const [log] = the("AWS::Logs::LogGroup", `${pascal(name)}Log`);
    const [role] = the("AWS::IAM::Role", `${pascal(name)}Role`);
    expect(properties(built)).toMatchObject({
      Architectures: ["arm64"],
      Runtime: "nodejs24.x",
      Handler: "index.handler",
      MemorySize: memoryMiB,
      Timeout: timeoutSeconds,
      Role: arn(role),
      LoggingConfig: { LogGroup: { Ref: log } },
      TracingConfig: { Mode: "Active" },
    });
    expect(properties(built)).not.toHaveProperty("ReservedConcurrentExecutions");
  });

  test("keeps its logs as long as the operator says, which is 90 days where nothing is said", () => {
    const retentions = (from: typeof json) =>
      ofType(from, "AWS::Logs::LogGroup").map(([, { Properties = {} }]) => Properties.RetentionInDays);
    expect(retentions(json)).toEqual([...names, "access"].map(() => 90));
    const { json: short } = synthesise({ logRetentionDays: 14 });
    expect(new Set(retentions(short))).toEqual(new Set([14]));
  });

  test("has reserved concurrency where it is set and only there, and no traces where they are off", () => {
    const { json: other } = synthesise({ reservedConcurrency: { fund: 7 }, tracing: false });
    const built = ofType(other, "AWS::Lambda::Function").map(([, each]) => properties(each));
    const reserved = built.filter((each) => "ReservedConcurrentExecutions" in each);
    expect(
      reserved.map(({ Description, ReservedConcurrentExecutions: count }) => [Description, count]),
    ).toEqual([["Lepta test: fund", 7]]);
    expect(JSON.stringify(other)).not.toContain("xray:");
    expect(JSON.stringify(other)).not.toContain('"Active"');
  });
});

describe("what holds money", () => {
  test("the table is on demand, encrypted with a key of the account, restorable, and cannot be deleted", () => {
    const [, table] = the("AWS::DynamoDB::Table");
    const { partitionKey, sortKey, timeToLive, stream } = tableDefinition;
    expect(properties(table)).toEqual({
      AttributeDefinitions: [partitionKey, sortKey].map((name) => ({
        AttributeName: name,
        AttributeType: "S",
      })),
      KeySchema: [
        { AttributeName: partitionKey, KeyType: "HASH" },
        { AttributeName: sortKey, KeyType: "RANGE" },
      ],
      BillingMode: "PAY_PER_REQUEST",
      DeletionProtectionEnabled: true,
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true, RecoveryPeriodInDays: 35 },
      SSESpecification: { KMSMasterKeyId: arn(storageKey), SSEEnabled: true, SSEType: "KMS" },
      StreamSpecification: { StreamViewType: stream },
      TimeToLiveSpecification: { AttributeName: timeToLive, Enabled: true },
    });
  });

  test.each(["root", "wrapping"] as const)("the %s key is as it is defined, under its alias", (name) => {
    const { spec, usage, rotates } = keyDefinitions[name];
    const [id, key] = the("AWS::KMS::Key", `Kms${pascal(name)}`);
    expect(properties(key)).toMatchObject({ KeySpec: spec, KeyUsage: usage, PendingWindowInDays: 30 });
    expect(properties(key).EnableKeyRotation ?? false).toBe(rotates);
    template.hasResourceProperties("AWS::KMS::Alias", {
      AliasName: keyAlias("test", name),
      TargetKeyId: arn(id),
    });
  });

  test("the key of what is at rest rotates, and can be taken back from deletion for 30 days", () => {
    template.hasResourceProperties("AWS::KMS::Key", {
      Description: Match.stringLikeRegexp("at rest"),
      EnableKeyRotation: true,
      PendingWindowInDays: 30,
    });
    template.resourceCountIs("AWS::KMS::Key", 3);
  });

  test("the journal's bucket is private, versioned, encrypted, and spoken to by TLS 1.2 alone", () => {
    const [id, bucket] = the("AWS::S3::Bucket");
    expect(properties(bucket)).toMatchObject({
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
      VersioningConfiguration: { Status: "Enabled" },
      BucketEncryption: {
        ServerSideEncryptionConfiguration: [
          { ServerSideEncryptionByDefault: { SSEAlgorithm: "aws:kms", KMSMasterKeyID: arn(storageKey) } },
        ],
      },
    });
    for (const Condition of [
      { Bool: { "aws:SecureTransport": "false" } },
      { NumericLessThan: { "s3:TlsVersion": 1.2 } },
    ])
      template.hasResourceProperties("AWS::S3::BucketPolicy", {
        Bucket: { Ref: id },
        PolicyDocument: {
          Statement: Match.arrayWith([Match.objectLike({ Effect: "Deny", Action: "s3:*", Condition })]),
        },
      });
  });

  test("outlives its stack: table, keys, journal and what was put aside", () => {
    const kept = Object.values(json.Resources).filter(({ Type }) => KEEPS.has(Type));
    expect(kept.map(({ Type }) => Type).sort()).toEqual([
      "AWS::DynamoDB::Table",
      "AWS::KMS::Key",
      "AWS::KMS::Key",
      "AWS::KMS::Key",
      "AWS::S3::Bucket",
      "AWS::SQS::Queue",
    ]);
    for (const { DeletionPolicy, UpdateReplacePolicy } of kept)
      expect([DeletionPolicy, UpdateReplacePolicy]).toEqual(["Retain", "Retain"]);
  });

  test("cannot be deleted by deleting the stack by mistake", () => {
    expect(stack.terminationProtection).toBe(true);
  });
});

const KEEPS = new Set(["AWS::DynamoDB::Table", "AWS::KMS::Key", "AWS::S3::Bucket", "AWS::SQS::Queue"]);

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
    const { States } = JSON.parse(textOf(properties(machine).DefinitionString));
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
      journal: `\${${the("AWS::S3::Bucket")[0]}}`,
      functions: Object.fromEntries(names.map((name) => [name, `\${${functionOf(name)[0]}}`])),
      dashboard: textOf(json.Outputs.Dashboard?.Value),
      stateMachine: `\${${the("AWS::StepFunctions::StateMachine")[0]}}`,
    });
    for (const [, each] of all("AWS::CloudWatch::Alarm"))
      expect(String(properties(each).AlarmName).startsWith(named.alarmPrefix)).toBe(true);
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
    expect(Object.values(metric)).toEqual(expect.arrayContaining([...drawn, ...watched, ...own]));
    // What the dashboard must show: money, refusals, double spends, latency, throttles of KMS.
    const { issued, redeemed, liveBrokerScrip, refused, doubleSpends, stageTime, kmsThrottles } = metric;
    expect(drawn).toEqual(
      expect.arrayContaining([
        issued,
        redeemed,
        liveBrokerScrip,
        refused,
        doubleSpends,
        stageTime,
        kmsThrottles,
      ]),
    );
    expect(body).toMatch(/'p50'.*'p99'/s);
    expect(own).toEqual(expect.arrayContaining([metric.findings, metric.keyLifeLeft]));
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
