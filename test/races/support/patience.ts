/** A runtime whose sleep waits for turns of the event loop, more of them the longer it is asked to sleep. */
import { type TestRuntime, testRuntime } from "../../support/runtime.ts";

/** Handlers that back off let others go first, as their jitter says, and no clock is asked. */
export function patientRuntime(seed = "races"): TestRuntime {
  const runtime = testRuntime(undefined, { seed });
  return {
    ...runtime,
    sleep: async (milliseconds) => {
      const turns = Math.min(milliseconds * TURNS_PER_MILLISECOND, MOST_TURNS);
      for (let turn = 0; turn <= turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

const TURNS_PER_MILLISECOND = 4;
const MOST_TURNS = 400;
