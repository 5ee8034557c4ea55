/** What a wallet tells its owner: what it holds, what is under way, and what was. */
import { type Amount, formatAmount, lanePurchase } from "@lepta/protocol";
import type { Customer } from "./customer.ts";
import { holdingId, worthLeft } from "./lanes/end.ts";
import { openPurchases, statedPurchases } from "./lanes/prove.ts";
import { bodyOf, type CustomerKind, PURSE } from "./records.ts";

/**
 * How a transaction stands: `reserved` while its answer is waited for, `unknown` where it was sent and no answer came,
 * `paid` once the other side has answered, `settled` once the broker has it too, `refused` where nothing came of it.
 */
export type Status = "reserved" | "unknown" | "paid" | "settled" | "refused";

/** What a wallet holds. */
export interface Balance {
  /** The one BrokerScrip, `"EUR 4.50"`; undefined where there is none. */
  readonly brokerScrip: string | undefined;
  /** VendorScrip by merchant; one with whom nothing is left is not among them. */
  readonly vendorScrip: readonly {
    readonly merchant: string;
    readonly url: string | undefined;
    readonly amount: string;
  }[];
}

/** One transaction of a wallet. */
export interface HistoryEntry {
  /** What the wallet did. */
  readonly kind: CustomerKind;
  readonly status: Status;
  readonly txn: string;
  /** Milliseconds. */
  readonly at: number;
  /** What was obtained or charged, `"EUR 0.02"`. */
  readonly amount: string;
  /** `done`, or the code of the refusal. */
  readonly outcome: string;
  /** The merchant's UID; undefined where the broker alone took part. */
  readonly merchant: string | undefined;
  /** What was bought, of a purchase. */
  readonly sku: string | undefined;
}

/** A transaction that is not known to have ended. */
export type PendingEntry = Pick<HistoryEntry, "kind" | "status" | "txn" | "at" | "amount" | "merchant">;

/** What the wallet holds; locked scrip is counted, expired is not. */
export async function balanceOf({ tables, party, lanes }: Customer): Promise<Balance> {
  const onLanes = new Map(lanes.all().map((lane) => [holdingId(lane), lane]));
  const now = party.runtime.now();
  const held = await tables.purse.get(PURSE);
  const purse = held && bodyOf(held).expiresAt > now ? held : undefined;
  const byMerchant = new Map<string, Amount>();
  for (const [id, each] of await tables.vendorscrip.list()) {
    const [merchant = ""] = id.split("/");
    const { value, expiresAt } = bodyOf(each);
    const before = byMerchant.get(merchant)?.value ?? 0n;
    if (expiresAt > now && each.unusable === undefined)
      byMerchant.set(merchant, { ...value, value: before + worthLeft(each, onLanes.get(id)) });
  }
  const known = new Map((await tables.merchants.list()).map(([uid, { url }]) => [uid, url]));
  return {
    brokerScrip: purse && formatAmount(bodyOf(purse).value),
    // A lane that is used up holds its scrip until it is closed, and its owner has nothing there.
    vendorScrip: [...byMerchant]
      .filter(([, { value }]) => value > 0n)
      .map(([merchant, amount]) => ({ merchant, url: known.get(merchant), amount: formatAmount(amount) })),
  };
}

/** All that has ended, oldest first. */
export async function historyOf(customer: Customer): Promise<readonly HistoryEntry[]> {
  const { tables, outbox, lanes } = customer;
  const waiting = await outbox.transactions();
  const alone = (await tables.history.list()).map(
    ([, { kind, txn, at, amount, outcome, merchant, order }]): HistoryEntry => ({
      kind,
      status: outcome !== "done" ? "refused" : waiting.has(txn) ? "paid" : "settled",
      txn,
      at,
      amount: formatAmount(amount),
      outcome,
      merchant,
      sku: order?.sku,
    }),
  );
  // The broker is known to have a statement when it needs no copy of ours any more.
  const copies = new Set((await lanes.tables.copies.list()).map(([digest]) => digest));
  const onLanes = [...(await statedPurchases(customer)), ...openPurchases(customer)].map(
    ({ txn, entry, charged, outcome, merchant, order, statement }): HistoryEntry => ({
      kind: "purchase",
      status:
        outcome !== "done"
          ? "refused"
          : statement === undefined || copies.has(statement)
            ? "paid"
            : "settled",
      txn,
      at: entry.at,
      amount: formatAmount(charged),
      outcome,
      merchant,
      sku: order.sku,
    }),
  );
  return [...alone, ...onLanes].sort((a, b) => a.at - b.at);
}

/** What is under way: sent, and not known to have ended. */
export async function pendingOf({ tables, underWay, lanes }: Customer): Promise<readonly PendingEntry[]> {
  const alone = (await tables.pending.list()).map(
    ([txn, { kind, at, amount, merchant }]): PendingEntry => ({
      kind,
      status: underWay.has(txn) ? "reserved" : "unknown",
      txn,
      at,
      amount: formatAmount(amount),
      merchant,
    }),
  );
  const onLanes = lanes.all().flatMap(({ flight, origin, merchant }) =>
    flight.map(
      ({ sequence, at, order, settle }): PendingEntry => ({
        kind: "purchase",
        status: settle === undefined ? "unknown" : "reserved",
        txn: lanePurchase(origin, sequence),
        at,
        amount: formatAmount(order.price),
        merchant,
      }),
    ),
  );
  return [...alone, ...onLanes];
}
