/** A merchant's VendorScrip goes back, to it or past it. */
import { type Amount, add, LeptaError, orThrow } from "@lepta/protocol";
import type { Acquaintances } from "./acquaintances.ts";
import type { Customer } from "./customer.ts";
import { closeAll } from "./lanes/close-all.ts";
import { bodyOf } from "./records.ts";
import { refundVendorScrip } from "./refund.ts";
import { reverse } from "./reverse.ts";

/** Gives back all of the VendorScrip of the merchant at this address that is not spent; tells how much that was. */
export async function giveBack(customer: Customer, merchants: Acquaintances, url: string): Promise<Amount> {
  const { uid } = (await merchants.at(url)).credential;
  return customer.lock.run(uid, async () => {
    const { merchant, isDone } = await closeAll(customer, merchants, url);
    const held = (await customer.tables.vendorscrip.list({ under: `${uid}/` }))
      .map(([, each]) => each)
      .filter(({ lockedBy, unusable }) => lockedBy === undefined && unusable === undefined);
    const { currency } = await customer.party.link.keys();
    let sum: Amount = { currency, value: 0n };
    for (const each of held) {
      await refundVendorScrip(customer, merchant, each);
      sum = orThrow(add(sum, bodyOf(each).value));
    }
    // What is on a lane that could not be closed is not given back yet.
    if (!isDone) throw new LeptaError("pending", "the merchant has not closed a lane");
    return sum;
  });
}

/** Has the broker take back all VendorScrip of a merchant, or that of one transaction of figure 8, whose credit is held. */
export function reclaim(customer: Customer, merchant: string, txn: string | undefined): Promise<void> {
  return customer.lock.run(merchant, async () => {
    const held = await customer.tables.vendorscrip.list({ under: `${merchant}/` });
    const lines = new Set(held.flatMap(([, { obtained }]) => (obtained === undefined ? [] : [obtained])));
    const subjects = txn === undefined ? [...lines] : [txn];
    const outcomes = await Promise.allSettled(
      subjects.map((subject) => reverse(customer, merchant, subject)),
    );
    const failed = outcomes.find((each) => each.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  });
}
