/** What goes wrong, decided from the seed: crashes, messages, the table's answers. Calm weather is for coming to rest. */
import { type Draws, drawsOf, hashOf } from "./random.ts";
import { crash, network, store, table } from "./rates.ts";

/** The kinds of faults; a failing episode is run again with fewer of them. */
export const kinds = [
  "drop",
  "duplicate",
  "delay",
  "crash",
  "table",
  "slow",
  "jump",
  "skew",
  "adversary",
  "delivery",
] as const;
export type Kind = (typeof kinds)[number];

/** A place where a party may die: who, which port, which operation, on what, before or after its effect. */
export interface Point {
  readonly name: string;
  readonly isHunted: boolean;
  isSeen: boolean;
  crashes: number;
}

export interface Spot {
  readonly before: Point;
  readonly after: Point;
}

export interface Tally {
  crashes: number;
  lost: number;
  duplicated: number;
  reordered: number;
  delayed: number;
  tableFaults: number;
  jumps: number;
}

/** The points where the first pass is somebody's last: these, or all but these, where somebody was killed before. */
export type Hunts = { readonly only: ReadonlySet<string> } | { readonly allBut: ReadonlySet<string> };

export interface WeatherOptions {
  readonly seed: string;
  /** What does not happen. */
  readonly without: ReadonlySet<Kind>;
  readonly hunts: Hunts;
}

export class Weather {
  readonly tally: Tally = {
    crashes: 0,
    lost: 0,
    duplicated: 0,
    reordered: 0,
    delayed: 0,
    tableFaults: 0,
    jumps: 0,
  };
  readonly points = new Map<string, Point>();
  readonly #options: WeatherOptions;
  readonly #spots = new Map<string, Map<string, Spot>>();
  readonly #crashes: Draws;
  readonly #messages: Draws;
  readonly #table: Draws;
  readonly #slow: Draws;
  readonly #torn: Draws;
  isCalm = true;

  constructor(options: WeatherOptions) {
    this.#options = options;
    this.#crashes = drawsOf(`${options.seed}/crashes`);
    this.#messages = drawsOf(`${options.seed}/messages`);
    this.#table = drawsOf(`${options.seed}/table`);
    this.#slow = drawsOf(`${options.seed}/slow`);
    this.#torn = drawsOf(`${options.seed}/torn`);
  }

  /** Whether faults of this kind happen now. */
  has(kind: Kind): boolean {
    return !this.isCalm && !this.#options.without.has(kind);
  }

  /** The two points of a port call. */
  spotOf(role: string, what: string): Spot {
    let ofRole = this.#spots.get(role);
    if (ofRole === undefined) {
      ofRole = new Map();
      this.#spots.set(role, ofRole);
    }
    let spot = ofRole.get(what);
    if (spot === undefined) {
      spot = { before: this.#point(`${role} ${what} before`), after: this.#point(`${role} ${what} after`) };
      ofRole.set(what, spot);
    }
    return spot;
  }

  #point(name: string): Point {
    const { hunts, seed } = this.#options;
    const isNew = "only" in hunts ? hunts.only.has(name) : !hunts.allBut.has(name);
    const isHunted = isNew || hashOf(`${seed}/${name}`) % crash.huntOneIn === 0;
    const point: Point = { name, isHunted, isSeen: false, crashes: 0 };
    this.points.set(name, point);
    return point;
  }

  /** Whether the party dies here, now. */
  strikes(point: Point): boolean {
    if (!this.has("crash")) return false;
    point.isSeen = true;
    const isNow = (point.isHunted && point.crashes === 0) || this.#crashes.chance(crash.any);
    if (!isNow) return false;
    point.crashes += 1;
    this.tally.crashes += 1;
    return true;
  }

  /** How long a call of a peer's store, or of the broker's table, takes where it takes time. */
  slowness(of: "store" | "table"): number {
    const rates = of === "store" ? store : table;
    if (!this.has("slow") || !this.#slow.chance(rates.slow)) return 0;
    return this.#slow.between(rates.slowness[0], rates.slowness[1]);
  }

  /** How many of so many records that were written and not synced are on disk after a crash. */
  survivors(unsynced: number): number {
    return this.#torn.between(0, unsynced);
  }

  /** How long a message is on its way; undefined where it is lost. */
  transit(): number | undefined {
    const draws = this.#messages;
    if (this.has("drop") && draws.chance(network.drop)) {
      this.tally.lost += 1;
      return undefined;
    }
    if (this.has("delay") && draws.chance(network.delay)) {
      this.tally.delayed += 1;
      return draws.between(network.longDelay[0], network.longDelay[1]);
    }
    return draws.between(network.latency[0], network.latency[1]);
  }

  /** Whether a message comes twice. */
  doubles(): boolean {
    if (!this.has("duplicate") || !this.#messages.chance(network.duplicate)) return false;
    this.tally.duplicated += 1;
    return true;
  }

  /** Whether the connection breaks with the message that was lost. */
  breaks(): boolean {
    return this.#messages.chance(network.breaks);
  }

  /** How long an end of a wire does not know that the other is gone. */
  unawareness(): number {
    const [least, most] =
      this.isCalm || this.#messages.chance(network.aware) ? network.latency : network.longDelay;
    return this.#messages.between(least, most);
  }

  /** What the table does with a commit. */
  commitFault(): "busy-before" | "busy-after" | "moved-before" | "moved-after" | undefined {
    if (!this.has("table")) return undefined;
    let drawn = this.#table.word() / 2 ** 32;
    for (const [fault, rate] of COMMIT_FAULTS) {
      if (drawn < rate) {
        this.tally.tableFaults += 1;
        return fault;
      }
      drawn -= rate;
    }
    return undefined;
  }

  /** Whether a read is throttled. */
  isThrottled(): boolean {
    if (!this.has("table") || !this.#table.chance(table.busyRead)) return false;
    this.tally.tableFaults += 1;
    return true;
  }
}

const COMMIT_FAULTS = [
  ["busy-before", table.busyBefore],
  ["busy-after", table.busyAfter],
  ["moved-before", table.movedBefore],
  ["moved-after", table.movedAfter],
] as const;
