/** What a wallet does for its scrip by itself: what is near its end is renewed before it ends. */

import type { Acquaintance } from "./acquaintance.ts";
import type { Acquaintances } from "./acquaintances.ts";
import { type Customer, remains } from "./customer.ts";
import { takeReturned } from "./holdings.ts";
import { closeLanes } from "./lanes/close.ts";
import { bodyOf } from "./records.ts";
import { renewBrokerScrip } from "./renew-brokerscrip.ts";
import { renewVendorScrip } from "./renew-vendorscrip.ts";

/** Renews what ends within `margin` milliseconds, and takes what merchants have given back. What fails is tried next time. */
export async function tend(customer: Customer, merchants: Acquaintances, margin: number): Promise<void> {
  const before = customer.party.runtime.now() + margin;
  await renewBrokerScrip(customer, before).catch(remains);
  for (const [uid, { url }] of await customer.tables.merchants.list()) {
    const isHolding = (await customer.tables.vendorscrip.list({ under: `${uid}/`, limit: 1 })).length > 0;
    if (!isHolding) continue;
    const work = async (): Promise<void> => {
      const merchant = await merchants.at(url);
      await customer.lock.run(uid, () => tendWith(customer, merchant, before));
    };
    await work().catch(remains);
  }
}

/** Renews the scrip of one merchant that ends before a moment, and takes what it has given back. */
export async function tendWith(customer: Customer, merchant: Acquaintance, before: number): Promise<void> {
  const { uid } = merchant.credential;
  // What a lane holds cannot be renewed before it is closed.
  await closeLanes(customer, merchant.session, ({ held }) => bodyOf(held).expiresAt < before);
  for (const [, held] of await customer.tables.vendorscrip.list({ under: `${uid}/` })) {
    const isDue = bodyOf(held).expiresAt < before;
    if (isDue && held.lockedBy === undefined && held.unusable === undefined)
      await renewVendorScrip(customer, merchant, held).catch(remains);
  }
  await takeReturned(customer, merchant);
}
