/** One episode: a fresh world, played until enough was bought, brought to rest and audited several times, then dropped. */
import { LeptaError } from "@lepta/peer-sdk";
import { defaultSuite } from "@lepta/protocol";
import { standInSuite } from "../support/stand-in-suite.ts";
import { chooseAction } from "./actions.ts";
import { chooseAttack } from "./adversaries.ts";
import { audit } from "./audit.ts";
import { type CustomerSide, describe } from "./peers.ts";
import type { EpisodePlan } from "./plan.ts";
import { adversaries, clock as clockRates, episode as sizes } from "./rates.ts";
import { comeToRest } from "./rest.ts";
import { createScene, type Scene } from "./scene.ts";
import { Findings } from "./violation.ts";
import type { Point, Tally } from "./weather.ts";

export interface EpisodeResult {
  readonly plan: EpisodePlan;
  readonly findings: Findings;
  readonly sold: number;
  readonly lanes: {
    readonly sold: number;
    readonly metered: number;
    readonly statements: number;
    readonly resumed: number;
  };
  readonly turns: number;
  readonly attacks: number;
  readonly tally: Tally;
  readonly points: ReadonlyMap<string, Point>;
  readonly trace: string;
}

/** Plays it to its end, or to the first rule that does not hold. */
export async function playEpisode(plan: EpisodePlan): Promise<EpisodeResult> {
  const findings = new Findings(plan.keepsHistory);
  const suite = plan.isReal ? defaultSuite : standInSuite();
  const scene = await createScene(plan, suite, findings);
  const play = new Play(plan, scene, findings);
  for (let part = 1; part <= sizes.quiescences && !findings.isOver; part += 1) {
    await play.until(Math.ceil((plan.purchases * part) / sizes.quiescences));
    if (findings.isOver) break;
    await comeToRest(scene, findings);
    if (findings.isOver) break;
    await audit({ ...scene, findings, now: scene.clock.now });
    scene.ledger.trace(`rest ${scene.clock.now}\n`);
  }
  return {
    plan,
    findings,
    sold: scene.ledger.sold,
    lanes: {
      sold: scene.ledger.soldOnLanes,
      metered: scene.ledger.metered,
      statements: scene.ledger.statements.count,
      resumed: scene.ledger.resumed,
    },
    turns: play.turns,
    attacks: play.attacks + scene.interceptor.attempts + scene.twisted.count,
    tally: scene.weather.tally,
    points: scene.weather.points,
    trace: scene.ledger.digest(),
  };
}

/** The customers' turns. */
class Play {
  turns = 0;
  attacks = 0;
  readonly #plan: EpisodePlan;
  readonly #scene: Scene;
  readonly #findings: Findings;
  #isResting = true;

  constructor(plan: EpisodePlan, scene: Scene, findings: Findings) {
    this.#plan = plan;
    this.#scene = scene;
    this.#findings = findings;
  }

  /** Lets everybody act until so many purchases were sold. */
  async until(sold: number): Promise<void> {
    const { clock, weather, ledger, customers, merchants } = this.#scene;
    weather.isCalm = false;
    this.#isResting = false;
    for (const peer of [...merchants, ...customers]) if (!peer.isOpen) peer.reopen();
    for (const customer of customers) for (let hand = 0; hand < sizes.hands; hand += 1) this.#next(customer);
    await clock.run(
      () => ledger.sold >= sold || this.turns >= this.#plan.turns || this.#findings.isOver,
      sizes.stretch,
    );
    this.#isResting = true;
  }

  #next(customer: CustomerSide): void {
    const { clock } = this.#scene;
    const { draws } = customer.options;
    clock.after(draws.between(sizes.think[0], sizes.think[1]), () => {
      if (this.#isResting) return;
      this.#turn(customer).then(
        () => this.#next(customer),
        (error: unknown) => this.#findings.broken("no fault of our own", describe(error)),
      );
    });
  }

  async #turn(customer: CustomerSide): Promise<void> {
    const { clock, weather, merchants } = this.#scene;
    const { draws, isHonest } = customer.options;
    this.turns += 1;
    if (weather.has("jump") && draws.chance(clockRates.jump / sizes.hands)) {
      const by = draws.between(clockRates.jumps[0], clockRates.jumps[1]);
      weather.tally.jumps += 1;
      this.#findings.tell(clock.now, "the clock", () => `jumps ${by} ms`);
      clock.jump(by);
    }
    if (!customer.isOpen) return;
    const isAttack = !isHonest && weather.has("adversary") && draws.chance(adversaries.attack);
    const stage = { customer, merchants, draws, scene: this.#scene };
    const { favours } = this.#plan;
    const act = isAttack ? chooseAttack(draws, favours) : chooseAction(stage, favours);
    if (isAttack) this.attacks += 1;
    customer.busy += 1;
    const { life } = customer;
    try {
      this.#findings.tell(clock.now, customer.name, () => `${isAttack ? "attack: " : ""}${act.name}`);
      await life.outlive(act.run(stage));
    } catch (error) {
      // What an adversary meets with is nobody's fault, so long as the attack itself is sound.
      const isExpected =
        error instanceof LeptaError || (isAttack && error instanceof Error && error.name === "Error");
      if (!isExpected) throw error;
      this.#findings.tell(clock.now, customer.name, () => `${act.name}: ${tersely(error)}`);
    } finally {
      customer.busy -= 1;
    }
  }
}

const tersely = (error: unknown): string =>
  error instanceof LeptaError ? `${error.code}${/ \(.*\)$/.exec(error.message)?.[0] ?? ""}` : String(error);
