/** What must hold of the broker's table after any input: books, chains of records, items that can be read. */
import {
  accountItem,
  brokerBooks,
  credentialItem,
  creditItem,
  exposureItem,
  type ItemType,
  noticeItem,
  openItem,
  purseItem,
  tombstoneItem,
  transactionItem,
} from "@lepta/lambdas";
import { expect } from "vitest";
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
  ["PAIR#", "", noticeItem],
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
