/** What was left under way, brought to its end where that is possible now: each kind in its own way. */
import type { Acquaintances } from "./acquaintances.ts";
import { resumePurchase } from "./buy-item.ts";
import { type Customer, remains } from "./customer.ts";
import { resumeLeft } from "./lanes/resume.ts";
import { resumeTopUp } from "./obtain-brokerscrip.ts";
import { resumeVendorScrip } from "./obtain-vendorscrip.ts";
import type { Pending } from "./records.ts";
import { resumeRedemption } from "./redeem.ts";
import { resumeRefund } from "./refund.ts";
import { resumeBrokerRenewal } from "./renew-brokerscrip.ts";
import { resumeVendorRenewal } from "./renew-vendorscrip.ts";
import { resumeRestoring } from "./restore.ts";
import { resumeReversal } from "./reverse.ts";

/** What the broker alone can end. */
export async function resumeAtBroker(customer: Customer): Promise<void> {
  for (const [txn, pending] of await customer.tables.pending.list())
    await atBroker(customer, txn, pending).catch(remains);
  await resumeRestoring(customer).catch(remains);
}

/** What needs the merchant. */
export async function resumeAtMerchants(customer: Customer, merchants: Acquaintances): Promise<void> {
  const open = (await customer.lanes.tables.lanes.list()).filter(([, { state }]) => state !== "lost");
  for (const address of new Set(open.map(([id, { url }]) => `${url}#${id.split("/")[0]}`)))
    await takeUp(customer, merchants, address).catch(remains);
  for (const [txn, pending] of await customer.tables.pending.list())
    await atMerchant(customer, merchants, txn, pending).catch(remains);
}

/** Meeting a merchant takes up its lanes; where we are connected already, one may have been left that it did not let us open or go on with. */
async function takeUp(customer: Customer, merchants: Acquaintances, address: string): Promise<void> {
  const { session, credential } = await merchants.at(address);
  if (session !== undefined) await customer.lock.run(credential.uid, () => resumeLeft(customer, session));
}

async function atBroker(customer: Customer, txn: string, pending: Pending): Promise<void> {
  const { kind, merchant } = pending;
  if (kind === "topup") await resumeTopUp(customer, txn);
  else if (kind === "vendorscrip") await resumeVendorScrip(customer, txn);
  else if (kind === "redeem") await resumeRedemption(customer, txn);
  else if (kind === "renewal" && merchant === undefined) await resumeBrokerRenewal(customer, txn);
  else if (kind === "refund") await customer.lock.run(merchant ?? "", () => resumeRefund(customer, txn));
  else if (kind === "reversal") await customer.lock.run(merchant ?? "", () => resumeReversal(customer, txn));
}

async function atMerchant(
  customer: Customer,
  merchants: Acquaintances,
  txn: string,
  { kind, merchant, url = "" }: Pending,
): Promise<void> {
  const resume =
    kind === "purchase"
      ? resumePurchase
      : kind === "renewal" && merchant !== undefined
        ? resumeVendorRenewal
        : undefined;
  if (resume === undefined) return;
  const acquaintance = await merchants.at(url);
  await customer.lock.run(merchant ?? "", async () => {
    await resume(customer, acquaintance, txn);
  });
}
