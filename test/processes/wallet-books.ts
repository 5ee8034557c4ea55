/** What a wallet holds and says that it did, against what the broker says of its money. */
import { sqlitePeerStore } from "@lepta/peer-sdk";
import { bodyOf, customerTables, PURSE } from "@lepta/peer-sdk/records";
import { type Amount, formatAmount } from "@lepta/protocol";
import type { Holdings, Peer } from "./holdings.ts";
import { readPaid } from "./lane-books.ts";
import type { Ledger } from "./ledger.ts";

export interface WalletBooks {
  readonly uid: string;
  readonly faults: readonly string[];
  readonly held: Holdings;
  readonly done: readonly Done[];
  /** Purchases that came to nothing because what they were paid with was reversed. */
  readonly reversed: ReadonlySet<string>;
  /** The scrips in which purchases were given back. */
  readonly returned: readonly string[];
}

/** What has ended well. */
export interface Done {
  readonly kind: string;
  readonly txn: string;
  readonly amount: Amount;
}

/** Reads a wallet's store, which must not be in use. */
export async function readWallet({ uid, dir }: Peer, ledger: Ledger): Promise<WalletBooks> {
  const store = sqlitePeerStore(dir);
  try {
    const tables = customerTables(store);
    const faults = (await tables.pending.list()).map(
      ([txn, { kind }]) => `${dir}: ${kind} ${txn} is pending`,
    );
    const held = new Map<string, string>();
    const purse = await tables.purse.get(PURSE);
    if (purse?.lockedBy !== undefined) faults.push(`${dir}: the purse is locked`);
    const live = purse && bodyOf(purse);
    if (live !== undefined) held.set(`broker ${uid} ${live.id}`, formatAmount(live.value));
    let vendorScrip = 0n;
    for (const [id, scrip] of await tables.vendorscrip.list()) {
      const { issuer, id: scripId, value } = bodyOf(scrip);
      held.set(`${issuer} ${uid} ${scripId}`, formatAmount(value));
      vendorScrip += value.value;
      if (scrip.lockedBy !== undefined) faults.push(`${dir}: VendorScrip ${id} is locked`);
      if (scrip.unusable !== undefined) faults.push(`${dir}: VendorScrip ${id} is ${scrip.unusable}`);
    }
    const history = (await tables.history.list()).map(([, each]) => each);
    const { sales, open } = await readPaid(store);
    faults.push(...open.map((each) => `${dir}: ${each}`));
    const onLanes = sales.map(({ txn, charged }) => ({
      kind: "purchase",
      txn,
      amount: { currency: "EUR", value: charged },
    }));
    const done: readonly Done[] = [...history.filter(({ outcome }) => outcome === "done"), ...onLanes];
    const returned = (await tables.received.list()).map(([id]) => id.slice(id.indexOf("/") + 1));
    const books = { uid, faults, held, done, returned };
    compareMoney(books, { dir, purse: live?.value.value ?? 0n, vendorScrip }, ledger);
    return {
      ...books,
      reversed: new Set(history.filter(({ outcome }) => outcome === "reversed").map(({ txn }) => txn)),
    };
  } finally {
    await store.close();
  }
}

interface Sums {
  readonly dir: string;
  readonly purse: bigint;
  readonly vendorScrip: bigint;
}

/** From the account into the purse, from the purse to the merchant, and back. */
function compareMoney(
  { uid, done, faults }: { uid: string; done: readonly Done[]; faults: string[] },
  { dir, purse, vendorScrip }: Sums,
  ledger: Ledger,
): void {
  const sum = (kind: string): bigint =>
    done.filter((each) => each.kind === kind).reduce((total, { amount }) => total + amount.value, 0n);
  const expect = (what: string, is: bigint, must: bigint): void => {
    if (is !== must) faults.push(`${dir}: ${what} is ${is} and should be ${must}`);
  };
  const { charged, paid } = ledger.bank(uid);
  expect("what the bank charged", charged, sum("topup"));
  expect("what the bank paid", paid, sum("redeem"));
  const back = sum("refund") + sum("reversal");
  expect("the purse", purse, sum("topup") - sum("redeem") - sum("vendorscrip") + back);
  // What a reversal takes of VendorScrip is not what it gives back: the merchant keeps what it sold, or loses it.
  if (sum("reversal") > 0n) return;
  const bought = sum("vendorscrip") + sum("received");
  expect("the VendorScrip", vendorScrip, bought - sum("purchase") - sum("refund"));
}
