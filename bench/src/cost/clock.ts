/** A clock that runs as the machine's does and can be put forward: a day of schedules takes no day. */
import { type Runtime, systemRuntime } from "@lepta/peer-sdk";

export interface Clock {
  /** For the functions and for the peers. */
  readonly runtime: Runtime;
  /** Puts the clock forward by so many milliseconds. */
  forward(milliseconds: number): void;
}

/** A clock that starts at the machine's time. */
export function openClock(): Clock {
  let ahead = 0;
  return {
    runtime: { ...systemRuntime, now: () => Date.now() + ahead },
    forward: (milliseconds) => {
      ahead += milliseconds;
    },
  };
}
