/** What was left under way, brought to its end where that is possible now: each kind in its own way. */
import { type Customer, remains } from "./customer.ts";
import type { Desk } from "./desk.ts";
import { resumeTopUp } from "./obtain-brokerscrip.ts";
import type { Pending } from "./records.ts";

/** What the broker alone can end. */
export async function resumeAtBroker(customer: Customer, desk: Desk): Promise<void> {
  for (const [txn, pending] of await customer.tables.pending.list())
    await atBroker(customer, desk, txn, pending).catch(remains);
  if ((await customer.tables.restoring.list({ limit: 1 })).length > 0)
    await resumeRestored(customer, desk).catch(remains);
}

async function resumeRestored(customer: Customer, desk: Desk): Promise<void> {
  const { resumeRestoring } = await desk.returns();
  await resumeRestoring(customer);
}

async function atBroker(
  customer: Customer,
  desk: Desk,
  txn: string,
  { kind, merchant }: Pending,
): Promise<void> {
  if (kind === "topup") await resumeTopUp(customer, txn);
  else if (kind === "vendorscrip") await (await desk.open()).part.resumeVendorScrip(customer, txn);
  else if (kind === "redeem") await (await desk.returns()).resumeRedemption(customer, txn);
  else if (kind === "renewal" && merchant === undefined)
    await (await desk.returns()).resumeBrokerRenewal(customer, txn);
  else if (kind === "refund" || kind === "reversal") {
    const { resumeRefund, resumeReversal } = await desk.returns();
    const resume = kind === "refund" ? resumeRefund : resumeReversal;
    await customer.lock.run(merchant ?? "", () => resume(customer, txn));
  }
}
