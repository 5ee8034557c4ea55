/** What one episode is to be: all that it depends on. */
import type { Hunts, Kind } from "./weather.ts";

export interface EpisodePlan {
  readonly seed: string;
  readonly number: number;
  /** How many purchases to wait for. */
  readonly purchases: number;
  readonly without: ReadonlySet<Kind>;
  /** Where somebody is killed in any case. */
  readonly hunts: Hunts;
  /** Names of actions and attacks that are chosen more often. */
  readonly favours: ReadonlySet<string>;
  readonly isReal: boolean;
  readonly keepsHistory: boolean;
  /** After so many turns nobody begins anything new. */
  readonly turns: number;
  /** Customers who take part. */
  readonly customers: number;
}
