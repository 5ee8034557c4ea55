/** Kill -9 at random moments, round after round: flows run, a party dies, it comes back, everything ends, money is counted. */
import { limits } from "@lepta/protocol";
import type { Accounts } from "./accounts.ts";
import { HURRY, type Ran } from "./cast/role.ts";
import { Company, type Party, parties } from "./company.ts";
import { createDice, type Dice } from "./dice.ts";
import { CLAIM_TIME, type FlowName, flowNames, flowOf } from "./flows.ts";
import { type Player, PlayerGone } from "./player.ts";

export interface KillsOptions {
  /** A directory that does not exist yet. */
  readonly home: string;
  /** For each party and flow. */
  readonly kills: number;
  readonly seed: number;
  readonly progress?: (line: string) => void;
}

type Count<K extends string> = Record<K, number>;

export interface KillsReport {
  readonly ok: boolean;
  readonly seed: number;
  /** How often each party was killed while each flow was under way. */
  readonly kills: Record<Party, Count<FlowName>>;
  /** Processes that were killed: at a step of their own, at any moment from outside, with another party, while they restarted. */
  readonly processes: Count<"atStep" | "fromOutside" | "together" | "restarting">;
  readonly purchases: number;
  /** How often wallets did each thing. */
  readonly done: Readonly<Record<string, number>>;
  /** How often everything was stopped and all money counted, and whether it was all there each time. */
  readonly accounts: number;
  readonly conserved: boolean;
  /** Transactions that were not at an end in time after a restart. */
  readonly stuck: number;
  /** From the restart to the end of everything that was under way, in milliseconds. */
  readonly slowestRecovery: number;
  /** How often the broker stayed away for longer than anybody asks again, and the merchant for longer than it may be silent. */
  readonly absences: Count<"broker" | "merchant">;
  /** What the merchant lost because it was silent, `"EUR 0.02"`. */
  readonly lost: string;
  /** How flows ended, by code. */
  readonly ends: Readonly<Record<string, number>>;
  readonly faults: readonly string[];
}

/** Steps of one to a few runs of all flows, as each process counts them. */
const STEPS: Readonly<Record<Party, number>> = { broker: 300, merchant: 60, wallet: 80 };
/** Steps of a start, of which some are killed too: one in `RESTART_KILLS`. */
const START_STEPS: Readonly<Record<Party, number>> = { broker: 60, merchant: 6, wallet: 30 };
const RESTART_KILLS = 8;
/** In each of so many rounds one party dies alone; in others one more, or all: nobody is left who would ask again. */
const ROUNDS_PER_COMPANY = 3;
/** In the first of so many of its rounds whoever died stays away for a time, and the others go on without it. */
const ROUNDS_PER_ABSENCE = 5;
/** How long, in milliseconds: a broker for longer than a request is sent again, a merchant for longer than a claim may take. */
const ABSENCE = { broker: askedFor() + 300, merchant: CLAIM_TIME + 300 } as const;
/** The longest wait before a kill from outside, and before a victim counts its own steps, in milliseconds. */
const LONGEST_WAIT = 250;
/** How long a victim may take to its own step, before it is killed from outside, in milliseconds. */
const STEP_PATIENCE = 2_000;
/** Rounds after which everything is stopped and counted. */
const ROUNDS_PER_ACCOUNT = 45;

/** Runs until every party was killed so often in every flow. Throws only where the harness itself fails. */
export async function runKills(options: KillsOptions): Promise<KillsReport> {
  const run = new Run(options);
  return run.all(await Company.open(options.home));
}

