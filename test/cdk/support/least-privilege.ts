/** Walks every statement of a template and names those that allow more than the design does. */
import { type FunctionName, functions } from "@lepta/lambdas/functions";
import { keyAlias } from "@lepta/lambdas/resources";
import { functionsByRole, type Placed, statementsOf, textOf } from "./iam.ts";
import { ofType, type TemplateJson } from "./synthesise.ts";

export type Rule =
  | "wildcard-action"
  | "wildcard-resource"
  | "negation"
  | "anyone"
  | "service-for-anyone"
  | "managed-policy"
  | "no-leading-keys"
  | "table-at-large"
  | "reader-writes"
  | "key-administration"
  | "sign"
  | "encryption-context"
  | "key-by-account"
  | "storage-key";

export interface Finding {
  readonly rule: Rule;
  readonly logicalId: string;
  readonly functions: readonly FunctionName[];
  /** The actions that it is about. */
  readonly actions: readonly string[];
}

/** A wildcard that may be there, with its reason. `resource` is the text as `textOf` writes it, logical ids as kinds. */
interface AllowedWildcard {
  readonly actions: readonly string[];
  readonly resource: string;
  readonly reason: string;
}

/** All of them: whatever else has a wildcard in its resource is a finding. */
export const allowedWildcards: readonly AllowedWildcard[] = [
  {
    actions: ["xray:PutTelemetryRecords", "xray:PutTraceSegments"],
    resource: "*",
    reason: "X-Ray knows no resources for the two actions, which only write traces.",
  },
  {
    actions: ["dynamodb:ListStreams"],
    resource: "*",
    reason: "Lists the names of streams, no contents, and has no resource for a table; needed to follow one.",
  },
  {
    actions: ["s3:PutObject"],
    resource: `\${Bucket.Arn}/journal/*`,
    reason: "Names of the journal's objects hold the time: they cannot be known before. The prefix is exact.",
  },
  {
    actions: ["logs:CreateLogStream", "logs:PutLogEvents"],
    resource: `\${LogGroup.Arn}`,
    reason: "The ARN of a log group, which ends in :* and names the streams of this group alone.",
  },
];

/** Every statement that allows too much. */
export function findTooMuch(template: TemplateJson): readonly Finding[] {
  const look = looking(template);
  const walked = statementsOf(template).flatMap((placed) =>
    rules(look).flatMap(({ rule, breaks }) => {
      const actions = breaks(placed);
      const { logicalId, functions: names } = placed;
      return actions.length === 0 ? [] : [{ rule, logicalId, functions: names, actions }];
    }),
  );
  const managed = ofType(template, "AWS::IAM::Role")
    .filter(([, { Properties = {} }]) => "ManagedPolicyArns" in Properties)
    .map(([logicalId]) => ({ rule: "managed-policy", logicalId, functions: [], actions: [] }) as const);
  return [...walked, ...managed];
}

interface Look {
  readonly kind: (text: string) => string;
  readonly keyOf: (placed: Placed, resource: string) => "root" | "wrapping" | "storage";
}

interface Rules {
  readonly rule: Rule;
  /** The actions of a statement that break it. */
  readonly breaks: (placed: Placed) => readonly string[];
}

const ITEM_ACTIONS = new Set(
  ["GetItem", "Query", "PutItem", "DeleteItem", "UpdateItem", "ConditionCheckItem"]
    .concat(["BatchGetItem", "BatchWriteItem"])
    .map((name) => `dynamodb:${name}`),
);
const STREAM_ACTIONS = new Set(
  ["DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"].map((name) => `dynamodb:${name}`),
);
/** What uses a key or looks at it; every other action changes it, or gives it to others. */
const KEY_USES = new Set(
  ["Sign", "GetPublicKey", "Decrypt", "Encrypt", "GenerateDataKey", "DescribeKey"].map(
    (name) => `kms:${name}`,
  ),
);
const SOURCES = ["aws:SourceArn", "aws:SourceAccount", "aws:PrincipalArn", "aws:PrincipalOrgID"];

