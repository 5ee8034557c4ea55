/** A party's clock, randomness and sleep: its own skew and generator, its incarnation's life. */
import type { Runtime } from "@lepta/peer-sdk";
import type { Clock } from "./clock.ts";
import type { Life } from "./life.ts";
import type { Draws } from "./random.ts";

/** The generator outlives the incarnation: what was drawn before a crash is not drawn again. */
export const liveRuntime = (clock: Clock, life: Life, draws: Draws, skew: number): Runtime => ({
  now: () => clock.now + skew,
  random: draws.bytes,
  sleep: (milliseconds) => life.call("runtime sleep", () => clock.sleep(milliseconds)),
  later: (milliseconds, work) =>
    clock.after(milliseconds, () => {
      // What comes due is a point of its own: the process may be gone just before.
      life.call("runtime later", async () => work()).catch(() => undefined);
    }),
});
