/** The function `finish`, on a schedule: brings what was left open to its end. */
import { type Finished, finishOpen } from "../pipeline/finish-open.ts";
import { brokerFor } from "../wiring.ts";
import { entry, type Factory } from "./function.ts";
import { type ScheduledHandler, scheduledHandler } from "./scheduled.ts";

export const createFinish: Factory<ScheduledHandler<Finished>> = (wiring) => {
  const broker = brokerFor(wiring, "decide");
  const { observer } = wiring;
  return scheduledHandler(observer, "finish", async () => {
    const outcome = await finishOpen(broker);
    const { decided, failed } = outcome;
    observer.count("leftOpen", failed);
    observer.log({ route: "finish", outcome: "decided", count: decided });
    if (failed > 0)
      observer.log({ route: "finish", outcome: "failed", fault: "transactions left open", count: failed });
    return outcome;
  });
};

export const handler = entry(createFinish);
