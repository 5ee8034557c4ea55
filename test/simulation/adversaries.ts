/** What an adversarial customer does instead of its turn: one line each. */
import { type Channel, LeptaError, type PeerStore, Wallet } from "@lepta/peer-sdk";
import { customerTables } from "@lepta/peer-sdk/records";
import { abort, type Order, parseAmount, sha256, toText } from "@lepta/protocol";
import { type Hand, type Meeting, orderFor, spendingOf } from "../peer-sdk/support/hand.ts";
import { copyStore } from "../support/copy-store.ts";
import { type Action, choose, type Stage } from "./actions.ts";
import { connectFor } from "./channel.ts";
import { laneAttacks } from "./lane-attacks.ts";
import { Life } from "./life.ts";
import type { CustomerSide, MerchantSide } from "./peers.ts";
import type { Draws } from "./random.ts";
import { returnAttacks } from "./return-attacks.ts";

export const attacks: readonly Action[] = [
  { name: "spends its purse twice", weight: 6, run: (stage) => withClone(stage, spendPurse) },
  { name: "spends VendorScrip twice", weight: 6, run: (stage) => withClone(stage, buySame) },
  { name: "spends an old copy", weight: 3, run: spendOldCopy },
  { name: "plays a request to the broker again", weight: 6, run: replayRequest },
  { name: "plays a frame to a merchant again", weight: 6, run: replayFrame },
  { name: "gives one merchant's part to another", weight: 3, run: splicePart },
  { name: "orders for less", weight: 12, run: orderForLess },
  { name: "asks for more than it signs for", weight: 2, run: askForMore },
  { name: "spends what is another's", weight: 4, run: spendAnothers },
  { name: "aborts what it has asked for", weight: 4, run: abortMeanwhile },
  { name: "buys twice under one name", weight: 4, run: buyTwice },
  { name: "brings another M4", weight: 2, run: bringAnotherM4 },
  { name: "vanishes after M1", weight: 2, run: vanish },
  { name: "asks a reversal and goes on buying", weight: 5, run: buyOn },
  { name: "gives back the same twice", weight: 4, run: (stage) => withClone(stage, refundSame) },
  { name: "redeems the same twice", weight: 4, run: (stage) => withClone(stage, redeemSame) },
  { name: "plays a return to a merchant again", weight: 4, run: replayReturn },
  ...returnAttacks,
  ...laneAttacks,
];

/** One of the table. */
export const chooseAttack = (draws: Draws, favours: ReadonlySet<string>): Action =>
  choose(attacks, draws, favours);

/** Does two things with one state at once: with the wallet, and with a copy of it. */
async function withClone(
  stage: Stage,
  work: (stage: Stage, wallets: readonly Wallet[]) => Promise<unknown>[],
): Promise<void> {
  const { customer } = stage;
  customer.attic = stage.draws.chance(0.3) ? await copyStore(customer.disk) : customer.attic;
  const { clone, life } = await openCopy(customer, await copyStore(customer.disk));
  await life.outlive(Promise.allSettled(work(stage, [customer.wallet, clone])));
  life.die("the copy is thrown away");
}

/** A wallet on a copy of a disk. It is part of the customer's process, and dies with it. */
async function openCopy(
  customer: CustomerSide,
  disk: PeerStore,
): Promise<{ readonly clone: Wallet; readonly life: Life }> {
  const life = new Life("customer", customer.around.weather);
  customer.life.onDeath((point) => life.die(point));
  const { store: _original, ...options } = customer.optionsFor(life);
  const opened = await life.outlive(
    Wallet.open({ ...options, store: disk, connect: connectFor(customer, life) }),
  );
  if (opened === undefined) throw new LeptaError("closed", "the copy died");
  return { clone: opened.value, life };
}

const spendPurse = ({ merchants, draws }: Stage, wallets: readonly Wallet[]): Promise<unknown>[] =>
  wallets.map((wallet) => wallet.obtain(draws.pick(merchants).plan.url, `EUR 0.${draws.between(10, 90)}`));

function buySame({ merchants, draws }: Stage, wallets: readonly Wallet[]): Promise<unknown>[] {
  const { plan, prices } = draws.pick(merchants);
  const sku = draws.pick([...prices.keys()]);
  return wallets.map((wallet) => wallet.buy(plan.url, sku, { max: "EUR 10.00" }));
}

/** Back to the merchant, to the broker, or renewed: each of them at once. */
function refundSame({ merchants, draws }: Stage, wallets: readonly Wallet[]): Promise<unknown>[] {
  const { plan } = draws.pick(merchants);
  return wallets.map((wallet) => (draws.chance(0.7) ? wallet.refund(plan.url) : wallet.renew()));
}

