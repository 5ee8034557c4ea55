/**
 * Figure 7 on a lane, at the merchant: item 3 in, its sequence checked, the goods made, the answer handed to the
 * book, which lets it leave when it is durable. Nothing here waits unless the handler of the goods does.
 */
import {
  type ErrorCode,
  equalBytes,
  GOODS_TYPE,
  isRefusal,
  LeptaError,
  lanePurchase,
  limits,
  Refusal,
  readBuy,
  typeBytes,
  writeSold,
} from "@lepta/protocol";
import type { Goods } from "../../goods.ts";
import { readEntry } from "../../lanes/run.ts";
import { Delivery, goodsOf, type Made, NotSold } from "../catalogue.ts";
import type { Shop } from "../shop.ts";
import { refusalOf } from "./answer.ts";
import type { Asked, Lane, LaneVisit } from "./lane.ts";
import type { KnownOrder } from "./orders.ts";
import { proposeStatement } from "./state.ts";

/** Takes an item 3 from the lane's customer. */
export function sellOnLane(shop: Shop, visit: LaneVisit, item: Uint8Array): void {
  const heads = readBuy(item);
  const lane = heads && visit.lanes.get(heads.lane);
  if (heads === undefined) {
    visit.end("malformed");
    return;
  }
  if (lane === undefined) {
    visit.fault(heads.lane, "wrong-reference");
    return;
  }
  // In their order: what comes while another waits for its goods or for a statement waits behind it.
  if (lane.waiting.length >= limits.laneInFlight) {
    visit.end("busy");
    return;
  }
  lane.waiting.push({ item, heads });
  goOn(shop, lane);
}

/** Decides what waits, one after the other, until one has to wait itself. */
export function goOn(shop: Shop, lane: Lane): void {
  while (!lane.isDelivering && !shop.lanes.isBroken) {
    const [next] = lane.waiting;
    if (next === undefined || lane.visit === undefined) return;
    if (!decideNext(shop, lane, lane.visit, next)) return;
  }
}

/** There may be room for those lanes of this one's customer that waited for it. */
export function goOnWaiting(shop: Shop, { pair: { waiting } }: Lane): void {
  const lanes = [...waiting];
  waiting.clear();
  for (const lane of lanes) goOn(shop, lane);
}

/** Decides one purchase; false where it has to wait, or the lane cannot go on. */
function decideNext(shop: Shop, lane: Lane, visit: LaneVisit, { item, heads }: Asked): boolean {
  if (heads.sequence <= lane.sequence) return repeat(lane, visit, item, heads.sequence);
  if (heads.sequence !== lane.sequence + 1) return stop(visit, lane, "wrong-reference");
  // Its customer did not know yet: what comes now comes to nothing with the lane.
  if (lane.isClosing) return lane.waiting.shift() !== undefined;
  const order = shop.orders.read(item, heads);
  if (isRefusal(order) && order.code === "malformed") return stop(visit, lane, "malformed");
  const price = isRefusal(order) ? 0 : order.price;
  // At the bound nobody goes on until a statement is signed, on whichever lane.
  if (!shop.lanes.hasRoom(lane.pair, price)) {
    lane.dueSince ??= shop.party.runtime.now();
    visit.awaitStatement();
    lane.pair.waiting.add(lane);
    for (const each of shop.lanes.all(lane.owner)) proposeStatement(shop, each);
    return false;
  }
  lane.dueSince = undefined;
  lane.waiting.shift();
  const refusal = isRefusal(order) ? order : refusedFor(shop, lane, order);
  if (isRefusal(refusal)) {
    refuseIt(shop, lane, item, refusal.code);
    return true;
  }
  return deliver(shop, lane, item, order as KnownOrder);
}

/** Why an order that we sell is not sold on this lane. */
function refusedFor(shop: Shop, lane: Lane, order: KnownOrder): Refusal | undefined {
  if (shop.party.runtime.now() >= lane.record.expiresAt) return refused("scrip-expired");
  if (order.currency !== lane.record.currency) return refused("wrong-currency");
  if (order.price > lane.remaining) return refused("insufficient");
  return shop.outbox.hasRoom ? undefined : refused("busy");
}

