/** What a merchant issued and sold, line by line, against what the broker owes and has paid for it. */
import type { CreditRecord, TransactionRecord } from "@lepta/lambdas";
import { sqlitePeerStore } from "@lepta/peer-sdk";
import { type MerchantTables, merchantTables } from "@lepta/peer-sdk/records";
import { formatAmount } from "@lepta/protocol";
import type { Holdings, Peer } from "./holdings.ts";
import { readSold } from "./lane-books.ts";
import type { Ledger } from "./ledger.ts";

export interface MerchantBooks {
  readonly uid: string;
  readonly faults: readonly string[];
  readonly issued: Holdings;
  /** By `customer/txn`. */
  readonly sales: ReadonlyMap<string, ChargedSale>;
  /** How often the broker has paid. */
  readonly settlements: number;
  /** Sold under credit that was reversed while the merchant was silent, in millionths. */
  readonly lost: bigint;
}

interface ChargedSale {
  readonly charged: bigint;
  /** The scrip in which it was given back. */
  readonly refunded: string | undefined;
  /** By its customer, itself or in a statement. */
  readonly isSigned: boolean;
}

/** All lines of one credit together, in millionths. */
interface Standing {
  live: bigint;
  sold: bigint;
  isEnded: boolean;
}

/** Reads a merchant's store, which must not be in use. */
export async function readMerchant({ uid, dir }: Peer, ledger: Ledger): Promise<MerchantBooks> {
  const store = sqlitePeerStore(dir);
  try {
    const tables = merchantTables(store);
    const faults = await underWay(tables, dir);
    const { issued, standings } = await readLines(tables, uid, faults);
    const sales = new Map<string, ChargedSale>(
      (await tables.sales.list())
        .filter(([, { ok }]) => ok === 1)
        .map(([id, { charged, refunded }]) => [id, { charged: charged.value, refunded, isSigned: true }]),
    );
    const lanes = await readSold(store);
    faults.push(...lanes.open.map((each) => `${dir}: ${each}`));
    for (const { peer, txn, charged, isSigned } of lanes.sales) {
      const id = `${peer}/${txn}`;
      sales.set(id, { charged, refunded: sales.get(id)?.refunded, isSigned });
    }
    const lost = compareCredits(ledger.credits(uid), { standings, unsigned: lanes.unsigned }, ledger, faults);
    const kept = [...sales.values()].reduce(
      (total, { charged, refunded }) => total + (refunded === undefined ? charged : 0n),
      0n,
    );
    const sold = [...standings.values()].reduce((total, each) => total + each.sold, 0n);
    if (sold !== kept) faults.push(`${dir}: sold by lines ${sold}, by sales ${kept}`);
    const settlements = comparePayments(uid, await paidBy(tables), ledger, faults);
    return { uid, faults, issued, sales, settlements, lost };
  } finally {
    await store.close();
  }
}

async function underWay(tables: MerchantTables, dir: string): Promise<string[]> {
  return [
    ...(await tables.sent.list()).map(([id]) => `${dir}: authorization ${id} is under way`),
    ...(await tables.returning.list()).map(([id]) => `${dir}: refund ${id} is under way`),
    ...(await tables.settlements.list())
      .filter(([, { statement }]) => statement === undefined)
      .map(([id]) => `${dir}: settlement ${id} is under way`),
  ];
}

async function readLines(tables: MerchantTables, uid: string, faults: string[]) {
  const issued = new Map<string, string>();
  const standings = new Map<string, Standing>();
  const live = new Map<string, bigint>();
  for (const [id, { state, owner, origin, value }] of await tables.scrip.list()) {
    if (state === "reserved" || state === "returning") faults.push(`VendorScrip ${id} is only ${state}`);
    if (state !== "live") continue;
    const line = `${owner}/${origin}`;
    live.set(line, (live.get(line) ?? 0n) + value.value);
    issued.set(`${uid} ${owner} ${id}`, formatAmount(value));
  }
  for (const [id, { credit, sold, ended }] of await tables.lines.list()) {
    const name = `${id.slice(0, id.indexOf("/"))}/${credit}`;
    const standing = standings.get(name) ?? { live: 0n, sold: 0n, isEnded: false };
    standings.set(name, {
      live: standing.live + (live.get(id) ?? 0n),
      sold: standing.sold + sold.value,
      isEnded: standing.isEnded || ended === true,
    });
  }
  return { issued, standings };
}

