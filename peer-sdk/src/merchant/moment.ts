/** What makes an id of scrip the only one of its kind: the moment in which it was made. */
import type { Runtime } from "../ports.ts";

/** Bytes of a moment: 44 bits of milliseconds and 20 of a count within each. */
export const MOMENT = 8;
const COUNTS = 2 ** 20;

/**
 * Gives a moment each time, none of them twice, each after the one before: what is made together lies together on disk. The
 * count begins anywhere, so that it tells nobody how much is made, and so that a clock that was set back between two starts
 * hardly meets a moment again.
 */
export function moments({ now, random }: Pick<Runtime, "now" | "random">): () => Uint8Array {
  let last = 0;
  let count = 0;
  return () => {
    const time = now();
    if (time > last) {
      last = time;
      const [a = 0, b = 0, c = 0] = random(3);
      count = (a * 2 ** 16 + b * 2 ** 8 + c) % COUNTS;
    } else if (count < COUNTS - 1) count += 1;
    else {
      last += 1;
      count = 0;
    }
    const moment = new Uint8Array(MOMENT);
    const view = new DataView(moment.buffer);
    view.setUint32(0, Math.floor(last / 2 ** 12));
    view.setUint32(4, (last % 2 ** 12) * COUNTS + count);
    return moment;
  };
}
