/** Choosing what to spend with a merchant: an answer for what is under way first, then a scrip, a new one if need be. */
import { type Amount, isRefusal, LeptaError, multiply, toText } from "@lepta/protocol";
import type { Bargain, Bought } from "./bought.ts";
import { buyItem, resumePurchase } from "./buy-item.ts";
import type { Customer } from "./customer.ts";
import type { MerchantSession } from "./lanes/attend.ts";
import { closeLanes } from "./lanes/close.ts";
import type { Lane } from "./lanes/lane.ts";
import { openLane } from "./lanes/open.ts";
import type { KnownOrder } from "./lanes/orders.ts";
import { resumeLeft } from "./lanes/resume.ts";
import type { Acquaintance } from "./meet.ts";
import { obtainVendorScrip } from "./obtain-vendorscrip.ts";
import { bodyOf, type Holding } from "./records.ts";

/** How much VendorScrip to obtain where there is too little: an amount, or how many times the price. */
export type Provision = { readonly amount: Amount } | { readonly times: number };

/** Buys with a scrip that is worth enough, each purchase signed by itself. Throws `insufficient-funds`. */
export async function spendAt(
  customer: Customer,
  merchant: Acquaintance,
  bargain: Bargain,
  provision: Provision,
): Promise<Bought> {
  const { uid } = merchant.credential;
  mustHaveRoom(customer);
  // One purchase at a time with one merchant: its scrip changes with each.
  return customer.lock.run(uid, async () => {
    const held = await provide(customer, merchant, bargain.price, provision, () =>
      // What an open lane holds is scrip again once it is closed.
      closeLanes(customer, merchant.session, ({ remaining }) => BigInt(remaining) >= bargain.price.value),
    );
    return buyItem(customer, merchant, toText(customer.party.runtime.random(16)), held, bargain);
  });
}

/**
 * Buys on a lane, where purchases are signed for together: on one that is open and worth enough, or a new one. Throws what
 * `spendAt` throws, and `statement-due`.
 */
export function spendOnLane(
  customer: Customer,
  merchant: Acquaintance,
  session: MerchantSession,
  order: KnownOrder,
  provision: Provision,
): Promise<Bought> {
  const lane = laneWith(session, order);
  if (lane !== undefined) return customer.lanes.buy(lane, order);
  return openAndBuy(customer, merchant, session, order, provision).then(({ bought }) => bought);
}

/** A lane that is worth enough beyond what is under way on it. */
function laneWith(session: MerchantSession, { units, price }: KnownOrder): Lane | undefined {
  for (const lane of session.lanes.values())
    if (isUsable(lane) && lane.remaining >= units && lane.record.currency === price.currency) return lane;
  return undefined;
}

/** Answers come in order: what is metered keeps those behind it waiting for as long as it is used. */
const isUsable = ({ session, isClosing, flight, wishes }: Lane): boolean =>
  session !== undefined && !isClosing && (wishes.at(-1) ?? flight.at(-1))?.order.isMetered !== true;

/** The purchase is on its way when this resolves; nobody waits under the lock for its answer. */
async function openAndBuy(
  customer: Customer,
  merchant: Acquaintance,
  session: MerchantSession,
  order: KnownOrder,
  provision: Provision,
): Promise<{ readonly bought: Promise<Bought> }> {
  const { lanes, lock } = customer;
  mustHaveRoom(customer);
  return lock.run(merchant.credential.uid, async () => {
    await resumeLeft(customer, session);
    const open = laneWith(session, order);
    if (open !== undefined) return { bought: lanes.buy(open, order) };
    const held = await provide(customer, merchant, order.price, provision, async () => {});
    await makeRoom(customer, session, order);
    const lane = await openLane(customer, merchant.url, session, held).catch((error: unknown) => {
      if (error instanceof LeptaError && NO_LANE.has(error.code)) return undefined;
      throw error;
    });
    if (lane !== undefined) return { bought: buyOnNew(customer, lane, order) };
    // It opens no lane on this scrip: a purchase that is signed by itself brings its signed word why, or the goods.
    const txn = toText(customer.party.runtime.random(16));
    return { bought: Promise.resolve(await buyItem(customer, merchant, txn, held, order)) };
  });
}

