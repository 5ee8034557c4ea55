/**
 * Every formula of the books, in one place (design section 6, rule 6): what an item of the broker's table and a record of a
 * merchant's store weigh. A commit that makes or loses money does not add up, whichever it is.
 */
import { carryItem, creditItem, type Item, type Key, purseItem, transactionItem } from "@lepta/lambdas";
import type { SaleRecord, ScripRecord } from "@lepta/peer-sdk/records";
import { isRefusal, limits } from "@lepta/protocol";
import { type Run, runEntries } from "../../peer-sdk/src/lanes/run.ts";
import { answeredOf } from "../../peer-sdk/src/merchant/lanes/answer.ts";
import type { LaneRecord } from "../../peer-sdk/src/merchant/lanes/records.ts";
import { itemKind } from "./stores.ts";

/** The currency of the simulated network. */
export const CURRENCY = "EUR";

/**
 * What an item adds to money in − money out − live BrokerScrip − charged and not minted − redeemed and not paid − owed to
 * merchants, carried dust and settlements under way included. Over the whole table, and over the items of any one commit,
 * before and after, the sum does not change.
 */
export function brokerWeight(key: Key, item: Item | undefined): number {
  if (item === undefined) return 0;
  switch (itemKind(key)) {
    case "BROKERSCRIP":
      return -Number(purseItem.fromItem(item).value ?? 0n);
    case "CARRY":
      return -Number(carryItem.fromItem(item).carried);
    case "CREDIT": {
      const { state, owed = 0n } = creditItem.fromItem(item);
      return state === "held" || state === "disputed" ? -Number(owed) : 0;
    }
    case "TXN":
      return transactionWeight(item);
    default:
      return 0;
  }
}

/** Kinds of items that weigh something. */
export const WEIGHTY: ReadonlySet<string> = new Set(["BROKERSCRIP", "CARRY", "CREDIT", "TXN"]);

function transactionWeight(item: Item): number {
  const { kind, state, value = 0n, paid = 0n, carried = 0n } = transactionItem.fromItem(item);
  const isDone = state === "done";
  const isPaying = state === "paying";
  // Charged and not minted is money in and a debt at once; once it is minted the debt is the scrip.
  if (kind === "brokerscrip") return isDone ? Number(value) : 0;
  // On its way out it is owed still, and once it is out it is money out.
  if (kind === "redeem") return isDone || isPaying ? -Number(value) : 0;
  if (kind === "settlement") return isPaying ? -Number(paid + carried) : isDone ? -Number(paid) : 0;
  return 0;
}

/**
 * What a record of a merchant adds to authorised VendorScrip − live − sold − given back: as its own commits may change it,
 * nothing. A purchase that was given back is sold no more: its worth lives again.
 */
export const merchantWeight = {
  scrip: (record: ScripRecord | undefined): number =>
    record?.state === "live" || record?.state === "returning" ? -Number(record.value.value) : 0,
  sale: (record: SaleRecord | undefined): number =>
    record === undefined || record.refunded !== undefined ? 0 : -Number(record.charged.value),
} as const;

/**
 * The same of lanes: the scrip of an open one lives in the lane, with what its last statement says that remains; what a statement
 * covers is sold.
 */
export const laneWeight = {
  lane: (record: LaneRecord | undefined): number => (record === undefined ? 0 : -record.stated.remaining),
  run: (run: Run | undefined): number =>
    run === undefined ? 0 : -runEntries(run).reduce((sum, { answered }) => sum + chargedIn(answered), 0),
} as const;

/** What an item 4 or 5 charged, in millionths. */
export function chargedIn(answered: Uint8Array): number {
  const answer = answeredOf(answered);
  return isRefusal(answer) ? 0 : answer.charged;
}

/** What one customer's money has become at one merchant. */
export interface Dealings {
  /** What the broker owes the merchant for this customer, or has paid. */
  readonly owed: bigint;
  /** The merchant's VendorScrip that the wallet holds, locked, refused and expired included. */
  readonly held: bigint;
  /** What the wallet's history says was paid, with goods, and was not given back since. */
  readonly paid: bigint;
  /** VendorScrip that was paid for and that the merchant did not give as it owes it. */
  readonly owing: bigint;
  /** Purchases that were under way when their scrip was reversed: the customer signed for them. */
  readonly broken: bigint;
}

/** Whether a customer's money at one merchant is all accounted for, where the broker has taken nothing back. */
export const isAccounted = ({ owed, held, paid, owing }: Dealings): boolean => owed === held + paid + owing;

/** Whether a merchant whose credit was reversed keeps no more than the customer has signed for, and what it may claim beyond. */
export const isBornOut = ({ owed, held, paid, owing, broken }: Dealings): boolean =>
  owed <= held + paid + owing + broken + limits.unstatedAmount;

/** Whether all that a customer ever brought in is in its purse, with merchants, or back in its account. */
export const isWhole = (toppedUp: bigint, purse: bigint, owed: bigint, redeemed: bigint): boolean =>
  toppedUp === purse + owed + redeemed;

/** Merchant, for one credit: authorised and not given back = live + sold (expired scrip is counted with the live). */
export const isBalanced = (owed: bigint, live: bigint, sold: bigint): boolean => owed === live + sold;

/** What the rail has moved is booked, or its transaction is still under way. */
export const isPaidFor = (byRail: bigint, booked: bigint, underWay: bigint): boolean =>
  booked <= byRail && byRail <= booked + underWay;

/** What settlements took is paid, under way or carried over: dust is never lost. */
export const isSettled = (taken: bigint, paid: bigint, underWay: bigint, carried: bigint): boolean =>
  taken === paid + underWay + carried;
