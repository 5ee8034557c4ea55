/**
 * All money accounted for, from what is on disk when every process has ended: the broker's table, the wallets' purses
 * and VendorScrip, the merchants' tables, owner by owner and transaction by transaction (design section 6, rule 6).
 */
import { brokerBooks, creditItem, noticeItem, purseItem, transactionItem } from "@lepta/lambdas";
import { startEmbeddedCloud } from "@lepta/local";
import { sqlitePeerStore } from "@lepta/peer-sdk";
import { bodyOf, customerTables, merchantTables, PURSE } from "@lepta/peer-sdk/records";
import { formatAmount, readScrip } from "@lepta/protocol";

export interface Directories {
  readonly broker: string;
  readonly merchant: Peer;
  readonly wallets: readonly Peer[];
}

export interface Peer {
  readonly uid: string;
  readonly dir: string;
}

export interface Accounts {
  /** What is not as it must be, in words; nothing where all is well. */
  readonly faults: readonly string[];
  readonly conserved: boolean;
  readonly topUps: number;
  readonly obtained: number;
  readonly purchases: number;
}

type Items = Awaited<ReturnType<Awaited<ReturnType<typeof startEmbeddedCloud>>["items"]>>;
/** Who holds which scrip of whom, and what it is worth. */
type Holdings = Map<string, string>;

/** Reads everything; the directories must not be in use. */
export async function takeAccounts(directories: Directories): Promise<Accounts> {
  const items = await itemsOf(directories.broker);
  const books = brokerBooks(items, "EUR", Date.now());
  const faults: string[] = [];
  if (!books.conserved) faults.push(`the broker's books: ${JSON.stringify(books, bigintAsText)}`);
  faults.push(...openAtBroker(items));
  const held: Holdings = new Map();
  const issued: Holdings = new Map();
  const counts = { topUps: 0, obtained: 0, purchases: 0 };
  for (const wallet of directories.wallets) {
    const { bought, toppedUp, obtained, paid } = await readWallet(wallet, held, faults);
    counts.topUps += toppedUp.length;
    counts.obtained += obtained;
    counts.purchases += bought;
    const charged = moneyIn(items, wallet.uid);
    const told = toppedUp.reduce((total, value) => total + value, 0n);
    if (charged !== told) faults.push(`${wallet.dir}: the bank charged ${charged}, its history says ${told}`);
    await compareSales(directories.merchant, wallet, paid, items, faults);
    pursesOf(items, wallet.uid, issued);
  }
  await readMerchant(directories.merchant, items, issued, faults);
  faults.push(...differences(held, issued));
  return { faults, conserved: faults.length === 0, ...counts };
}

async function itemsOf(dir: string): Promise<Items> {
  const cloud = await startEmbeddedCloud({ dir });
  try {
    return await cloud.items();
  } finally {
    await cloud.close();
  }
}

/** Transactions that the broker has not ended: there must be none. An intent alone (figure 8, M0) moves nothing. */
function openAtBroker(items: Items): readonly string[] {
  return items.flatMap(({ key, item }) => {
    if (key.pk.startsWith("OPEN#")) return [`the broker has ${key.sk} to finish`];
    if (!key.pk.startsWith("PEER#") || !key.sk.startsWith("TXN#")) return [];
    const { state } = transactionItem.fromItem(item);
    return state === "charging" || state === "charged" ? [`the broker left ${key.sk} ${state}`] : [];
  });
}

const moneyIn = (items: Items, uid: string): bigint =>
  brokerBooks(
    items.filter(({ key }) => key.pk === `PEER#${uid}`),
    "EUR",
    Date.now(),
  ).moneyIn;

function pursesOf(items: Items, uid: string, issued: Holdings): void {
  const found = items.find(({ key }) => key.pk === `PEER#${uid}` && key.sk === "BROKERSCRIP");
  const purse = found && purseItem.fromItem(found.item);
  if (purse?.body === undefined) return;
  const body = readScrip(purse.body);
  if ("id" in body) issued.set(`broker ${uid} ${body.id}`, formatAmount(body.value));
}

