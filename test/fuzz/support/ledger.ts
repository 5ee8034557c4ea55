/** What must hold of the broker's table after any input: books, chains of records, items that can be read. */
import {
  accountItem,
  brokerBooks,
  carryItem,
  credentialItem,
  creditItem,
  disputeItem,
  dueItem,
  excessItem,
  exposureItem,
  type ItemType,
  keys,
  lossItem,
  noticeItem,
  openItem,
  purseItem,
  statementItem,
  tombstoneItem,
  transactionItem,
} from "@lepta/lambdas";
import { expect } from "vitest";
import type { MerchantTables } from "../../../peer-sdk/src/merchant/records.ts";
import type { RewindStore } from "./rewind.ts";

type Entry = ReturnType<RewindStore["items"]>[number];

/** The kinds of items by the heads of their keys; the others hold keys and the sandbox bank's accounts. */
const kinds: readonly (readonly [pk: string, sk: string, type: ItemType<unknown>])[] = [
  ["PEER#", "CREDENTIAL", credentialItem],
  ["PEER#", "BROKERSCRIP", purseItem],
  ["PEER#", "SPENT#", tombstoneItem],
  ["PEER#", "TXN#", transactionItem],
  ["ACCOUNT#", "ENROLMENT", accountItem],
  ["MERCHANT#", "CREDIT#", creditItem],
  ["MERCHANT#", "DUE#", dueItem],
  ["MERCHANT#", "DISPUTE#", disputeItem],
  ["MERCHANT#", "CARRY#", carryItem],
  ["LOSS#", "", lossItem],
  ["PAIR#", "TXN#", noticeItem],
  ["PAIR#", "STATEMENT#", statementItem],
  ["PAIR#", "EXCESS", excessItem],
  ["OPEN#", "", openItem],
  ["EXPOSURE", "", exposureItem],
] as const as readonly (readonly [string, string, ItemType<unknown>])[];

/** Throws where value was made or lost, where an item is damaged, or where a peer's chain of records has a gap. */
export function expectSound(items: readonly Entry[], now: number): void {
  for (const { key, item } of items) {
    const type = kinds.find(([pk, sk]) => key.pk.startsWith(pk) && key.sk.startsWith(sk))?.[2];
    if (type !== undefined) expect(type.toItem(type.fromItem(item)), `${key.pk} / ${key.sk}`).toEqual(item);
  }
  const books = brokerBooks(items, "EUR", now);
  expect(books, "the broker's books").toMatchObject({ conserved: true });
  expect(books.moneyIn, "what the bank has paid out").toBe(chargedBy(items));
  expectChains(items);
}

/** Of each V0: what the broker owes for it is what is live under it and what was sold. Throws where a line disagrees. */
export async function expectLines(
  items: readonly Entry[],
  merchant: string,
  { scrip, lines }: MerchantTables,
): Promise<void> {
  const standing = new Map<string, bigint>();
  const live = new Map((await scrip.list()).filter(([, { state }]) => state === "live"));
  for (const [id, line] of await lines.list()) {
    const [customer = ""] = id.split("/");
    const { sk } = keys.credit(merchant, customer, line.credit);
    const alive = line.live.reduce((sum, each) => sum + (live.get(each)?.value.value ?? 0n), 0n);
    standing.set(sk, (standing.get(sk) ?? 0n) + alive + line.sold.value);
  }
  for (const [sk, value] of standing) {
    const found = items.find(({ key }) => key.pk === `MERCHANT#${merchant}` && key.sk === sk);
    const owed = found && creditItem.fromItem(found.item).owed;
    expect(value, `live and sold under ${sk}`).toBe(owed ?? 0n);
  }
}

/** What the sandbox bank has charged. */
const chargedBy = (items: readonly Entry[]): bigint =>
  items
    .filter(({ key, item }) => key.pk.startsWith("BANKCHARGE#") && item.state === "charged")
    .reduce((sum, { item }) => sum + BigInt(item.value as bigint), 0n);

/** Every decided transaction of a peer is one link, and the purse knows the last. */
function expectChains(items: readonly Entry[]): void {
  for (const { key, item } of items) {
    if (!key.pk.startsWith("PEER#") || key.sk !== "BROKERSCRIP") continue;
    const purse = purseItem.fromItem(item);
    const links = items
      .filter(({ key: { pk, sk } }) => pk === key.pk && sk.startsWith("TXN#"))
      .map(({ item: each }) => transactionItem.fromItem(each))
      .filter(({ sequence }) => sequence !== undefined)
      .sort((a, b) => (a.sequence ?? 0) - (b.sequence ?? 0));
    expect(links.map(({ sequence }) => sequence)).toEqual(links.map((_, i) => i + 1));
    expect(purse.sequence).toBe(links.length);
    for (const [i, { previous }] of links.entries()) if (i > 0) expect(previous).toEqual(links[i - 1]?.head);
    if (links.length > 0) expect(purse.head).toEqual(links.at(-1)?.head);
  }
}
