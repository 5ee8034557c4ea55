/** What an adversarial customer does. */
import type { Action, Stage } from "./actions.ts";
import type { Draws } from "./random.ts";

export const attacks: readonly Action[] = [{ name: "nothing", weight: 1, run: async (_stage: Stage) => {} }];

export const chooseAttack = (draws: Draws): Action => draws.pick(attacks);
