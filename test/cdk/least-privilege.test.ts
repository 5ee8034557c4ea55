/** No statement of the template allows more than a function needs, and the walker that says so finds each kind that does. */
import { type FunctionName, functions } from "@lepta/lambdas/functions";
import { describe, expect, test } from "vitest";
import { statementsOf, statementsOfRole } from "./support/iam.ts";
import { allowedWildcards, findTooMuch, type Rule, rolesShared } from "./support/least-privilege.ts";
import { ofType, synthesise, type TemplateJson } from "./support/synthesise.ts";

const { json } = synthesise();
const names = Object.keys(functions) as FunctionName[];
const idOf = (pattern: RegExp): string =>
  Object.keys(json.Resources).find((id) => pattern.test(id)) ?? expect.unreachable(String(pattern));
const TABLE = { "Fn::GetAtt": [idOf(/^BrokerTable/), "Arn"] };
const ROOT = { "Fn::GetAtt": [idOf(/^BrokerKmsRoot[0-9A-F]{8}$/), "Arn"] };
const WRAPPING = { "Fn::GetAtt": [idOf(/^BrokerKmsWrapping[0-9A-F]{8}$/), "Arn"] };
const STORAGE = { "Fn::GetAtt": [idOf(/^BrokerKmsStorage/), "Arn"] };
const leading = (...keys: string[]) => ({ "ForAllValues:StringLike": { "dynamodb:LeadingKeys": keys } });

describe("the template", () => {
  test("allows nothing that the rules forbid", () => {
    expect(findTooMuch(json)).toEqual([]);
  });

  test("has statements of every kind, which the walker sees", () => {
    const types = new Set(statementsOf(json).map(({ type }) => type));
    expect([...types].sort()).toEqual([
      "AWS::IAM::Policy",
      "AWS::IAM::Role",
      "AWS::KMS::Key",
      "AWS::Lambda::Permission",
      "AWS::S3::BucketPolicy",
      "AWS::SNS::TopicPolicy",
      "AWS::SQS::QueuePolicy",
    ]);
  });

  test("gives each function a role of its own, that only Lambda assumes", () => {
    expect(rolesShared(json)).toEqual([]);
    const trusted = statementsOf(json).filter(
      ({ type, functions: of }) => type === "AWS::IAM::Role" && of.length > 0,
    );
    expect(trusted.map(({ statement }) => statement.principals)).toEqual(
      names.map(() => ["Service:lambda.amazonaws.com"]),
    );
  });

  test.each(names)("gives %s exactly the items of the table that its definition names", (name) => {
    const granted = statementsOfRole(json, name).flatMap(({ actions, conditions }) =>
      actions
        .filter((action) => /^dynamodb:(\w*Item|Query|Scan)$/.test(action))
        .flatMap((action) =>
          (conditions["ForAllValues:StringLike"]?.["dynamodb:LeadingKeys"] ?? ["everything"]).map(
            (partition) => `${action} ${partition}`,
          ),
        ),
    );
    const { get = [], query = [], put = [], delete: remove = [], scan } = functions[name].table;
    const defined = [
      ...get.map((partition) => `dynamodb:GetItem ${partition}`),
      ...query.map((partition) => `dynamodb:Query ${partition}`),
      ...put.map((partition) => `dynamodb:PutItem ${partition}`),
      ...remove.map((partition) => `dynamodb:DeleteItem ${partition}`),
      ...(scan === true ? ["dynamodb:Scan everything"] : []),
    ];
    expect([...granted].sort()).toEqual([...defined].sort());
  });

  test("lets only reconcile read the table at large, and reconcile read nothing else of it", () => {
    const scanning = statementsOf(json).filter(({ statement }) =>
      statement.actions.includes("dynamodb:Scan"),
    );
    expect(scanning.map(({ functions: of }) => of)).toEqual([["reconcile"]]);
  });

  test("has each wildcard that the list allows: a reason without one is struck out", () => {
    const used = statementsOf(json).flatMap(({ statement: { actions } }) => actions);
    for (const { actions, reason } of allowedWildcards) {
      expect(used).toEqual(expect.arrayContaining([...actions]));
      expect(reason).toMatch(/\w.*\.$/);
    }
  });
});

type Raw = Readonly<Record<string, unknown>>;

