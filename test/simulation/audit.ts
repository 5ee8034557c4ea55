/** The books at rest: the broker's table against every honest wallet's and every honest merchant's store, owner by owner. */
import {
  brokerBooks,
  creditItem,
  type Item,
  keys,
  noticeItem,
  purseItem,
  transactionItem,
} from "@lepta/lambdas";
import { bodyOf, customerTables, merchantTables, PURSE } from "@lepta/peer-sdk/records";
import { equalBytes } from "@lepta/protocol";
import { chainHead } from "../../lambdas/src/broker/decision.ts";
import { genesis } from "../../lambdas/src/broker/genesis.ts";
import { CURRENCY, isAccounted, isBalanced, isPaidFor, isWhole } from "./books.ts";
import type { BrokerSide } from "./broker.ts";
import type { CustomerSide, MerchantSide } from "./peers.ts";
import type { Findings } from "./violation.ts";

export interface Audited {
  readonly broker: BrokerSide;
  readonly findings: Findings;
  readonly customers: readonly CustomerSide[];
  readonly merchants: readonly MerchantSide[];
  /** The world's time. */
  readonly now: number;
}

/** What the broker's table says, by peer. */
interface BrokerSays {
  /** What the rail has charged, what of it is booked, and what transactions are under way. */
  readonly fromBank: bigint;
  readonly funded: bigint;
  readonly charging: bigint;
  readonly credits: ReadonlyMap<string, bigint>;
  readonly toppedUp: ReadonlyMap<string, bigint>;
  readonly undecided: readonly { readonly uid: string; readonly txn: string; readonly state: string }[];
}

/** Compares everything; what differs is among the findings. */
export async function audit(audited: Audited): Promise<void> {
  const { broker, findings, now } = audited;
  const items = broker.table.items();
  const books = brokerBooks(items, CURRENCY, now);
  if (!books.conserved) {
    findings.conserved = false;
    findings.broken(
      "conserved",
      `the broker's books: ${JSON.stringify(books, (_, each) => (typeof each === "bigint" ? String(each) : each))}`,
    );
  }
  const says = readTable(items);
  const { fromBank, funded, charging } = says;
  if (!isPaidFor(fromBank, funded, charging))
    findings.broken(
      "money in is what the rail paid",
      `rail ${fromBank}, booked ${funded}, under way ${charging}`,
    );
  checkChains(items, broker.network, findings);
  const shelves = new Map<string, ReadonlyMap<string, string>>();
  for (const merchant of audited.merchants) {
    if (merchant.options.isHonest && merchant.uid !== "")
      shelves.set(merchant.uid, await checkMerchant(merchant, says, audited));
  }
  for (const customer of audited.customers)
    if (customer.options.isHonest && customer.uid !== "")
      await checkCustomer(customer, says, shelves, audited);
}

function readTable(items: ReturnType<BrokerSide["table"]["items"]>): BrokerSays {
  const credits = new Map<string, bigint>();
  const toppedUp = new Map<string, bigint>();
  const undecided: { uid: string; txn: string; state: string }[] = [];
  let [fromBank, funded, charging] = [0n, 0n, 0n];
  for (const { key, item } of items) {
    const [kind = "", ...names] = key.sk.split("#");
    if (key.pk.startsWith("BANKCHARGE#")) {
      if (item.state === "charged") fromBank += BigInt(item.value as bigint);
    } else if (key.pk.startsWith("MERCHANT#") && kind === "CREDIT") {
      const credit = creditItem.fromItem(item);
      if (credit.state === "void") continue;
      const merchant = key.pk.slice(9);
      for (const name of [merchant, `${names[0]} ${merchant}`, `${names[0]}`])
        credits.set(name, (credits.get(name) ?? 0n) + credit.value);
    } else if (key.pk.startsWith("PEER#") && kind === "TXN") {
      const uid = key.pk.slice(5);
      const { kind: what, state, value = 0n } = transactionItem.fromItem(item);
      if (what === "brokerscrip" && state === "done") toppedUp.set(uid, (toppedUp.get(uid) ?? 0n) + value);
      if (what === "brokerscrip" && (state === "done" || state === "charged")) funded += value;
      if (state === "charging") charging += value;
      if (state === "charging" || state === "charged") undecided.push({ uid, txn: names[0] ?? "", state });
    }
  }
  return { credits, toppedUp, undecided, fromBank, funded, charging };
}

