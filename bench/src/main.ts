/** `npm run bench`: purchases per second of one merchant core, beside a bare echo and the paper's own suite. */
import { parseArgs } from "node:util";
import { pinnableCore } from "./child.ts";
import { describe, reportOf } from "./report.ts";
import { runRounds } from "./rounds.ts";

const HELP = `Usage: npm run bench -- [--rounds 5] [--seconds 2] [--connections 4] [--json] [--profile DIRECTORY]

Measures whole purchases (figure 7) through the production code, between two processes on one core.
  --rounds       rounds; each measures every subject once (1 to 50)
  --seconds      length of one measurement (0.1 to 30); rounds × seconds may be 60 at most
  --connections  customers, each with a connection and one purchase under way (1 to 64)
  --json         one JSON object on the last line instead of the table
  --profile      where the default suite's merchant writes a CPU profile
`;

/** Bounds the time, and the notices that a merchant keeps unsent: with more than its outbox holds it sells nothing. */
const MOST_SECONDS = 60;

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "2" },
    connections: { type: "string", default: "4" },
    json: { type: "boolean", default: false },
    profile: { type: "string" },
    help: { type: "boolean", default: false },
  },
});

if (values.help) process.stdout.write(HELP);
else await bench();

async function bench(): Promise<void> {
  const rounds = Number(values.rounds);
  const seconds = Number(values.seconds);
  const connections = Number(values.connections);
  const isSensible =
    isWhole(rounds, 50) &&
    isWhole(connections, 64) &&
    seconds >= 0.1 &&
    seconds <= 30 &&
    rounds * seconds <= MOST_SECONDS;
  if (!isSensible) {
    process.stderr.write(HELP);
    process.exitCode = 1;
    return;
  }
  for (const [signal, number] of [
    ["SIGINT", 2],
    ["SIGTERM", 15],
  ] as const)
    process.once(signal, () => process.exit(128 + number));
  const core = pinnableCore();
  const pinned = core !== undefined;
  const progress = (line: string) => process.stderr.write(`bench: ${line}\n`);
  progress(
    pinned
      ? `both ends on core ${core}`
      : "there is no taskset here: both ends run where the system puts them, and ratios are unsteady",
  );
  const result = await runRounds({
    rounds,
    seconds,
    connections,
    core,
    profileDir: values.profile,
    progress,
  });
  const report = reportOf(result, { seconds, connections, pinned });
  process.stdout.write(`${values.json ? JSON.stringify(report) : describe(report)}\n`);
}

function isWhole(value: number, most: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= most;
}
