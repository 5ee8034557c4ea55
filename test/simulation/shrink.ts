/** A failing episode, run again with less and less in it: the shortest history that still breaks the same rule. */
import { type EpisodeResult, playEpisode } from "./episode.ts";
import type { EpisodePlan } from "./plan.ts";
import { shrink as bounds } from "./rates.ts";
import { kinds } from "./weather.ts";

export interface Shrunk {
  readonly result: EpisodeResult;
  readonly reruns: number;
}

/** Leaves out kinds of faults, customers and turns, one after the other, as long as the rule stays broken. */
export async function shrink(failed: EpisodeResult): Promise<Shrunk> {
  const rule = failed.findings.violations[0]?.rule;
  let best = await playEpisode({ ...failed.plan, keepsHistory: true });
  let reruns = 1;
  const tries = async (change: Partial<EpisodePlan>): Promise<boolean> => {
    if (reruns >= bounds.reruns) return false;
    reruns += 1;
    const result = await playEpisode({ ...best.plan, ...change });
    if (!result.findings.violations.some((each) => each.rule === rule)) return false;
    best = result;
    return true;
  };
  await tries({ turns: best.turns });
  for (const kind of kinds) await tries({ without: new Set([...best.plan.without, kind]) });
  for (const customers of [2, 4, 8])
    if (customers < best.plan.customers && (await tries({ customers }))) break;
  // Fewer turns: halves first, then what is left of the difference.
  let least = 0;
  while (best.turns - least > 1 && reruns < bounds.reruns) {
    const turns = Math.floor((least + best.turns) / 2);
    if (!(await tries({ turns }))) least = turns;
  }
  return { result: best, reruns };
}