async function readWallet({ uid, dir }: Peer, held: Holdings, faults: string[]) {
  const store = sqlitePeerStore(dir);
  try {
    const tables = customerTables(store);
    for (const [txn, { kind }] of await tables.pending.list())
      faults.push(`${dir}: ${kind} ${txn} is pending`);
    const purse = await tables.purse.get(PURSE);
    if (purse !== undefined) held.set(`broker ${uid} ${bodyOf(purse).id}`, formatAmount(bodyOf(purse).value));
    if (purse?.lockedBy !== undefined) faults.push(`${dir}: the purse is locked`);
    for (const [id, scrip] of await tables.vendorscrip.list()) {
      const { issuer, id: scripId, value } = bodyOf(scrip);
      held.set(`${issuer} ${uid} ${scripId}`, formatAmount(value));
      if (scrip.lockedBy !== undefined) faults.push(`${dir}: VendorScrip ${id} is locked`);
      if (scrip.unusable !== undefined) faults.push(`${dir}: VendorScrip ${id} is ${scrip.unusable}`);
    }
    const ended = (await tables.history.list())
      .map(([, each]) => each)
      .filter((each) => each.outcome === "done");
    const of = (kind: string) => ended.filter((each) => each.kind === kind);
    return {
      toppedUp: of("topup").map(({ amount }) => amount.value),
      obtained: of("vendorscrip").length,
      bought: of("purchase").length,
      paid: new Map(of("purchase").map(({ txn, amount }) => [txn, amount.value])),
    };
  } finally {
    await store.close();
  }
}

/** What the merchant sold to this customer is what the customer has paid, and the broker has heard of it from both. */
async function compareSales(
  { uid: merchant, dir }: Peer,
  { uid }: Peer,
  paid: ReadonlyMap<string, bigint>,
  items: Items,
  faults: string[],
): Promise<void> {
  const store = sqlitePeerStore(dir);
  const sold = new Map<string, bigint>();
  for (const [id, sale] of await merchantTables(store).sales.list({ under: `${uid}/` }))
    if (sale.ok === 1) sold.set(id.slice(uid.length + 1), sale.charged.value);
  await store.close();
  for (const txn of new Set([...paid.keys(), ...sold.keys()]))
    if (paid.get(txn) !== sold.get(txn))
      faults.push(`purchase ${txn}: paid ${paid.get(txn)}, sold for ${sold.get(txn)}`);
  const noticed = new Map(
    items
      .filter(({ key }) => key.pk === `PAIR#${uid}#${merchant}`)
      .map(({ key, item }) => [key.sk.replace("TXN#", ""), noticeItem.fromItem(item).state]),
  );
  for (const txn of sold.keys())
    if (noticed.get(txn) !== "matched")
      faults.push(`purchase ${txn}: its notices are ${noticed.get(txn) ?? "missing"}`);
}

async function readMerchant(
  { uid, dir }: Peer,
  items: Items,
  issued: Holdings,
  faults: string[],
): Promise<void> {
  const store = sqlitePeerStore(dir);
  try {
    const tables = merchantTables(store);
    for (const [id] of await tables.sent.list()) faults.push(`${dir}: authorization ${id} is under way`);
    let live = 0n;
    for (const [id, { state, owner, value }] of await tables.scrip.list()) {
      if (state === "reserved") faults.push(`${dir}: VendorScrip ${id} is only reserved`);
      if (state !== "live") continue;
      live += value.value;
      issued.set(`${uid} ${owner} ${id}`, formatAmount(value));
    }
    const sold = (await tables.sales.list()).reduce((total, [, { charged }]) => total + charged.value, 0n);
    const credit = items
      .filter(({ key }) => key.pk === `MERCHANT#${uid}`)
      .map(({ item }) => creditItem.fromItem(item))
      .filter(({ state }) => state === "held")
      .reduce((total, { value }) => total + value, 0n);
    if (live + sold !== credit)
      faults.push(`${dir}: the broker owes ${credit}; live are ${live}, sold ${sold}`);
  } finally {
    await store.close();
  }
}

/** Scrip that somebody holds and its issuer does not know as such, or the other way round. */
function differences(held: Holdings, issued: Holdings): readonly string[] {
  return [...new Set([...held.keys(), ...issued.keys()])]
    .filter((name) => held.get(name) !== issued.get(name))
    .map((name) => `${name}: held ${held.get(name)}, issued ${issued.get(name)}`);
}

const bigintAsText = (_key: string, value: unknown): unknown =>
  typeof value === "bigint" ? String(value) : value;
