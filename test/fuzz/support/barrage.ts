/** Many inputs at one handler: each is judged by itself, the whole state after each block. */
import { isErrorCode } from "@lepta/protocol";
import { runs, SEED } from "./random.ts";
import type { Tally } from "./tallies.ts";

/** What came of one input. */
export interface Outcome {
  /** The refusal; undefined where it was answered. */
  readonly code: string | undefined;
  /** What was written, in commits. */
  readonly commits: number;
  readonly steps: number;
}

/** Inputs of the three layers at one handler: together ten thousand. */
export const LAYER_RUNS = { sealed: 4800, content: 3200, signed: 2000 } as const;
export type Layer = keyof typeof LAYER_RUNS;

/** The state is looked at, and begins anew, so many times. */
const BLOCKS = 10;
/**
 * Work of a handler: so many steps for each byte that came, and so many besides for what it loads, signs and tries
 * again; whom it asks is counted by itself. No input makes more work than its length pays for.
 */
export const HANDLER_STEPS_PER_BYTE = 16;
export const HANDLER_STEPS_BESIDES = 80_000;
/** Refusals that leave something behind: what was begun is written down to be ended later, and the broker's own word is kept. */
const KEPT: ReadonlySet<string> = new Set(["pending", "busy", "refused"]);

/** Throws at the first input that breaks a rule, with the input. `after` ends each block: it looks, and starts anew; `share` is for one of several ways into one handler. */
export async function barrage(
  name: string,
  layer: Layer,
  once: () => Promise<{ readonly outcome: Outcome; readonly input: Uint8Array }>,
  after: () => Promise<void>,
  share = 1,
): Promise<Tally> {
  const inputs = runs(Math.ceil(LAYER_RUNS[layer] * share));
  const block = Math.ceil(inputs / BLOCKS);
  let refused = 0;
  let most = 0;
  for (let i = 1; i <= inputs; i += 1) {
    const { outcome, input } = await once();
    judge(name, outcome, input);
    if (outcome.code !== undefined) refused += 1;
    most = Math.max(most, outcome.steps - HANDLER_STEPS_PER_BYTE * input.length);
    if (i % block !== 0 && i !== inputs) continue;
    await after();
  }
  return { inputs, refused, work: `${most} steps besides` };
}

function judge(name: string, { code, commits, steps }: Outcome, input: Uint8Array): void {
  const told = () => `${name}: ${Buffer.from(input).toString("hex")} (LEPTA_FUZZ_SEED=${SEED})`;
  if (code === "internal" || (code !== undefined && !isErrorCode(code)))
    throw new Error(`refused with ${code} at ${told()}`);
  if (code !== undefined && commits > 0 && !KEPT.has(code))
    throw new Error(`refused with ${code}, and wrote something, at ${told()}`);
  const most = HANDLER_STEPS_PER_BYTE * input.length + HANDLER_STEPS_BESIDES;
  if (steps > most) throw new Error(`${steps} steps, more than ${most}, at ${told()}`);
}
