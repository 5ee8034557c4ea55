/** What a function's first request costs beyond a later one of the same kind: a key to unwrap, keys to read. */
import { beyond, type Counts, plus, times, zero } from "./counts.ts";
import type { Invocation } from "./recorder.ts";

/** The average over the functions that were called more than once by one route. */
export function coldStart(invocations: readonly Invocation[]): Counts {
  const extras = [...new Set(invocations.map(({ name }) => name))].flatMap((name) => {
    const own = invocations.filter((each) => each.name === name);
    const [first, ...later] = own;
    const next = later.find(({ route }) => route === first?.route);
    return first === undefined || next === undefined ? [] : [beyond(first.counts, next.counts)];
  });
  if (extras.length === 0) return zero;
  const { gbSeconds, gbCalls, sdkCalls, readUnits, kmsSymmetric, kmsAsymmetric } = times(
    plus(...extras),
    1 / extras.length,
  );
  // Anything else is what the two requests were about.
  return { ...zero, gbSeconds, gbCalls, sdkCalls, readUnits, kmsSymmetric, kmsAsymmetric };
}
