/** The clock's part: what EventBridge and the state machine do when deployed. */
import { schedules } from "@lepta/lambdas";
import type { Invocable } from "./functions/invocable.ts";

export type Scheduled = (typeof schedules)[number]["capability"];

/** Calls each function at its turns; a run that fails is told and tried again at the next. Gives what stops it. */
export function startClock(functions: Readonly<Record<Scheduled, Invocable>>): () => Promise<void> {
  const timers = schedules.map(({ capability, everyMinutes }) => {
    const run = () => void toItsEnd(functions[capability]).catch(told(capability));
    return setInterval(run, everyMinutes * 60 * 1000).unref();
  });
  return async () => {
    for (const timer of timers) clearInterval(timer);
  };
}

/** The most calls of one turn: as the state machine that calls it when deployed, the clock does not go on for ever. */
const CALLS = 1_000;

/** Calls a function again with what it answered for as long as it says that it is not done. */
export async function toItsEnd(run: Invocable): Promise<void> {
  let event: unknown = {};
  for (let call = 0; call < CALLS; call += 1) {
    event = await run(event);
    if ((event as { readonly done?: unknown }).done !== false) return;
  }
  throw new Error("a scheduled function came to no end");
}

/** Tells which one failed, and when it is tried again. */
export const told =
  (capability: Scheduled) =>
  (error: unknown): void => {
    const minutes = schedules.find((each) => each.capability === capability)?.everyMinutes;
    const name = error instanceof Error ? error.name : "failed";
    process.stderr.write(`${capability}: ${name}, next try in ${minutes} min\n`);
  };
