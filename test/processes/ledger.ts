/** What the broker's table says when its process has ended: books, bank accounts, credits, purses, notices. */
import {
  brokerBooks,
  type CreditRecord,
  carryItem,
  creditItem,
  noticeItem,
  openItem,
  purseItem,
  statementItem,
  type TransactionRecord,
  transactionItem,
} from "@lepta/lambdas";
import { SANDBOX_BALANCE } from "@lepta/lambdas/rail/sandbox";
import { type EmbeddedCloud, startEmbeddedCloud } from "@lepta/local";
import { formatAmount, readLanePurchase, readScrip } from "@lepta/protocol";
import type { Holdings } from "./holdings.ts";

/** What the sandbox bank has moved for one account, in millionths. */
export interface BankAccount {
  readonly charged: bigint;
  readonly paid: bigint;
}

type TableItem = Awaited<ReturnType<EmbeddedCloud["items"]>>[number];

export interface Ledger {
  readonly faults: readonly string[];
  bank(account: string): BankAccount;
  /** By transaction. */
  transactions(uid: string): ReadonlyMap<string, TransactionRecord>;
  /** What was ever owed to a merchant, by `customer/txn`. */
  credits(merchant: string): ReadonlyMap<string, CreditRecord>;
  carried(merchant: string): bigint;
  /** The live BrokerScrip, as the holdings name it. */
  purse(uid: string): Holdings;
  /** The state of a purchase's notices, or of the statement that covers it, by transaction. */
  notices(customer: string, merchant: string): (txn: string) => string | undefined;
}

/** Reads the table of a broker's directory, which must not be in use. */
export async function readLedger(dir: string): Promise<Ledger> {
  const items = await itemsOf(dir);
  const books = brokerBooks(items, "EUR", Date.now());
  const faults = items.flatMap(openFaults);
  if (!books.conserved) faults.push(`the broker's books: ${JSON.stringify(books, bigintAsText)}`);
  const under = partitions(items);
  const bank = readBank(items, faults);
  return {
    faults,
    bank: (account) => bank.get(account) ?? { charged: 0n, paid: 0n },
    transactions: (uid) =>
      new Map(under(`PEER#${uid}`, "TXN#").map(([name, { item }]) => [name, transactionItem.fromItem(item)])),
    credits: (merchant) =>
      new Map(
        under(`MERCHANT#${merchant}`, "CREDIT#")
          .map(([name, { item }]) => [name.replace("#", "/"), creditItem.fromItem(item)] as const)
          .filter(([, { state }]) => state !== "void" && state !== "refund"),
      ),
    carried: (merchant) =>
      under(`MERCHANT#${merchant}`, "CARRY#").reduce(
        (total, [, { item }]) => total + carryItem.fromItem(item).carried,
        0n,
      ),
    purse: (uid) => new Map(under(`PEER#${uid}`, "BROKERSCRIP").flatMap(([, each]) => liveIn(uid, each))),
    notices: (customer, merchant) => {
      const pair = `PAIR#${customer}#${merchant}`;
      const alone = new Map(
        under(pair, "TXN#").map(([name, { item }]) => [name, noticeItem.fromItem(item).state]),
      );
      return (txn) => alone.get(txn) ?? statementState(under, pair, txn);
    },
  };
}

async function itemsOf(dir: string): Promise<readonly TableItem[]> {
  const cloud = await startEmbeddedCloud({ dir });
  try {
    return await cloud.items();
  } finally {
    await cloud.close();
  }
}

/** The state of the first statement of a lane that ends with or after a purchase on it. */
function statementState(under: ReturnType<typeof partitions>, pair: string, txn: string): string | undefined {
  const { lane, sequence } = readLanePurchase(txn);
  const after = under(pair, `STATEMENT#${lane}#`)
    .map(([name, { item }]) => [Number.parseInt(name, 10), item] as const)
    .filter(([last]) => last >= sequence)
    .sort(([a], [b]) => a - b);
  const [found] = after;
  return found && statementItem.fromItem(found[1]).state;
}

/** Items of one partition whose sort key begins so, by the rest of it. */
function partitions(items: readonly TableItem[]) {
  const byPartition = Map.groupBy(items, ({ key }) => key.pk);
  return (pk: string, prefix: string): readonly (readonly [string, TableItem])[] =>
    (byPartition.get(pk) ?? [])
      .filter(({ key }) => key.sk.startsWith(prefix))
      .map((each) => [each.key.sk.slice(prefix.length), each]);
}

const UNENDED: ReadonlySet<string> = new Set(["charging", "charged", "paying", "disputed"]);

/** Transactions that the broker has not ended: there must be none. An intent alone (figure 8, M0) moves nothing. */
function openFaults({ key, item }: TableItem): string[] {
  if (key.pk.startsWith("OPEN#"))
    return (openItem.fromItem(item).due ?? 0) <= Date.now() ? [`the broker has ${key.sk} to finish`] : [];
  if (key.pk.startsWith("MERCHANT#") && key.sk.startsWith("DISPUTE#"))
    return [`the merchant was not heard about ${key.sk}`];
  if (!key.pk.startsWith("PEER#") || !key.sk.startsWith("TXN#")) return [];
  const { state } = transactionItem.fromItem(item);
  return UNENDED.has(state) ? [`the broker left ${key.sk} ${state}`] : [];
}

/** Charges and payments by account; what each account holds must be what they leave of it. */
function readBank(items: readonly TableItem[], faults: string[]): ReadonlyMap<string, BankAccount> {
  const bank = new Map<string, BankAccount>();
  for (const { key, item } of items) {
    const isCharge = key.pk.startsWith("BANKCHARGE#") && item.state === "charged";
    const isPayout = key.pk.startsWith("BANKPAYOUT#") && item.state === "paid";
    if (!isCharge && !isPayout) continue;
    const { charged, paid } = bank.get(String(item.account)) ?? { charged: 0n, paid: 0n };
    const value = BigInt(item.value as bigint);
    bank.set(
      String(item.account),
      isCharge ? { charged: charged + value, paid } : { charged, paid: paid + value },
    );
  }
  for (const { key, item } of items) {
    if (!key.pk.startsWith("BANKACCOUNT#")) continue;
    const account = key.pk.slice("BANKACCOUNT#".length);
    const { charged, paid } = bank.get(account) ?? { charged: 0n, paid: 0n };
    const balance = BigInt(item.balance as bigint);
    if (balance !== SANDBOX_BALANCE - charged + paid)
      faults.push(`the account ${account} holds ${balance}: charged ${charged}, paid ${paid}`);
  }
  return bank;
}

function liveIn(uid: string, { item }: TableItem): readonly (readonly [string, string])[] {
  const { body } = purseItem.fromItem(item);
  const scrip = body && readScrip(body);
  return scrip && "id" in scrip ? [[`broker ${uid} ${scrip.id}`, formatAmount(scrip.value)]] : [];
}

const bigintAsText = (_key: string, value: unknown): unknown =>
  typeof value === "bigint" ? String(value) : value;