class Run {
  readonly #options: KillsOptions;
  readonly #dice: Dice;
  readonly #kills = Object.fromEntries(
    parties.map((party) => [party, Object.fromEntries(flowNames.map((flow) => [flow, 0]))]),
  ) as Record<Party, Count<FlowName>>;
  readonly #processes = { atStep: 0, fromOutside: 0, together: 0, restarting: 0 };
  readonly #ends: Record<string, number> = {};
  readonly #faults: string[] = [];
  #accounts: Accounts | undefined;
  #accountsTaken = 0;
  #stuck = 0;
  #slowest = 0;
  readonly #absences = { broker: 0, merchant: 0 };
  readonly #rounds: Count<Party> = { broker: 0, merchant: 0, wallet: 0 };

  constructor(options: KillsOptions) {
    this.#options = options;
    this.#dice = createDice(options.seed);
  }

  async all(company: Company): Promise<KillsReport> {
    const { kills, progress = () => {} } = this.#options;
    // A flow that was over when its party died is not counted; if that goes on for too long the report says so.
    const most = parties.length * kills * 3;
    try {
      for (let round = 1; round <= most && this.#faults.length === 0; round += 1) {
        const party = this.#next();
        if (party === undefined) break;
        await this.#round(company, party);
        if (round % ROUNDS_PER_ACCOUNT === 0) {
          await this.#account(company);
          await company.start();
          progress(`round ${round}: ${JSON.stringify(this.#kills)}`);
        }
      }
      if (this.#faults.length === 0) await this.#account(company);
    } catch (error) {
      this.#faults.push(String(error instanceof Error ? error.stack : error));
    } finally {
      await company.killAll();
    }
    return this.#report();
  }

  /** The party that was killed least. */
  #next(): Party | undefined {
    const open = parties
      .map((party) => ({ party, left: this.#options.kills - Math.min(...Object.values(this.#kills[party])) }))
      .filter(({ left }) => left > 0)
      .sort((a, b) => b.left - a.left);
    return open[0]?.party;
  }

  async #round(company: Company, party: Party): Promise<void> {
    const underWay = new Set<FlowName>();
    const runs = flowNames.map(async (flow) => {
      underWay.add(flow);
      const merchant =
        flowOf(flow).merchant && this.#end(company.merchant.call("run", [flow, company.uid(flow)]));
      await this.#end(company.wallet(flow).call("run", flow));
      underWay.delete(flow);
      await merchant;
    });
    await Promise.all(
      company.victims(party).map(async ({ victim, flows }) => {
        const hit = await this.#killOne(victim, party, () => flows.filter((each) => underWay.has(each)));
        for (const each of hit) this.#kills[party][each] += 1;
        const words = await victim.ended;
        if (words !== undefined) this.#faults.push(words);
      }),
    );
    await this.#killOthers(company, party, underWay);
    const isLong = this.#rounds[party] % ROUNDS_PER_ABSENCE === 0;
    this.#rounds[party] += 1;
    if (party !== "wallet" && isLong) {
      this.#absences[party] += 1;
      await new Promise((resolve) => setTimeout(resolve, ABSENCE[party]));
    }
    await company.stop();
    const startedAt = performance.now();
    this.#processes.restarting += await company.start(() =>
      this.#dice.below(RESTART_KILLS) === 0 ? 1 + this.#dice.below(START_STEPS[party]) : undefined,
    );
    await Promise.all(runs);
    const left = await company.settle();
    this.#stuck += left.length;
    this.#faults.push(...left.map((each) => `after a kill of the ${party} this did not end: ${each}`));
    this.#slowest = Math.max(this.#slowest, Math.round(performance.now() - startedAt));
  }

  /** Sometimes those who were to wait for the party that died die too. */
  async #killOthers(company: Company, party: Party, underWay: ReadonlySet<FlowName>): Promise<void> {
    const others = parties.filter((each) => each !== party);
    if (this.#dice.below(2) === 0) others.reverse();
    for (const other of others.slice(0, this.#dice.below(ROUNDS_PER_COMPANY))) {
      const victims = company.victims(other);
      this.#processes.together += victims.length;
      for (const each of underWay) this.#kills[other][each] += 1;
      await Promise.all(victims.map(({ victim }) => victim.kill()));
    }
  }

  /** At a step that it counts itself, or from outside at any moment. Gives the flows that it was killed in. */
  async #killOne(
    victim: Player,
    party: Party,
    underWay: () => readonly FlowName[],
  ): Promise<readonly FlowName[]> {
    const isStep = this.#dice.below(2) === 0;
    const wait = this.#dice.below(LONGEST_WAIT);
    const steps = 1 + this.#dice.below(STEPS[party]);
    await new Promise((resolve) => setTimeout(resolve, wait));
    if (isStep) {
      this.#processes.atStep += 1;
      const hit = underWay();
      await victim.call("dieAfter", steps).catch(gone);
      await victim.untilGone(STEP_PATIENCE);
      return hit;
    }
    this.#processes.fromOutside += 1;
    const hit = underWay();
    await victim.kill();
    return hit;
  }

  /** How a flow ended: with its last code, with its process, or with a fault of ours. */
  async #end(running: Promise<unknown>): Promise<void> {
    try {
      const { ended } = (await running) as Ran;
      this.#ends[ended] = (this.#ends[ended] ?? 0) + 1;
    } catch (error) {
      if (error instanceof PlayerGone) this.#ends.killed = (this.#ends.killed ?? 0) + 1;
      else this.#faults.push(String(error));
    }
  }

  async #account(company: Company): Promise<void> {
    this.#accounts = await company.account();
    this.#accountsTaken += 1;
    this.#faults.push(...this.#accounts.faults);
  }

  #report(): KillsReport {
    const { kills, seed } = this.#options;
    if (this.#next() !== undefined && this.#faults.length === 0)
      this.#faults.push(`not every flow was under way often enough in ${kills} kills`);
    return {
      ok: this.#faults.length === 0,
      seed,
      kills: this.#kills,
      processes: this.#processes,
      purchases: this.#accounts?.done.purchase ?? 0,
      done: this.#accounts?.done ?? {},
      accounts: this.#accountsTaken,
      conserved: this.#accounts?.conserved ?? false,
      stuck: this.#stuck,
      slowestRecovery: this.#slowest,
      absences: this.#absences,
      lost: this.#accounts?.lost ?? "",
      ends: this.#ends,
      faults: this.#faults,
    };
  }
}

/** How long the SDK goes on asking a broker that is away, in milliseconds: its pauses grow from one to the next. */
function askedFor(): number {
  let sum = 0;
  for (let attempt = 1; attempt < limits.deliveryAttempts; attempt += 1) sum += 50 * 2 ** attempt;
  return sum / HURRY;
}

function gone(error: unknown): void {
  // It died before it could say that it would.
  if (!(error instanceof PlayerGone)) throw error;
}
