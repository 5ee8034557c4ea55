/**
 * The books of everybody (conservation of money): the broker's, each merchant's, and owner by owner what a wallet
 * holds beside what the issuers say is live for it.
 */
import { type BrokerBooks, creditItem, keys, purseItem } from "@lepta/lambdas";
import type { MerchantBooks } from "@lepta/peer-sdk";
import { bodyOf, type Holding, readIssued, readPurse, readVendorScrip } from "./records.ts";
import type { Account, Stage } from "./stage.ts";
import { CURRENCY } from "./teller.ts";

export interface MerchantSheet extends MerchantBooks {
  readonly name: string;
  /** All of its VendorScrip that was ever paid for. */
  readonly authorised: bigint;
  /** What the broker owes it: the same, less what customers have given back. */
  readonly owed: bigint;
  readonly agrees: boolean;
}

export interface OwnerSheet {
  readonly name: string;
  readonly kind: "BrokerScrip" | "VendorScrip";
  /** The issuer's name. */
  readonly issuer: string;
  /** By the owner's wallet. */
  readonly held: bigint;
  /** By the issuer's table. */
  readonly live: bigint;
  /** Whether both name the very same scrip, each of the same value. */
  readonly agrees: boolean;
}

export interface Books {
  readonly broker: BrokerBooks;
  readonly merchants: readonly MerchantSheet[];
  readonly owners: readonly OwnerSheet[];
  readonly conserved: boolean;
}

/** Adds everything up from the broker's table, the merchants' tables and the wallets. */
export async function readBooks(stage: Stage): Promise<Books> {
  const broker = await stage.brokerBooks();
  const merchants: MerchantSheet[] = [];
  const owners: OwnerSheet[] = [];
  for (const account of stage.accounts()) {
    const sheet = await merchantSheet(stage, account);
    if (sheet !== undefined) merchants.push(sheet);
    owners.push(...(await ownerSheets(stage, account)));
  }
  const conserved =
    broker.conserved &&
    broker.owedToMerchants === total(merchants.map(({ owed }) => owed)) &&
    [...merchants, ...owners].every(({ agrees }) => agrees) &&
    isAllOwned(broker, merchants, owners);
  return { broker, merchants, owners, conserved };
}

/** Whether all that issuers say is live is live for somebody in the books. */
export function isAllOwned(
  broker: BrokerBooks,
  merchants: readonly MerchantSheet[],
  owners: readonly OwnerSheet[],
): boolean {
  const live = (kind: OwnerSheet["kind"]): bigint =>
    total(owners.filter((sheet) => sheet.kind === kind).map((sheet) => sheet.live));
  return (
    live("BrokerScrip") === broker.liveBrokerScrip &&
    live("VendorScrip") === total(merchants.map(({ liveVendorScrip }) => liveVendorScrip))
  );
}

export const total = (values: Iterable<bigint>): bigint =>
  [...values].reduce((sum, value) => sum + value, 0n);

async function merchantSheet(
  { cloud }: Stage,
  { name, uid, merchant }: Account,
): Promise<MerchantSheet | undefined> {
  if (merchant === undefined) return undefined;
  const { pk } = keys.credit(uid, uid, "");
  const credits = (await cloud.items())
    .filter(({ key }) => key.pk === pk && key.sk.startsWith("CREDIT#"))
    .map(({ item }) => creditItem.fromItem(item))
    .filter(({ state }) => state === "held");
  const authorised = total(credits.map(({ value }) => value));
  const owed = total(credits.map((credit) => credit.owed ?? 0n));
  const books = await merchant.books(CURRENCY);
  const { liveVendorScrip, reservedVendorScrip, expired, sold, refunded } = books;
  const agrees =
    reservedVendorScrip === 0n &&
    authorised === liveVendorScrip + sold + refunded + expired &&
    owed === authorised - refunded;
  return { name, ...books, authorised, owed, agrees };
}

/** One sheet for the broker and one for each merchant whose scrip this owner has, or should have. */
async function ownerSheets(
  { cloud, accounts }: Stage,
  { name, uid, store }: Account,
): Promise<readonly OwnerSheet[]> {
  const purse = purseItem.read((await cloud.wiring.store.get([keys.purse(uid)]))[0]);
  const live = new Map(purse?.scrip === undefined ? [] : [[purse.scrip, purse.value ?? 0n]]);
  const held = await readPurse(store);
  const sheets = [compare({ name, kind: "BrokerScrip", issuer: "the broker" }, held ? [held] : [], live)];
  for (const issuer of accounts()) {
    if (issuer.merchant === undefined) continue;
    const scrip = await readVendorScrip(store, issuer.uid);
    const issued = await readIssued(issuer.store, uid);
    sheets.push(compare({ name, kind: "VendorScrip", issuer: issuer.name }, scrip, issued));
  }
  return sheets.filter((sheet) => sheet.held > 0n || sheet.live > 0n);
}

function compare(
  who: Pick<OwnerSheet, "name" | "kind" | "issuer">,
  holdings: readonly Holding[],
  live: ReadonlyMap<string, bigint>,
): OwnerSheet {
  const held = new Map(holdings.map(bodyOf).map(({ id, value }) => [id, value.value]));
  const agrees = held.size === live.size && [...held].every(([id, value]) => live.get(id) === value);
  return { ...who, held: total(held.values()), live: total(live.values()), agrees };
}