const rules = (look: Look): readonly Rules[] => [
  { rule: "wildcard-action", breaks: allowed(({ statement }) => statement.actions.filter(hasWildcard)) },
  {
    rule: "wildcard-resource",
    breaks: allowed(({ type, statement: { actions, resources } }) =>
      actions.filter((action) => !resources.every((each) => isNarrow(look, type, action, each))),
    ),
  },
  { rule: "negation", breaks: ({ statement: { negations } }) => negations },
  {
    rule: "anyone",
    breaks: allowed(({ statement }) =>
      statement.principals.some((each) => each === "*" || each === "AWS:*") && !hasSource(statement)
        ? statement.actions
        : [],
    ),
  },
  {
    rule: "service-for-anyone",
    breaks: allowed(({ type, statement }) =>
      type !== "AWS::IAM::Role" &&
      statement.principals.some((each) => each.startsWith("Service:")) &&
      !hasSource(statement)
        ? statement.actions
        : [],
    ),
  },
  { rule: "no-leading-keys", breaks: allowed(withoutLeadingKeys) },
  {
    rule: "table-at-large",
    breaks: allowed(({ functions: names, statement: { actions } }) =>
      actions
        .filter((each) => each.startsWith("dynamodb:") && !ITEM_ACTIONS.has(each))
        .filter((each) => !(STREAM_ACTIONS.has(each) && names.every((name) => functions[name].journals)))
        .filter((each) => !(each === "dynamodb:Scan" && areAll(names, "reconcile"))),
    ),
  },
  {
    rule: "reader-writes",
    breaks: allowed(({ type, functions: names, statement: { actions } }) =>
      names.includes("reconcile") && type === "AWS::IAM::Policy"
        ? actions.filter((each) => /^(dynamodb|s3|sqs|kms):/.test(each) && !READS.has(each))
        : [],
    ),
  },
  {
    rule: "key-administration",
    breaks: allowed((placed) =>
      isAdministration(placed) || isThroughStorage(placed)
        ? []
        : placed.statement.actions.filter((each) => each.startsWith("kms:") && !KEY_USES.has(each)),
    ),
  },
  { rule: "sign", breaks: allowed((placed) => signsTooMuch(look, placed)) },
  { rule: "encryption-context", breaks: allowed((placed) => unwrapsTooMuch(look, placed)) },
  {
    rule: "key-by-account",
    breaks: allowed((placed) =>
      isByAccount(placed) && !isThroughStorage(placed)
        ? placed.statement.actions.filter((each) => KEY_USES.has(each) && !LOOKS.has(each))
        : [],
    ),
  },
  {
    rule: "storage-key",
    breaks: allowed((placed) =>
      usesOf(look, placed, "storage").filter(() => !isThroughStorage(placed) && !isAdministration(placed)),
    ),
  },
];

const READS = new Set([
  "dynamodb:Scan",
  "dynamodb:GetItem",
  "dynamodb:Query",
  "kms:Decrypt",
  "kms:DescribeKey",
]);
const LOOKS = new Set(["kms:GetPublicKey", "kms:DescribeKey"]);

const allowed =
  (breaks: (placed: Placed) => readonly string[]) =>
  (placed: Placed): readonly string[] =>
    placed.statement.effect === "Allow" ? breaks(placed) : [];

const hasWildcard = (text: string): boolean => /[*?]/.test(text);
const areAll = (names: readonly FunctionName[], only: FunctionName): boolean =>
  names.length > 0 && names.every((name) => name === only);

/** In a key's policy `*` means this key. */
function isNarrow({ kind }: Look, type: string, action: string, resource: string): boolean {
  if (type === "AWS::KMS::Key" && resource === "*") return true;
  if (!hasWildcard(resource)) return true;
  return allowedWildcards.some((each) => each.actions.includes(action) && each.resource === kind(resource));
}

const hasSource = ({ conditions }: Placed["statement"]): boolean =>
  Object.entries(conditions).some(
    ([operator, keys]) =>
      /^(StringEquals|StringLike|ArnEquals|ArnLike)$/.test(operator) &&
      SOURCES.some((source) => keys[source]?.every((value) => !/^\**$/.test(value))),
  );

