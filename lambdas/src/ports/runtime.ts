/** Time and randomness come in through this port, so that the same code runs in the simulator. */
import { randomBytes } from "node:crypto";
import type { Random } from "@lepta/protocol";

export interface Runtime {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly random: Random;
  readonly sleep: (milliseconds: number) => Promise<void>;
}

export const systemRuntime: Runtime = {
  now: () => Date.now(),
  random: (length) => new Uint8Array(randomBytes(length)),
  sleep: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
};
