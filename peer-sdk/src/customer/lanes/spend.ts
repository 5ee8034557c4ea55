/** Buying on a lane: on one that is open and worth enough, or on a new one. */
import { LeptaError, toText } from "@lepta/protocol";
import type { Acquaintance } from "../acquaintance.ts";
import type { Bargain, Bought } from "../bought.ts";
import { buyItem } from "../buy-item.ts";
import type { Customer } from "../customer.ts";
import { mustHaveRoom, type Provision, provide } from "../spend.ts";
import { closeLanes } from "./close.ts";
import type { Lane } from "./lane.ts";
import type { MerchantSession } from "./merchant-session.ts";
import { openLane } from "./open.ts";
import { type KnownOrder, knownOrder } from "./orders.ts";
import { resumeLeft } from "./resume.ts";

/**
 * Buys on a lane, where purchases are signed for together: on one that is open and worth enough, or a new one. Throws what
 * `spendAt` throws, and `statement-due`.
 */
export function spendOnLane(
  customer: Customer,
  merchant: Acquaintance,
  session: MerchantSession,
  bargain: Bargain,
  provision: Provision,
): Promise<Bought> {
  const order = knownOrder(bargain);
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
