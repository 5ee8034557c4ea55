/** Choosing what to spend with a merchant: an answer for what is under way first, then a scrip, a new one if need be. */
import { type Amount, isRefusal, LeptaError, multiply, toText } from "@lepta/protocol";
import type { Acquaintance } from "./acquaintance.ts";
import type { Bargain, Bought } from "./bought.ts";
import { buyItem, recall, resumePurchase } from "./buy-item.ts";
import type { Customer } from "./customer.ts";
import { obtainVendorScrip } from "./obtain-vendorscrip.ts";
import { bodyOf, type Holding } from "./records.ts";

/** How much VendorScrip to obtain where there is too little: an amount, or how many times the price. */
export type Provision = { readonly amount: Amount } | { readonly times: number };

/**
 * Buys with a scrip that is worth enough, each purchase signed by itself. Where the caller has named it before, what became of it then
 * is the answer. Throws `insufficient-funds`, and `conflict` where a purchase of this name was refused.
 */
export async function spendAt(
  customer: Customer,
  merchant: Acquaintance,
  bargain: Bargain,
  provision: Provision,
  named?: string,
): Promise<Bought> {
  const { uid } = merchant.credential;
  mustHaveRoom(customer);
  // One purchase at a time with one merchant: its scrip changes with each.
  return customer.lock.run(uid, async () => {
    const before = named === undefined ? undefined : await madeBefore(customer, merchant, named);
    if (before !== undefined) return before;
    const held = await provide(customer, merchant, bargain.price, provision, () =>
      // What an open lane holds is scrip again once it is closed.
      merchant.session?.closeLanes(({ remaining }) => BigInt(remaining) >= bargain.price.value),
    );
    return buyItem(customer, merchant, named ?? toText(customer.party.runtime.random(16)), held, bargain);
  });
}

/** What a purchase of this name has brought, or brings now; undefined where there was none. */
async function madeBefore(
  customer: Customer,
  merchant: Acquaintance,
  txn: string,
): Promise<Bought | undefined> {
  const pending = await customer.tables.pending.get(txn);
  if (pending !== undefined && pending.kind !== "purchase") throw new LeptaError("conflict", txn);
  const resumed = await resumePurchase(customer, merchant, txn);
  if (resumed !== undefined) return resumed;
  const bought = await recall(customer, txn);
  if (bought === undefined && (await customer.tables.evidence.get(txn)) !== undefined)
    throw new LeptaError("conflict", txn);
  return bought;
}

/** Throws `busy` where nothing more can be kept for the broker. */
export function mustHaveRoom({ outbox }: Customer): void {
  if (!outbox.hasRoom) throw new LeptaError("busy", "the broker has not taken our notices");
}

/** A scrip that is worth enough: one that we hold, or a new one. `free` may bring back what is held otherwise. */
export async function provide(
  customer: Customer,
  merchant: Acquaintance,
  price: Amount,
  provision: Provision,
  free: () => Promise<void> | undefined,
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
