/** Whatever the functions ask of DynamoDB and KMS, their roles allow; what they may and never do is named. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CreateTableCommand, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { scheduledFunctions, standIn, variable, variablesOf, wire } from "@lepta/lambdas";
import { type FunctionName, functions } from "@lepta/lambdas/functions";
import { keyAlias, tableDefinition } from "@lepta/lambdas/resources";
import { routes } from "@lepta/lambdas/routes";
import { type EmbeddedCloud, startEmbeddedCloud } from "@lepta/local";
import { beforeAll, describe, expect, test } from "vitest";
import { repeatableRuntime } from "../peer-sdk/support/world.ts";
import { runEveryFlow } from "./support/flows.ts";
import {
  applies,
  isAllowed,
  type Request,
  type Statement,
  statementsOf,
  statementsOfRole,
} from "./support/iam.ts";
import { ofType, synthesise } from "./support/synthesise.ts";
import { watching } from "./support/watch.ts";

const { json } = synthesise();
const idOf = (type: string, start: string): string =>
  ofType(json, type).find(([id]) => id.startsWith(start))?.[0] ?? expect.unreachable(start);
const TABLE = `\${${idOf("AWS::DynamoDB::Table", "BrokerTable")}.Arn}`;
const ROOT = `\${${idOf("AWS::KMS::Key", "BrokerKmsRoot")}.Arn}`;
const WRAPPING = `\${${idOf("AWS::KMS::Key", "BrokerKmsWrapping")}.Arn}`;
const FIRST = "first";
const places = {
  lepta: TABLE,
  [FIRST]: TABLE,
  [keyAlias("embedded", "root")]: ROOT,
  [keyAlias("embedded", "wrapping")]: WRAPPING,
};

const names = Object.keys(functions) as FunctionName[];
const ofRole = new Map(names.map((name) => [name, statementsOfRole(json, name)]));
const roleOf = (name: FunctionName): readonly Statement[] => ofRole.get(name) ?? [];

/** What a key's own policy says to a function; in it `*` means the key. */
const ofKey = (key: string, name: FunctionName): readonly Statement[] =>
  statementsOf(json)
    .filter(({ logicalId, functions: named }) => key === `\${${logicalId}.Arn}` && named.includes(name))
    .map(({ statement }) => ({ ...statement, resources: [key] }));

/** The account hands out no right to use a key: its own policy must say the same as the role's. */
const isGranted = (name: FunctionName, request: Request): boolean =>
  isAllowed(roleOf(name), request) &&
  (!request.action.startsWith("kms:") || isAllowed(ofKey(request.resource, name), request));

/** A right split into its smallest parts: an action, on one partition or for one purpose. */
interface Right {
  readonly name: FunctionName;
  readonly says: string;
  readonly part: Statement;
}

const PARTS = [
  ["ForAllValues:StringLike", "dynamodb:LeadingKeys"],
  ["StringEquals", "kms:EncryptionContext:lepta:purpose"],
] as const;

const rightsOf = (name: FunctionName): readonly Right[] =>
  roleOf(name)
    .filter(({ resources }) => resources.some((each) => [TABLE, ROOT, WRAPPING].includes(each)))
    .flatMap((statement) =>
      statement.actions.flatMap((action) => split(name, { ...statement, actions: [action] })),
    );

function split(name: FunctionName, statement: Statement): readonly Right[] {
  const { actions, conditions } = statement;
  const [operator, key] = PARTS.find(([each, what]) => conditions[each]?.[what] !== undefined) ?? ["", ""];
  const values = conditions[operator]?.[key];
  if (values === undefined) return [{ name, says: actions.join(), part: statement }];
  return values.map((value) => {
    const narrowed = { ...conditions, [operator]: { ...conditions[operator], [key]: [value] } };
    return { name, says: `${actions.join()} ${value}`, part: { ...statement, conditions: narrowed } };
  });
}

/** Those that a test can see: what answers requests and what the clock calls, without what only the operator's hand does. */
const seen = new Set<FunctionName>([...routes.map(({ capability }) => capability), "rotate", "finish"]);

/** Rights that no flow here uses, each with the reason why it stays. */
const UNUSED: Readonly<Record<string, string>> = {
  "fund: dynamodb:PutItem LOSS#*":
    "Only where the schedule mints while a request is under way and the bank takes the money back in between.",
};

let asked: { readonly name: FunctionName; readonly request: Request }[];

beforeAll(async () => {
  const dir = await mkdtemp(join(tmpdir(), "lepta-rights-"));
  const runtime = repeatableRuntime("rights");
  asked = [];
  const watch = watching(places, (name, request) => asked.push({ name, request }));
  const variables = { [variable.recallableLimit]: "1000000" };
  let cloud: EmbeddedCloud | undefined;
  try {
    cloud = await startEmbeddedCloud({ dir, runtime, watch, variables });
    await firstKeys(cloud, watch);
    await runEveryFlow(cloud, runtime);
  } finally {
    await cloud?.close();
    await rm(dir, { recursive: true });
  }
});