/** Every record links to the one before it, and the purse names the last. */
function checkChains(
  items: readonly { readonly key: { readonly pk: string; readonly sk: string }; readonly item: Item }[],
  network: string,
  findings: Findings,
): void {
  const records = new Map<string, { readonly txn: string; readonly item: Item }[]>();
  for (const { key, item } of items) {
    if (!key.pk.startsWith("PEER#") || !key.sk.startsWith("TXN#")) continue;
    const list = records.get(key.pk) ?? [];
    records.set(key.pk, list);
    if (item.sequence !== undefined) list.push({ txn: key.sk.slice(4), item });
  }
  for (const { key, item } of items) {
    if (!key.pk.startsWith("PEER#") || key.sk !== "BROKERSCRIP") continue;
    const uid = key.pk.slice(5);
    const purse = purseItem.fromItem(item);
    let head = genesis(network, uid);
    const linked = (records.get(key.pk) ?? []).sort(
      (a, b) => Number(a.item.sequence) - Number(b.item.sequence),
    );
    for (const [index, { txn, item: record }] of linked.entries()) {
      const { sequence, previous, head: own } = transactionItem.fromItem(record);
      const next = chainHead(head, uid, txn, record);
      const holds =
        sequence === index + 1 && previous && equalBytes(previous, head) && own && equalBytes(own, next);
      if (!holds) {
        findings.broken("audit chain", `${uid} at ${index + 1}`);
        return;
      }
      head = next;
    }
    if (purse.sequence !== linked.length || !equalBytes(purse.head, head))
      findings.broken("audit chain", `${uid}: the purse names another head`);
  }
}

/** An honest merchant's shelf; what is live on it, by id. */
async function checkMerchant(
  merchant: MerchantSide,
  says: BrokerSays,
  { findings }: Audited,
): Promise<ReadonlyMap<string, string>> {
  const tables = merchantTables(merchant.disk);
  const { name } = merchant;
  const living = new Map<string, string>();
  let live = 0n;
  for (const [id, scrip] of await tables.scrip.list()) {
    if (scrip.state === "reserved") stuck(findings, `${name}: VendorScrip ${id} is still reserved`);
    if (scrip.state === "spent" && scrip.salt !== undefined)
      findings.broken("secrets of spent scrip are gone", `${name} ${id}`);
    if (scrip.state !== "live") continue;
    live += scrip.value.value;
    living.set(id, `${scrip.owner} ${scrip.value.value}`);
  }
  for (const [id] of await tables.sent.list()) stuck(findings, `${name}: authorization ${id} is still sent`);
  const sold = (await tables.sales.list()).reduce((sum, [, sale]) => sum + sale.charged.value, 0n);
  const authorised = says.credits.get(merchant.uid) ?? 0n;
  if (!isBalanced(authorised, live, sold, 0n))
    findings.broken("the merchant's books", `${name}: authorised ${authorised}, live ${live}, sold ${sold}`);
  return living;
}

