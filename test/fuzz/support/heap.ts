/** The heap after everything that can be collected is. */
import { setImmediate as turn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collect: () => void = runInNewContext("gc");

/** What all inputs of a file may leave behind: the noise of compiled code and caches, and nothing per input. */
export const HEAP_BOUND = 16 * 1024 * 1024;

/** Bytes that live on: objects, and the buffers that they hold outside the heap. The least of a few looks. */
export async function liveBytes(looks = LOOKS): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let look = 0; look < looks; look += 1) {
    collect();
    // What holds memory of the operating system gives it back a turn later.
    await turn();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    least = Math.min(least, heapUsed + arrayBuffers);
  }
  return least;
}

/** One look is quick; a few tell what stays from what only lingers. A collection costs as much as thousands of inputs. */
const LOOKS = 3;
