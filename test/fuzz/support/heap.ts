/** The heap after everything that can be collected is. */
import { setImmediate as turn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collect: () => void = runInNewContext("gc");

/** What nine tenths of a target's inputs may leave behind: the noise of compiled code and caches, and nothing per input. */
export const HEAP_BOUND = 3 * 1024 * 1024;

/** Bytes that live on: objects, and the buffers that they hold outside the heap. The least of a few looks. */
export async function liveBytes(looks = 1): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let look = 0; look < looks; look += 1) {
    collect();
    // What holds memory of the operating system gives it back a turn later.
    if (looks > 1) await turn();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    least = Math.min(least, heapUsed + arrayBuffers);
  }
  return least;
}
