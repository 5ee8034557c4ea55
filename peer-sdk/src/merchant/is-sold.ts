/** Whether a purchase was sold, by its name. */
import { isRefusal, readLanePurchase, type Txn, type Uid } from "@lepta/protocol";
import { readEntry } from "../lanes/run.ts";
import { answeredOf } from "./lanes/answer.ts";
import type { Lane } from "./lanes/lane.ts";
import { findLaneSale } from "./lanes/sales.ts";
import type { Shop } from "./shop.ts";

/** One that was signed by itself. */
export async function isSoldAlone({ tables }: Shop, customer: Uid, txn: Txn): Promise<boolean> {
  return (await tables.sales.get(`${customer}/${txn}`))?.ok === 1;
}

/** One on a lane: durable, and perhaps not covered by a statement yet. */
export async function isSoldOnLane(shop: Shop, customer: Uid, txn: Txn): Promise<boolean> {
  const { lane: name, sequence } = readLanePurchase(txn);
  const lane = shop.lanes.named(name);
  if (lane === undefined || lane.owner !== customer || sequence <= lane.stated.sequence)
    return (await findLaneSale(shop, customer, txn))?.ok === 1;
  const answer = sequence <= lane.durable ? answerAt(lane, sequence) : undefined;
  return answer !== undefined && answer.code === undefined;
}

/** Why a purchase on an open lane was refused; undefined where it was not, or a statement covers it. */
export const refusalOnLane = (lane: Lane, sequence: number): string | undefined =>
  answerAt(lane, sequence)?.code;

function answerAt({ run, stated }: Lane, sequence: number) {
  const entry = run[sequence - stated.sequence - 1];
  const answer = entry && answeredOf(readEntry(entry.kept).answered);
  return isRefusal(answer) ? undefined : answer;
}
