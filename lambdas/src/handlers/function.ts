/** What makes a Lambda function of a factory: created at the first event, with the process's environment. */
import type { Variables } from "../environment.ts";
import { type Wiring, wire } from "../wiring.ts";

/** A function's handler from the deployment's shared wiring. */
export type Factory<Handler> = (wiring: Wiring) => Handler;

/** The entry point that Lambda calls. A wiring that fails is tried again at the next event. */
export function entry<Event, Result>(
  factory: Factory<(event: Event) => Promise<Result>>,
  variables: Variables = process.env,
): (event: Event) => Promise<Result> {
  let created: ((event: Event) => Promise<Result>) | undefined;
  return async (event) => {
    created ??= factory(await wire(variables));
    return created(event);
  };
}