async function checkCustomer(
  customer: CustomerSide,
  says: BrokerSays,
  shelves: ReadonlyMap<string, ReadonlyMap<string, string>>,
  { broker, findings, merchants }: Audited,
): Promise<void> {
  const { name, uid } = customer;
  const tables = customerTables(customer.disk);
  for (const [txn, pending] of await tables.pending.list()) {
    const waitsForRail = says.undecided.some((each) => each.uid === uid && each.txn === txn);
    const isWithHonest = pending.merchant === undefined || shelves.has(pending.merchant);
    const isOurs = pending.kind !== "purchase" || isWithHonest;
    if (isOurs && !waitsForRail) stuck(findings, `${name}: ${pending.kind} ${txn} is still pending`);
  }
  const purse = await tables.purse.get(PURSE);
  if (purse?.lockedBy !== undefined && (await tables.pending.get(purse.lockedBy)) === undefined)
    findings.broken("a locked purse has its transaction", `${name} ${purse.lockedBy}`);
  const record = purseItem.read((await broker.table.get([keys.purse(uid)]))[0]);
  const held = purse && `${bodyOf(purse).id} ${bodyOf(purse).value.value}`;
  const issued = record?.scrip && `${record.scrip} ${record.value}`;
  if (held !== issued)
    findings.broken("the purse is what the broker says", `${name}: ${held}, broker: ${issued}`);

  const credited = says.credits.get(uid) ?? 0n;
  if (!isWhole(says.toppedUp.get(uid) ?? 0n, record?.value ?? 0n, credited))
    findings.broken(
      "the customer's money is whole",
      `${name}: in ${says.toppedUp.get(uid)}, purse ${record?.value}, credited ${credited}`,
    );

  const holdings = await tables.vendorscrip.list();
  const history = await tables.history.list();
  for (const merchant of merchants) {
    const mine = holdings
      .filter(([id]) => id.startsWith(`${merchant.uid}/`))
      .map(([, scrip]) => bodyOf(scrip));
    const living = shelves.get(merchant.uid);
    const wrong =
      living &&
      difference(
        mine.map((body) => [body.id, `${body.owner} ${body.value.value}`]),
        living,
        uid,
      );
    if (wrong !== undefined)
      findings.broken("VendorScrip is what its issuer says", `${name} at ${merchant.name}: ${wrong}`);
    const ended = history.filter(([, each]) => each.merchant === merchant.uid).map(([, each]) => each);
    const sum = (list: readonly { readonly amount: { readonly value: bigint } }[]): bigint =>
      list.reduce((total, { amount }) => total + amount.value, 0n);
    const dealings = {
      credited: says.credits.get(`${uid} ${merchant.uid}`) ?? 0n,
      held: mine.reduce((total, { value }) => total + value.value, 0n),
      paid: sum(ended.filter(({ kind, outcome }) => kind === "purchase" && outcome === "done")),
      owing: sum(ended.filter(({ kind, outcome }) => kind === "vendorscrip" && outcome === "scrip-mismatch")),
    };
    const isFair = isAccounted(dealings) && (living === undefined || dealings.owing === 0n);
    if (!isFair)
      findings.broken(
        "what went to a merchant is scrip or goods",
        `${name} at ${merchant.name}: ${Object.values(dealings).join(" ")}`,
      );
  }
  await checkGoods(customer, history, shelves, broker, findings);
}

/** What was paid has its goods, in the evidence that both have signed; what was checked once is not checked again. */
async function checkGoods(
  customer: CustomerSide,
  history: readonly (readonly [
    string,
    {
      readonly kind: string;
      readonly txn: string;
      readonly outcome: string;
      readonly merchant?: string | undefined;
    },
  ])[],
  shelves: ReadonlyMap<string, unknown>,
  broker: BrokerSide,
  findings: Findings,
): Promise<void> {
  for (const [id, { kind, txn, outcome, merchant = "" }] of history) {
    if (id <= customer.checkedUntil) continue;
    customer.checkedUntil = id;
    if (kind !== "purchase" || outcome !== "done") continue;
    const bought = await customer.wallet.recall(txn);
    if (bought === undefined || !bought.goods.text().endsWith(` for ${customer.uid}/${txn}`))
      findings.broken("a paid purchase has its goods", `${customer.name} ${txn}: ${bought?.goods.text()}`);
    if (!shelves.has(merchant)) continue;
    const [item] = await broker.table.get([keys.notice(customer.uid, merchant, `TXN#${txn}`)]);
    if (noticeItem.read(item)?.state !== "matched")
      findings.broken("both notices reach the broker", `${customer.name} ${txn}: ${item?.state}`);
  }
}

/** The first scrip of this owner that only one side knows, or knows otherwise. */
function difference(
  mine: readonly (readonly [string, string])[],
  living: ReadonlyMap<string, string>,
  owner: string,
): string | undefined {
  const ours = new Map(mine);
  for (const [id, what] of ours)
    if (living.get(id) !== what) return `${id}: ${what}, issuer: ${living.get(id)}`;
  for (const [id, what] of living)
    if (what.startsWith(owner) && !ours.has(id)) return `${id}: the wallet does not hold ${what}`;
  return undefined;
}

function stuck(findings: Findings, what: string): void {
  findings.stuck += 1;
  findings.broken("everything ends", what);
}
