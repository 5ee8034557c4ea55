/** What runs by the clock or by hand: one invocation, told as such; a run that throws is a fault and throws on. */
import { describe } from "../log.ts";
import type { Observer } from "../ports/observer.ts";
import { requestIdOf } from "./request-id.ts";

export type ScheduledHandler<T> = (event: unknown) => Promise<T>;

/** A handler for events that nobody waits for. The platform tries again what throws. */
export function scheduledHandler<T>(
  observer: Observer,
  name: string,
  work: (event: unknown) => Promise<T>,
): ScheduledHandler<T> {
  return (event) =>
    observer.invocation(name, async () => {
      try {
        return await work(event);
      } catch (error) {
        observer.count("faults", 1);
        observer.log({ route: name, outcome: "failed", fault: describe(error), ...requestIdOf(event) });
        throw error;
      }
    });
}
