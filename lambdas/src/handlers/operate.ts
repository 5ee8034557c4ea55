/** The function `operate`: what only the operator may ask for. It holds no key. */
import type { OperateAnswer } from "../operations.ts";
import { operate } from "../pipeline/operate.ts";
import { entry, type Factory } from "./function.ts";
import { log } from "./log.ts";

export const createOperate: Factory<(event: unknown) => Promise<OperateAnswer>> =
  (wiring) => async (event) => {
    const answer = await operate(wiring, event);
    log({ route: "operate", outcome: answer.outcome });
    return answer;
  };

export const handler = entry(createOperate);
