/** What a customer can be told to do: one line each. */
import { type BuyOptions, LeptaError, Wallet } from "@lepta/peer-sdk";
import { customerTables, merchantTables } from "@lepta/peer-sdk/records";
import { amountOf } from "@lepta/protocol";
import { goodsAt, goodsFor, UNIT_PRICE } from "./goods.ts";
import { laneSalesOf } from "./lane-audit.ts";
import type { CustomerSide, MerchantSide } from "./peers.ts";
import type { Draws } from "./random.ts";
import { absences, favoured, meter, sessions } from "./rates.ts";

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
  { name: "buy a burst", weight: 4, run: buyBurst },
  { name: "buy a burst of a liar", weight: 1, run: (stage) => buyBurst(ofLiars(stage)) },
  { name: "buy metered", weight: 12, run: buyMetered },
  { name: "buy metered of a liar", weight: 1, run: (stage) => buyMetered(ofLiars(stage)) },
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
  { name: "redeem", weight: 2, run: redeem },
  { name: "redeem all", weight: 0.7, run: redeemAll },
  {
    name: "refund",
    weight: 2,
    run: async (stage) => void (await stage.customer.wallet.refund((await creditor(stage)).plan.url)),
  },
  { name: "reclaim", weight: 1, run: reclaim },
  { name: "reclaim of one who is gone", weight: 1, run: reclaimFromTheGone },
  { name: "renew", weight: 1, run: ({ customer }) => customer.wallet.renew() },
  { name: "collect", weight: 1, run: collect },
  { name: "restore", weight: 0.7, run: restore },
  { name: "a merchant settles", weight: 2, run: settle },
  { name: "a merchant gives a purchase back", weight: 2, run: giveBack },
];

/** One of a table by weight; those that are favoured come more often. */
export function choose(table: readonly Action[], draws: Draws, favours: ReadonlySet<string>): Action {
  const weightOf = ({ name, weight }: Action): number => (favours.has(name) ? weight * favoured : weight);
  let drawn = (draws.word() / 2 ** 32) * table.reduce((sum, each) => sum + weightOf(each), 0);
  const found = table.find((each) => {
    drawn -= weightOf(each);
    return drawn < 0;
  });
  return found ?? draws.pick(table);
}

/** One of the table; a customer whose purse was too small tops up first. */
export function chooseAction({ customer, draws }: Stage, favours: ReadonlySet<string>): Action {
  if (customer.isPoor && draws.chance(0.7)) return TOP_UP;
  return choose(actions, draws, favours);
}

const TOP_UP: Action = { name: "top up", weight: 0, run: topUp };

const somewhere = ({ merchants, draws }: Pick<Stage, "merchants" | "draws">): string =>
  draws.pick(merchants).plan.url;

async function buy(stage: Stage, quantity = 1, max = "EUR 10.00"): Promise<void> {
  const merchant = stage.draws.pick(stage.merchants);
  await buyAt(stage, merchant, stage.draws.pick([...merchant.prices.keys()]), { max, quantity });
}

/** Many at once: on a lane they are all under way together. */
async function buyBurst(stage: Stage): Promise<void> {
  const { draws, merchants } = stage;
  const merchant = draws.pick(merchants);
  const sku = draws.pick([...merchant.prices.keys()]);
  await together(draws.between(...sessions.burst), () => buyAt(stage, merchant, sku, { max: "EUR 10.00" }));
}

/** Pieces of what is metered: while one is used its lane waits, and the next one needs another. */
async function buyMetered(stage: Stage): Promise<void> {
  const { draws, merchants } = stage;
  const merchant = draws.pick(merchants);
  await together(draws.between(...meter.pieces), () =>
    buyPiece(stage, merchant, draws.between(1, meter.piece)),
  );
}

