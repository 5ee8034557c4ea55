/** A whole run: episode after episode, each from a seed of its own, nothing kept but counts and the chained trace. */
import { createHash } from "node:crypto";
import { type EpisodeResult, playEpisode } from "./episode.ts";
import type { EpisodePlan } from "./plan.ts";
import { episode as sizes } from "./rates.ts";
import type { Kind, Tally } from "./weather.ts";

export interface RunPlan {
  readonly seed: string;
  readonly purchases: number;
  readonly isReal: boolean;
  readonly without: ReadonlySet<Kind>;
  /** Points to hunt in the first episode that is played, for one that is played again alone. */
  readonly hunted?: readonly string[];
  /** Only this one. */
  readonly only?: number;
  /** Names of actions and attacks that are chosen more often. */
  readonly favours?: readonly string[];
  /** Purchases of one episode. */
  readonly size?: number;
  readonly onProgress?: (totals: Totals) => void;
}

export interface Totals {
  purchases: number;
  episodes: number;
  attacks: number;
  turns: number;
  /** Purchases on lanes, metered ones among them, statements that both have signed, lanes that went on in another session. */
  onLanes: number;
  metered: number;
  statements: number;
  resumed: number;
  doubleSpends: number;
  stuck: number;
  isConserved: boolean;
  readonly tally: Tally;
  readonly seen: Set<string>;
  readonly crashed: Set<string>;
  trace: string;
}

export interface RunResult {
  readonly totals: Totals;
  readonly failed: EpisodeResult | undefined;
}

/** Plays until so many purchases were sold or a rule did not hold. */
export async function run(plan: RunPlan): Promise<RunResult> {
  const totals = nothingYet();
  for (let number = plan.only ?? 0; totals.purchases < plan.purchases; number += 1) {
    const result = await playEpisode(episodePlan(plan, number, totals));
    add(totals, result);
    if (result.findings.isFailed) return { totals, failed: result };
    plan.onProgress?.(totals);
    if (plan.only !== undefined) break;
  }
  return { totals, failed: undefined };
}

function episodePlan(plan: RunPlan, number: number, totals: Totals): EpisodePlan {
  const { seed, isReal, without } = plan;
  const purchases = Math.min(plan.size ?? sizes.purchases, plan.purchases - totals.purchases);
  return {
    seed,
    number,
    isReal,
    without,
    purchases,
    favours: new Set(plan.favours),
    // Whoever passes a point where nobody was killed yet is killed there.
    hunts: plan.hunted === undefined ? { allBut: new Set(totals.crashed) } : { only: new Set(plan.hunted) },
    keepsHistory: false,
    turns: purchases * TURNS_PER_PURCHASE + TURNS_LEAST,
    customers: sizes.customers,
  };
}

/** Where nothing is sold any more an episode ends all the same. */
const TURNS_PER_PURCHASE = 8;
const TURNS_LEAST = 2000;

const nothingYet = (): Totals => ({
  purchases: 0,
  episodes: 0,
  attacks: 0,
  turns: 0,
  onLanes: 0,
  metered: 0,
  statements: 0,
  resumed: 0,
  doubleSpends: 0,
  stuck: 0,
  isConserved: true,
  tally: { crashes: 0, lost: 0, duplicated: 0, reordered: 0, delayed: 0, tableFaults: 0, jumps: 0 },
  seen: new Set(),
  crashed: new Set(),
  trace: "",
});

function add(totals: Totals, result: EpisodeResult): void {
  const { sold, attacks, turns, tally, points, trace, findings, lanes } = result;
  totals.purchases += sold;
  totals.episodes += 1;
  totals.attacks += attacks;
  totals.turns += turns;
  totals.onLanes += lanes.sold;
  totals.metered += lanes.metered;
  totals.statements += lanes.statements;
  totals.resumed += lanes.resumed;
  totals.doubleSpends += findings.doubleSpends;
  totals.stuck += findings.stuck;
  totals.isConserved &&= findings.conserved;
  for (const name of Object.keys(tally) as (keyof Tally)[]) totals.tally[name] += tally[name];
  for (const { name, isSeen, crashes } of points.values()) {
    if (isSeen) totals.seen.add(name);
    if (crashes > 0) totals.crashed.add(name);
  }
  totals.trace = createHash("sha256").update(`${totals.trace} ${trace}`).digest("hex");
}