/** The template with one statement more on the role of a function. */
function withRight(name: FunctionName, statement: Raw): TemplateJson {
  const [[id, policy] = expect.unreachable(name)] = ofType(json, "AWS::IAM::Policy").filter(([each]) =>
    each.startsWith(`Broker${name.charAt(0).toUpperCase()}${name.slice(1)}RoleDefault`),
  );
  const document = policy.Properties?.PolicyDocument as { readonly Statement: readonly Raw[] };
  const Statement = [...document.Statement, { Effect: "Allow", ...statement }];
  const Properties = { ...policy.Properties, PolicyDocument: { ...document, Statement } };
  return { ...json, Resources: { ...json.Resources, [id]: { ...policy, Properties } } };
}

/** The template with one resource more. */
const withResource = (Type: string, Properties: Raw): TemplateJson => ({
  ...json,
  Resources: { ...json.Resources, Bad: { Type, Properties } },
});

/** The template with one statement more in a key's policy. */
function withKeyPolicy(key: { readonly "Fn::GetAtt": readonly string[] }, statement: Raw): TemplateJson {
  const [id = ""] = key["Fn::GetAtt"];
  const resource = json.Resources[id] ?? expect.unreachable(id);
  const policy = resource.Properties?.KeyPolicy as { readonly Statement: readonly Raw[] };
  const Statement = [...policy.Statement, { Effect: "Allow", Resource: "*", ...statement }];
  const Properties = { ...resource.Properties, KeyPolicy: { ...policy, Statement } };
  return { ...json, Resources: { ...json.Resources, [id]: { ...resource, Properties } } };
}

const account = { AWS: { "Fn::Join": ["", ["arn:aws:iam::", { Ref: "AWS::AccountId" }, ":root"]] } };
const roleOf = (name: string) => ({
  AWS: { "Fn::GetAtt": [idOf(new RegExp(`^Broker${name}Role[0-9A-F]{8}$`)), "Arn"] },
});
const decrypt = (purposes: readonly string[], keys = ["lepta:network", "lepta:purpose"]) => ({
  StringEquals: { "kms:EncryptionContext:lepta:purpose": purposes },
  "ForAllValues:StringEquals": { "kms:EncryptionContextKeys": keys },
});
const signing = (algorithm: string, type: string) => ({
  StringEquals: { "kms:SigningAlgorithm": algorithm, "kms:MessageType": type },
});
const queuePolicy = (statement: Raw) =>
  withResource("AWS::SQS::QueuePolicy", {
    PolicyDocument: {
      Statement: [{ Effect: "Allow", Action: "sqs:SendMessage", Resource: "q", ...statement }],
    },
  });

