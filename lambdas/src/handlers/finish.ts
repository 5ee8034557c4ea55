/** The function `finish`, on a schedule: ends what was left `charging` or `charged`. */
import { finishInterrupted } from "../pipeline/obtain-brokerscrip.ts";
import { brokerFor } from "../wiring.ts";
import { entry, type Factory } from "./function.ts";
import { log } from "./log.ts";

export const createFinish: Factory<(event: unknown) => ReturnType<typeof finishInterrupted>> = (wiring) => {
  const broker = brokerFor(wiring, "decide");
  return async () => {
    const outcome = await finishInterrupted(broker);
    const { decided, failed } = outcome;
    log({ route: "finish", outcome: "decided", count: decided });
    if (failed > 0)
      log({ route: "finish", outcome: "failed", fault: "transactions left open", count: failed });
    return outcome;
  };
};

export const handler = entry(createFinish);
