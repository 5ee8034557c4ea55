/** One function's own surroundings, as Lambda gives them: its bundle, its environment, one event at a time. */
import { pathToFileURL } from "node:url";
import { parentPort, workerData } from "node:worker_threads";

/** What is asked of the worker, and what it answers: an error crosses as the words that Lambda would report. */
export interface Invocation {
  readonly id: number;
  readonly event: unknown;
}
export type Outcome =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: { readonly name: string; readonly message: string } };

const { file, handler } = workerData as { readonly file: string; readonly handler: string };
const loaded = import(pathToFileURL(file).href) as Promise<
  Record<string, (event: unknown) => Promise<unknown>>
>;

parentPort?.on("message", async ({ id, event }: Invocation) => {
  const outcome = await loaded
    .then(async (bundle): Promise<Outcome> => ({ id, result: await bundle[handler]?.(event) }))
    .catch(
      (error: unknown): Outcome => ({
        id,
        error:
          error instanceof Error
            ? { name: error.name, message: error.message }
            : { name: "Error", message: String(error) },
      }),
    );
  parentPort?.postMessage(outcome);
});
