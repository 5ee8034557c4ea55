/** `npm run cost`: what a month on AWS costs, from requests counted on the embedded cloud and a file of prices. */
import { estimate } from "./cost/estimate.ts";
import { countFlows } from "./cost/flows.ts";
import { HELP, readOptions } from "./cost/options.ts";
import { readPriceFile } from "./cost/prices.ts";
import { describe, jsonOf } from "./cost/report.ts";

/** How often each flow is run: units and requests are the same each time, and only times differ. */
const RUNS = 10;

const options = readOptions(process.argv.slice(2));
if ("wrong" in options) {
  process.stderr.write(`${options.wrong}\n\n${HELP}`);
  process.exitCode = 2;
} else if (options.help) process.stdout.write(HELP);
else {
  for (const [signal, number] of [
    ["SIGINT", 2],
    ["SIGTERM", 15],
  ] as const)
    process.once(signal, () => process.exit(128 + number));
  const { purchases, assumptions, json } = options;
  const file = readPriceFile();
  const counted = await countFlows({
    perBatch: assumptions.purchasesPerBatch,
    runs: RUNS,
    progress: (line) => process.stderr.write(`cost: ${line}\n`),
  });
  const report = {
    purchases,
    assumptions,
    file,
    counted,
    estimate: estimate(counted, file.prices, assumptions),
  };
  process.stdout.write(`${json ? JSON.stringify(jsonOf(report)) : describe(report)}\n`);
}