const redeemSame = ({ draws }: Stage, wallets: readonly Wallet[]): Promise<unknown>[] =>
  wallets.map((wallet) =>
    draws.chance(0.7) ? wallet.redeem(`EUR 0.${draws.between(10, 90)}`) : wallet.renew(),
  );

/** While the broker waits for the merchant's answer a copy of the wallet spends what is to be taken back. */
async function buyOn(stage: Stage): Promise<void> {
  const { customer, draws } = stage;
  const holdings = await customerTables(customer.disk).vendorscrip.list();
  const from = stage.merchants.filter(({ uid }) => holdings.some(([id]) => id.startsWith(`${uid}/`)));
  const merchant = draws.pick(from.length > 0 ? from : stage.merchants);
  await withClone({ ...stage, merchants: [merchant] }, (one, [wallet, clone]) => [
    Promise.resolve(wallet?.reclaim(merchant.uid)),
    ...(clone === undefined ? [] : [...buySame(one, [clone]), ...buySame(one, [clone])]),
  ]);
}

async function replayReturn({ customer, draws }: Stage): Promise<void> {
  const seen = customer.around.recorder.frameBack(draws);
  if (seen?.hello === undefined) return;
  const channel = await connect(customer, seen.url);
  await channel.request(seen.hello);
  await Promise.all([channel.request(seen.messages), channel.request(seen.messages)]);
}

async function spendOldCopy(stage: Stage): Promise<void> {
  const { customer } = stage;
  if (customer.attic === undefined) {
    customer.attic = await copyStore(customer.disk);
    return;
  }
  const { clone, life } = await openCopy(customer, await copyStore(customer.attic));
  await life.outlive(Promise.allSettled([...buySame(stage, [clone]), ...spendPurse(stage, [clone])]));
  life.die("the copy is thrown away");
}

async function replayRequest({ customer, draws }: Stage): Promise<void> {
  const { broker, recorder } = customer.around;
  const seen = draws.chance(0.5) ? recorder.requestBack(draws) : recorder.request(draws);
  if (seen !== undefined) await broker.call("POST", seen.path, seen.body);
}

/** With the hello of whoever sent it, and with the adversary's own. */
async function replayFrame({ customer, draws }: Stage): Promise<void> {
  const seen = customer.around.recorder.frame(draws);
  if (seen === undefined) return;
  const channel = await connect(customer, seen.url);
  if (seen.hello !== undefined && draws.chance(0.8)) await channel.request(seen.hello);
  else await (await customer.hand()).greet((messages) => channel.request(messages));
  await Promise.all([channel.request(seen.messages), channel.request(seen.messages)]);
}

const connect = (customer: CustomerSide, url: string): Promise<Channel> =>
  connectFor(customer, customer.life)(url);

interface Encounter {
  readonly hand: Hand;
  readonly meeting: Meeting;
  readonly merchant: MerchantSide;
}

async function meet({ customer, merchants, draws }: Stage): Promise<Encounter> {
  const hand = await customer.hand();
  const merchant = draws.pick(merchants);
  const channel = await connect(customer, merchant.plan.url);
  return { hand, merchant, meeting: await hand.greet((messages) => channel.request(messages)) };
}

/** What a hand-made message needs and the wallet does not have: the turn is over. */
function given<T>(value: T | undefined): T {
  if (value === undefined) throw new LeptaError("insufficient-funds", "nothing to attack with");
  return value;
}

const purseOf = async (hand: Hand) => given(await customerTables(hand.store).purse.get("live"));

async function anOrder({ merchant }: Encounter, draws: Draws): Promise<Order> {
  const sku = draws.pick([...merchant.prices.keys()]);
  return orderFor(sku, merchant.plan.catalogue[sku]?.price ?? "EUR 0.01");
}

async function splicePart(stage: Stage): Promise<void> {
  const encounter = await meet(stage);
  const { hand, meeting } = encounter;
  const other = stage.draws.pick(stage.merchants);
  const amount = parseAmount(`EUR 0.${stage.draws.between(10, 30)}`);
  const txn = hand.newTxn();
  const purse = await purseOf(hand);
  const part = await hand.part(other.uid === "" ? hand.uid : other.uid, txn, amount, purse);
  const { request } = await meeting.obtain(amount, purse, txn, { part: digestOf(part.sealed) });
  await meeting.send(await meeting.seal(request, { attachments: [part.sealed] }));
}

