/** The heap after everything that can be collected is. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collect: () => void = runInNewContext("gc");

/** Bytes that live on: objects and what they hold outside the heap. The least of a few looks, so that no straggler counts. */
export function liveBytes(): number {
  let least = Number.POSITIVE_INFINITY;
  for (let look = 0; look < 1; look += 1) {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    least = Math.min(least, heapUsed + external);
  }
  return least;
}

/** What nine tenths of a target's inputs may leave behind: the noise of compiled code and caches, and nothing per input. */
export const HEAP_BOUND = 3 * 1024 * 1024;
