/** The function `rotate`, on a schedule: the only one that may ask the root for a signature. */
import type { Purpose } from "@lepta/protocol";
import { type KeyTable, readKeyTable, signingPurposes } from "../custody/key-items.ts";
import { rotateKeys } from "../custody/rotate.ts";
import { rotationOf } from "../wiring.ts";
import { entry, type Factory } from "./function.ts";
import { type ScheduledHandler, scheduledHandler } from "./scheduled.ts";

export const createRotate: Factory<ScheduledHandler<{ readonly made: number }>> = (wiring) => {
  const { observer, store, runtime } = wiring;
  return scheduledHandler(observer, "rotate", async () => {
    const { made } = await rotateKeys(rotationOf(wiring));
    observer.measure("keyLifeLeft", keyLifeLeft(await readKeyTable(store), runtime.now()));
    observer.log({ route: "rotate", outcome: "made", count: made.length });
    return { made: made.length };
  });
};

/** Milliseconds until the first purpose is without a key; 0 where one has none. */
function keyLifeLeft({ operational }: KeyTable, now: number): number {
  const left = (purpose: Purpose) =>
    operational
      .filter((key) => key.purpose === purpose)
      .reduce((longest, { notAfter }) => Math.max(longest, notAfter - now), 0);
  return Math.min(...[...signingPurposes, "seal" as const].map(left));
}

export const handler = entry(createRotate);
