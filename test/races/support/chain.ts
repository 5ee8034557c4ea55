/** A peer's audit chain and what is owed for its scrip, read from the table alone. */
import {
  type CreditRecord,
  creditItem,
  type PurseRecord,
  purseItem,
  type TransactionRecord,
  transactionItem,
} from "@lepta/lambdas";
import { toText } from "@lepta/protocol";
import { expect } from "vitest";
import { chainHead } from "../../../lambdas/src/broker/decision.ts";
import { genesis } from "../../../lambdas/src/broker/genesis.ts";
import type { StoredItem } from "../../support/dynoxide-table.ts";

/** What the table says of one peer as a customer. */
export interface Account {
  readonly purse: PurseRecord | undefined;
  readonly transactions: readonly (readonly [txn: string, record: TransactionRecord])[];
  readonly tombstones: readonly string[];
  readonly held: readonly CreditRecord[];
  readonly voids: readonly CreditRecord[];
}

/** Every customer's account, in one pass over the table. */
export function accountsOf(items: readonly StoredItem[]): ReadonlyMap<string, Account> {
  const found = new Map<string, { -readonly [K in keyof Account]: Mutable<Account[K]> }>();
  const at = (uid: string) => {
    const known = found.get(uid) ?? {
      purse: undefined,
      transactions: [],
      tombstones: [],
      held: [],
      voids: [],
    };
    found.set(uid, known);
    return known;
  };
  for (const { key, item } of items) {
    const [kind, uid = ""] = key.pk.split("#");
    const [what, one = "", two = ""] = key.sk.split("#");
    if (kind === "PEER" && what === "BROKERSCRIP") at(uid).purse = purseItem.fromItem(item);
    if (kind === "PEER" && what === "TXN") at(uid).transactions.push([one, transactionItem.fromItem(item)]);
    if (kind === "PEER" && what === "SPENT") at(uid).tombstones.push(one);
    if (kind === "MERCHANT" && what === "CREDIT" && two !== "") {
      const credit = creditItem.fromItem(item);
      (credit.state === "held" ? at(one).held : at(one).voids).push(credit);
    }
  }
  return found;
}

type Mutable<T> = T extends readonly (infer E)[] ? E[] : T;

/** Sequence 1 to n without a gap, each record on the head of the one before, each head the hash of its record. */
export function expectChain(network: string, uid: string, { purse, transactions }: Account): void {
  const ended = transactions.filter(([, { sequence }]) => sequence !== undefined);
  ended.sort(([, a], [, b]) => (a.sequence ?? 0) - (b.sequence ?? 0));
  let head = toText(genesis(network, uid));
  for (const [i, [txn, record]] of ended.entries()) {
    const { sequence, previous = new Uint8Array(), head: own = new Uint8Array() } = record;
    if (sequence !== i + 1 || toText(previous) !== head)
      expect.fail(`the chain of ${uid} has a gap at ${i + 1}: ${sequence}`);
    const hash = chainHead(previous, uid, txn, transactionItem.toItem(record));
    if (toText(hash) !== toText(own)) expect.fail(`record ${sequence} of ${uid} is not what its head says`);
    head = toText(own);
  }
  expect(purse?.sequence).toBe(ended.length);
  expect(toText(purse?.head ?? new Uint8Array())).toBe(head);
}