async function together(times: number, buy: () => Promise<void>): Promise<void> {
  const all = Array.from({ length: times }, buy);
  const failed = (await Promise.allSettled(all)).find((each) => each.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

/** Where lies are told: what they say of statements and lanes is heard on lanes that buy much. */
function ofLiars(stage: Stage): Stage {
  const liars = stage.merchants.filter(({ options }) => !options.isHonest);
  return liars.length === 0 ? stage : { ...stage, merchants: liars };
}

/** As the fetch that pays buys it: on a lane, and its name is known before it has left. */
async function buyPiece({ customer }: Stage, merchant: MerchantSide, quantity: number): Promise<void> {
  const { wallet } = customer;
  const { desk, provision, customer: inner } = Wallet.portsOf(wallet);
  const { sku } = meter;
  const order = { sku, description: "", unitPrice: UNIT_PRICE, quantity };
  const price = amountOf(UNIT_PRICE.currency, UNIT_PRICE.value * BigInt(quantity));
  await unlessPoor(customer, async () => {
    const { part, merchants } = await desk();
    const met = await merchants.at(merchant.plan.url);
    if (met.session === undefined) throw new LeptaError("signature-needed", "there is no session");
    let name = "";
    const bargain = { order, price, isMetered: true };
    const { goods, receipt } = await part.spendOnLane(inner, met, met.session, bargain, provision, (txn) => {
      name = txn;
    });
    const expected = goodsAt(wallet.uid, name, sku, receipt.charged.value);
    const isAgreed = goods.text() === expected && receipt.txn === name;
    if (!isAgreed && merchant.options.isHonest)
      customer.around.findings.broken("the goods are what was bought", `${goods.text()} for ${expected}`);
  });
}

async function buyAt(
  { customer, draws }: Stage,
  merchant: MerchantSide,
  sku: string,
  options: BuyOptions,
): Promise<void> {
  const signature = draws.chance(sessions.each)
    ? "each"
    : draws.chance(sessions.statement)
      ? "statement"
      : undefined;
  await unlessPoor(customer, async () => {
    const { wallet } = customer;
    const { goods, receipt } = await wallet.buy(merchant.plan.url, sku, {
      ...options,
      ...(signature === undefined ? {} : { signature }),
    });
    const expected = goodsFor(wallet.uid, receipt.txn, sku);
    if (goods.text() !== expected && merchant.options.isHonest)
      customer.around.findings.broken("the goods are what was bought", `${goods.text()} for ${expected}`);
  });
}

/** Whoever cannot pay brings in money first, the next time. */
async function unlessPoor(customer: CustomerSide, buying: () => Promise<void>): Promise<void> {
  try {
    await buying();
    customer.isPoor = false;
  } catch (error) {
    if (error instanceof LeptaError && error.code === "insufficient-funds") customer.isPoor = true;
    throw error;
  }
}

async function topUp({ customer, draws }: Stage): Promise<void> {
  customer.isPoor = false;
  await customer.wallet.topUp(`EUR ${draws.between(4, 16)}.00`);
}

async function obtain({ customer, draws, ...stage }: Stage): Promise<void> {
  await customer.wallet.obtain(somewhere({ ...stage, draws }), `EUR 0.${draws.between(100, 600)}`);
}

/** A process that ends in good order, and starts again. */
async function close({ customer }: Stage): Promise<void> {
  await customer.wallet.close();
  customer.life.die("closed");
}

async function redeem({ customer, draws }: Stage): Promise<void> {
  // Now and then no multiple of a cent, which is refused.
  await customer.wallet.redeem(draws.chance(0.1) ? "EUR 0.003" : `EUR 0.${draws.between(10, 99)}`);
}

async function redeemAll({ customer }: Stage): Promise<void> {
  await customer.wallet.redeem();
  customer.isPoor = true;
}

/** A merchant from whom the wallet holds something, where there is one. */
async function creditor({ customer, merchants, draws }: Stage): Promise<MerchantSide> {
  const held = await customerTables(customer.disk).vendorscrip.list();
  const from = merchants.filter(({ uid }) => held.some(([id]) => id.startsWith(`${uid}/`)));
  return draws.pick(from.length > 0 ? from : merchants);
}

async function reclaim(stage: Stage): Promise<void> {
  await stage.customer.wallet.reclaim((await creditor(stage)).uid);
}

/** The merchant is gone for longer than it has time to answer, or for a while only. */
async function reclaimFromTheGone(stage: Stage): Promise<void> {
  const merchant = await creditor(stage);
  merchant.vanish(stage.draws.pick(absences));
  await stage.customer.wallet.reclaim(merchant.uid);
}

async function collect({ customer, draws, ...stage }: Stage): Promise<void> {
  const [url = somewhere({ ...stage, draws })] = customer.toCollect;
  await customer.wallet.collect(url);
}

/** The device is lost, and what is still on its way from it arrives or expires; then the phrase is found. */
async function restore({ customer }: Stage): Promise<void> {
  if (!customer.options.isHonest) return;
  const phrase = await customer.wallet.recoveryPhrase();
  await customer.lose(phrase);
}

async function settle({ merchants, draws }: Stage): Promise<void> {
  const { merchant, life } = openOf(draws.pick(merchants));
  await life.outlive(merchant.settle());
}

async function giveBack({ merchants, draws, scene }: Stage): Promise<void> {
  const side = openOf(draws.pick(merchants));
  const { sales } = merchantTables(side.disk);
  const alone = (await sales.list()).filter(([, sale]) => sale.ok === 1).map(([id]) => id);
  // Names of purchases on lanes come of signatures, which may differ from run to run: those come in the order of their sale.
  const onLanes = (await laneSalesOf(side)).map(({ owner, txn }) => `${owner}/${txn}`);
  const all = [...alone.filter((id) => !onLanes.includes(id)), ...onLanes];
  if (all.length === 0) return;
  const id = draws.pick(all);
  const [uid = "", txn = ""] = id.split("/");
  // It may be given back although the merchant dies before it says so.
  scene.customers.find((each) => each.uid === uid)?.toCollect.add(side.plan.url);
  const times = draws.chance(0.2) ? 2 : 1;
  for (let time = 0; time < times; time += 1) await side.life.outlive(side.merchant.refund(uid, txn));
}

/** A merchant that is away does nothing. */
function openOf(side: MerchantSide): MerchantSide {
  if (!side.isOpen) throw new LeptaError("unreachable", side.name);
  return side;
}
