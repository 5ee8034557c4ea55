/** What `cdk synth` wrote: each function's bundle and environment, as they would be deployed. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type FunctionName, functions } from "@lepta/lambdas";

export interface BundledFunction {
  readonly name: FunctionName;
  /** The file that Lambda would load. */
  readonly file: string;
  /** The export that Lambda would call. */
  readonly handler: string;
  /** The variables of the template; undefined where a value is only known when it is deployed. */
  readonly variables: Readonly<Record<string, string | undefined>>;
}

interface Resource {
  readonly Type: string;
  readonly Properties: {
    readonly Handler: string;
    readonly Environment?: { readonly Variables?: Readonly<Record<string, unknown>> };
  };
  readonly Metadata?: Readonly<Record<string, unknown>>;
}

/** Every function of the broker from a cloud assembly. Throws where one is missing: it was synthesised from other sources. */
export function readAssembly(directory: string): readonly BundledFunction[] {
  const manifest = readJson<{
    artifacts: Record<string, { type: string; properties?: { templateFile?: string } }>;
  }>(join(directory, "manifest.json"));
  const templates = Object.values(manifest.artifacts).flatMap(({ type, properties }) =>
    type === "aws:cloudformation:stack" && properties?.templateFile ? [properties.templateFile] : [],
  );
  const [first] = templates;
  if (first === undefined) throw new Error(`${directory} holds no stack; run \`npm run synth\` first`);
  const { Resources } = readJson<{ Resources: Record<string, Resource> }>(join(directory, first));
  const found = Object.values(Resources).flatMap((resource) => readFunction(directory, resource));
  for (const name of Object.keys(functions))
    if (!found.some((each) => each.name === name))
      throw new Error(`${directory} lacks the function ${name}; run \`npm run synth\` again`);
  return found;
}

function readFunction(
  directory: string,
  { Type, Properties, Metadata }: Resource,
): readonly BundledFunction[] {
  const variables = Properties?.Environment?.Variables ?? {};
  const name = variables.POWERTOOLS_SERVICE_NAME;
  const asset = Metadata?.["aws:asset:path"];
  if (Type !== "AWS::Lambda::Function" || typeof name !== "string" || typeof asset !== "string") return [];
  const [module = "", handler = ""] = Properties.Handler.split(".");
  return [
    {
      name: name as FunctionName,
      file: join(directory, asset, `${module}.mjs`),
      handler,
      variables: Object.fromEntries(
        Object.entries(variables).map(([key, value]) => [key, typeof value === "string" ? value : undefined]),
      ),
    },
  ];
}

const readJson = <T>(file: string): T => JSON.parse(readFileSync(file, "utf8")) as T;
