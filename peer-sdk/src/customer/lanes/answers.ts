/** Items 4 and 5 at the customer: each answers the oldest purchase under way, and says what it must. */
import {
  decodeAs,
  type ExpectedSold,
  GOODS_TYPE,
  isErrorCode,
  isRefusal,
  LeptaError,
  laneRefused,
  laneSold,
  readSold,
  typeBytes,
} from "@lepta/protocol";
import { Goods } from "../../goods.ts";
import { entryParts } from "../../lanes/run.ts";
import { packItems } from "../../session/frame.ts";
import { itemKind } from "../../session/session.ts";
import type { LaneBook } from "./book.ts";
import type { Lane, Sent } from "./lane.ts";
import { LaneReceipt } from "./receipt.ts";

/** The number of item 4. */
const SOLD = 4;

/** The media type of the last goods, which the next ones are likely to have. */
let lastType = { name: GOODS_TYPE, bytes: typeBytes("") };

/** Takes the answer of the oldest purchase under way; false where it says anything but what it must. */
export function takeAnswer(book: LaneBook, lane: Lane, item: Uint8Array): boolean {
  const [sent] = lane.flight;
  if (sent === undefined) return false;
  return itemKind(item) === SOLD ? takeSold(book, lane, sent, item) : takeRefused(book, lane, sent, item);
}

function takeSold(book: LaneBook, lane: Lane, sent: Sent, item: Uint8Array): boolean {
  if (sent.order.isMetered) return takeMetered(book, lane, sent, item);
  const { price, sequence } = sent;
  const remaining = lane.answered - price;
  const expected = { lane: lane.number, sequence, charged: price, remaining };
  const goods = readSold(item, expected, lastType.bytes) ?? readAny(item, expected);
  if (goods === undefined) return false;
  answered(lane, sent, item, price, remaining);
  const { order, settle } = sent;
  const entry = { at: sent.at, bought: sent.item, answered: item };
  settle?.resolve({
    // Beside them in the message may stand what nobody else is to see.
    goods: new Goods(lastType.name, new Uint8Array(goods)),
    receipt: new LaneReceipt(lane.merchant, lane.origin, sequence, order, order.price, entry),
  });
  book.goOn(lane);
  return true;
}

/** What was used is charged: whole units, at most as many as were ordered. What was not used is there again. */
function takeMetered(book: LaneBook, lane: Lane, sent: Sent, item: Uint8Array): boolean {
  const sold = decodeAs(laneSold, item);
  if (isRefusal(sold)) return false;
  const [, number, sequence, charged, remaining, goods, type] = sold;
  const { order, price, settle } = sent;
  const { unitPrice } = order.order;
  const isAsExpected =
    number === lane.number &&
    sequence === sent.sequence &&
    charged <= price &&
    charged % Number(unitPrice.value) === 0 &&
    remaining === lane.answered - charged;
  if (!isAsExpected) return false;
  lane.remaining += price - charged;
  lane.pair.value -= price - charged;
  answered(lane, sent, item, charged, remaining);
  const entry = { at: sent.at, bought: sent.item, answered: item };
  const paid = { ...unitPrice, value: BigInt(charged) };
  settle?.resolve({
    goods: new Goods(type === "" ? GOODS_TYPE : type, new Uint8Array(goods)),
    receipt: new LaneReceipt(lane.merchant, lane.origin, sequence, order, paid, entry),
  });
  book.goOn(lane);
  return true;
}

/** The same through the general codec: another media type, or nothing that we take. */
function readAny(item: Uint8Array, expected: ExpectedSold): Uint8Array | undefined {
  const sold = decodeAs(laneSold, item);
  if (isRefusal(sold)) return undefined;
  const [, , , , , , type] = sold;
  lastType = { name: type === "" ? GOODS_TYPE : type, bytes: typeBytes(type) };
  return readSold(item, expected, lastType.bytes);
}

/** A refused one leaves the value and counts. */
function takeRefused(book: LaneBook, lane: Lane, sent: Sent, item: Uint8Array): boolean {
  const refused = decodeAs(laneRefused, item);
  if (isRefusal(refused)) return false;
  const [, number, sequence, code, remaining] = refused;
  const isAsExpected = number === lane.number && sequence === sent.sequence && remaining === lane.answered;
  if (!isAsExpected) return false;
  lane.remaining += sent.price;
  lane.pair.value -= sent.price;
  answered(lane, sent, item, 0, lane.answered);
  sent.settle?.reject(new LeptaError(isErrorCode(code) ? code : "internal"));
  book.goOn(lane);
  return true;
}

function answered(
  lane: Lane,
  { at, item: bought, entry }: Sent,
  item: Uint8Array,
  charged: number,
  rest: number,
) {
  lane.flight.shift();
  const joined = lane.joining;
  lane.run.push({ kept: packItems(entryParts(at, bought, item, joined)), joined, charged, entry });
  lane.joining = undefined;
  lane.answered = rest;
}
