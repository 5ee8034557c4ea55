/** Design section 6, rule 6, over all items of the table: what came in is what is live, owed or gone. Per currency. */
import type { Item, Key } from "../ports/store.ts";
import {
  carryItem,
  creditItem,
  lossItem,
  type PurseRecord,
  purseItem,
  type TransactionRecord,
  transactionItem,
} from "./items.ts";

/** Millionths of the currency's major unit. */
export interface BrokerBooks {
  readonly moneyIn: bigint;
  readonly moneyOut: bigint;
  readonly liveBrokerScrip: bigint;
  readonly chargedNotMinted: bigint;
  readonly redeemedNotPaid: bigint;
  readonly owedToMerchants: bigint;
  readonly expired: bigint;
  readonly fees: bigint;
  readonly operatorLoss: bigint;
  /** moneyIn − moneyOut is the sum of the others. */
  readonly conserved: boolean;
}

/** The books of one currency from all items. Scrip that has expired is worth nothing but what a grace period gives it. */
export function brokerBooks(
  items: Iterable<{ readonly key: Key; readonly item: Item }>,
  currency: string,
  now: number,
): BrokerBooks {
  const sums = newSums();
  for (const { key, item } of items) countItem(sums, key, item, currency, now);
  return closeBooks(sums);
}

/** Books that are still being added up; plain values, so that a run can be interrupted. */
export interface BookSums {
  readonly books: Record<Exclude<keyof BrokerBooks, "conserved">, bigint>;
  /** Nobody is owed less than nothing, nor more than was authorised. */
  isSound: boolean;
}

export const newSums = (): BookSums => ({ books: { ...NOTHING }, isSound: true });

/** Adds one item to the sums. Throws where it cannot be read. */
export function countItem(sums: BookSums, key: Key, item: Item, currency: string, now: number): void {
  const { books } = sums;
  const kind = key.sk.split("#")[0];
  if (key.pk.startsWith("PEER#") && kind === "TXN") moved(books, transactionItem.fromItem(item), currency);
  else if (key.pk.startsWith("PEER#") && kind === "BROKERSCRIP")
    held(books, purseItem.fromItem(item), currency, now);
  else if (key.pk.startsWith("MERCHANT#") && kind === "CREDIT") {
    const credit = creditItem.fromItem(item);
    const isOwed = credit.state === "held" || credit.state === "disputed";
    if (credit.currency !== currency || !isOwed) return;
    const { owed = 0n, value } = credit;
    // Sums that hide it do not balance anything.
    if (owed < 0n || owed > value) sums.isSound = false;
    books.owedToMerchants += owed;
  } else if (key.pk.startsWith("MERCHANT#") && key.sk === `CARRY#${currency}`)
    books.owedToMerchants += carryItem.fromItem(item).carried;
  else if (key.pk === `LOSS#${currency}`) {
    // The bank has taken the money back, and what was minted against it is spent or lives on.
    books.moneyOut += lossItem.fromItem(item).value;
    books.operatorLoss += lossItem.fromItem(item).value;
  }
}

/** The books that the sums make. */
export function closeBooks(sums: BookSums): BrokerBooks {
  return { ...sums.books, conserved: sums.isSound && imbalance(sums) === 0n };
}

/** What came in and is nowhere, in millionths; less than nothing where more is there than came in. */
export function imbalance({ books }: BookSums): bigint {
  const { moneyIn, moneyOut, operatorLoss, ...rest } = books;
  const accounted = Object.values(rest).reduce((sum, each) => sum + each, 0n) - operatorLoss;
  return moneyIn - moneyOut - accounted;
}

type Sums = BookSums["books"];

const NOTHING: Sums = {
  moneyIn: 0n,
  moneyOut: 0n,
  liveBrokerScrip: 0n,
  chargedNotMinted: 0n,
  redeemedNotPaid: 0n,
  owedToMerchants: 0n,
  expired: 0n,
  fees: 0n,
  operatorLoss: 0n,
};

/** What a transaction has moved in or out, and what it holds on the way. */
function moved(books: Sums, record: TransactionRecord, currency: string): void {
  const { kind, state, value = 0n, paid = 0n, carried = 0n } = record;
  if (record.currency !== currency) return;
  if (kind === "brokerscrip" && (state === "done" || state === "charged")) {
    books.moneyIn += value;
    if (state === "charged") books.chargedNotMinted += value;
  }
  if (kind === "redeem" && state === "done") books.moneyOut += value;
  if (kind === "redeem" && state === "paying") books.redeemedNotPaid += value;
  if (kind === "settlement" && state === "done") books.moneyOut += paid;
  if (kind === "settlement" && state === "paying") books.owedToMerchants += paid + carried;
}

function held(books: Sums, purse: PurseRecord, currency: string, now: number): void {
  if (purse.currency !== currency) return;
  if ((purse.expiresAt ?? 0) <= now) books.expired += purse.value ?? 0n;
  else books.liveBrokerScrip += purse.value ?? 0n;
}