const bad: readonly (readonly [why: string, rules: readonly Rule[], template: TemplateJson])[] = [
  ["every action of a service", ["wildcard-action"], withRight("fund", { Action: "sqs:*", Resource: "q" })],
  [
    "a part of an action",
    ["wildcard-action"],
    withRight("fund", { Action: ["s3:Get?bject"], Resource: "b" }),
  ],
  [
    "items of every table",
    ["wildcard-resource"],
    withRight("fund", { Action: "dynamodb:GetItem", Resource: "*", Condition: leading("PEER#*") }),
  ],
  [
    "every queue of the account",
    ["wildcard-resource"],
    withRight("fund", { Action: "sqs:SendMessage", Resource: "arn:*" }),
  ],
  [
    "all objects of the journal's bucket",
    ["wildcard-resource"],
    withRight("journal", {
      Action: "s3:PutObject",
      Resource: { "Fn::Join": ["", [{ "Fn::GetAtt": [idOf(/^BrokerJournal[0-9A-F]{8}$/), "Arn"] }, "/*"]] },
    }),
  ],
  ["all actions but some", ["negation"], withRight("fund", { NotAction: "iam:PassRole", Resource: "r" })],
  [
    "all resources but some",
    ["negation"],
    withRight("fund", { Action: "sqs:SendMessage", NotResource: "q" }),
  ],
  ["all principals but some", ["negation"], queuePolicy({ NotPrincipal: account })],
  ["a queue for anyone", ["anyone"], queuePolicy({ Principal: "*" })],
  ["a queue for every account", ["anyone"], queuePolicy({ Principal: { AWS: "*" } })],
  [
    "a queue for anyone from anywhere",
    ["anyone"],
    queuePolicy({ Principal: "*", Condition: { ArnLike: { "aws:SourceArn": "*" } } }),
  ],
  [
    "a function that any API may invoke",
    ["service-for-anyone"],
    withResource("AWS::Lambda::Permission", {
      Action: "lambda:InvokeFunction",
      FunctionName: "f",
      Principal: "apigateway.amazonaws.com",
    }),
  ],
  [
    "a policy of AWS's own",
    ["managed-policy"],
    withResource("AWS::IAM::Role", { ManagedPolicyArns: ["arn:aws:iam::aws:policy/AdministratorAccess"] }),
  ],
  [
    "an item of any partition",
    ["no-leading-keys"],
    withRight("fund", { Action: "dynamodb:PutItem", Resource: TABLE }),
  ],
  [
    "partitions that are all of them",
    ["no-leading-keys"],
    withRight("fund", { Action: "dynamodb:Query", Resource: TABLE, Condition: leading("PEER#*", "*") }),
  ],
  [
    "a scan by another function",
    ["table-at-large"],
    withRight("query", { Action: "dynamodb:Scan", Resource: TABLE }),
  ],
  [
    "an export of the table by reconcile",
    ["table-at-large", "reader-writes"],
    withRight("reconcile", { Action: "dynamodb:ExportTableToPointInTime", Resource: TABLE }),
  ],
  [
    "the stream by another function",
    ["table-at-large"],
    withRight("finish", { Action: "dynamodb:GetRecords", Resource: TABLE }),
  ],
  [
    "a write by reconcile",
    ["reader-writes"],
    withRight("reconcile", { Action: "dynamodb:PutItem", Resource: TABLE, Condition: leading("PEER#*") }),
  ],
  [
    "a key's policy in the hands of a function",
    ["key-administration"],
    withRight("rotate", { Action: "kms:PutKeyPolicy", Resource: ROOT }),
  ],
  [
    "a key's end in the hands of a function, by the key's policy",
    ["key-administration"],
    withKeyPolicy(WRAPPING, { Action: "kms:ScheduleKeyDeletion", Principal: roleOf("Operate") }),
  ],
  [
    "grants on a key",
    ["key-administration"],
    withRight("operate", { Action: "kms:CreateGrant", Resource: WRAPPING }),
  ],
  [
    "a signature by another function",
    ["sign"],
    withRight("operate", { Action: "kms:Sign", Resource: ROOT, Condition: signing("ECDSA_SHA_256", "RAW") }),
  ],
  ["a signature of any algorithm", ["sign"], withRight("rotate", { Action: "kms:Sign", Resource: ROOT })],
  [
    "a signature of a digest",
    ["sign"],
    withRight("rotate", {
      Action: "kms:Sign",
      Resource: ROOT,
      Condition: signing("ECDSA_SHA_256", "DIGEST"),
    }),
  ],
  [
    "another function's purpose",
    ["encryption-context"],
    withRight("fund", { Action: "kms:Decrypt", Resource: WRAPPING, Condition: decrypt(["decide", "enrol"]) }),
  ],
  [
    "any encryption context",
    ["encryption-context"],
    withRight("fund", { Action: "kms:Decrypt", Resource: WRAPPING }),
  ],
  [
    "further keys of the encryption context",
    ["encryption-context"],
    withRight("fund", {
      Action: "kms:Decrypt",
      Resource: WRAPPING,
      Condition: decrypt(["decide"], ["lepta:network", "lepta:purpose", "other"]),
    }),
  ],
  [
    "data keys made by a function that certifies nothing",
    ["encryption-context"],
    withRight("fund", { Action: "kms:GenerateDataKey", Resource: WRAPPING, Condition: decrypt(["decide"]) }),
  ],
  [
    "the same by the key's policy",
    ["encryption-context"],
    withKeyPolicy(WRAPPING, {
      Action: "kms:Decrypt",
      Principal: roleOf("Keys"),
      Condition: decrypt(["decide"]),
    }),
  ],
  [
    "signatures for the account's administrators",
    ["sign", "key-by-account"],
    withKeyPolicy(ROOT, {
      Action: "kms:Sign",
      Principal: account,
      Condition: signing("ECDSA_SHA_256", "RAW"),
    }),
  ],
  [
    "data keys for the account's administrators",
    ["encryption-context", "key-by-account"],
    withKeyPolicy(WRAPPING, { Action: "kms:Decrypt", Principal: account }),
  ],
  [
    "what is at rest, past the table",
    ["storage-key"],
    withRight("fund", { Action: "kms:Decrypt", Resource: STORAGE }),
  ],
];

describe("the walker", () => {
  test.each(bad)("finds %s", (_, rules, template) => {
    expect([...new Set(findTooMuch(template).map(({ rule }) => rule))].sort()).toEqual([...rules].sort());
  });

  test("is shown a bad template for each of its rules", () => {
    const shown = new Set(bad.flatMap(([, rules]) => rules));
    expect(shown.size).toBe(14);
  });
});
