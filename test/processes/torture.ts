/** `npm run torture`: the parties as real processes, killed with kill -9 at random moments, all money accounted for. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { runKills } from "./kills.ts";

const HELP = `Usage: npm run torture -- [--kills 200] [--seed 1] [--json]

Kills broker, merchant and wallets with kill -9 while their flows are under way, starts them again, and counts all money.
  --kills   how often each party is killed in each flow (default 200)
  --seed    repeats the choice of moments (default: another one each time)
  --json    prints only the last line, which is JSON either way
`;

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "200" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

if (values.help) process.stdout.write(HELP);
else if (![values.kills, values.seed].every((each) => /^\d{1,6}$/.test(each))) {
  process.stderr.write(`--kills and --seed are whole numbers\n${HELP}`);
  process.exitCode = 2;
} else await torture(Number(values.kills), Number(values.seed), values.json);

async function torture(kills: number, seed: number, isQuiet: boolean): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "lepta-torture-"));
  const progress = isQuiet ? () => {} : (line: string) => void process.stdout.write(`${line}\n`);
  progress(`seed ${seed}, ${kills} kills for each party and flow`);
  const begun = performance.now();
  const report = await runKills({ home: join(dir, "home"), kills, seed, progress });
  // What went wrong is in the directories.
  if (report.ok) rmSync(dir, { recursive: true, force: true });
  else process.stderr.write(`the directories are kept in ${dir}\n`);
  const seconds = Math.round((performance.now() - begun) / 1000);
  process.stdout.write(`${JSON.stringify({ ...report, seconds })}\n`);
  process.exitCode = report.ok ? 0 : 1;
}
