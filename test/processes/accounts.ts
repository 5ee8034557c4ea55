/**
 * All money accounted for, from what is on disk when every process has ended: the bank, the broker's table, the wallets'
 * purses and VendorScrip, the merchant's lines, owner by owner and transaction by transaction (design section 6, rule 6).
 */
import { formatAmount } from "@lepta/protocol";
import type { Holdings, Peer } from "./holdings.ts";
import { type Ledger, readLedger } from "./ledger.ts";
import { type MerchantBooks, readMerchant } from "./merchant-books.ts";
import { readWallet, type WalletBooks } from "./wallet-books.ts";

export interface Directories {
  readonly broker: string;
  readonly merchant: Peer;
  readonly wallets: readonly Peer[];
}

export interface Accounts {
  /** What is not as it must be, in words; nothing where all is well. */
  readonly faults: readonly string[];
  readonly conserved: boolean;
  /** How often wallets did each thing, by the kinds of their histories, and how often the broker paid the merchant. */
  readonly done: Readonly<Record<string, number>>;
  /** What the merchant sold under credit that was reversed while it was silent, `"EUR 0.02"`. */
  readonly lost: string;
}

/** Reads everything; the directories must not be in use. */
export async function takeAccounts(directories: Directories): Promise<Accounts> {
  const ledger = await readLedger(directories.broker);
  const merchant = await readMerchant(directories.merchant, ledger);
  const wallets: WalletBooks[] = [];
  for (const each of directories.wallets) wallets.push(await readWallet(each, ledger));
  const faults = [
    ...ledger.faults,
    ...merchant.faults,
    ...wallets.flatMap((wallet) => [...wallet.faults, ...compareSales(wallet, merchant, ledger)]),
    ...differences(
      new Map(wallets.flatMap(({ held }) => [...held])),
      new Map([...merchant.issued, ...directories.wallets.flatMap(({ uid }) => [...ledger.purse(uid)])]),
    ),
  ];
  const done: Record<string, number> = { settlement: merchant.settlements };
  for (const { kind } of wallets.flatMap((each) => each.done)) done[kind] = (done[kind] ?? 0) + 1;
  return {
    faults,
    conserved: faults.length === 0,
    done,
    lost: formatAmount({ currency: "EUR", value: merchant.lost }),
  };
}

/** What the merchant sold to this customer is what the customer has paid, and the broker has heard of it from both. */
function compareSales(wallet: WalletBooks, { uid, sales }: MerchantBooks, ledger: Ledger): readonly string[] {
  const paid = new Map(
    wallet.done.filter(({ kind }) => kind === "purchase").map(({ txn, amount }) => [txn, amount.value]),
  );
  const sold = new Map([...sales].filter(([id]) => id.startsWith(`${wallet.uid}/`)).map(afterOwner));
  const received = new Set(wallet.returned);
  const noticed = ledger.notices(wallet.uid, uid);
  const hasReversed = wallet.done.some(({ kind }) => kind === "reversal");
  return [...new Set([...paid.keys(), ...sold.keys()])].flatMap((txn) => {
    const sale = sold.get(txn);
    if (wallet.reversed.has(txn)) return [];
    // Answers on a lane that came to nobody before the broker took back what it was paid with.
    if (hasReversed && sale?.isSigned === false) return [];
    if (paid.get(txn) !== sale?.charged)
      return [`purchase ${txn}: paid ${paid.get(txn)}, sold for ${sale?.charged}`];
    if (sale?.refunded !== undefined && !received.has(sale.refunded))
      return [`purchase ${txn}: given back as ${sale.refunded}, which never came`];
    const state = noticed(txn);
    return state === "matched" ? [] : [`purchase ${txn}: its notices are ${state ?? "missing"}`];
  });
}

const afterOwner = <T>([id, value]: readonly [string, T]): readonly [string, T] => [
  id.slice(id.indexOf("/") + 1),
  value,
];

/** Scrip that somebody holds and its issuer does not know as such, or the other way round. */
function differences(held: Holdings, issued: Holdings): readonly string[] {
  return [...new Set([...held.keys(), ...issued.keys()])]
    .filter((name) => held.get(name) !== issued.get(name))
    .map((name) => `${name}: held ${held.get(name)}, issued ${issued.get(name)}`);
}