/** The connection may have broken since the lane was opened, when nobody waited for it yet. */
function buyOnNew(customer: Customer, lane: Lane, order: KnownOrder): Promise<Bought> {
  const bought = customer.lanes.buy(lane, order);
  if (lane.session === undefined) customer.onBroken([lane]);
  return bought;
}

/** The refusals of item 1 that are about the scrip: nobody has signed them. */
const NO_LANE: ReadonlySet<string> = new Set([
  "scrip-spent",
  "scrip-expired",
  "scrip-forged",
  "wrong-issuer",
  "not-owner",
  "bad-proof",
  "in-use",
]);

/** Lanes that are worth too little are closed, in the background where there is room for another. */
async function makeRoom(customer: Customer, session: MerchantSession, { units }: KnownOrder): Promise<void> {
  const closing = closeLanes(
    customer,
    session,
    (lane) => lane.remaining < units && lane.flight.length === 0 && lane.wishes.length === 0,
  );
  if (session.lanes.size >= LANES_BEFORE_CLOSING) await closing;
  else customer.background(closing);
}

/** Open lanes from which on those that are used up are closed before another is opened. */
const LANES_BEFORE_CLOSING = 8;

function mustHaveRoom({ outbox }: Customer): void {
  if (!outbox.hasRoom) throw new LeptaError("busy", "the broker has not taken our notices");
}

/** A scrip that is worth enough: one that we hold, or a new one. `free` may bring back what is held otherwise. */
async function provide(
  customer: Customer,
  merchant: Acquaintance,
  price: Amount,
  provision: Provision,
  free: () => Promise<void>,
): Promise<Holding> {
  const { uid } = merchant.credential;
  await endPurchases(customer, merchant);
  const held = await findScrip(customer, uid, price);
  if (held !== undefined) return held;
  await free();
  const freed = await findScrip(customer, uid, price);
  if (freed !== undefined) return freed;
  await obtainVendorScrip(customer, merchant, async (purse) =>
    // Ending what was under way may have brought back enough.
    (await findScrip(customer, uid, price)) ? undefined : amountFor(purse, price, provision),
  );
  const obtained = await findScrip(customer, uid, price);
  if (obtained === undefined) throw new LeptaError("insufficient-funds");
  return obtained;
}

/**
 * What was left under way with this merchant comes first: a merchant that does not answer gets no second scrip before it
 * has answered for the first.
 */
async function endPurchases(customer: Customer, merchant: Acquaintance): Promise<void> {
  for (const [txn, pending] of await customer.tables.pending.list()) {
    if (pending.kind !== "purchase" || pending.merchant !== merchant.credential.uid) continue;
    await resumePurchase(customer, merchant, txn).catch(async (error: unknown) => {
      const isOpen = (await customer.tables.pending.get(txn)) !== undefined;
      // A refusal of that purchase is no reason not to go on with this one.
      if (isOpen || !(error instanceof LeptaError)) throw error;
    });
  }
}

/** The smallest scrip of this merchant that is worth enough, not locked, not refused by it and not expired. */
async function findScrip(
  { tables, party }: Customer,
  merchant: string,
  price: Amount,
): Promise<Holding | undefined> {
  const now = party.runtime.now();
  const usable = (await tables.vendorscrip.list({ under: `${merchant}/` }))
    .map(([, held]) => ({ held, body: bodyOf(held) }))
    .filter(({ held: { lockedBy, unusable } }) => lockedBy === undefined && unusable === undefined)
    .filter(({ body }) => body.expiresAt > now)
    .filter(({ body }) => body.value.currency === price.currency && body.value.value >= price.value)
    .sort((a, b) => (a.body.value.value < b.body.value.value ? -1 : 1));
  return usable[0]?.held;
}

/** What the caller says, or some times the price, but no more than the purse holds and no less than the price. */
function amountFor(purse: Holding | undefined, price: Amount, provision: Provision): Amount {
  if ("amount" in provision) {
    if (provision.amount.currency !== price.currency) throw new LeptaError("wrong-currency");
    return provision.amount.value < price.value ? price : provision.amount;
  }
  const most = purse === undefined ? 0n : bodyOf(purse).value.value;
  const wished = multiply(price, provision.times);
  const value = isRefusal(wished) || wished.value > most ? most : wished.value;
  return { ...price, value: value < price.value ? price.value : value };
}
