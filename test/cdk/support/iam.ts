/** IAM as far as the template uses it: its statements read, and a request judged by them. */
import type { FunctionName } from "@lepta/lambdas/functions";
import { ofType, type TemplateJson } from "./synthesise.ts";

export interface Statement {
  readonly effect: "Allow" | "Deny";
  readonly actions: readonly string[];
  /** Empty in the trust policy of a role. */
  readonly resources: readonly string[];
  /** As `Service:lambda.amazonaws.com`; empty where the policy hangs on a role. */
  readonly principals: readonly string[];
  /** Operator, condition key, values. */
  readonly conditions: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
  /** NotAction, NotResource and NotPrincipal, where it has them. */
  readonly negations: readonly string[];
}

/** A statement and where it stands. */
export interface Placed {
  readonly logicalId: string;
  readonly type: string;
  /** The functions whose roles it hangs on, or that are its principals. */
  readonly functions: readonly FunctionName[];
  readonly statement: Statement;
}

/** What a principal asks for. */
export interface Request {
  readonly action: string;
  readonly resource: string;
  /** The values of the condition keys that come with it. */
  readonly context: Readonly<Record<string, readonly string[]>>;
}

/** Every statement of a template, wherever it stands, with Lambda's permissions among them. */
export function statementsOf(template: TemplateJson): readonly Placed[] {
  const owners = functionsByRole(template);
  return Object.entries(template.Resources).flatMap(([logicalId, { Type: type, Properties = {} }]) => {
    const attached = owners.filter(({ role }) =>
      JSON.stringify([Properties.Roles, type === "AWS::IAM::Role" && { Ref: logicalId }]).includes(
        `"${role}"`,
      ),
    );
    const raw = type === "AWS::Lambda::Permission" ? [permission(Properties)] : rawStatements(Properties);
    return raw.map((each) => {
      const statement = read(each);
      const named = owners.filter(({ role }) => statement.principals.includes(`AWS:\${${role}.Arn}`));
      const functions = [...attached, ...named].map(({ name }) => name);
      return { logicalId, type, functions, statement };
    });
  });
}

/** The statements that hang on the role of a function. */
export const statementsOfRole = (template: TemplateJson, name: FunctionName): readonly Statement[] =>
  statementsOf(template)
    .filter(({ type, functions }) => type === "AWS::IAM::Policy" && functions.includes(name))
    .map(({ statement }) => statement);

/** Whether the statements allow a request: some does, and none denies it. */
export function isAllowed(statements: readonly Statement[], request: Request): boolean {
  const apply = statements.filter((each) => applies(each, request));
  return apply.some(({ effect }) => effect === "Allow") && apply.every(({ effect }) => effect === "Allow");
}

/** Whether a statement speaks of a request. */
export const applies = (
  { actions, resources, conditions }: Statement,
  { action, resource, context }: Request,
): boolean =>
  actions.some((each) => isLike(action.toLowerCase(), each.toLowerCase())) &&
  resources.some((each) => isLike(resource, each)) &&
  Object.entries(conditions).every(([operator, keys]) =>
    Object.entries(keys).every(([key, wanted]) => holds(operator, context[key] ?? [], wanted)),
  );

/** A value of a template as text: references as `${LogicalId}` and `${LogicalId.Attribute}`. */
export function textOf(value: unknown): string {
  if (typeof value !== "object" || value === null) return String(value);
  const [[name, of] = ["", undefined]] = Object.entries(value);
  if (name === "Ref") return `\${${of}}`;
  if (name === "Fn::GetAtt") return `\${${listOf(of).join(".")}}`;
  if (name === "Fn::Sub") return String(of);
  if (name === "Fn::Join") {
    const [separator, parts] = of as [string, readonly unknown[]];
    return parts.map(textOf).join(separator);
  }
  throw new Error(`the template has a value that this cannot read: ${JSON.stringify(value)}`);
}

/** Each function's role, by their logical ids. */
export const functionsByRole = (
  template: TemplateJson,
): readonly { readonly name: FunctionName; readonly role: string }[] =>
  ofType(template, "AWS::Lambda::Function").map(([, { Properties = {} }]) => {
    const { Variables } = Properties.Environment as { readonly Variables: Record<string, unknown> };
    const role = textOf(Properties.Role).replace(/^\$\{(.*)\.Arn\}$/, "$1");
    return { name: String(Variables.POWERTOOLS_SERVICE_NAME) as FunctionName, role };
  });

type Raw = Readonly<Record<string, unknown>>;

/** Whatever has an effect, in whichever property. */
function rawStatements(value: unknown): readonly Raw[] {
  if (typeof value !== "object" || value === null) return [];
  return "Effect" in value ? [value as Raw] : Object.values(value).flatMap(rawStatements);
}

/** Lambda's permissions are the resource policy of a function. */
const permission = ({ Action, FunctionName: name, Principal, SourceArn, SourceAccount }: Raw): Raw => ({
  Effect: "Allow",
  Action,
  Resource: name,
  Principal: Principal === "*" ? "*" : { Service: Principal },
  ...(SourceArn === undefined ? {} : { Condition: { ArnLike: { "aws:SourceArn": SourceArn } } }),
  ...(SourceAccount === undefined
    ? {}
    : { Condition: { StringEquals: { "aws:SourceAccount": SourceAccount } } }),
});

function read(raw: Raw): Statement {
  const conditions = Object.entries((raw.Condition ?? {}) as Record<string, Raw>).map(([operator, keys]) => {
    const read = Object.entries(keys).map(([key, values]) => [key, listOf(values).map(textOf)]);
    return [operator, Object.fromEntries(read)];
  });
  return {
    effect: raw.Effect as Statement["effect"],
    actions: listOf(raw.Action).map(textOf),
    resources: listOf(raw.Resource).map(textOf),
    principals: principalsOf(raw.Principal),
    conditions: Object.fromEntries(conditions),
    negations: ["NotAction", "NotResource", "NotPrincipal"].filter((each) => each in raw),
  };
}

const principalsOf = (principal: unknown): readonly string[] =>
  typeof principal === "string"
    ? [principal]
    : Object.entries((principal ?? {}) as Raw).flatMap(([kind, who]) =>
        listOf(who).map((each) => `${kind}:${textOf(each)}`),
      );

const listOf = (value: unknown): readonly unknown[] =>
  value === undefined ? [] : Array.isArray(value) ? value : [value];

function holds(operator: string, given: readonly string[], wanted: readonly string[]): boolean {
  const [quantifier, test = operator] = operator.includes(":") ? operator.split(":") : ["", operator];
  if (test === "Null") return wanted.includes(given.length === 0 ? "true" : "false");
  const isWanted = (value: string) => wanted.some((each) => compare(test, value, each));
  if (quantifier === "ForAllValues") return given.every(isWanted);
  if (quantifier !== "" || given.length > 1) throw new Error(`${operator} of ${given.length} values`);
  return given.some(isWanted);
}

function compare(test: string, value: string, wanted: string): boolean {
  if (test === "StringEquals" || test === "Bool") return value === wanted;
  if (test === "StringLike" || test === "ArnLike" || test === "ArnEquals") return isLike(value, wanted);
  if (test === "NumericLessThan") return Number(value) < Number(wanted);
  throw new Error(`a condition that this cannot judge: ${test}`);
}

const isLike = (value: string, pattern: string): boolean =>
  new RegExp(
    `^${pattern
      .replace(/[.+^${}()|[\]\\]/g, "\\$&")
      .replaceAll("*", ".*")
      .replaceAll("?", ".")}$`,
  ).test(value);
