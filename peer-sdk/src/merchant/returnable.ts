/** VendorScrip that its owner gives back or wants renewed. */
import {
  customerSecret,
  isProven,
  isRefusal,
  type Or,
  readSpend,
  refuse,
  returnSpendCodec,
  type ScripBody,
  type Spend,
  sameAmount,
  type Uid,
} from "@lepta/protocol";
import { genuineScrip } from "./genuine.ts";
import { secretsOf } from "./issue.ts";
import type { ScripRecord } from "./records.ts";
import { resumeAuthorization } from "./sell-vendorscrip.ts";
import type { Shop } from "./shop.ts";

/**
 * The scrip as our table knows it: ours, this customer's, genuine, proven, live, shown whole, and not expired for longer
 * than the grace period. `m4` is what the customer brought along, in case we have not seen it.
 */
export async function returnable(
  shop: Shop,
  owner: Uid,
  proof: Spend,
  shown: ScripBody,
  m4: Uint8Array | undefined,
): Promise<Or<ScripRecord & { readonly salt: Uint8Array }>> {
  const { party } = shop;
  const spend = readSpend(returnSpendCodec, proof);
  if (isRefusal(spend)) return spend;
  if (shown.kind !== "vendor" || shown.issuer !== party.identity.uid) return refuse("wrong-issuer");
  if (shown.owner !== owner) return refuse("not-owner");
  let scrip = await genuineScrip(shop, shown, spend.scrip);
  if (!isRefusal(scrip) && scrip.state === "reserved") {
    await resumeAuthorization(shop, `${scrip.owner}/${scrip.from}`, m4);
    scrip = await genuineScrip(shop, shown, spend.scrip);
  }
  if (isRefusal(scrip)) return scrip;
  if (scrip.state === "reserved" || scrip.state === "returning") return refuse("pending");
  if (scrip.state === "lane") return refuse("in-use");
  const { salt } = scrip;
  if (scrip.state === "spent" || salt === undefined) return refuse("scrip-spent");
  if (!isProven(customerSecret(secretsOf(party, salt), shown), proof)) return refuse("bad-proof");
  if (!sameAmount(spend.amount, scrip.value)) return refuse("insufficient");
  return party.runtime.now() < scrip.expiresAt + shop.grace ? { ...scrip, salt } : refuse("scrip-expired");
}
