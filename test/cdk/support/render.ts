/** A template as a reviewer reads it: one resource per block, by construct path, one line per value and per IAM statement. */
import { type Statement, statementsOf, textOf } from "./iam.ts";
import type { Resource, TemplateJson } from "./synthesise.ts";

/** Renders a template; `paths` names the construct of each logical id. What differs from build to build is left out. */
export function render(template: TemplateJson, paths: ReadonlyMap<string, string>): string {
  const named = (text: string): string =>
    text
      .replace(/\$\{(\w+)((?:\.\w+)*)\}/g, (whole, id: string, attribute: string) => {
        const path = paths.get(id);
        return path === undefined ? whole : `<${path}${attribute}>`;
      })
      .replaceAll(/\b[0-9a-f]{64}\.zip\b/g, "<bundle>")
      // CDK ends ids that it makes itself with a hash of their paths.
      .replaceAll(/(?<=[A-Za-z])[0-9A-F]{8}\b/g, "");
  const statements = new Map<string, readonly string[]>();
  for (const { logicalId, type, statement } of statementsOf(template))
    if (type !== "AWS::Lambda::Permission")
      statements.set(logicalId, [...(statements.get(logicalId) ?? []), named(lineOf(statement))]);
  const blocks = Object.entries(template.Resources).map(([id, resource]) => {
    const kept = resource.DeletionPolicy === undefined ? "" : ` (${resource.DeletionPolicy.toLowerCase()}s)`;
    const lines = linesOf(resource).map(named).sort();
    const said = [...(statements.get(id) ?? [])].sort();
    return [`${named(paths.get(id) ?? id)}: ${resource.Type}${kept}`, ...lines, ...said].join("\n  ");
  });
  const outputs = Object.entries(template.Outputs).map(
    ([name, { Value }]) => `${name} = ${named(textOf(Value))}`,
  );
  return `${[...blocks.sort(), ["Outputs", ...outputs.sort()].join("\n  ")].join("\n\n")}\n`;
}

/** What hangs on others by its order, and what the statements say already. */
const linesOf = ({ Properties = {} }: Resource): readonly string[] =>
  Object.entries(Properties)
    // CDK makes a policy's name of its logical id.
    .filter(([name]) => name !== "PolicyName")
    .flatMap(([name, value]) => leaves(name, value));

function leaves(at: string, value: unknown): readonly string[] {
  if (typeof value !== "object" || value === null || isIntrinsic(value)) return oneOrMore(at, textOf(value));
  if ("Statement" in value || "Effect" in value) return [];
  if (!Array.isArray(value))
    return Object.entries(value).flatMap(([name, each]) => leaves(`${at}.${name}`, each));
  // Each part of a list is one line, so that what is put between two others is a line more in a diff.
  return value.flatMap((each) => {
    const parts = leaves("", each);
    if (parts.length === 1 && parts[0]?.startsWith(" = ")) return [`${at}[]${parts[0]}`];
    const said = parts.map((part) => part.replace(/^\./, "").replace(" = ", "=")).join(", ");
    return said === "" ? [] : [`${at}[] ${said}`];
  });
}

/** JSON inside a template is read like the rest of it. */
function oneOrMore(at: string, text: string): readonly string[] {
  if (!text.startsWith("{")) return [`${at} = ${text}`];
  try {
    return leaves(at, JSON.parse(text));
  } catch {
    // Something that begins like JSON and is none, as `${Reference}` does, is a text.
    return [`${at} = ${text}`];
  }
}

const isIntrinsic = (value: object): boolean => {
  const [name = "", ...more] = Object.keys(value);
  return more.length === 0 && (name === "Ref" || name.startsWith("Fn::"));
};

function lineOf({ effect, actions, resources, principals, conditions, negations }: Statement): string {
  const who = principals.length === 0 ? "" : ` by ${[...principals].sort().join(", ")}`;
  const on = resources.length === 0 ? "" : ` on ${[...resources].sort().join(", ")}`;
  const when = Object.entries(conditions)
    .flatMap(([operator, keys]) =>
      Object.entries(keys).map(([key, values]) => `${key} ${operator} ${values.join("|")}`),
    )
    .sort();
  const not = negations.length === 0 ? "" : ` !! ${negations.join(", ")}`;
  const where = when.length === 0 ? "" : ` where ${when.join(" and ")}`;
  return `${effect === "Allow" ? "allows" : "denies"} ${[...actions].sort().join(", ")}${who}${on}${where}${not}`;
}
