/** The function `finish`, on a schedule: ends what was left `charging` or `charged`. */
import { finishInterrupted } from "../pipeline/obtain-brokerscrip.ts";
import { brokerFor } from "../wiring.ts";
import { entry, type Factory } from "./function.ts";
import { log } from "./log.ts";

export const createFinish: Factory<
  (event: unknown) => Promise<{ readonly seen: number; readonly decided: number }>
> = (wiring) => {
  const broker = brokerFor(wiring, "decide");
  return async () => {
    const outcome = await finishInterrupted(broker);
    log({ route: "finish", outcome: "decided", count: outcome.decided });
    return outcome;
  };
};

export const handler = entry(createFinish);
