/** Purchases on lanes as sales: those that statements cover, and those of open lanes. */
import {
  type Amount,
  decodeAs,
  isRefusal,
  LeptaError,
  laneBuy,
  lanePurchase,
  purchaseOnLane,
  readLanePurchase,
  sha256,
  type Txn,
  toText,
  type Uid,
} from "@lepta/protocol";
import { digits, type RunEntry, readEntry, runEntries } from "../../lanes/run.ts";
import type { SaleRecord } from "../records.ts";
import type { Shop } from "../shop.ts";
import { answeredOf } from "./answer.ts";

/** All of them under `customer/transaction`, as if each had a record of its own. */
export async function laneSales({
  lanes,
}: Shop): Promise<readonly (readonly [id: string, sale: SaleRecord])[]> {
  const stated = (await lanes.tables.runs.list()).flatMap(([id, run]) => {
    const [owner = "", name = "", last = ""] = id.split("/");
    const entries = runEntries(run);
    const first = Number(last) - entries.length + 1;
    return entries.map(
      (entry, i) => [`${owner}/${purchaseOnLane(name, first + i)}`, saleOf(entry, run.line)] as const,
    );
  });
  const open = lanes
    .all()
    .flatMap(({ owner, origin, stated: { sequence }, run, record }) =>
      run.map(
        (entry, i) =>
          [
            `${owner}/${lanePurchase(origin, sequence + 1 + i)}`,
            saleOf(readEntry(entry.kept), record.origin),
          ] as const,
      ),
    );
  return [...stated, ...open];
}

/** One that a statement covers; undefined where there is none of this name. Throws `pending` while none covers it. */
export async function findLaneSale(shop: Shop, owner: Uid, txn: Txn): Promise<SaleRecord | undefined> {
  const found = await findLaneEntry(shop, owner, txn);
  return found && saleOf(found.entry, found.line);
}

/** The same with the words of both sides. */
export async function findLaneEntry({ lanes }: Shop, owner: Uid, txn: Txn) {
  const { lane: name, sequence } = readLanePurchase(txn);
  const open = lanes.all(owner).find((each) => each.name === name);
  if (open !== undefined && sequence > open.stated.sequence && sequence <= open.sequence)
    throw new LeptaError("pending", "no statement covers it yet");
  const under = `${owner}/${name}/`;
  const after = `${under}${digits(sequence - 1)}`;
  const [found] = sequence < 1 ? [] : await lanes.tables.runs.list({ under, after, limit: 1 });
  if (found === undefined) return undefined;
  const [id, run] = found;
  const entries = runEntries(run);
  const entry = entries[entries.length - 1 - (Number(id.slice(under.length)) - sequence)];
  return entry === undefined ? undefined : { entry, line: run.line };
}

function saleOf({ at, bought, answered }: RunEntry, line: string | undefined): SaleRecord {
  const buy = decodeAs(laneBuy, bought);
  const answer = answeredOf(answered);
  if (isRefusal(buy) || isRefusal(answer)) throw new LeptaError("store-damaged", "a purchase on a lane");
  const [, , , price, , order] = buy;
  const charged: Amount = { ...price, value: BigInt(answer.charged) };
  return {
    request: toText(sha256(bought)),
    ok: answer.code === undefined ? 1 : 0,
    charged,
    sku: order.sku,
    quantity: order.quantity,
    at,
    ...(line === undefined ? {} : { origin: line }),
  };
}