function deliver(shop: Shop, lane: Lane, item: Uint8Array, order: KnownOrder): boolean {
  const { listed, quantity } = order;
  try {
    const sequence = lane.sequence + 1;
    const made = listed.deliver({
      sku: listed.sku,
      quantity,
      description: order.description,
      customer: lane.owner,
      isOnLane: true,
      // Spelt only where the handler asks.
      get id() {
        return `${lane.owner}/${lanePurchase(lane.origin, sequence)}`;
      },
    });
    if (!(made instanceof Promise)) {
      sold(shop, lane, item, order, made);
      return true;
    }
    lane.isDelivering = true;
    make(lane, order.price, 1);
    made
      .then(
        (later) => {
          make(lane, -order.price, -1);
          sold(shop, lane, item, order, later);
        },
        (error: unknown) => {
          make(lane, -order.price, -1);
          failed(shop, lane, item, error);
        },
      )
      .catch(shop.onError)
      .finally(() => {
        lane.isDelivering = false;
        goOn(shop, lane);
        goOnWaiting(shop, lane);
        // One that was to end meanwhile.
        if (lane.isClosing) proposeStatement(shop, lane);
      });
    return false;
  } catch (error) {
    failed(shop, lane, item, error);
    return true;
  }
}

function make({ pair }: Lane, price: number, count: number): void {
  pair.making = { count: pair.making.count + count, value: pair.making.value + price };
}

function sold(shop: Shop, lane: Lane, item: Uint8Array, order: KnownOrder, made: Made): void {
  let delivery: Delivery | undefined;
  let charged: number;
  let goods: Goods;
  try {
    // Nearly always nobody wants to know more.
    delivery = made instanceof Delivery ? made : undefined;
    goods = goodsOf(order.listed.sku, delivery === undefined ? made : delivery.goods);
    charged = chargeOf(order, delivery?.units);
  } catch (error) {
    delivery?.told(false);
    failed(shop, lane, item, error);
    return;
  }
  // Its scrip may have been ended by the broker while the goods were made.
  if (!shop.lanes.has(lane) || shop.lanes.isBroken) {
    delivery?.told(false);
    return;
  }
  const remaining = lane.remaining - charged;
  const sequence = lane.sequence + 1;
  const type = typeBytesOf(goods.type);
  const answer = writeSold(lane.number, sequence, charged, remaining, goods.bytes, type);
  shop.lanes.decide(lane, item, answer, charged, delivery?.told);
}

/** The price, or that of what was used, in millionths. Throws where a handler has metered more than was ordered. */
function chargeOf({ listed, price, quantity }: KnownOrder, units: number | undefined): number {
  if (listed.meter === undefined) return price;
  if (units === undefined || !Number.isInteger(units) || units < 0 || units > quantity)
    throw new LeptaError("delivery-failed", `${listed.sku} metered ${units} of ${quantity}`);
  return units * Number(listed.price.value);
}

/** The media type of the last goods, which the next ones are likely to have. */
let lastType = { name: GOODS_TYPE, bytes: typeBytes("") };

function typeBytesOf(name: string): Uint8Array {
  if (name !== lastType.name) lastType = { name, bytes: typeBytes(name === GOODS_TYPE ? "" : name) };
  return lastType.bytes;
}

/** The handler's own error is the merchant's business; the customer learns that nothing was charged. */
function failed(shop: Shop, lane: Lane, item: Uint8Array, error: unknown): void {
  const code = error instanceof NotSold ? error.code : "delivery-failed";
  if (!(error instanceof NotSold)) shop.onError(error);
  if (shop.lanes.has(lane) && !shop.lanes.isBroken) refuseIt(shop, lane, item, code);
}

function refuseIt(shop: Shop, lane: Lane, item: Uint8Array, code: ErrorCode): void {
  const { number, sequence, remaining } = lane;
  shop.refused?.(`${lane.owner}/${lanePurchase(lane.origin, sequence + 1)}`, code);
  shop.lanes.decide(lane, item, refusalOf(number, sequence + 1, code, remaining), 0);
}

/** The same purchase again gets the same answer; another under its number is none. */
function repeat(lane: Lane, visit: LaneVisit, item: Uint8Array, sequence: number): boolean {
  const sold = lane.run[sequence - lane.stated.sequence - 1];
  const known = sold && readEntry(sold.kept);
  if (known === undefined || !equalBytes(known.bought, item)) return stop(visit, lane, "conflict");
  lane.waiting.shift();
  if (sequence <= lane.durable) visit.send(known.answered);
  return true;
}

/** The lane cannot be gone on with: what waits in it is not decided. */
function stop(visit: LaneVisit, lane: Lane, code: ErrorCode): boolean {
  lane.waiting = [];
  visit.fault(lane.number, code);
  return false;
}

const refused = (code: ErrorCode): Refusal => new Refusal(code);
