/** What a wallet tells its owner: what it holds, what is under way, and what was. */
import { type Amount, formatAmount } from "@lepta/protocol/core";
import type { Customer } from "./customer.ts";
import type { OpenDesk } from "./desk.ts";
import { bodyOf, PURSE } from "./records.ts";
import type { HistoryEntry, PendingEntry } from "./status.ts";

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

/** What the wallet holds; locked scrip is counted, expired is not. */
export async function balanceOf({ tables, party }: Customer, desk: OpenDesk | undefined): Promise<Balance> {
  const onLanes = new Map(desk?.book.all().map((lane) => [desk.part.holdingId(lane), BigInt(lane.answered)]));
  const now = party.runtime.now();
  const held = await tables.purse.get(PURSE);
  const purse = held && bodyOf(held).expiresAt > now ? held : undefined;
  const byMerchant = new Map<string, Amount>();
  for (const [id, each] of await tables.vendorscrip.list()) {
    const [merchant = ""] = id.split("/");
    const { value, expiresAt } = bodyOf(each);
    const before = byMerchant.get(merchant)?.value ?? 0n;
    if (expiresAt > now && each.unusable === undefined)
      byMerchant.set(merchant, { ...value, value: before + (onLanes.get(id) ?? value.value) });
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
export async function historyOf(
  customer: Customer,
  desk: OpenDesk | undefined,
): Promise<readonly HistoryEntry[]> {
  const { tables } = customer;
  const waiting = await desk?.outbox.transactions();
  const alone = (await tables.history.list()).map(
    ([, { kind, txn, at, amount, outcome, merchant, order }]): HistoryEntry => ({
      kind,
      status: outcome !== "done" ? "refused" : waiting?.has(txn) ? "paid" : "settled",
      txn,
      at,
      amount: formatAmount(amount),
      outcome,
      merchant,
      sku: order?.sku,
    }),
  );
  const onLanes = (await desk?.part.historyOnLanes(customer)) ?? [];
  return [...alone, ...onLanes].sort((a, b) => a.at - b.at);
}

/** What is under way: sent, and not known to have ended. */
export async function pendingOf(
  { tables, underWay }: Customer,
  desk: OpenDesk | undefined,
): Promise<readonly PendingEntry[]> {
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
  return [...alone, ...(desk?.part.pendingOnLanes(desk.book) ?? [])];
}