async function orderForLess(stage: Stage): Promise<void> {
  const encounter = await meet(stage);
  const { meeting, hand, merchant } = encounter;
  const held = given((await hand.holdings(merchant.uid))[0]);
  const order = await anOrder(encounter, stage.draws);
  const [first, second] = [parseAmount("EUR 0.001"), parseAmount("EUR 0.000001")];
  const lies: readonly Parameters<Meeting["purchase"]>[] = [
    [spendingOf(held), { ...order, unitPrice: first }],
    [spendingOf(held), order, { amount: second }],
    [spendingOf(held), { ...order, quantity: 1000 }, { amount: order.unitPrice }],
    [
      spendingOf(held),
      { ...order, quantity: 1000 },
      { amount: { ...order.unitPrice, value: order.unitPrice.value * 1000n } },
    ],
    [spendingOf(held), order, { metered: true }],
    [spendingOf(held), order, { pop: new Uint8Array(32) }],
  ];
  await meeting.buy(await meeting.purchase(...stage.draws.pick(lies)));
}

async function askForMore(stage: Stage): Promise<void> {
  const { hand, meeting } = await meet(stage);
  const purse = await purseOf(hand);
  const [little, much] = [parseAmount("EUR 0.01"), parseAmount("EUR 0.90")];
  const txn = hand.newTxn();
  const part = await hand.part(meeting.merchant.uid, txn, little, purse);
  const { request } = await meeting.obtain(much, purse, txn, { part: digestOf(part.sealed) });
  await meeting.send(await meeting.seal(request, { attachments: [part.sealed] }));
}

/** With its secret too: somebody's disk was copied. */
async function spendAnothers(stage: Stage): Promise<void> {
  const { draws, scene } = stage;
  const victim = draws.pick(scene.customers.filter(({ options }) => options.isHonest));
  const encounter = await meet(stage);
  const { hand, meeting, merchant } = encounter;
  const tables = customerTables(victim.disk);
  if (draws.chance(0.5)) {
    const purse = given(await tables.purse.get("live"));
    const { sealed } = await meeting.obtain(parseAmount("EUR 0.01"), purse, hand.newTxn());
    await meeting.send(sealed);
  } else {
    const [[, held] = []] = await tables.vendorscrip.list({ under: `${merchant.uid}/` });
    await meeting.buy(await meeting.purchase(spendingOf(given(held)), await anOrder(encounter, draws)));
  }
}

async function abortMeanwhile(stage: Stage): Promise<void> {
  const { hand, meeting } = await meet(stage);
  const purse = await purseOf(hand);
  const asked = [parseAmount("EUR 0.05"), parseAmount("EUR 0.06")];
  const obtained = await Promise.all(asked.map((amount) => meeting.obtain(amount, purse)));
  const { link } = hand.party;
  const abortion = async (subject: string) => {
    const request = await hand.sign(abort, { to: link.network, initiator: hand.uid, subject });
    await stage.customer.around.broker.call("POST", "/abort", await link.seal(request));
  };
  await Promise.allSettled([
    ...obtained.map(({ sealed }) => meeting.send(sealed)),
    ...[...obtained, ...obtained].map(({ txn }) => abortion(txn)),
  ]);
}

/** One transaction, two orders; one order, two scrips; the same M1 over two connections. */
async function buyTwice(stage: Stage): Promise<void> {
  const encounter = await meet(stage);
  const { hand, meeting, merchant } = encounter;
  const [first, second = first] = await hand.holdings(merchant.uid);
  const order = await anOrder(encounter, stage.draws);
  const other = await anOrder(encounter, stage.draws);
  const txn = hand.newTxn();
  const one = await meeting.purchase(spendingOf(given(first)), order, { fields: { txn } });
  const two = await meeting.purchase(spendingOf(given(second)), other, { fields: { txn } });
  const channel = await connect(stage.customer, merchant.plan.url);
  const elsewhere = await hand.greet((messages) => channel.request(messages));
  await Promise.allSettled([meeting.buy(one), elsewhere.buy(one), meeting.buy(two), elsewhere.buy(two)]);
}

async function bringAnotherM4(stage: Stage): Promise<void> {
  const encounter = await meet(stage);
  const { hand, meeting, merchant } = encounter;
  const all = (await customerTables(hand.store).vendorscrip.list()).map(([, held]) => held);
  const m4 = given(all.find(({ authorization }) => authorization !== undefined)?.authorization);
  const held = given((await hand.holdings(merchant.uid))[0]);
  const purchase = await meeting.purchase(spendingOf(held), await anOrder(encounter, stage.draws));
  await meeting.send(await meeting.seal(purchase, { attachments: [m4] }));
}

/** M1 of figure 8 goes out, and nobody waits for what comes back. */
async function vanish(stage: Stage): Promise<void> {
  const { hand, meeting } = await meet(stage);
  const { sealed } = await meeting.obtain(parseAmount("EUR 0.02"), await purseOf(hand));
  meeting.send(sealed).catch(() => undefined);
}

const digestOf = (bytes: Uint8Array): string => toText(sha256(bytes));
