/**
 * The life of one incarnation of a party: every port call goes through it. When it ends, calls that are under way and all
 * later ones never come back, as those of a process that was killed; what was not persisted is gone.
 */
import type { Weather } from "./weather.ts";

/** What a death is told to. */
export type OnDeath = (point: string) => void;

export class Life {
  readonly #role: string;
  readonly #weather: Weather;
  readonly #mourners = new Set<OnDeath>();
  #isDead = false;

  constructor(role: string, weather: Weather) {
    this.#role = role;
    this.#weather = weather;
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  /** Ends it. */
  die(point: string): void {
    if (this.#isDead) return;
    this.#isDead = true;
    for (const mourner of this.#mourners) mourner(point);
    this.#mourners.clear();
  }

  /** Tells of the death; the result takes that back. */
  onDeath(mourner: OnDeath): () => void {
    this.#mourners.add(mourner);
    return () => this.#mourners.delete(mourner);
  }

  /** A port call: the party may die before its effect or after it. */
  async call<T>(what: string, effect: () => Promise<T>): Promise<T> {
    if (this.#isDead) return never();
    const spot = this.#weather.spotOf(this.#role, what);
    if (this.#weather.strikes(spot.before)) {
      this.die(spot.before.name);
      return never();
    }
    try {
      const result = await effect();
      if (this.#isDead) return never();
      if (this.#weather.strikes(spot.after)) {
        this.die(spot.after.name);
        return never();
      }
      return result;
    } catch (error) {
      if (this.#isDead) return never();
      throw error;
    }
  }

  /** The same of something that is done at once; what a dead one does has no effect. */
  pass(what: string, effect: () => void): void {
    if (this.#isDead) return;
    const spot = this.#weather.spotOf(this.#role, what);
    if (this.#weather.strikes(spot.before)) {
      this.die(spot.before.name);
      return;
    }
    effect();
    if (!this.#isDead && this.#weather.strikes(spot.after)) this.die(spot.after.name);
  }

  /** Waits for work of this life; undefined where it died meanwhile. */
  outlive<T>(work: Promise<T>): Promise<{ readonly value: T } | undefined> {
    return new Promise((resolve, reject) => {
      const forget = this.onDeath(() => resolve(undefined));
      work.then(
        (value) => {
          forget();
          resolve({ value });
        },
        (error: unknown) => {
          forget();
          if (this.#isDead) resolve(undefined);
          else reject(error);
        },
      );
      if (this.#isDead) resolve(undefined);
    });
  }
}

/** Nobody waits for it: it is collected with whoever would have. */
const never = <T>(): Promise<T> => new Promise(() => {});
