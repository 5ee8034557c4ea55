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
    const live = new Map<string, bigint>();
    for (const [id, scrip] of await tables.scrip.list()) {
      expect(scrip.state, "no VendorScrip waits for the broker").toMatch(/^(live|spent)$/);
      if (scrip.state !== "live") continue;
      const line = `${scrip.owner}/${scrip.origin}`;
      live.set(line, (live.get(line) ?? 0n) + scrip.value.value);
      issued[`${uid} ${scrip.owner} ${id}`] = formatAmount(scrip.value);
    }
    const standing = new Map<string, bigint>();
    for (const [id, line] of await tables.lines.list()) {
      const name = `${id.split("/")[0]}#${line.credit}`;
      standing.set(name, (standing.get(name) ?? 0n) + (live.get(id) ?? 0n) + line.sold.value);
      // What was reversed while the merchant was silent is its loss.
      if (line.ended) standing.delete(name);
    }
    for (const [name, value] of standing)
      expect(value, "VendorScrip authorised = live + sold + refunded").toBe(owedFor(world, uid, name));
  }
  expect(held).toEqual(issued);
  expect(world.books().conserved, "the broker's books").toBe(true);
}

/** What the broker owes, or has paid, for one VendorScrip: `customer#txn`. */
function owedFor(world: World, merchant: string, name: string): bigint {
  const [customer = "", txn = ""] = name.split("#");
  const at = keys.credit(merchant, customer, txn);
  const found = world.table.items().find(({ key }) => key.pk === at.pk && key.sk === at.sk);
  return (found && creditItem.fromItem(found.item).owed) ?? 0n;
}

/** What the broker owes a merchant, in millionths. */
export function creditOf(world: World, merchant: string): bigint {
  return world.table
    .items()
    .filter(({ key }) => key.pk === `MERCHANT#${merchant}` && key.sk.startsWith("CREDIT#"))
    .map(({ item }) => creditItem.fromItem(item))
    .filter(({ state }) => state === "held" || state === "disputed")
    .reduce((total, { owed = 0n }) => total + owed, 0n);
}
