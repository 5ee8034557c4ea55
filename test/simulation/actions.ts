/** What a customer can be told to do: one line each. */
import { LeptaError } from "@lepta/peer-sdk";
import type { CustomerSide, MerchantSide } from "./peers.ts";
import type { Draws } from "./random.ts";

export interface Stage {
  readonly customer: CustomerSide;
  readonly merchants: readonly MerchantSide[];
  readonly draws: Draws;
  /** Everybody, for those who look over others' shoulders. */
  readonly scene: { readonly customers: readonly CustomerSide[] };
}

export interface Action {
  readonly name: string;
  /** How often it is chosen, against the others. */
  readonly weight: number;
  /** Throws `LeptaError` where somebody refuses or is away: that is an ending as good as any. */
  readonly run: (stage: Stage) => Promise<void>;
}

export const actions: readonly Action[] = [
  { name: "buy", weight: 120, run: buy },
  { name: "buy several", weight: 6, run: (stage) => buy(stage, stage.draws.between(2, 5)) },
  { name: "buy too dear", weight: 2, run: (stage) => buy(stage, 1, "EUR 0.001") },
  { name: "top up", weight: 2, run: topUp },
  { name: "obtain", weight: 3, run: obtain },
  {
    name: "offers",
    weight: 2,
    run: async ({ customer, ...stage }) => void (await customer.wallet.offers(somewhere(stage))),
  },
  { name: "balance", weight: 1, run: async ({ customer }) => void (await customer.wallet.balance()) },
  { name: "resume", weight: 2, run: ({ customer }) => customer.wallet.resume() },
  { name: "flush notices", weight: 1, run: ({ customer }) => customer.wallet.flushNotices() },
  { name: "close", weight: 1, run: close },
];

const TOTAL = actions.reduce((sum, { weight }) => sum + weight, 0);

/** One of the table; a customer whose purse was too small tops up first. */
export function chooseAction({ customer, draws }: Stage): Action {
  if (customer.isPoor && draws.chance(0.7)) return TOP_UP;
  let drawn = draws.below(TOTAL);
  for (const action of actions) {
    drawn -= action.weight;
    if (drawn < 0) return action;
  }
  return TOP_UP;
}

const TOP_UP: Action = { name: "top up", weight: 0, run: topUp };

const somewhere = ({ merchants, draws }: Pick<Stage, "merchants" | "draws">): string =>
  draws.pick(merchants).plan.url;

async function buy({ customer, merchants, draws }: Stage, quantity = 1, max = "EUR 10.00"): Promise<void> {
  const merchant = draws.pick(merchants);
  const sku = draws.pick([...merchant.prices.keys()]);
  try {
    const { wallet } = customer;
    const { goods, receipt } = await wallet.buy(merchant.plan.url, sku, { max, quantity });
    customer.isPoor = false;
    const expected = goodsFor(wallet.uid, receipt.txn, sku);
    if (goods.text() !== expected && merchant.options.isHonest)
      customer.around.findings.broken("the goods are what was bought", `${goods.text()} for ${expected}`);
  } catch (error) {
    if (error instanceof LeptaError && error.code === "insufficient-funds") customer.isPoor = true;
    throw error;
  }
}

/** What every merchant of the simulation delivers. */
export const goodsFor = (customer: string, txn: string, sku: string): string =>
  `${sku} for ${customer}/${txn}`;

async function topUp({ customer, draws }: Stage): Promise<void> {
  customer.isPoor = false;
  await customer.wallet.topUp(`EUR ${draws.between(4, 16)}.00`);
}

async function obtain({ customer, draws, ...stage }: Stage): Promise<void> {
  await customer.wallet.obtain(somewhere({ ...stage, draws }), `EUR 0.${draws.between(10, 60)}`);
}

/** A process that ends in good order, and starts again. */
async function close({ customer }: Stage): Promise<void> {
  await customer.wallet.close();
  customer.life.die("closed");
}
