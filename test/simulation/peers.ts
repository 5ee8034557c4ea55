/** Customers and merchants: the production `Wallet` and `Merchant`, opened again from their stores after each death. */
import {
  type BrokerTransport,
  type Catalogue,
  LeptaError,
  Merchant,
  memoryPeerStore,
  type PartyOptions,
  type PeerStore,
  type Runtime,
  type Visit,
  Wallet,
} from "@lepta/peer-sdk";
import { identities, SELF } from "@lepta/peer-sdk/records";
import { parseAmount, type Suite } from "@lepta/protocol";
import type { Listed } from "../../peer-sdk/src/merchant/catalogue.ts";
import { Hand } from "../peer-sdk/support/hand.ts";
import type { BrokerSide } from "./broker.ts";
import { connectFor, type Place } from "./channel.ts";
import type { Clock } from "./clock.ts";
import type { Interceptor } from "./interceptor.ts";
import { Life } from "./life.ts";
import { type Line, type Network, newLine } from "./network.ts";
import type { Draws } from "./random.ts";
import { crash, lossPause, episode as sizes } from "./rates.ts";
import type { Recorder } from "./recorder.ts";
import { liveRuntime } from "./runtime.ts";
import { livePeerStore } from "./stores.ts";
import type { Findings } from "./violation.ts";
import type { Weather } from "./weather.ts";

/** What every party of an episode stands on. */
export interface Surroundings {
  readonly clock: Clock;
  readonly weather: Weather;
  readonly network: Network;
  readonly broker: BrokerSide;
  readonly findings: Findings;
  readonly suite: Suite;
  readonly recorder: Recorder;
  readonly interceptor: Interceptor;
  /** Merchants by their address. */
  readonly places: Map<string, Place>;
}

export interface PeerOptions {
  readonly role: string;
  readonly name: string;
  readonly isHonest: boolean;
  readonly draws: Draws;
  readonly skew: number;
  readonly account: string;
  /** Whether a customer's connections carry sessions. */
  readonly hasSessions: boolean;
  readonly store?: PeerStore;
  /** Another, empty one. */
  readonly newStore?: () => PeerStore;
}

/** What customers and merchants have in common: a disk, a clock of their own, one life after the other. */
export abstract class PeerSide {
  readonly around: Surroundings;
  readonly options: PeerOptions;
  disk: PeerStore;
  life: Life;
  /** It does not open before, so long as there is weather. */
  #awayUntil = 0;
  /** Nor in calm weather. */
  #isFirm = false;
  isOpening = false;
  /** Known from the first opening on. */
  uid = "";
  readonly #toBroker: Line;
  #hand: { readonly life: Life; readonly hand: Promise<Hand> } | undefined;

  constructor(around: Surroundings, options: PeerOptions) {
    this.around = around;
    this.options = options;
    this.disk = options.store ?? memoryPeerStore();
    this.life = new Life(options.role, around.weather);
    this.#toBroker = newLine(`${options.name} → broker`);
    this.life.die("not opened yet");
  }

  get name(): string {
    return this.options.name;
  }

  get hasSessions(): boolean {
    return this.options.hasSessions;
  }

  abstract get isOpen(): boolean;
  protected abstract start(life: Life): Promise<void>;

  /** It is gone for so long: it opens again when that is over, or when everybody comes to rest. */
  vanish(milliseconds: number, isFirm = false): void {
    const { clock } = this.around;
    this.#isFirm = isFirm;
    this.#awayUntil = clock.now + milliseconds;
    this.life.die("gone");
    clock.after(milliseconds, () => this.reopen());
  }

  /** Opens the party where it is not; tells whether it is open then. */
  async open(): Promise<boolean> {
    if (this.isOpen) return true;
    if (this.isOpening) return false;
    const { weather, findings, clock } = this.around;
    if (clock.now < this.#awayUntil && (this.#isFirm || !weather.isCalm)) return false;
    this.isOpening = true;
    const life = new Life(this.options.role, weather);
    this.life = life;
    life.onDeath((point) => {
      this.isOpening = false;
      findings.tell(clock.now, this.name, () => `dies at ${point}`);
      if (weather.isCalm) return;
      const pause = this.options.draws.between(crash.reopenAfter[0], crash.reopenAfter[1]);
      clock.after(pause, () => this.reopen());
    });
    try {
      const outcome = await life.outlive(this.start(life));
      if (outcome !== undefined) findings.tell(clock.now, this.name, () => "is open");
      return outcome !== undefined;
    } catch (error) {
      // The broker is away, or has refused: whoever opens the party tries again.
      life.die("the opening failed");
      if (!(error instanceof LeptaError)) throw error;
      findings.tell(clock.now, this.name, () => `cannot open: ${error.code}`);
      return false;
    } finally {
      if (this.life === life) this.isOpening = false;
    }
  }

  /** The same peer on the same disk, whose messages are written by hand; one for each life. */
  hand(): Promise<Hand> {
    if (this.#hand?.life !== this.life) {
      const { life } = this;
      this.#hand = { life, hand: Hand.open(this.optionsFor(life)) };
      // One that could not be opened is tried again.
      this.#hand.hand.catch(() => {
        this.#hand = undefined;
      });
    }
    return this.#hand.hand;
  }

  /** Opens it again; a fault of the opening is one of ours. */
  reopen(): void {
    this.open().catch((error: unknown) => {
      this.around.findings.broken("no fault of our own", `${this.name}: ${describe(error)}`);
    });
  }

  optionsFor(
    life: Life,
  ): PartyOptions & { readonly store: PeerStore; readonly runtime: Runtime; readonly noticeDelay: number } {
    const { clock, weather, broker, suite } = this.around;
    const { draws, skew, account } = this.options;
    return {
      store: livePeerStore(this.disk, { life, clock, weather }),
      broker: `http://127.0.0.1:8787#${broker.network}`,
      runtime: liveRuntime(clock, life, draws, skew),
      transport: this.transportFor(life),
      suite,
      account,
      noticeDelay: sizes.noticeDelay,
    };
  }

  transportFor(life: Life): BrokerTransport {
    const { network, broker, recorder } = this.around;
    return (method, url, body) => {
      const path = new URL(url).pathname;
      if (body !== undefined) recorder.toBroker(path, body);
      return life.call(`network ${path}`, async () => {
        const answer = await network.exchange({
          line: this.#toBroker,
          deliver: () => broker.call(method, path, body),
        });
        return this.around.interceptor.answer(this, path, answer);
      });
    };
  }
}