/** What was sold by credits, and of it what customers have not signed for, by customer. */
interface Sold {
  readonly standings: ReadonlyMap<string, Standing>;
  readonly unsigned: ReadonlyMap<string, bigint>;
}

/** Each credit: what was authorised is what is owed, was refunded or reversed; and what is owed is live or sold. */
function compareCredits(
  credits: ReadonlyMap<string, CreditRecord>,
  { standings, unsigned }: Sold,
  ledger: Ledger,
  faults: string[],
): bigint {
  let lost = 0n;
  const byCustomer = new Map<string, CustomerRecord>();
  for (const name of standings.keys())
    if (!credits.has(name)) faults.push(`VendorScrip ${name} was sold without a credit`);
  for (const [name, { value, owed = 0n, reversedBy }] of credits) {
    const [customer = "", txn = ""] = name.split("/");
    const record = byCustomer.get(customer) ?? recordOf(ledger.transactions(customer));
    byCustomer.set(customer, record);
    const reversal = reversedBy === undefined ? undefined : record.transactions.get(reversedBy);
    const refunded = record.refunds.get(txn) ?? 0n;
    const reversed = reversal?.value ?? 0n;
    if (owed + refunded + reversed !== value)
      faults.push(`credit ${name}: ${value} is not owed ${owed}, refunded ${refunded}, reversed ${reversed}`);
    const { live = 0n, sold = 0n, isEnded = false } = standings.get(name) ?? {};
    if (isEnded !== (reversal !== undefined)) faults.push(`credit ${name}: the merchant was not told`);
    if (reversal === undefined && live + sold !== owed)
      faults.push(`credit ${name}: owed ${owed}; live are ${live}, sold ${sold}`);
    if (reversal === undefined || (live === 0n && sold === owed)) continue;
    const { decidedAt = 0, answerBy = 0 } = reversal;
    const wasSilent = decidedAt >= answerBy && owed === 0n && live === 0n;
    // What nobody has signed is believed up to a bound, once: a merchant may lose that.
    const isUnsigned = live === 0n && sold - owed <= (unsigned.get(customer) ?? 0n);
    if (wasSilent || isUnsigned) lost += sold - owed;
    else faults.push(`credit ${name}: the merchant answered and is owed ${owed}; live ${live}, sold ${sold}`);
  }
  return lost;
}

interface CustomerRecord {
  readonly transactions: ReadonlyMap<string, TransactionRecord>;
  /** What was refunded of each credit. */
  readonly refunds: ReadonlyMap<string, bigint>;
}

function recordOf(transactions: ReadonlyMap<string, TransactionRecord>): CustomerRecord {
  const refunds = new Map<string, bigint>();
  for (const { kind, state, subject = "", value = 0n } of transactions.values())
    if (kind === "refund" && state === "done") refunds.set(subject, (refunds.get(subject) ?? 0n) + value);
  return { transactions, refunds };
}

async function paidBy(tables: MerchantTables): Promise<number> {
  return (await tables.settlements.list()).filter(([, { statement }]) => statement !== undefined).length;
}

/** What was settled is what the bank has paid, and what is carried over. Gives how many payments there were. */
function comparePayments(uid: string, statements: number, ledger: Ledger, faults: string[]): number {
  const settlements = [...ledger.transactions(uid)].filter(([, { kind }]) => kind === "settlement");
  const done = new Set(settlements.filter(([, { state }]) => state === "done").map(([txn]) => txn));
  const paid = settlements.reduce((total, [, each]) => total + (each.paid ?? 0n), 0n);
  let settled = 0n;
  for (const [name, { state, settlement = "", owed = 0n }] of ledger.credits(uid)) {
    if (state !== "settled") continue;
    settled += owed;
    if (!done.has(settlement)) faults.push(`credit ${name} was settled by ${settlement}, which is not done`);
  }
  const bank = ledger.bank(uid);
  const carried = ledger.carried(uid);
  if (bank.paid !== paid || bank.charged !== 0n)
    faults.push(`the bank paid the merchant ${bank.paid}, its settlements say ${paid}`);
  if (settled !== paid + carried)
    faults.push(`settled are ${settled}: paid ${paid}, carried over ${carried}`);
  if (statements !== settlements.length)
    faults.push(`the merchant has ${statements} statements of ${settlements.length} settlements`);
  return settlements.filter(([, each]) => (each.paid ?? 0n) > 0n).length;
}
