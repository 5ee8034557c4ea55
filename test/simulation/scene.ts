/** The fresh world of one episode: a broker, a few merchants, some customers, a part of each adversaries. */
import type { Catalogue, Runtime } from "@lepta/peer-sdk";
import { memoryPeerStore } from "@lepta/peer-sdk";
import type { Suite } from "@lepta/protocol";
import { type BrokerPolicy, BrokerSide } from "./broker.ts";
import { Clock } from "./clock.ts";
import { goodsFor, UNIT_PRICE } from "./goods.ts";
import { Interceptor } from "./interceptor.ts";
import { Ledger } from "./ledger.ts";
import { type Metering, meteredItem } from "./metered.ts";
import { Network } from "./network.ts";
import { CustomerSide, HANDLER_FAILS, MerchantSide, type PeerOptions, type Surroundings } from "./peers.ts";
import type { EpisodePlan } from "./plan.ts";
import { type Draws, drawsOf } from "./random.ts";
import { clock as clockRates, goods, meter, policy, scripLife, sessions, episode as sizes } from "./rates.ts";
import { Recorder } from "./recorder.ts";
import { twistOf } from "./twists.ts";
import type { Findings } from "./violation.ts";
import { Weather } from "./weather.ts";

export interface Scene extends Surroundings {
  readonly ledger: Ledger;
  readonly customers: readonly CustomerSide[];
  readonly merchants: readonly MerchantSide[];
  readonly draws: Draws;
  /** How often merchants have lied. */
  readonly twisted: { readonly count: number };
}

/** Everybody is there, and nobody open but the broker. */
export async function createScene(plan: EpisodePlan, suite: Suite, findings: Findings): Promise<Scene> {
  const seed = `${plan.seed}/${plan.number}`;
  const draws = drawsOf(`${seed}/scene`);
  const clock = new Clock(clockRates.startAt);
  const weather = new Weather({ seed, without: plan.without, hunts: plan.hunts });
  const ledger = new Ledger(findings, clock);
  const broker = await BrokerSide.open({
    clock,
    weather,
    ledger,
    findings,
    suite,
    draws: draws.fork("broker"),
    policy: policyFrom(draws),
  });
  const around: Surroundings = {
    clock,
    weather,
    broker,
    findings,
    suite,
    network: new Network(clock, weather),
    recorder: new Recorder(),
    interceptor: new Interceptor(weather, draws.fork("interceptor")),
    places: new Map(),
  };
  const isWired = draws.fork("sessions").chance(sessions.episode);
  const hasAdversaries = !plan.without.has("adversary");
  const optionsFor = (role: string, index: number, of: number): PeerOptions => {
    const name = `${role} ${index}`;
    const own = draws.fork(name);
    const skew = plan.without.has("skew") ? 0 : own.between(-clockRates.skew, clockRates.skew);
    const isHonest = !hasAdversaries || index >= Math.ceil(of * sizes.adversaries);
    const suffix = own.pick(ACCOUNTS);
    const hasSessions = isWired && own.fork("sessions").chance(sessions.customer);
    return { role, name, isHonest, draws: own, skew, account: `${role}-${index}${suffix}`, hasSessions };
  };
  const twisted = { count: 0 };
  let customers: readonly CustomerSide[] = [];
  const merchants = Array.from({ length: sizes.merchants }, (_, index) => {
    const options = optionsFor("merchant", index, sizes.merchants);
    const prices = options.draws.pick(PRICE_LISTS);
    const disk = memoryPeerStore();
    const known = { uid: "" };
    const mayFail = () => weather.has("delivery");
    const catalogue = catalogueOf(prices, options.draws, mayFail);
    const metering = meteringOf(options.draws.fork("meter"), mayFail);
    // A liar sells as much as it can through lanes.
    const below = options.draws.fork("lanes").pick(sessions.statementBelow);
    const statementBelow = options.isHonest ? below : sessions.liarBelow;
    const shopPlan = {
      url: `ws://${options.role}-${index}.example/`,
      catalogue,
      metered: (sleep: Runtime["sleep"]) => meteredItem(metering, sleep),
      scripLife: options.draws.pick(scripLife.vendor),
      grace: options.draws.pick(policy.grace),
      tendEvery: options.draws.pick(policy.tendEvery),
      statementBelow,
      ...(options.isHonest ? {} : { twist: twistOf(options.draws.fork("twist"), twisted, () => customers) }),
    };
    const watch = options.isHonest
      ? ledger.watchShelf(disk, {
          name: options.name,
          uidOf: () => known.uid,
          prices: (sku) => BigInt(PRICES.get(sku) ?? 0),
          grace: shopPlan.grace,
        })
      : ledger.watchSales(disk);
    const merchant = new MerchantSide(around, { ...options, store: watch }, shopPlan);
    Object.defineProperty(known, "uid", { get: () => merchant.uid });
    return merchant;
  });
  customers = Array.from({ length: plan.customers }, (_, index) => {
    const options = optionsFor("customer", index, plan.customers);
    const newStore = () =>
      options.isHonest ? ledger.watchWallet(options.name, memoryPeerStore()) : memoryPeerStore();
    return new CustomerSide(around, { ...options, store: newStore(), newStore });
  });
  return { ...around, ledger, customers, merchants, draws, twisted };
}

function policyFrom(draws: Draws): BrokerPolicy {
  const holdTime = draws.pick(policy.holdTime);
  return {
    scripLife: draws.pick(scripLife.broker),
    holdTime,
    claimTime: Math.floor(holdTime / 3),
    grace: draws.pick(policy.grace),
    recallableLimit: draws.pick([0, 3_000_000, 1_000_000_000]),
  };
}

/** Most accounts pay at once; the rail declines some, and is slow or silent about others. */
const ACCOUNTS = [
  "",
  "",
  "",
  "",
  "",
  "",
  "",
  "",
  "",
  "+unknown",
  "+lost",
  "+recallable",
  "+declined",
  "+closed",
] as const;

const PRICE_LISTS = [goods.prices, goods.prices.slice(0, 2), goods.prices.slice(2)] as const;
const PRICES: ReadonlyMap<string, number> = new Map([
  ...goods.prices.map((price) => [`item at ${price}`, Math.round(Number(price.slice(4)) * 1e6)] as const),
  [meter.sku, Number(UNIT_PRICE.value)],
]);

const meteringOf = (draws: Draws, mayFail: () => boolean): Metering => ({
  draws,
  failing: () => (mayFail() && draws.chance(goods.deliveryFails) ? new Error(HANDLER_FAILS) : undefined),
});

function catalogueOf(prices: readonly string[], draws: Draws, mayFail: () => boolean): Catalogue {
  const items = prices.map((price) => {
    const sku = `item at ${price}`;
    const deliver = ({ id }: { readonly id: string }): string => {
      if (mayFail() && draws.chance(goods.deliveryFails)) throw new Error(HANDLER_FAILS);
      const [customer = "", txn = ""] = id.split("/");
      return goodsFor(customer, txn, sku);
    };
    return [sku, { price, deliver }] as const;
  });
  return Object.fromEntries(items);
}
