/** Runs the bundles of a cloud assembly: each in a thread of its own, with its own environment and clients. */
import { Worker } from "node:worker_threads";
import { type FunctionName, functions, type Variables } from "@lepta/lambdas";
import { readAssembly } from "./assembly.ts";
import type { Functions, Invocable } from "./invocable.ts";
import type { Invocation, Outcome } from "./worker.ts";

/**
 * Starts every function of the assembly. Where the template knows a value only when it is deployed, such as the table's
 * name, it is taken from `places`. What the functions print goes to `print`, a line at a time.
 */
export function startBundles(
  directory: string,
  places: Variables,
  print: (name: FunctionName, line: string) => void,
): Functions {
  const running = new Map(
    readAssembly(directory).map(({ name, file, handler, variables }) => {
      const env = Object.fromEntries(
        Object.entries(variables).map(([key, value]) => [key, value ?? places[key] ?? ""]),
      );
      const endpoints = Object.entries(places).filter(([key]) => key.startsWith("AWS_"));
      const worker = new Worker(new URL("./worker.ts", import.meta.url), {
        env: { ...env, ...Object.fromEntries(endpoints) } as NodeJS.ProcessEnv,
        workerData: { file, handler },
        stdout: true,
        stderr: true,
      });
      for (const stream of [worker.stdout, worker.stderr]) followLines(stream, (line) => print(name, line));
      return [name, thread(worker, functions[name].timeoutSeconds * 1000)] as const;
    }),
  );
  const invocables = [...running].map(([name, { invoke }]) => [name, invoke] as const);
  return {
    invocables: Object.fromEntries(invocables) as Record<FunctionName, Invocable>,
    close: async () => {
      await Promise.all([...running.values()].map((each) => each.end()));
    },
  };
}

/** An invocation that takes longer than this many milliseconds has failed, as Lambda would end it then. */
function thread(worker: Worker, longest: number) {
  const waiting = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>();
  let next = 0;
  const failAll = (error: Error): void => {
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };
  worker.on("message", (outcome: Outcome) => {
    const asked = waiting.get(outcome.id);
    waiting.delete(outcome.id);
    if ("error" in outcome)
      asked?.reject(Object.assign(new Error(outcome.error.message), { name: outcome.error.name }));
    else asked?.resolve(outcome.result);
  });
  worker.on("error", failAll);
  worker.on("exit", () => failAll(new Error("the function ended")));
  return {
    invoke: (event: unknown): Promise<unknown> =>
      new Promise((resolve, reject) => {
        next += 1;
        const id = next;
        const timer = setTimeout(() => reject(new Error("the function ran out of time")), longest);
        const done =
          <T>(settle: (value: T) => void) =>
          (value: T): void => {
            clearTimeout(timer);
            settle(value);
          };
        waiting.set(id, { resolve: done(resolve), reject: done(reject) });
        worker.postMessage({ id, event } satisfies Invocation);
      }),
    end: () => worker.terminate(),
  };
}

function followLines(stream: NodeJS.ReadableStream, print: (line: string) => void): void {
  let rest = "";
  stream.setEncoding("utf8");
  stream.on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) print(line);
  });
}
