/** The books at rest: the broker's table against every honest wallet's and every honest merchant's store, owner by owner. */
import { brokerBooks, type Item, keys, noticeItem, purseItem, transactionItem } from "@lepta/lambdas";
import { bodyOf, customerTables, merchantTables, PURSE } from "@lepta/peer-sdk/records";
import {
  equalBytes,
  limits,
  orThrow,
  readLanePurchase,
  readMessage,
  type ScripBody,
  settlementStatement,
} from "@lepta/protocol";
import { chainHead } from "../../lambdas/src/broker/decision.ts";
import { genesis } from "../../lambdas/src/broker/genesis.ts";
import { CURRENCY, isAccounted, isBalanced, isBornOut, isPaidFor, isSettled, isWhole } from "./books.ts";
import type { BrokerSide } from "./broker.ts";
import { goodsAt } from "./goods.ts";
import { type LaneSale, laneSalesOf, readLanes, readPaying, unsignedOf, worthOf } from "./lane-audit.ts";
import type { CustomerSide, MerchantSide } from "./peers.ts";
import { clock as clockRates } from "./rates.ts";
import { type BrokerSays, readTable } from "./says.ts";
import type { Findings } from "./violation.ts";

export interface Audited {
  readonly broker: BrokerSide;
  readonly findings: Findings;
  readonly customers: readonly CustomerSide[];
  readonly merchants: readonly MerchantSide[];
  /** The world's time. */
  readonly now: number;
}

/** What an honest merchant's shelf says. */
interface Stock {
  /** What is live, by id. */
  readonly living: ReadonlyMap<string, string>;
  /** What of it lanes have left whose customers did not come back in time, and may not know of. */
  readonly left: ReadonlySet<string>;
  /** What it sold and lost by its silence in a dispute, by customer. */
  readonly losses: ReadonlyMap<string, bigint>;
  /** What was charged, by customer and transaction. */
  readonly sales: ReadonlyMap<string, bigint>;
  /** Purchases that it gave back, by customer: a reversal may have ended what was not fetched yet. */
  readonly givenBack: ReadonlyMap<string, bigint>;
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
  checkRail(says, findings);
  checkChains(items, broker.network, findings);
  for (const { uid, txn, kind, state } of says.undecided)
    if (state !== "charged") stuck(findings, `the broker: ${kind} of ${uid} ${txn} is still ${state}`);
  const shelves = new Map<string, Stock>();
  for (const merchant of audited.merchants) {
    checkSettlements(merchant, says, findings);
    if (merchant.options.isHonest && merchant.uid !== "")
      shelves.set(merchant.uid, await checkMerchant(merchant, says, audited));
  }
  for (const customer of audited.customers)
    if (customer.options.isHonest && customer.uid !== "")
      await checkCustomer(customer, says, shelves, audited);
}

/** What the bank has moved is what is booked, each way. */
function checkRail({ bank, funded, charging, paidOut, paying }: BrokerSays, findings: Findings): void {
  if (!isPaidFor(bank.charged, funded, charging))
    findings.broken(
      "money in is what the rail paid",
      `rail ${bank.charged}, booked ${funded}, under way ${charging}`,
    );
  if (!isPaidFor(bank.paid, paidOut, paying))
    findings.broken(
      "money out is what the rail paid",
      `rail ${bank.paid}, booked ${paidOut}, under way ${paying}`,
    );
}

