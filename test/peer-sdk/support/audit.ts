/** The wallets' holdings against the issuers' tables (design section 6, rule 6): nothing lost, nothing doubled. */
import { creditItem, keys, purseItem } from "@lepta/lambdas";
import type { PeerStore } from "@lepta/peer-sdk";
import { formatAmount } from "@lepta/protocol";
import { expect } from "vitest";
import { bodyOf, customerTables } from "../../../peer-sdk/src/customer/records.ts";
import { merchantTables } from "../../../peer-sdk/src/merchant/records.ts";
import type { World } from "./world.ts";

export interface Owner {
  readonly uid: string;
  readonly store: PeerStore;
}

/** Everything that is at rest: who holds what, and what the issuers say of it. Throws where they disagree. */
export async function expectSettled(
  world: World,
  wallets: readonly Owner[],
  merchants: readonly Owner[],
): Promise<void> {
  const held: Record<string, string> = {};
  const issued: Record<string, string> = {};
  for (const { uid, store } of wallets) {
    const tables = customerTables(store);
    expect(
      (await tables.pending.list()).map(([, each]) => each.kind),
      "nothing is under way",
    ).toEqual([]);
    const purse = await tables.purse.get("live");
    expect(purse?.lockedBy, "the purse is not locked").toBeUndefined();
    if (purse !== undefined) held[`B ${uid} ${bodyOf(purse).id}`] = formatAmount(bodyOf(purse).value);
    for (const [, scrip] of await tables.vendorscrip.list()) {
      const body = bodyOf(scrip);
      expect(scrip.lockedBy, "no VendorScrip is locked").toBeUndefined();
      held[`${body.issuer} ${uid} ${body.id}`] = formatAmount(body.value);
    }
    const record = purseItem.read((await world.table.get([keys.purse(uid)]))[0]);
    if (record?.scrip !== undefined)
      issued[`B ${uid} ${record.scrip}`] = formatAmount({
        currency: record.currency ?? "",
        value: record.value ?? 0n,
      });
  }
  for (const { uid, store } of merchants) {
    const tables = merchantTables(store);
    let live = 0n;
    for (const [id, scrip] of await tables.scrip.list()) {
      expect(scrip.state, "no VendorScrip is only reserved").not.toBe("reserved");
      if (scrip.state !== "live") continue;
      live += scrip.value.value;
      issued[`${uid} ${scrip.owner} ${id}`] = formatAmount(scrip.value);
    }
    const sold = (await tables.sales.list()).reduce((total, [, sale]) => total + sale.charged.value, 0n);
    expect(live + sold, "VendorScrip authorised = live + sold").toBe(creditOf(world, uid));
  }
  expect(held).toEqual(issued);
  expect(world.books().conserved, "the broker's books").toBe(true);
}

/** What the broker owes a merchant, in millionths. */
export function creditOf(world: World, merchant: string): bigint {
  return world.table
    .items()
    .filter(({ key }) => key.pk === `MERCHANT#${merchant}`)
    .map(({ item }) => creditItem.fromItem(item))
    .filter(({ state }) => state === "held")
    .reduce((total, { value }) => total + value, 0n);
}
