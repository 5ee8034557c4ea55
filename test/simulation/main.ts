/** `npm run sim`: the broker, wallets and merchants as they are, in a world that fails on purpose, from one seed. */
import { readArguments, USAGE } from "./arguments.ts";
import { failure, resultLine, summary } from "./report.ts";
import { type RunPlan, run, type Totals } from "./run.ts";

const PROGRESS_EVERY = 10_000;

async function main(): Promise<number> {
  const asked = readArguments(process.argv.slice(2));
  if (typeof asked === "string") {
    console.error(`${asked}\n\n${USAGE}`);
    return 2;
  }
  const { isJson, only, hunted, ...rest } = asked;
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
    ...rest,
    ...(only === undefined ? {} : { only }),
    ...(hunted === undefined ? {} : { hunted }),
    onProgress,
  };
  const result = await run(plan);
  if (process.stderr.isTTY === true) process.stderr.write("\r\u001b[K");
  console.log(summary(result.totals, (performance.now() - began) / 1000));
  if (result.failed !== undefined) console.error(await failure(plan, result));
  if (isJson) console.log(resultLine(plan, result));
  return result.failed === undefined ? 0 : 1;
}

process.exitCode = await main();
