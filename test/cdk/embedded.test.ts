/** What is tested is what is deployed: the embedded cloud and the template say the same. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DescribeTableCommand, DescribeTimeToLiveCommand, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DescribeKeyCommand, KMSClient } from "@aws-sdk/client-kms";
import { readEnvironment, standIn, variable } from "@lepta/lambdas";
import { keyAlias } from "@lepta/lambdas/resources";
import { type EmbeddedCloud, startEmbeddedCloud } from "@lepta/local";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { textOf } from "./support/iam.ts";
import { ofType, type Resource, synthesise } from "./support/synthesise.ts";

const { json } = synthesise();
const properties = (resource: Resource | undefined) => resource?.Properties ?? {};
const MINUTE = 60 * 1000;

let dir: string;
let cloud: EmbeddedCloud;
/** How often the embedded cloud's clock calls something, in milliseconds. */
let intervals: readonly number[];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "lepta-same-"));
  const clock = vi.spyOn(globalThis, "setInterval");
  try {
    cloud = await startEmbeddedCloud({ dir });
    intervals = clock.mock.calls.map(([, every]) => every ?? 0).filter((every) => every >= MINUTE);
  } finally {
    clock.mockRestore();
  }
});

afterAll(async () => {
  await cloud.close();
  await rm(dir, { recursive: true });
});

/** A function's variables, as the template gives them. */
const variablesOfFunctions = (): readonly Readonly<Record<string, string>>[] =>
  ofType(json, "AWS::Lambda::Function").map(([, built]) => {
    const { Variables } = properties(built).Environment as { readonly Variables: Record<string, unknown> };
    return Object.fromEntries(Object.entries(Variables).map(([name, value]) => [name, textOf(value)]));
  });

test("the routes are the same, and there is none beside them", async () => {
  const statusOf = async (method: string, path: string) => {
    const body = method === "GET" ? {} : { body: new Uint8Array(1) };
    return (await fetch(cloud.url + path, { method, ...body })).status;
  };
  const routes = ofType(json, "AWS::ApiGatewayV2::Route").map(
    ([, { Properties = {} }]) => Properties.RouteKey,
  );
  expect(routes).not.toHaveLength(0);
  for (const route of routes) {
    const [method = "", path = ""] = String(route).split(" ");
    expect(`${route} ${await statusOf(method, path)}`).not.toBe(`${route} 404`);
    const other = method === "GET" ? "POST" : "GET";
    if (!routes.includes(`${other} ${path}`)) expect([404, 405]).toContain(await statusOf(other, path));
  }
  expect(await statusOf("POST", "/other")).toBe(404);
});

test("the table has the same keys, the same stream and the same time to live", async () => {
  const { table, dynamoDbEndpoint = "" } = cloud.wiring.environment;
  const client = new DynamoDBClient(standIn(dynamoDbEndpoint));
  const { Table } = await client.send(new DescribeTableCommand({ TableName: table }));
  const { TimeToLiveDescription } = await client.send(new DescribeTimeToLiveCommand({ TableName: table }));
  client.destroy();
  const [[, deployed] = []] = ofType(json, "AWS::DynamoDB::Table");
  const { AttributeDefinitions, KeySchema, BillingMode, StreamSpecification, TimeToLiveSpecification } =
    properties(deployed);
  expect({
    AttributeDefinitions: Table?.AttributeDefinitions,
    KeySchema: Table?.KeySchema,
    BillingMode: Table?.BillingModeSummary?.BillingMode,
  }).toEqual({ AttributeDefinitions, KeySchema, BillingMode });
  expect(Table?.StreamSpecification).toEqual({ StreamEnabled: true, ...(StreamSpecification as object) });
  expect(TimeToLiveDescription).toMatchObject({ AttributeName: "ttl", TimeToLiveStatus: "ENABLED" });
  expect(TimeToLiveSpecification).toEqual({ AttributeName: "ttl", Enabled: true });
});

test.each(["root", "wrapping"] as const)("the %s key has the same spec and the same use", async (name) => {
  const client = new KMSClient(standIn(cloud.wiring.environment.kmsEndpoint ?? ""));
  const { KeyMetadata } = await client.send(new DescribeKeyCommand({ KeyId: keyAlias("embedded", name) }));
  client.destroy();
  const [, alias] =
    ofType(json, "AWS::KMS::Alias").find(
      ([, each]) => properties(each).AliasName === keyAlias("test", name),
    ) ?? expect.unreachable(name);
  const id = textOf(properties(alias).TargetKeyId).replace(/^\$\{(.*)\.Arn\}$/, "$1");
  const { KeySpec, KeyUsage } = properties(json.Resources[id]);
  expect({ KeySpec: KeyMetadata?.KeySpec, KeyUsage: KeyMetadata?.KeyUsage }).toEqual({ KeySpec, KeyUsage });
});

test("the functions read the same from their variables, but for the names of places", () => {
  const endpoints = { dynamoDbEndpoint: "", kmsEndpoint: "", s3Endpoint: "" };
  const places = { table: "", rootKey: "", wrappingKey: "", journal: "", ...endpoints };
  const known = new Set<string>(Object.values(variable));
  for (const variables of variablesOfFunctions()) {
    expect({ ...readEnvironment(variables), ...places }).toEqual({ ...cloud.wiring.environment, ...places });
    for (const name of Object.keys(variables).filter((each) => each.startsWith("LEPTA_")))
      expect(known).toContain(name);
  }
});

test("every function has the same variables, and no place is another broker's", () => {
  const all = variablesOfFunctions().map(({ POWERTOOLS_SERVICE_NAME: _, ...rest }) => rest);
  expect(new Set(all.map((each) => JSON.stringify(each))).size).toBe(1);
  for (const name of [variable.table, variable.rootKey, variable.wrappingKey, variable.journal])
    expect(all[0]?.[name]).toMatch(/^\$\{Broker\w+(\.Arn)?\}$/);
});

test("the clock calls as often", () => {
  const minutes = { minute: 1, hour: 60, day: 24 * 60 } as Readonly<Record<string, number>>;
  const deployed = ofType(json, "AWS::Events::Rule").map(([, { Properties = {} }]) => {
    const [, count, unit = ""] = /^rate\((\d+) (\w+?)s?\)$/.exec(String(Properties.ScheduleExpression)) ?? [];
    return Number(count) * (minutes[unit] ?? Number.NaN) * MINUTE;
  });
  expect([...intervals].sort()).toEqual(deployed.sort());
});