/** A deployment's first rotation, in a table that is still empty: the embedded cloud makes its own before anybody watches. */
async function firstKeys({ wiring }: EmbeddedCloud, watch: ReturnType<typeof watching>): Promise<void> {
  const { dynamoDbEndpoint = "", kmsEndpoint = "" } = wiring.environment;
  const client = new DynamoDBClient(standIn(dynamoDbEndpoint));
  const { partitionKey, sortKey } = tableDefinition;
  await client.send(
    new CreateTableCommand({
      TableName: FIRST,
      BillingMode: "PAY_PER_REQUEST",
      KeySchema: [
        { AttributeName: partitionKey, KeyType: "HASH" },
        { AttributeName: sortKey, KeyType: "RANGE" },
      ],
      AttributeDefinitions: [partitionKey, sortKey].map((name) => ({
        AttributeName: name,
        AttributeType: "S",
      })),
    }),
  );
  client.destroy();
  const [rootKey, wrappingKey] = [keyAlias("embedded", "root"), keyAlias("embedded", "wrapping")];
  const variables = {
    ...variablesOf({ table: FIRST, rootKey, wrappingKey, currency: "EUR" }),
    AWS_ENDPOINT_URL_DYNAMODB: dynamoDbEndpoint,
    AWS_ENDPOINT_URL_KMS: kmsEndpoint,
  };
  const empty = await wire(variables, repeatableRuntime("first"), (clients) => watch("rotate", clients));
  await scheduledFunctions.rotate(empty)({});
}

describe("the roles", () => {
  test("allow every request of every flow", () => {
    const denied = asked.filter(({ name, request }) => !isGranted(name, request));
    expect([...new Set(denied.map(({ name, request }) => `${name}: ${JSON.stringify(request)}`))]).toEqual(
      [],
    );
    expect([...new Set(asked.map(({ name }) => name))]).toEqual(expect.arrayContaining([...seen]));
  });

  test("allow nothing that no flow needs, but what is named with its reason", () => {
    const unused = names
      .filter((name) => seen.has(name))
      .flatMap(rightsOf)
      .filter(({ name, part }) => !asked.some((each) => each.name === name && applies(part, each.request)))
      .map(({ name, says }) => `${name}: ${says}`);
    expect([...unused].sort()).toEqual(Object.keys(UNUSED).sort());
    for (const reason of Object.values(UNUSED)) expect(reason).toMatch(/\.$/);
  });
});

const item = (action: string, partition: string): Request => ({
  action: `dynamodb:${action}`,
  resource: TABLE,
  context: { "dynamodb:LeadingKeys": [partition] },
});
const unwrapping = (context: Readonly<Record<string, string>>, action = "Decrypt"): Request => ({
  action: `kms:${action}`,
  resource: WRAPPING,
  context: {
    ...Object.fromEntries(
      Object.entries(context).map(([key, value]) => [`kms:EncryptionContext:${key}`, [value]]),
    ),
    "kms:EncryptionContextKeys": Object.keys(context),
  },
});
const signing = (algorithm: string, type: string): Request => ({
  action: "kms:Sign",
  resource: ROOT,
  context: { "kms:SigningAlgorithm": [algorithm], "kms:MessageType": [type] },
});
const network = { "lepta:network": "n" };

describe("a role denies", () => {
  test.each<readonly [name: FunctionName, why: string, request: Request]>([
    ["keys", "putting an item", item("PutItem", "KEYS")],
    ["keys", "reading another partition", item("Query", "PEER#u")],
    ["keys", "a query that names no partition it may read", item("Query", "")],
    ["enrol", "an item that is not a peer's", item("PutItem", "MERCHANT#m")],
    ["query", "any write", item("PutItem", "PEER#u")],
    ["fund", "the scan", { action: "dynamodb:Scan", resource: TABLE, context: {} }],
    ["fund", "an item of another table", { ...item("GetItem", "PEER#u"), resource: "other" }],
    ["reconcile", "putting an item", item("PutItem", "PEER#u")],
    ["operate", "changing keys", item("PutItem", "KEYS")],
    ["journal", "reading items", item("GetItem", "PEER#u")],
    ["fund", "another purpose's keys", unwrapping({ ...network, "lepta:purpose": "enrol" })],
    ["fund", "keys without a purpose", unwrapping(network)],
    ["fund", "more in the context", unwrapping({ ...network, "lepta:purpose": "decide", more: "x" })],
    ["fund", "making keys", unwrapping({ ...network, "lepta:purpose": "decide" }, "GenerateDataKey")],
    ["operate", "a signature", signing("ECDSA_SHA_256", "RAW")],
    ["rotate", "a signature of a digest", signing("ECDSA_SHA_256", "DIGEST")],
    ["rotate", "the root key's end", { action: "kms:ScheduleKeyDeletion", resource: ROOT, context: {} }],
  ])("%s %s", (name, _, request) => {
    expect(isGranted(name, request)).toBe(false);
  });

  test("and allows the same where it should", () => {
    expect(isGranted("fund", item("GetItem", "PEER#u"))).toBe(true);
    expect(isGranted("fund", unwrapping({ ...network, "lepta:purpose": "decide" }))).toBe(true);
    expect(isGranted("rotate", signing("ECDSA_SHA_256", "RAW"))).toBe(true);
    expect(isGranted("reconcile", { action: "dynamodb:Scan", resource: TABLE, context: {} })).toBe(true);
  });
});

test("a denial outweighs what is allowed", () => {
  const request = item("PutItem", "PEER#u");
  const denial: Statement = { ...(roleOf("enrol")[0] ?? expect.unreachable()), effect: "Deny" };
  const denied = { ...denial, actions: ["dynamodb:*"], resources: ["*"], conditions: {} };
  expect(isAllowed(roleOf("enrol"), request)).toBe(true);
  expect(isAllowed([...roleOf("enrol"), denied], request)).toBe(false);
});
