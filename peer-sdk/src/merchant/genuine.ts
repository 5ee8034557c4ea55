/** VendorScrip that somebody shows, compared with what the table has of it. */
import { isGenuine, type Or, refuse, type ScripBody, type ScripTuple } from "@lepta/protocol";
import { secretsOf } from "./issue.ts";
import type { ScripRecord } from "./records.ts";
import type { Shop } from "./shop.ts";

/**
 * Our record of a scrip that is shown, whatever its state, or `scrip-forged` where it is none of ours or says what we did not
 * make. Of what is spent no secret is left that could tell: its id must do, and buys nothing.
 */
export async function genuineScrip(
  { party, tables }: Shop,
  shown: ScripBody,
  tuple: ScripTuple,
): Promise<Or<ScripRecord>> {
  const record = await tables.scrip.get(shown.id);
  if (record === undefined || record.owner !== shown.owner) return refuse("scrip-forged");
  const isOurs = record.salt === undefined || isGenuine(secretsOf(party, record.salt), tuple);
  return isOurs ? record : refuse("scrip-forged");
}