export class CustomerSide extends PeerSide {
  #wallet: Wallet | undefined;
  /** Things that it is doing. */
  busy = 0;
  /** Its purse was too small at the last purchase. */
  isPoor = true;
  /** A copy of its disk that an adversary keeps. */
  attic: PeerStore | undefined;
  #phrase = "";
  /** A merchant did not show what it owes: asked again. */
  isIncomplete = false;
  /** It was restored from its phrase: its history begins there. */
  isRestored = false;
  /** Where purchases were given back that it has not fetched. */
  readonly toCollect = new Set<string>();
  /** Up to where in its history the audit has looked. */
  checkedUntil = "";
  /** Purchases on lanes at which it has looked. */
  readonly checked = new Set<string>();

  get isOpen(): boolean {
    return this.#wallet !== undefined && !this.life.isDead;
  }

  /** The open wallet; whoever asks has seen that it is open. */
  get wallet(): Wallet {
    if (this.#wallet === undefined) throw new Error(`${this.name} is not open`);
    return this.#wallet;
  }

  protected async start(life: Life): Promise<void> {
    this.#wallet = undefined;
    const options = { ...this.optionsFor(life), connect: connectFor(this, life) };
    // A directory that holds the peer already needs its phrase no more.
    const isNew = (await identities(this.disk).get(SELF)) === undefined;
    const phrase = isNew && this.#phrase !== "" ? { phrase: this.#phrase } : {};
    const wallet = await Wallet.open({ ...options, ...phrase });
    if (life.isDead) return;
    if (this.isIncomplete) await this.recover(wallet);
    if (life.isDead) return;
    this.#wallet = wallet;
    this.uid = wallet.uid;
  }

  /** Asks again where a merchant did not show what it owes. */
  async recover(wallet: Wallet = this.wallet): Promise<void> {
    this.isIncomplete = (await wallet.recover()).some(({ merchant }) => merchant !== undefined);
  }

  /** Its device is gone with all that was on it, and after a while there is another, with the recovery phrase. */
  async lose(phrase: string): Promise<void> {
    const { clock } = this.around;
    this.#phrase = phrase;
    this.isRestored = true;
    this.isIncomplete = true;
    this.checkedUntil = "";
    this.checked.clear();
    this.disk = this.options.newStore?.() ?? memoryPeerStore();
    this.vanish(lossPause, true);
    await clock.sleep(lossPause);
  }
}

export interface ShopPlan {
  readonly url: string;
  readonly catalogue: Catalogue;
  /** What it meters, where it sleeps like this. */
  readonly metered: (sleep: Runtime["sleep"]) => Listed;
  readonly scripLife: number;
  /** How long expired scrip can be renewed and given back. */
  readonly grace: number;
  readonly tendEvery: number;
  /** Up to which price it sells through lanes. */
  readonly statementBelow?: string;
  /** What an adversary does to the answers. */
  readonly twist?: (visit: Visit, merchant: MerchantSide) => Visit;
}

export class MerchantSide extends PeerSide {
  readonly plan: ShopPlan;
  readonly prices: ReadonlyMap<string, bigint>;
  #merchant: Merchant | undefined;

  constructor(around: Surroundings, options: PeerOptions, plan: ShopPlan) {
    super(around, options);
    this.plan = plan;
    this.prices = new Map(
      Object.entries(plan.catalogue).map(([sku, { price }]) => [sku, parseAmount(price).value]),
    );
    around.places.set(plan.url, this);
  }

  get isOpen(): boolean {
    return this.#merchant !== undefined && !this.life.isDead;
  }

  get merchant(): Merchant {
    if (this.#merchant === undefined) throw new Error(`${this.name} is not open`);
    return this.#merchant;
  }

  protected async start(life: Life): Promise<void> {
    this.#merchant = undefined;
    const { catalogue, metered, scripLife, grace, tendEvery, statementBelow } = this.plan;
    const { findings } = this.around;
    const options = this.optionsFor(life);
    const shopOptions = {
      ...options,
      catalogue,
      scripLife,
      grace,
      tendEvery,
      ...(statementBelow === undefined ? {} : { statementBelow }),
      onError: (error: unknown) => {
        const isPlanned = error instanceof Error && error.message === HANDLER_FAILS;
        if (!isPlanned) findings.broken("no fault of our own", `${this.name}: ${describe(error)}`);
      },
    };
    const beside = { items: [metered(options.runtime.sleep)], refused: () => {}, ending: () => {} };
    const merchant = await Merchant.open(shopOptions, beside);
    if (life.isDead) return;
    this.#merchant = merchant;
    this.uid = merchant.uid;
  }

  /** A new connection's handler. */
  visit(): Visit {
    const visit = this.merchant.visit();
    return this.plan.twist?.(visit, this) ?? visit;
  }
}

/** What a delivery that fails as planned says. */
export const HANDLER_FAILS = "the handler fails as planned";

export const describe = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message).split("\n").slice(0, 4).join(" ") : String(error);
