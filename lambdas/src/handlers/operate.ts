/** The function `operate`: what only the operator may ask for. It holds no key. */
import { checkService, readKeyTable } from "../custody/key-items.ts";
import type { OperateAnswer } from "../operations.ts";
import { operate } from "../pipeline/operate.ts";
import { entry, type Factory } from "./function.ts";
import { type ScheduledHandler, scheduledHandler } from "./scheduled.ts";

export const createOperate: Factory<ScheduledHandler<OperateAnswer>> = (wiring) => {
  const { observer, store, environment } = wiring;
  return scheduledHandler(observer, "operate", async (event) => {
    // What is written into a table that is being restored, the replay could undo.
    checkService(await readKeyTable(store), environment.table);
    const answer = await operate(wiring, event);
    observer.log({ route: "operate", outcome: answer.outcome });
    return answer;
  });
};

export const handler = entry(createOperate);
