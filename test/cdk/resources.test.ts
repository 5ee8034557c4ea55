/** What a deployment makes of the route table, the table of functions and the definitions of table and keys. */
import { functions } from "@lepta/lambdas/functions";
import { keyAlias, keyDefinitions, tableDefinition } from "@lepta/lambdas/resources";
import { crossOrigin, routes } from "@lepta/lambdas/routes";
import { Match } from "aws-cdk-lib/assertions";
import { describe, expect, test } from "vitest";
import { functionsByRole, textOf } from "./support/iam.ts";
import { arn, lookInto, functionNames as names, pascal, properties } from "./support/lookup.ts";
import { ofType, synthesise } from "./support/synthesise.ts";

const { stack, template, json } = synthesise();
const { all, the, functionOf } = lookInto(json);
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

  test("lets every page ask, and no page's cookies count", () => {
    const [, api] = the("AWS::ApiGatewayV2::Api");
    expect(properties(api).CorsConfiguration).toEqual({
      AllowOrigins: ["*"],
      AllowMethods: ["GET", "POST"],
      AllowHeaders: ["content-type"],
      MaxAge: crossOrigin.maxAgeSeconds,
    });
    expect(new Set(routes.map(({ method }) => method))).toEqual(new Set(crossOrigin.methods));
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
        /^\$context\.(requestId|requestTimeEpoch|routeKey|status|response\w+|integrationStatus)$/,
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
