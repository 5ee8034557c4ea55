/** The manifest of a deployment: what the parameter `deploymentParameter(stage)` holds, as JSON, for `lepta-admin`. */
import { type FunctionName, functions } from "./functions.ts";

/** What stands under which name. */
export interface Deployment {
  readonly version: 1;
  readonly stage: string;
  readonly region: string;
  /** Of the HTTP API, without a path. */
  readonly url: string;
  /** Key ids, ARNs or aliases, spelt as in the functions' environment. */
  readonly rootKey: string;
  readonly wrappingKey: string;
  readonly table: string;
  /** The physical names of the functions that are deployed. */
  readonly functions: Readonly<Partial<Record<FunctionName, string>>>;
  /** The bucket of the journal, where one is kept. */
  readonly journalBucket?: string;
  /** The link to the dashboard. */
  readonly dashboard?: string;
  /** What the names of all alarms of this stage begin with; absent where nothing watches. */
  readonly alarmPrefix?: string;
  /** The state machine that reconciles, where there is one. */
  readonly stateMachine?: string;
}

/** Reads a manifest. Throws a sentence that says which member is missing, of another kind, or unknown. */
export function readDeployment(json: string): Deployment {
  const members = new Map(Object.entries(parse(json)));
  const version = members.get("version");
  if (version !== 1)
    throw new Error(`The deployment's manifest has the version ${show(version)}, and this release reads 1.`);
  members.delete("version");
  const take = (name: string): unknown => {
    const value = members.get(name);
    members.delete(name);
    return value;
  };
  const text = (name: string): string => readText(name, take(name));
  const optional = <N extends string>(name: N): { readonly [K in N]?: string } => {
    const value = take(name);
    return value === undefined ? {} : ({ [name]: readText(name, value) } as { readonly [K in N]?: string });
  };
  const deployment: Deployment = {
    version: 1,
    stage: text("stage"),
    region: text("region"),
    url: readUrl(text("url")),
    rootKey: text("rootKey"),
    wrappingKey: text("wrappingKey"),
    table: text("table"),
    functions: readFunctions(take("functions")),
    ...optional("journalBucket"),
    ...optional("dashboard"),
    ...optional("alarmPrefix"),
    ...optional("stateMachine"),
  };
  const [unknown] = members.keys();
  if (unknown !== undefined)
    throw new Error(`The deployment's manifest has a member that this release does not know: ${unknown}.`);
  return deployment;
}

function parse(json: string): object {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw new Error("The deployment's manifest is not JSON.");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new Error("The deployment's manifest is not a JSON object.");
  return value;
}

function readText(name: string, value: unknown): string {
  if (typeof value === "string" && value !== "") return value;
  throw new Error(`The deployment's manifest has no ${name}, or one that is not a text.`);
}

function readUrl(url: string): string {
  const protocol = URL.parse(url)?.protocol;
  if (protocol === "https:" || protocol === "http:") return url.replace(/\/+$/, "");
  throw new Error("The deployment's manifest has a url that is not one of HTTP.");
}

function readFunctions(value: unknown): Deployment["functions"] {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new Error("The deployment's manifest has no functions, or some that are not an object of names.");
  const entries = Object.entries(value).map(([name, physical]) => {
    if (!Object.hasOwn(functions, name))
      throw new Error(`The deployment's manifest names a function that this release does not know: ${name}.`);
    return [name, readText(`functions.${name}`, physical)] as const;
  });
  return Object.fromEntries(entries);
}

const show = (value: unknown): string => (value === undefined ? "none" : JSON.stringify(value));