/** What settlements have taken was paid, or is on its way, or carried: for every merchant, honest or not. */
function checkSettlements({ uid, name }: MerchantSide, says: BrokerSays, findings: Findings): void {
  const { taken = 0n, paid = 0n, underWay = 0n, carried = 0n } = says.settled.get(uid) ?? {};
  if (!isSettled(taken, paid, underWay, carried))
    findings.broken(
      "dust is never lost",
      `${name}: taken ${taken}, paid ${paid}, under way ${underWay}, carried ${carried}`,
    );
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

/** Whether a merchant may have ended a lane by itself: its scrip can be neither spent nor renewed any more. */
const isForgotten = (expiresAt: number, { plan }: MerchantSide, now: number): boolean =>
  expiresAt + plan.grace <= now + clockRates.skew;

/** An honest merchant's shelf, line by line. */
async function checkMerchant(
  merchant: MerchantSide,
  says: BrokerSays,
  { findings, now, customers }: Audited,
): Promise<Stock> {
  const tables = merchantTables(merchant.disk);
  const { name, uid } = merchant;
  const living = new Map<string, string>();
  const left = new Set<string>();
  const live = new Map<string, bigint>();
  const lanes = await readLanes(merchant);
  const honest = new Set(customers.filter(({ options }) => options.isHonest).map((each) => each.uid));
  for (const { owner, what } of lanes.unsettled) if (honest.has(owner)) stuck(findings, `${name}: ${what}`);
  for (const [scrip, { owner, origin, expiresAt, remaining, standing }] of lanes.open) {
    if ((await tables.scrip.get(scrip))?.state !== "lane")
      findings.broken("a lane holds its scrip", `${name} ${scrip}`);
    const line = `${owner}/${origin}`;
    live.set(line, (live.get(line) ?? 0n) + remaining);
    living.set(scrip, standing);
    if (isForgotten(expiresAt, merchant, now)) left.add(scrip);
  }
  for (const [id, scrip] of await tables.scrip.list()) {
    if (scrip.state === "reserved" || scrip.state === "returning")
      stuck(findings, `${name}: VendorScrip ${id} is still ${scrip.state}`);
    if (scrip.state === "spent" && scrip.salt !== undefined)
      findings.broken("secrets of spent scrip are gone", `${name} ${id}`);
    if (scrip.state === "lane" && !lanes.open.has(id))
      findings.broken("a lane holds its scrip", `${name}: nobody opened one on ${id}`);
    if (scrip.state !== "live") continue;
    const line = `${scrip.owner}/${scrip.origin}`;
    live.set(line, (live.get(line) ?? 0n) + scrip.value.value);
    // What a lane left whose customer did not come back in time is nobody's any more; the customer has what it was.
    const isOfLane = scrip.from !== undefined && readLanePurchase(scrip.from).sequence === 0;
    if (isOfLane && isForgotten(scrip.expiresAt, merchant, now)) left.add(id);
    living.set(id, `${scrip.owner} ${scrip.value.value}`);
  }
  for (const [id] of await tables.sent.list()) stuck(findings, `${name}: authorization ${id} is still sent`);
  for (const [id] of await tables.returning.list()) stuck(findings, `${name}: refund ${id} is still sent`);
  const standing = new Map<string, Standing>();
  for (const [id, line] of await tables.lines.list()) {
    const [owner = ""] = id.split("/");
    const of = `${owner} ${uid} ${line.credit}`;
    const before = standing.get(of) ?? { owner, live: 0n, sold: 0n, isEnded: false };
    standing.set(of, {
      owner,
      live: before.live + (live.get(id) ?? 0n),
      sold: before.sold + line.sold.value,
      isEnded: before.isEnded || line.ended === true,
    });
  }
  const losses = new Map<string, bigint>();
  const unsigned = await unsignedOf(merchant);
  for (const [of, { owner, live: alive, sold, isEnded }] of standing) {
    const credit = says.credits.get(of);
    const owed = credit?.owed ?? 0n;
    const isSilent = credit?.reversedBy !== undefined && says.silent.has(`${owner} ${credit.reversedBy}`);
    // Where the merchant was silent in a dispute it has lost what it sold; where it answered it has not.
    if (isEnded && isSilent) losses.set(owner, (losses.get(owner) ?? 0n) + sold - owed);
    // Nor does it keep what its customer has not signed for, beyond what it may claim so once.
    else if (isEnded && owed < sold && sold - owed <= (unsigned.get(owner) ?? 0n))
      losses.set(owner, (losses.get(owner) ?? 0n) + sold - owed);
    else if (!isBalanced(owed, alive, sold))
      findings.broken("the merchant's books", `${name}: ${of}: owed ${owed}, live ${alive}, sold ${sold}`);
    if (isEnded && alive > 0n) findings.broken("a line that has ended is worth nothing", `${name} ${of}`);
    if (!isEnded && credit?.reversedBy !== undefined)
      stuck(findings, `${name}: it does not know that ${of} was reversed`);
  }
  const sales = new Map<string, bigint>();
  const givenBack = new Map<string, bigint>();
  for (const { owner, txn, charged } of await laneSalesOf(merchant)) sales.set(`${owner}/${txn}`, charged);
  for (const [id, sale] of await tables.sales.list()) {
    if (sale.ok !== 1) continue;
    sales.set(id, sale.charged.value);
    const [owner = ""] = id.split("/");
    if (sale.refunded !== undefined) givenBack.set(owner, (givenBack.get(owner) ?? 0n) + sale.charged.value);
  }
  await checkStatements(merchant, says, findings, now);
  return { living, left, losses, sales, givenBack };
}

interface Standing {
  readonly owner: string;
  readonly live: bigint;
  readonly sold: bigint;
  readonly isEnded: boolean;
}

/** What the broker says that it has paid is in the merchant's statements, but for settlements under way. */
async function checkStatements(
  merchant: MerchantSide,
  says: BrokerSays,
  findings: Findings,
  now: number,
): Promise<void> {
  const tables = merchantTables(merchant.disk);
  const all = await tables.settlements.list();
  const open = all.filter(([, { statement }]) => statement === undefined);
  for (const [id] of open) stuck(findings, `${merchant.name}: settlement ${id} has no statement at ${now}`);
  const told = all
    .flatMap(([, { statement }]) => (statement === undefined ? [] : [statement]))
    .map((statement) => orThrow(readMessage(statement, [settlementStatement])).payload)
    .reduce((sum, { ok, paid }) => sum + (ok ? paid.value : 0n), 0n);
  const { paid = 0n } = says.settled.get(merchant.uid) ?? {};
  if (open.length === 0 && told !== paid)
    findings.broken(
      "a merchant has a statement of what it was paid",
      `${merchant.name}: ${told}, paid ${paid}`,
    );
}

async function checkCustomer(
  customer: CustomerSide,
  says: BrokerSays,
  shelves: ReadonlyMap<string, Stock>,
  audited: Audited,
): Promise<void> {
  const { broker, findings, merchants, now } = audited;
  const { name, uid } = customer;
  const tables = customerTables(customer.disk);
  const all = await tables.pending.list();
  for (const [txn, pending] of all) {
    const waitsForRail = says.undecided.some((each) => each.uid === uid && each.txn === txn);
    const isWithHonest = pending.merchant === undefined || shelves.has(pending.merchant);
    const needsMerchant = pending.kind === "purchase" || pending.kind === "renewal";
    if ((isWithHonest || !needsMerchant) && !waitsForRail)
      stuck(findings, `${name}: ${pending.kind} ${txn} is still pending`);
  }
  const purse = await tables.purse.get(PURSE);
  if (purse?.lockedBy !== undefined && (await tables.pending.get(purse.lockedBy)) === undefined)
    findings.broken("a locked purse has its transaction", `${name} ${purse.lockedBy}`);
  const record = purseItem.read((await broker.table.get([keys.purse(uid)]))[0]);
  const held = purse && `${bodyOf(purse).id} ${bodyOf(purse).value.value}`;
  const issued = record?.scrip && `${record.scrip} ${record.value}`;
  if (held !== issued)
    findings.broken("the purse is what the broker says", `${name}: ${held}, broker: ${issued}`);

  const [toppedUp, redeemed] = [says.toppedUp.get(uid) ?? 0n, says.redeemed.get(uid) ?? 0n];
  const owed = says.owed.get(uid) ?? 0n;
  if (!isWhole(toppedUp, record?.value ?? 0n, owed, redeemed))
    findings.broken(
      "the customer's money is whole",
      `${name}: in ${toppedUp}, out ${redeemed}, purse ${record?.value}, with merchants ${owed}`,
    );
  const paying = await readPaying(customer);
  for (const merchant of merchants) {
    const mine = (await tables.vendorscrip.list({ under: `${merchant.uid}/` })).map(([, scrip]) =>
      bodyOf(scrip),
    );
    const stock = shelves.get(merchant.uid);
    // Also that of a lane whose customer never heard that it was opened, and which is free again when it comes back.
    const isEnded = (body: ScripBody): boolean =>
      isForgotten(body.expiresAt, merchant, now) &&
      (paying.lanes.has(body.id) || stock?.living.has(body.id) === false);
    const kept = mine.filter((body) => !isEnded(body));
    const pairs = kept.map(
      (body) =>
        [body.id, paying.lanes.get(body.id)?.standing ?? `${body.owner} ${body.value.value}`] as const,
    );
    for (const body of kept) {
      const state = paying.lanes.get(body.id)?.state;
      if (stock !== undefined && state !== undefined && state !== "open")
        stuck(findings, `${name}: its lane at ${merchant.name} on ${body.id} is ${state}`);
    }
    const wrong = stock && difference(pairs, stock, uid);
    if (wrong !== undefined)
      findings.broken("VendorScrip is what its issuer says", `${name} at ${merchant.name}: ${wrong}`);
  }
  const history = await tables.history.list();
  if (!customer.isRestored) await checkDealings(customer, history, says, shelves, audited);
  await checkGoods(customer, history, shelves, broker, findings);
  for (const { uid: merchant } of merchants)
    if (shelves.has(merchant)) await checkLaneGoods(customer, paying.boughtAt(merchant), shelves, findings);
}

/** What was paid on lanes of an honest merchant has its goods, and the merchant sold it for as much. */
async function checkLaneGoods(
  customer: CustomerSide,
  bought: readonly LaneSale[],
  shelves: ReadonlyMap<string, Stock>,
  findings: Findings,
): Promise<void> {
  for (const { owner, txn, sku, charged } of bought) {
    const name = `${customer.uid}/${txn}`;
    const sold = shelves.get(owner)?.sales.get(name);
    if (sold !== charged)
      findings.broken("a purchase on a lane is charged once", `${customer.name} ${txn}: ${charged}, ${sold}`);
    if (customer.checked.has(txn)) continue;
    customer.checked.add(txn);
    const recalled = await customer.wallet.recall(txn);
    if (recalled?.goods.text() !== goodsAt(customer.uid, txn, sku, charged))
      findings.broken("a paid purchase has its goods", `${customer.name} ${txn}: ${recalled?.goods.text()}`);
  }
}

const laneNameOf = (txn: string): string => readLanePurchase(txn).lane;

type History = Awaited<ReturnType<ReturnType<typeof customerTables>["history"]["list"]>>;

/** What went to each merchant is scrip, goods, or evidence; a restored wallet has no history to compare. */
async function checkDealings(
  customer: CustomerSide,
  history: History,
  says: BrokerSays,
  shelves: ReadonlyMap<string, Stock>,
  { findings, merchants }: Audited,
): Promise<void> {
  const { name, uid } = customer;
  const tables = customerTables(customer.disk);
  const all = await tables.pending.list();
  const paying = await readPaying(customer);
  for (const merchant of merchants) {
    const stock = shelves.get(merchant.uid);
    const mine = (await tables.vendorscrip.list({ under: `${merchant.uid}/` })).map(([, scrip]) => scrip);
    const onLanes = paying.boughtAt(merchant.uid).reduce((total, { charged }) => total + charged, 0n);
    const ended = history.filter(([, each]) => each.merchant === merchant.uid).map(([, each]) => each);
    const sum = (list: readonly { readonly amount: { readonly value: bigint } }[]): bigint =>
      list.reduce((total, { amount }) => total + amount.value, 0n);
    const purchases = ended.filter(({ kind }) => kind === "purchase");
    const broken = purchases.filter(({ outcome }) => outcome === "reversed");
    // An honest merchant knows which of those that a reversal broke it has sold.
    const brokenAndSold = broken.reduce(
      (total, { txn }) => total + (stock?.sales.get(`${uid}/${txn}`) ?? 0n),
      0n,
    );
    const isReversed = ended.some(({ kind, outcome }) => kind === "reversal" && outcome === "done");
    // Answers on a lane that came to nobody, before the broker took back what it was paid with: no more than may be unstated.
    const known = new Set([...ended, ...paying.boughtAt(merchant.uid)].map(({ txn }) => `${uid}/${txn}`));
    const unheard = [...(stock?.sales ?? [])].filter(
      // What a lane has bought whose scrip the wallet still has was paid with that.
      ([id]) =>
        id.startsWith(`${uid}/`) && !known.has(id) && !paying.names.has(laneNameOf(id.slice(uid.length + 1))),
    );
    const unknown = isReversed ? unheard.reduce((total, [, charged]) => total + charged, 0n) : 0n;
    if (unknown > limits.unstatedAmount)
      findings.broken("what is not stated is bounded", `${name} at ${merchant.name}: ${unknown} were lost`);
    const dealings = {
      owed: (says.owed.get(`${uid} ${merchant.uid}`) ?? 0n) + (stock?.losses.get(uid) ?? 0n),
      held: mine.reduce((total, scrip) => total + worthOf(scrip, paying), 0n),
      paid:
        sum(purchases.filter(({ outcome }) => outcome === "done")) +
        onLanes -
        (stock === undefined
          ? sum(ended.filter(({ kind }) => kind === "received"))
          : (stock.givenBack.get(uid) ?? 0n)) +
        brokenAndSold +
        unknown,
      owing: sum(ended.filter(({ kind, outcome }) => kind === "vendorscrip" && outcome === "scrip-mismatch")),
      broken: sum(broken) + sum(all.map(([, each]) => each).filter(({ kind }) => kind === "purchase")),
    };
    const isFair =
      stock === undefined
        ? isReversed
          ? isBornOut(dealings)
          : isAccounted(dealings)
        : isAccounted(dealings) && dealings.owing === 0n;
    if (isFair) continue;
    const words = Object.entries(dealings).map(([what, value]) => `${what} ${value}`);
    findings.broken(
      "what went to a merchant is scrip or goods",
      `${name} at ${merchant.name}: ${words.join(", ")}${isReversed ? ", reversed" : ""}`,
    );
  }
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
  { living, left }: Pick<Stock, "living" | "left">,
  owner: string,
): string | undefined {
  const ours = new Map(mine);
  for (const [id, what] of ours)
    if (living.get(id) !== what) return `${id}: ${what}, issuer: ${living.get(id)}`;
  for (const [id, what] of living)
    if (what.startsWith(owner) && !ours.has(id) && !left.has(id))
      return `${id}: the wallet does not hold ${what}`;
  return undefined;
}

function stuck(findings: Findings, what: string): void {
  findings.stuck += 1;
  findings.broken("everything ends", what);
}
