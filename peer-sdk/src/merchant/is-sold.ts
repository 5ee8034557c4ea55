/**
 * Whether a purchase was sold, by its name, for what it was made for: where the process died before the sale its customer may have
 * bought something else under the same name since.
 */
import {
  decodeAs,
  isRefusal,
  laneBuy,
  purchaseResponse,
  readLanePurchase,
  readMessage,
  type Txn,
  type Uid,
} from "@lepta/protocol";
import { type RunEntry, readEntry } from "../lanes/run.ts";
import { answeredOf } from "./lanes/answer.ts";
import type { Lane } from "./lanes/lane.ts";
import { findLaneEntry } from "./lanes/sales.ts";
import type { Shop } from "./shop.ts";

/** What it must have been sold as. */
export interface SoldAs {
  readonly sku: string;
  /** What its order was bound to. */
  readonly description: string;
  /** Whether goods are those of this purchase. */
  readonly isIts: (goods: Uint8Array) => boolean;
}

/** One that was signed by itself: M1 is not kept, and its goods tell. */
export async function isSoldAlone({ tables }: Shop, customer: Uid, txn: Txn, as: SoldAs): Promise<boolean> {
  const id = `${customer}/${txn}`;
  const sale = await tables.sales.get(id);
  const response = sale?.ok === 1 && sale.sku === as.sku ? await tables.responses.get(id) : undefined;
  const said = response && readMessage(response, [purchaseResponse]);
  if (said === undefined || isRefusal(said)) return false;
  return said.payload.goods !== undefined && as.isIts(said.payload.goods);
}

/** One on a lane: durable, and perhaps not covered by a statement yet. */
export async function isSoldOnLane(shop: Shop, customer: Uid, txn: Txn, as: SoldAs): Promise<boolean> {
  const { lane: name, sequence } = readLanePurchase(txn);
  const lane = shop.lanes.named(name);
  if (lane === undefined || lane.owner !== customer || sequence <= lane.stated.sequence)
    return isFor((await findLaneEntry(shop, customer, txn))?.entry, as);
  return sequence <= lane.durable && isFor(entryAt(lane, sequence), as);
}

/** Why a purchase on an open lane was refused; undefined where it was not, or a statement covers it. */
export function refusalOnLane(lane: Lane, sequence: number): string | undefined {
  const entry = entryAt(lane, sequence);
  const answer = entry && answeredOf(entry.answered);
  return answer === undefined || isRefusal(answer) ? undefined : answer.code;
}

function isFor(entry: RunEntry | undefined, { sku, description }: SoldAs): boolean {
  if (entry === undefined) return false;
  const buy = decodeAs(laneBuy, entry.bought);
  const answer = answeredOf(entry.answered);
  if (isRefusal(buy) || isRefusal(answer)) return false;
  const [, , , , , order] = buy;
  return answer.code === undefined && order.sku === sku && order.description === description;
}

function entryAt({ run, stated }: Lane, sequence: number): RunEntry | undefined {
  const sold = run[sequence - stated.sequence - 1];
  return sold && readEntry(sold.kept);
}
