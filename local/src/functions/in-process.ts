/** The functions in this process: each with clients and keys of its own, as when deployed. */
import {
  type Clients,
  createHandlers,
  type FunctionName,
  functions,
  operatedFunctions,
  type Runtime,
  scheduledFunctions,
  streamFunctions,
  type Variables,
  type Wiring,
  wire,
} from "@lepta/lambdas";
import type { Functions, Invocable } from "./invocable.ts";

/** Sees a function's clients before they are used: for counting requests and checking rights. */
export type Watch = (name: FunctionName, clients: Clients) => void;

/** Creates all of them. */
export async function functionsInProcess(
  variables: Variables,
  runtime: Runtime,
  watch: Watch = () => {},
): Promise<Functions> {
  const wirings = await wireEach(variables, runtime, watch);
  const behind = { ...scheduledFunctions, ...streamFunctions, ...operatedFunctions };
  const created = Object.entries(behind).map(([name, create]) => [
    name,
    create(wirings[name as FunctionName]),
  ]);
  const answering = createHandlers((capability) => wirings[capability]);
  return {
    invocables: { ...answering, ...Object.fromEntries(created) } as Record<FunctionName, Invocable>,
    close: async () => {},
  };
}

async function wireEach(
  variables: Variables,
  runtime: Runtime,
  watch: Watch,
): Promise<Readonly<Record<FunctionName, Wiring>>> {
  const names = Object.keys(functions) as FunctionName[];
  const wirings = names.map(async (name) => {
    const own = { ...variables, POWERTOOLS_SERVICE_NAME: name };
    return [name, await wire(own, runtime, (clients) => watch(name, clients))] as const;
  });
  return Object.fromEntries(await Promise.all(wirings)) as Record<FunctionName, Wiring>;
}
