/** `npm run torture`: the parties as real processes, killed with kill -9 at random moments, all money accounted for. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { runKills } from "./kills.ts";

const HELP = `Usage: npm run torture -- [--kills 200] [--seed 1] [--json]

Kills broker, merchant and wallets with kill -9 while their flows are under way, starts them again, and counts all money.
  --kills   how often each party is killed in each flow, 1 to 999999 (default 200)
  --seed    repeats the choice of moments, 0 to 999999 (default: another one each time)
  --json    prints only the last line, which is JSON either way
`;

interface Options {
  readonly kills: number;
  readonly seed: number;
  readonly isQuiet: boolean;
}

const options = readOptions(process.argv.slice(2));
if (options === "help") process.stdout.write(HELP);
else if (typeof options === "string") {
  process.stderr.write(`torture: ${options}\n${HELP}`);
  process.exitCode = 2;
} else await torture(options);

/** What was asked for, or in words what cannot be. */
function readOptions(args: readonly string[]): Options | string {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        kills: { type: "string", default: "200" },
        seed: { type: "string", default: String(Date.now() % 1_000_000) },
        json: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
    if (values.help) return "help";
    if (!/^[1-9]\d{0,5}$/.test(values.kills)) return `--kills ${values.kills} is no number of kills`;
    if (!/^\d{1,6}$/.test(values.seed)) return `--seed ${values.seed} is no seed`;
    return { kills: Number(values.kills), seed: Number(values.seed), isQuiet: values.json };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function torture({ kills, seed, isQuiet }: Options): Promise<void> {
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
