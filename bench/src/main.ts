/** `npm run bench`: purchases per second of one core, beside an echo of the same bytes and the paper's own suite. */
import { pinnableCore } from "./child.ts";
import { HELP, type Options, readOptions } from "./options.ts";
import { describe, reportOf } from "./report.ts";
import { runRounds } from "./rounds.ts";

/** A run that takes longer is worth nothing: the machine does something else. In minutes. */
const PATIENCE = 12;

const options = readOptions(process.argv.slice(2));
if ("wrong" in options) {
  process.stderr.write(`${options.wrong}\n\n${HELP}`);
  process.exitCode = 2;
} else if (options.help) process.stdout.write(HELP);
else await bench(options);

async function bench({ rounds, seconds, connections, json, profile }: Options): Promise<void> {
  for (const [signal, number] of [
    ["SIGINT", 2],
    ["SIGTERM", 15],
  ] as const)
    process.once(signal, () => process.exit(128 + number));
  const overdue = setTimeout(() => {
    process.stderr.write(`bench: given up after ${PATIENCE} minutes\n`);
    process.exit(1);
  }, PATIENCE * 60_000);
  const core = pinnableCore();
  const pinned = core !== undefined;
  const begin = performance.now();
  const progress = (line: string) =>
    process.stderr.write(
      `bench: ${((performance.now() - begin) / 1000).toFixed(0).padStart(3)} s  ${line}\n`,
    );
  progress(
    pinned
      ? `both ends on core ${core}`
      : "there is no taskset here: both ends run where the system puts them, and ratios are unsteady",
  );
  const result = await runRounds({ rounds, seconds, connections, core, profileDir: profile, progress });
  clearTimeout(overdue);
  const report = reportOf(result, { seconds, connections, pinned });
  process.stdout.write(`${json ? JSON.stringify(report) : describe(report)}\n`);
}
