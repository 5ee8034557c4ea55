/** What was bought on lanes, found again by its name, and proved to others. */
import {
  type Amount,
  amountOf,
  type Digest,
  decodeAs,
  encodeReceipt,
  GOODS_TYPE,
  isRefusal,
  LeptaError,
  laneBuy,
  lanePurchase,
  laneRefused,
  laneSold,
  nothing,
  type Order,
  orThrow,
  purchaseOnLane,
  readLanePurchase,
  readStatement,
  type Txn,
} from "@lepta/protocol";
import { Goods } from "../../goods.ts";
import { digits, elementsOf, type Run, type RunEntry, readEntry, runEntries } from "../../lanes/run.ts";
import type { Bought } from "../bought.ts";
import type { Customer } from "../customer.ts";
import { recordedOf } from "./copies.ts";

/** One purchase on a lane and how it was answered. */
export interface LanePurchase {
  readonly txn: Txn;
  readonly merchant: string;
  readonly entry: RunEntry;
  readonly order: Order;
  readonly charged: Amount;
  /** `done`, or the code of the refusal. */
  readonly outcome: string;
  readonly goods: Goods | undefined;
  /** Digest of the statement that covers it. */
  readonly statement?: Digest;
}

/** Where a purchase stands among those of a statement. */
interface Found {
  readonly merchant: string;
  readonly run: Run;
  readonly entries: readonly RunEntry[];
  readonly index: number;
}

/** What was bought, from the run that holds it, or from a lane that is open. */
export async function recallFromLane(customer: Customer, txn: Txn): Promise<Bought | undefined> {
  const found = await findStated(customer, txn);
  const purchase =
    found === undefined
      ? openPurchases(customer).find((each) => each.txn === txn)
      : purchaseOf(found.merchant, txn, found.entries[found.index]);
  if (purchase?.goods === undefined) return undefined;
  const { merchant, order, charged, entry } = purchase;
  const { at, bought: request, answered: response } = entry;
  return { goods: purchase.goods, receipt: { txn, merchant, order, charged, at, request, response } };
}

/** The file that proves one purchase. Throws `wrong-reference`, and `pending` while no statement covers it. */
export async function receiptOf(customer: Customer, txn: Txn): Promise<Uint8Array> {
  const { tables } = customer;
  const signed = await tables.evidence.get(txn);
  if (signed?.request !== undefined && signed.signers !== undefined)
    return encodeReceipt({
      ...(await provenBy(customer, signed.signers)),
      request: signed.request,
      response: signed.response,
    });
  const found = await findStated(customer, txn);
  if (found === undefined) {
    const isOpen = openPurchases(customer).some((each) => each.txn === txn);
    throw new LeptaError(isOpen ? "pending" : "wrong-reference", txn);
  }
  const { run, entries, index } = found;
  const [entry] = entries.slice(index, index + 1);
  if (entry === undefined || run.signers === undefined) throw new LeptaError("wrong-reference", txn);
  const elements = entries.map((each) => elementsOf([each]));
  // The opening of a session that entered the chain right before it is an element of its own.
  const joined = entry.joined === undefined ? [] : [entry.joined];
  const { signed: statement, digest } = orThrow(readStatement(run.statement));
  const recorded = await recordedOf(customer.party, digest);
  return encodeReceipt({
    ...(await provenBy(customer, run.signers)),
    request: entry.bought,
    response: entry.answered,
    run: {
      before: run.before,
      earlier: [...elements.slice(0, index).flat(), ...joined],
      later: elements.slice(index + 1).flat(),
      statement,
      ...(recorded === undefined ? {} : { recorded }),
    },
  });
}

/** All purchases on lanes that statements cover, in no order. */
export async function statedPurchases({ lanes }: Customer): Promise<readonly LanePurchase[]> {
  return (await lanes.tables.runs.list()).flatMap(([id, run]) => {
    const [merchant = "", name = "", last = ""] = id.split("/");
    const entries = runEntries(run);
    const first = Number(last) - entries.length + 1;
    const statement = orThrow(readStatement(run.statement)).digest;
    return entries.map((entry, i) => ({
      ...purchaseOf(merchant, purchaseOnLane(name, first + i), entry),
      statement,
    }));
  });
}

/** Purchases that were answered on open lanes, and are in no statement yet. */
export const openPurchases = ({ lanes }: Customer): readonly LanePurchase[] =>
  lanes.all().flatMap(({ merchant, origin, stated, run, record }) =>
    // What a lost lane held stands in a statement of ours alone.
    record.state === "lost"
      ? []
      : run.map(({ kept }, i) =>
          purchaseOf(merchant, lanePurchase(origin, stated.sequence + 1 + i), readEntry(kept)),
        ),
  );

async function findStated({ lanes, tables }: Customer, txn: Txn): Promise<Found | undefined> {
  const { lane, sequence } = readLanePurchase(txn);
  for (const [merchant] of await tables.merchants.list()) {
    const under = `${merchant}/${lane}/`;
    // The first run that ends with this purchase or after it.
    const after = `${under}${digits(sequence - 1)}`;
    const [found] = await lanes.tables.runs.list({ under, after, limit: 1 });
    if (found === undefined) continue;
    const [id, run] = found;
    const entries = runEntries(run);
    const index = entries.length - 1 - (Number(id.slice(under.length)) - sequence);
    if (index in entries) return { merchant, run, entries, index };
  }
  return undefined;
}

async function provenBy({ party, signers }: Customer, [ours, theirs]: readonly [string, string]) {
  const { trust } = await party.link.keys();
  const [customer, merchant] = [await signers.table.get(ours), await signers.table.get(theirs)];
  if (customer === undefined || merchant === undefined)
    throw new LeptaError("store-damaged", "a signer's credential");
  return { rootKey: trust.rootKey.publicKey, customer, merchant };
}

function purchaseOf(merchant: string, txn: Txn, entry: RunEntry | undefined): LanePurchase {
  const bought = entry === undefined ? undefined : decodeAs(laneBuy, entry.bought);
  if (entry === undefined || bought === undefined || isRefusal(bought))
    throw new LeptaError("store-damaged", "a purchase on a lane");
  const [, , , price, , order] = bought;
  const sold = decodeAs(laneSold, entry.answered);
  if (!isRefusal(sold)) {
    const [, , , charged, , bytes, type] = sold;
    const goods = new Goods(type === "" ? GOODS_TYPE : type, bytes);
    return {
      txn,
      merchant,
      entry,
      order,
      charged: amountOf(price.currency, BigInt(charged)),
      outcome: "done",
      goods,
    };
  }
  const [, , , outcome] = orThrow(decodeAs(laneRefused, entry.answered));
  return { txn, merchant, entry, order, charged: nothing(price.currency), outcome, goods: undefined };
}
