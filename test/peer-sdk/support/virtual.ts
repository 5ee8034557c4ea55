/** A runtime whose timers fire when a test moves its clock past them. */
import type { WorldRuntime } from "./world.ts";

export interface VirtualRuntime extends WorldRuntime {
  /** Timers that have fired. */
  readonly fired: () => number;
  /** Timers that have not. */
  readonly waiting: () => number;
  /** Moves the clock on to each timer that is due by then, one after the other; waits for what each has begun. */
  pass(milliseconds: number, begun: () => Promise<unknown>): Promise<void>;
}

/** Timers that fire in one go where nothing is wrong, at most. */
const MOST = 2000;

export function virtualRuntime(inner: WorldRuntime): VirtualRuntime {
  const timers = new Set<{ readonly at: number; readonly work: () => void }>();
  let fired = 0;
  const next = () => [...timers].sort((a, b) => a.at - b.at)[0];
  return {
    ...inner,
    later: (milliseconds, work) => {
      const timer = { at: inner.now() + milliseconds, work };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    fired: () => fired,
    waiting: () => timers.size,
    pass: async (milliseconds, begun) => {
      const end = inner.now() + milliseconds;
      let count = 0;
      for (let timer = next(); timer !== undefined && timer.at <= end; timer = next()) {
        timers.delete(timer);
        inner.advance(Math.max(0, timer.at - inner.now()));
        fired += 1;
        count += 1;
        if (count > MOST) throw new Error("a loop that does nothing but wait");
        timer.work();
        await begun().catch(() => undefined);
      }
      inner.advance(Math.max(0, end - inner.now()));
    },
  };
}
