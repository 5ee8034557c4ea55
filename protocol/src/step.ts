/**
 * A verification as a list of named steps, each on what earlier ones have found: whoever verifies stops at the first that fails,
 * whoever inspects takes all that can be taken.
 */
import { isRefusal, type Or, type Refusal } from "./errors.ts";
import type { Awaitable } from "./suite/suite.ts";

/** How a step came out: `open` where one that it needs has not held. */
export type Outcome<T> =
  | { readonly state: "holds"; readonly value: T }
  | { readonly state: "fails"; readonly refusal: Refusal }
  | { readonly state: "open"; readonly needs: string };

export interface Step<T = unknown> {
  readonly name: string;
  /** What is so where it holds, in plain words. */
  readonly says: string;
  /** Takes the step, once, whoever asks. */
  readonly outcome: () => Promise<Outcome<T>>;
}

/** What steps have found. */
type Found<D> = { readonly [K in keyof D]: D[K] extends Step<infer T> ? T : never };

/** A step that is taken with what the steps that it needs have found. */
export function step<const D extends readonly Step[], T>(
  name: string,
  says: string,
  needs: D,
  take: (...found: Found<D>) => Awaitable<Or<T>>,
): Step<T> {
  let outcome: Promise<Outcome<T>> | undefined;
  const run = async (): Promise<Outcome<T>> => {
    const found: unknown[] = [];
    for (const need of needs) {
      const before = await need.outcome();
      if (before.state !== "holds") return { state: "open", needs: need.name };
      found.push(before.value);
    }
    const value = await take(...(found as unknown as Found<D>));
    return isRefusal(value) ? { state: "fails", refusal: value } : { state: "holds", value };
  };
  return {
    name,
    says,
    outcome: () => {
      outcome ??= run();
      return outcome;
    },
  };
}

/** Takes the steps in their order: the refusal of the first that fails, or what the last has found. */
export async function walk<T>(steps: readonly Step[], last: Step<T>): Promise<Or<T>> {
  for (const each of [...steps, last]) {
    const outcome = await each.outcome();
    if (outcome.state === "fails") return outcome.refusal;
    // Each step stands behind those that it needs.
    if (outcome.state === "open") throw new TypeError(`${each.name} stands before ${outcome.needs}`);
    if (each === last) return outcome.value as T;
  }
  throw new TypeError("no last step");
}
