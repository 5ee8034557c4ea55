/** What was left under way, brought to its end where that is possible now: each kind in its own way. */
import type { ReturnsPart } from "#parts";
import type { Acquaintances } from "./acquaintances.ts";
import { resumePurchase } from "./buy-item.ts";
import { type Customer, remains } from "./customer.ts";
import type { OpenLanes } from "./lane-desk.ts";
import { resumeTopUp } from "./obtain-brokerscrip.ts";
import { resumeVendorScrip } from "./obtain-vendorscrip.ts";
import type { Pending } from "./records.ts";

/** Brings what brings money back. Throws `unreachable`. */
type Returning = () => ReturnsPart | Promise<ReturnsPart>;

/** What the broker alone can end. */
export async function resumeAtBroker(customer: Customer, returning: Returning): Promise<void> {
  for (const [txn, pending] of await customer.tables.pending.list())
    await atBroker(customer, returning, txn, pending).catch(remains);
  if ((await customer.tables.restoring.list({ limit: 1 })).length > 0)
    await resumeRestored(customer, returning).catch(remains);
}

/** What needs the merchant. */
export async function resumeAtMerchants(
  customer: Customer,
  merchants: Acquaintances,
  lanes: OpenLanes | undefined,
  returning: Returning,
): Promise<void> {
  if (lanes !== undefined) await resumeLanes(customer, merchants, lanes);
  for (const [txn, pending] of await customer.tables.pending.list())
    await atMerchant(customer, merchants, returning, txn, pending).catch(remains);
}

/** Meeting a merchant takes up its lanes; where we are connected already, one may have been left that it did not let us open or go on with. */
async function resumeLanes(
  customer: Customer,
  merchants: Acquaintances,
  { book, part: { resumeLeft } }: OpenLanes,
): Promise<void> {
  const takeUp = async (address: string): Promise<void> => {
    const { session, credential } = await merchants.at(address);
    if (session !== undefined) await customer.lock.run(credential.uid, () => resumeLeft(customer, session));
  };
  const open = (await book.tables.lanes.list()).filter(([, { state }]) => state !== "lost");
  for (const address of new Set(open.map(([id, { url }]) => `${url}#${id.split("/")[0]}`)))
    await takeUp(address).catch(remains);
}

async function resumeRestored(customer: Customer, returning: Returning): Promise<void> {
  const { resumeRestoring } = await returning();
  await resumeRestoring(customer);
}

async function atBroker(
  customer: Customer,
  returning: Returning,
  txn: string,
  { kind, merchant }: Pending,
): Promise<void> {
  if (kind === "topup") return resumeTopUp(customer, txn);
  if (kind === "vendorscrip") return resumeVendorScrip(customer, txn);
  const isOfMerchant = kind === "purchase" || (kind === "renewal" && merchant !== undefined);
  if (isOfMerchant || kind === "received") return;
  const { resumeRedemption, resumeBrokerRenewal, resumeRefund, resumeReversal } = await returning();
  if (kind === "redeem") await resumeRedemption(customer, txn);
  else if (kind === "renewal") await resumeBrokerRenewal(customer, txn);
  else {
    const resume = kind === "refund" ? resumeRefund : resumeReversal;
    await customer.lock.run(merchant ?? "", () => resume(customer, txn));
  }
}

async function atMerchant(
  customer: Customer,
  merchants: Acquaintances,
  returning: Returning,
  txn: string,
  { kind, merchant, url = "" }: Pending,
): Promise<void> {
  const resume =
    kind === "purchase"
      ? resumePurchase
      : kind === "renewal" && merchant !== undefined
        ? (await returning()).resumeVendorRenewal
        : undefined;
  if (resume === undefined) return;
  const acquaintance = await merchants.at(url);
  await customer.lock.run(merchant ?? "", async () => {
    await resume(customer, acquaintance, txn);
  });
}
