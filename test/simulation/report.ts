/** What a run tells: people a summary, machines one line, whoever has to mend something the shortest history. */

import { shrink as bounds } from "./rates.ts";
import type { RunPlan, RunResult, Totals } from "./run.ts";
import { shrink } from "./shrink.ts";

/** The result as one line of JSON. */
export function resultLine({ seed }: RunPlan, { totals, failed }: RunResult): string {
  const { tally } = totals;
  return JSON.stringify({
    ok: failed === undefined,
    seed,
    purchases: totals.purchases,
    purchasesOnLanes: totals.onLanes,
    purchasesMetered: totals.metered,
    statements: totals.statements,
    lanesResumed: totals.resumed,
    crashes: tally.crashes,
    lost: tally.lost,
    duplicated: tally.duplicated,
    reordered: tally.reordered,
    adversarialAttempts: totals.attacks,
    awaitPointsCrashed: totals.crashed.size,
    awaitPointsTotal: totals.seen.size,
    doubleSpends: totals.doubleSpends,
    conserved: totals.isConserved,
    stuck: totals.stuck,
    trace: totals.trace,
    episodes: totals.episodes,
    turns: totals.turns,
    delayed: tally.delayed,
    tableFaults: tally.tableFaults,
    clockJumps: tally.jumps,
  });
}

/** The same for people. */
export function summary(totals: Totals, seconds: number): string {
  const { tally } = totals;
  const left = [...totals.seen].filter((point) => !totals.crashed.has(point));
  return [
    `${totals.purchases} purchases in ${totals.episodes} episodes, ${seconds.toFixed(1)} s (${Math.round(totals.purchases / seconds)} a second)`,
    `lanes: ${totals.onLanes} of the purchases, ${totals.metered} of them metered, ${totals.statements} statements signed by both, ${totals.resumed} times a lane went on in another session`,
    `faults: ${tally.crashes} crashes, ${tally.lost} messages lost, ${tally.duplicated} doubled, ${tally.delayed} held up, ${tally.reordered} overtaken,`,
    `        ${tally.tableFaults} answers of the table, ${tally.jumps} jumps of the clock, ${totals.attacks} attacks`,
    `await points: killed at ${totals.crashed.size} of ${totals.seen.size}${left.length === 0 ? "" : `; not at ${left.slice(0, 5).join("; ")}`}`,
    `double spends ${totals.doubleSpends}, conserved ${totals.isConserved}, stuck ${totals.stuck}`,
    `trace ${totals.trace}`,
  ].join("\n");
}

/** What was broken, and the shortest history of it that a bounded number of tries found. */
export async function failure(plan: RunPlan, { failed }: RunResult, isBrief: boolean): Promise<string> {
  if (failed === undefined) return "";
  const { number } = failed.plan;
  // What the episode knew of those before it: where nobody had been killed. The first one knew nothing.
  const met = [...failed.points.values()].filter(({ isHunted, crashes }) => isHunted && crashes > 0);
  const hunt = number === 0 ? "" : ` --hunt "${met.map(({ name }) => name).join(";")}"`;
  const again = `npm run sim -- --purchases ${failed.plan.purchases} --seed ${plan.seed} --episode ${number}${plan.isReal ? " --real" : ""}${hunt}`;
  const lines = [
    `BROKEN with seed ${plan.seed}, episode ${number}:`,
    ...failed.findings.violations.map(({ message }) => `  ${message}`),
    `again: ${again}`,
  ];
  if (isBrief) return lines.join("\n");
  const { result, reruns } = await shrink(failed);
  const { plan: shortest, findings, turns } = result;
  const history = findings.lines.slice(-bounds.lines);
  return [
    ...lines,
    `shortest of ${reruns} runs: ${turns} turns, ${shortest.customers} customers, without ${[...shortest.without].join(", ") || "nothing"}`,
    ...(findings.lines.length > history.length
      ? [`  … ${findings.lines.length - history.length} lines before`]
      : []),
    ...history.map((line) => `  ${line}`),
    ...findings.violations.slice(0, 3).map(({ message }) => `  => ${message}`),
  ].join("\n");
}
