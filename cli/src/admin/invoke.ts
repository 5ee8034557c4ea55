/** Functions of the deployment, asked by their names. */
import { InvokeCommand } from "@aws-sdk/client-lambda";
import type { Deployment } from "@lepta/lambdas/deployment";
import type { FunctionName } from "@lepta/lambdas/functions";
import type { Cloud } from "./cloud.ts";
import { AdminFault } from "./fault.ts";

/** Invokes a function and waits for its answer. Throws a sentence where it is not deployed, fails or answers no JSON object. */
export async function invoke(
  { invoker }: Cloud,
  deployment: Deployment,
  name: FunctionName,
  event: object,
): Promise<Readonly<Record<string, unknown>>> {
  const FunctionName = deployment.functions[name];
  if (FunctionName === undefined)
    throw new AdminFault(`This deployment has no function ${name}: deploy this release again.`);
  const { FunctionError, Payload } = await invoker.send(
    new InvokeCommand({ FunctionName, Payload: new TextEncoder().encode(JSON.stringify(event)) }),
  );
  const answer = readJson(Payload === undefined ? "" : new TextDecoder().decode(Payload));
  if (FunctionError !== undefined) {
    const { errorType = FunctionError, errorMessage = "" } = answer ?? {};
    throw new AdminFault(`The function ${name} failed (${String(errorType)}): ${oneLine(errorMessage)}`);
  }
  if (answer === undefined) throw new AdminFault(`The function ${name} answered nothing that can be read.`);
  return answer;
}

function readJson(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : undefined;
  } catch {
    return undefined;
  }
}

const oneLine = (text: unknown): string => String(text).replaceAll(/\s+/g, " ").slice(0, 300);
