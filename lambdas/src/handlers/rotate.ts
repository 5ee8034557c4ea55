/** The function `rotate`, on a schedule: the only one that may ask the root for a signature. */
import { rotateKeys } from "../custody/rotate.ts";
import { rotationOf } from "../wiring.ts";
import { entry, type Factory } from "./function.ts";
import { log } from "./log.ts";

export const createRotate: Factory<(event: unknown) => Promise<{ readonly made: number }>> =
  (wiring) => async () => {
    const { made } = await rotateKeys(rotationOf(wiring));
    log({ route: "rotate", outcome: "made", count: made.length });
    return { made: made.length };
  };

export const handler = entry(createRotate);
