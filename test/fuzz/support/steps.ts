/**
 * How much work an input makes, counted and never timed: calls of functions and turns of loops in our own code (what
 * `count-steps.ts` puts there), and the bytes that go through what the language copies and decodes for it.
 */

declare global {
  /** Shared with every module that counts. */
  var leptaSteps: { count: number } | undefined;
}

// A refusal inside a decoder is an error for a moment; its trace, which nobody reads, costs more than the decoding.
Error.stackTraceLimit = 0;

globalThis.leptaSteps ??= { count: 0 };
const counter = globalThis.leptaSteps;

countBytes(Uint8Array.prototype, "slice");
countBytes(TextDecoder.prototype, "decode");
countBytes(TextEncoder.prototype, "encode");

/** The steps that were counted so far. */
export const stepsSoFar = (): number => counter.count;

/** The steps of a piece of work that does not wait. */
export function stepsOf(work: () => unknown): number {
  const before = counter.count;
  work();
  return counter.count - before;
}

type Method = (this: unknown, first?: unknown, second?: unknown) => { readonly length: number };

/** The length of what comes out of a method is added to the count. */
function countBytes<K extends string>(prototype: Record<K, unknown>, name: K): void {
  const original = prototype[name] as Method;
  if ("isCounted" in original) return;
  const counted: Method = function (first, second) {
    const result = original.call(this, first, second);
    counter.count += result.length;
    return result;
  };
  prototype[name] = Object.assign(counted, { isCounted: true });
}
