/** The function `finish`, on a schedule: brings what was left open to its end. */
import { type Finished, finishOpen } from "../pipeline/finish-open.ts";
import { brokerFor } from "../wiring.ts";
import { entry, type Factory } from "./function.ts";
import { log } from "./log.ts";

export const createFinish: Factory<(event: unknown) => Promise<Finished>> = (wiring) => {
  const broker = brokerFor(wiring, "decide");
  return async () => {
    const outcome = await finishOpen(broker);
    const { decided, failed } = outcome;
    log({ route: "finish", outcome: "decided", count: decided });
    if (failed > 0)
      log({ route: "finish", outcome: "failed", fault: "transactions left open", count: failed });
    return outcome;
  };
};

export const handler = entry(createFinish);
