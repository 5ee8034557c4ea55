/** The functions: all are there, run on the right Node, and agree with the manifest about table and keys. */
import { GetFunctionConfigurationCommand } from "@aws-sdk/client-lambda";
import type { Deployment } from "@lepta/lambdas/deployment";
import { variable } from "@lepta/lambdas/environment";
import { type FunctionName, functions } from "@lepta/lambdas/functions";
import { type Check, notChecked, ok, walked, wrong } from "./check.ts";
import type { Cloud } from "./cloud.ts";

const RUNTIME = "nodejs24.x";
const DEPLOY = "deploy this release again";
/** These read the table or its stream past the broker's wiring, and need not know the keys. */
const WITHOUT_KEYS: readonly FunctionName[] = ["reconcile", "journal"];

/** Looks at every function of the release. */
export async function checkFunctions(cloud: Cloud, deployment: Deployment): Promise<readonly Check[]> {
  const names = Object.keys(functions) as FunctionName[];
  const found = await Promise.all(
    names.map((name) =>
      walked(`function ${name}`, async () => [await checkFunction(cloud, deployment, name)]),
    ),
  );
  return found.flat();
}

async function checkFunction({ lambda }: Cloud, deployment: Deployment, name: FunctionName): Promise<Check> {
  const label = `function ${name}`;
  const FunctionName = deployment.functions[name];
  if (FunctionName === undefined)
    return name === "journal" && deployment.journalBucket === undefined
      ? notChecked(label, "this deployment keeps no journal")
      : wrong(label, "this deployment has none", DEPLOY);
  const found = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
  const { State = "unknown", LastUpdateStatus = "unknown", Runtime = "unknown", MemorySize, Timeout } = found;
  // A function that was not invoked for weeks sleeps; the next event wakes it.
  if (State !== "Active" && State !== "Inactive")
    return wrong(label, `${FunctionName} is ${State}: ${found.StateReason ?? "no reason given"}`, DEPLOY);
  if (LastUpdateStatus === "Failed")
    return wrong(
      label,
      `its last update failed: ${found.LastUpdateStatusReason ?? "no reason given"}`,
      DEPLOY,
    );
  if (Runtime !== RUNTIME) return wrong(label, `it runs on ${Runtime}, and not on ${RUNTIME}`, DEPLOY);
  const fault = disagreement(name, deployment, found.Environment?.Variables ?? {});
  if (fault !== undefined) return wrong(label, fault, `${DEPLOY}; if it was changed by hand, see who did`);
  return ok(label, `${FunctionName}, ${Runtime}, ${MemorySize ?? "?"} MiB, ${Timeout ?? "?"} s`);
}

/** Where the function's environment names another table or key than the manifest does. */
function disagreement(
  name: FunctionName,
  { table, rootKey, wrappingKey }: Deployment,
  variables: Readonly<Record<string, string>>,
): string | undefined {
  const expected = [
    [variable.table, table],
    [variable.rootKey, rootKey],
    [variable.wrappingKey, wrappingKey],
  ] as const;
  for (const [key, value] of expected) {
    const set = variables[key];
    if (set === undefined && WITHOUT_KEYS.includes(name)) continue;
    if (set !== value) return `its ${key} is ${set ?? "not set"}, and the manifest says ${value}`;
  }
  return undefined;
}
