/** One run from its arguments to its exit code. */
import type { Arguments } from "./arguments.ts";
import { failure, resultLine, summary } from "./report.ts";
import { type RunPlan, run, type Totals } from "./run.ts";

const PROGRESS_EVERY = 10_000;

/** Runs, tells, and gives the exit code: 0, or 1 where a rule did not hold. */
export async function simulate(asked: Arguments, favours: readonly string[] = []): Promise<number> {
  const { isJson, only, size, hunted, seed, purchases, isReal, without } = asked;
  const began = performance.now();
  let told = began;
  const onProgress = (totals: Totals): void => {
    const isTerminal = process.stderr.isTTY === true;
    if (!isTerminal && performance.now() - told < PROGRESS_EVERY) return;
    told = performance.now();
    const text = `${totals.purchases} of ${asked.purchases} purchases, ${totals.tally.crashes} crashes`;
    process.stderr.write(isTerminal ? `\r${text}\u001b[K` : `${text}\n`);
  };
  const plan: RunPlan = {
    seed,
    purchases,
    isReal,
    without,
    favours,
    ...(size === undefined ? {} : { size }),
    ...(only === undefined ? {} : { only }),
    ...(hunted === undefined ? {} : { hunted }),
    onProgress,
  };
  const unmute = muteTheBroker();
  const result = await run(plan).finally(unmute);
  if (process.stderr.isTTY === true) process.stderr.write("\r\u001b[K");
  console.log(summary(result.totals, (performance.now() - began) / 1000));
  if (result.failed !== undefined) console.error(await failure(plan, result, asked.isBrief));
  if (isJson) console.log(resultLine(plan, result));
  return result.failed === undefined ? 0 : 1;
}

/** The broker's functions log to the standard error stream; thousands of them at once tell nobody anything. */
function muteTheBroker(): () => void {
  const { stderr } = process;
  const write = stderr.write.bind(stderr);
  stderr.write = ((text: string | Uint8Array, ...rest: never[]) =>
    typeof text === "string" && text.startsWith('{"level"')
      ? true
      : write(text, ...rest)) as typeof stderr.write;
  return () => {
    stderr.write = write;
  };
}
