/** What was left under way, brought to its end where that is possible now: each kind in its own way. */
import type { Acquaintances } from "./acquaintances.ts";
import { resumePurchase } from "./buy-item.ts";
import { type Customer, remains } from "./customer.ts";
import { resumeLeft } from "./lanes/resume.ts";
import { resumeVendorScrip } from "./obtain-vendorscrip.ts";
import type { Pending } from "./records.ts";
import { resumeTopUp } from "./resume-top-up.ts";

/** What the broker alone can end. */
export async function resumeAtBroker(customer: Customer): Promise<void> {
  for (const [txn, pending] of await customer.tables.pending.list())
    await atBroker(customer, txn, pending).catch(remains);
  if ((await customer.tables.restoring.list({ limit: 1 })).length > 0)
    await resumeRestored(customer).catch(remains);
}

async function resumeRestored(customer: Customer): Promise<void> {
  const { resumeRestoring } = await customer.returns();
  await resumeRestoring(customer);
}

async function atBroker(customer: Customer, txn: string, { kind, merchant }: Pending): Promise<void> {
  if (kind === "topup") await resumeTopUp(customer, txn);
  else if (kind === "vendorscrip") await resumeVendorScrip(customer, txn);
  else if (kind === "redeem") await (await customer.returns()).resumeRedemption(customer, txn);
  else if (kind === "renewal" && merchant === undefined)
    await (await customer.returns()).resumeBrokerRenewal(customer, txn);
  else if (kind === "refund" || kind === "reversal") {
    const { resumeRefund, resumeReversal } = await customer.returns();
    const resume = kind === "refund" ? resumeRefund : resumeReversal;
    await customer.lock.run(merchant ?? "", () => resume(customer, txn));
  }
}

/** What needs the merchant. */
export async function resumeAtMerchants(customer: Customer, merchants: Acquaintances): Promise<void> {
  await resumeLanes(customer, merchants);
  for (const [txn, pending] of await customer.tables.pending.list())
    await atMerchant(customer, merchants, txn, pending).catch(remains);
}

/** Meeting a merchant takes up its lanes; where we are connected already, one may have been left that it did not let us open or go on with. */
async function resumeLanes(customer: Customer, merchants: Acquaintances): Promise<void> {
  const takeUp = async (address: string): Promise<void> => {
    const { session, credential } = await merchants.at(address);
    if (session !== undefined) await customer.lock.run(credential.uid, () => resumeLeft(customer, session));
  };
  const open = (await customer.lanes.tables.lanes.list()).filter(([, { state }]) => state !== "lost");
  for (const address of new Set(open.map(([id, { url }]) => `${url}#${id.split("/")[0]}`)))
    await takeUp(address).catch(remains);
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
        ? (await customer.returns()).resumeVendorRenewal
        : undefined;
  if (resume === undefined) return;
  const acquaintance = await merchants.at(url);
  await customer.lock.run(merchant ?? "", async () => {
    await resume(customer, acquaintance, txn);
  });
}
