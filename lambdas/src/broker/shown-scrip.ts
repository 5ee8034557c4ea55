/** The BrokerScrip that a customer shows in order to spend it: the one that lives, its own, genuine and proven. */
import {
  customerSecret,
  isGenuine,
  isProven,
  isRefusal,
  type Or,
  readScrip,
  refuse,
  type ScripTuple,
  type Spend,
  type Uid,
} from "@lepta/protocol";
import { type LiveScrip, liveScrip, type Terms } from "./decision.ts";
import type { PurseRecord, TombstoneRecord } from "./items.ts";

/** What is known of the customer's scrip. */
export interface ShownState {
  readonly purse: PurseRecord;
  /** What is left of the scrip that is shown, where it was spent. */
  readonly tombstone: TombstoneRecord | undefined;
}

/** The live scrip, where it is the one that is shown and the spend proves it; expiry and value are the caller's to judge. */
export function checkShown(
  owner: Uid,
  scrip: ScripTuple,
  spend: Spend,
  { purse, tombstone }: ShownState,
  terms: Terms,
): Or<LiveScrip> {
  const shown = readScrip(scrip[0]);
  if (isRefusal(shown)) return refuse("scrip-forged");
  if (shown.issuer !== terms.network || shown.kind !== "broker") return refuse("wrong-issuer");
  if (shown.owner !== owner) return refuse("not-owner");
  const live = liveScrip(purse, terms);
  if (live === undefined || live.id !== shown.id) return refuse(tombstone ? "scrip-spent" : "scrip-forged");
  if (!isGenuine(live.secrets, scrip)) return refuse("scrip-forged");
  return isProven(customerSecret(live.secrets, shown), spend) ? live : refuse("bad-proof");
}