function withoutLeadingKeys({ statement: { actions, conditions } }: Placed): readonly string[] {
  const keys = conditions["ForAllValues:StringLike"]?.["dynamodb:LeadingKeys"] ?? [];
  const isNarrowed = keys.length > 0 && keys.every((key) => /^[A-Z]/.test(key));
  return isNarrowed ? [] : actions.filter((action) => ITEM_ACTIONS.has(action));
}

/** What the account may do by a key's policy, to the key and never with it. */
const isByAccount = ({ type, statement: { principals } }: Placed): boolean =>
  type === "AWS::KMS::Key" && principals.some((each) => each.endsWith(":root"));
const isAdministration = (placed: Placed): boolean =>
  isByAccount(placed) && placed.statement.principals.length === 1;

/** Only on the way through DynamoDB or S3 of this region. */
const isThroughStorage = ({ statement: { conditions } }: Placed): boolean => {
  const via = conditions.StringEquals?.["kms:ViaService"] ?? [];
  return (
    via.length > 0 && via.every((each) => /^(dynamodb|s3)\.\$\{AWS::Region\}\.amazonaws\.com$/.test(each))
  );
};

/** What a statement lets do with a key: looking at it is no use. */
function usesOf(look: Look, placed: Placed, key: ReturnType<Look["keyOf"]>): readonly string[] {
  const { actions, resources } = placed.statement;
  const uses = actions.filter((each) => each.startsWith("kms:") && KEY_USES.has(each) && !LOOKS.has(each));
  return resources.some((each) => look.keyOf(placed, each) === key) ? uses : [];
}

function signsTooMuch(look: Look, placed: Placed): readonly string[] {
  const { actions, conditions } = placed.statement;
  const equal = conditions.StringEquals ?? {};
  const isExact =
    equal["kms:SigningAlgorithm"]?.join() === "ECDSA_SHA_256" && equal["kms:MessageType"]?.join() === "RAW";
  const isRight = areAll(placed.functions, "rotate") && isExact;
  const others = usesOf(look, placed, "root").filter((each) => each !== "kms:Sign");
  return [...(isRight ? [] : actions.filter((each) => each === "kms:Sign")), ...others];
}

function unwrapsTooMuch(look: Look, placed: Placed): readonly string[] {
  const uses = usesOf(look, placed, "wrapping");
  const { conditions } = placed.statement;
  const purposes = conditions.StringEquals?.["kms:EncryptionContext:lepta:purpose"] ?? [];
  const keys = conditions["ForAllValues:StringEquals"]?.["kms:EncryptionContextKeys"] ?? [];
  const isExact =
    placed.functions.length > 0 &&
    [...keys].sort().join() === "lepta:network,lepta:purpose" &&
    placed.functions.every((name) => purposes.join() === (functions[name].unwraps ?? ["none"]).join());
  const makes = placed.functions.every((name) => functions[name].certifies);
  return uses.filter(
    (each) => !isExact || (each !== "kms:Decrypt" && !(each === "kms:GenerateDataKey" && makes)),
  );
}

function looking(template: TemplateJson): Look {
  const kind = (text: string): string =>
    text.replace(/\$\{(\w+)/g, (whole, id: string) => {
      const type = template.Resources[id]?.Type.split("::").at(-1);
      return type === undefined ? whole : `\${${type}`;
    });
  const keys = new Map<string, "root" | "wrapping">();
  for (const [, { Properties = {} }] of ofType(template, "AWS::KMS::Alias"))
    for (const key of ["root", "wrapping"] as const)
      if (Properties.AliasName === keyAlias("test", key)) keys.set(textOf(Properties.TargetKeyId), key);
  const keyOf: Look["keyOf"] = ({ type, logicalId }, resource) =>
    keys.get(type === "AWS::KMS::Key" ? `\${${logicalId}.Arn}` : resource) ?? "storage";
  return { kind, keyOf };
}

/** Functions whose names no role knows, or that share one: the rules above speak of each role's one function. */
export function rolesShared(template: TemplateJson): readonly string[] {
  const roles = functionsByRole(template).map(({ role }) => role);
  return roles.filter((role, at) => roles.indexOf(role) !== at);
}
