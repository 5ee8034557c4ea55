/**
 * Every formula of the books, in one place (design section 6, rule 6): what an item of the broker's table and a record of a
 * merchant's store weigh. A commit that makes or loses money does not add up, whichever it is.
 */
import { creditItem, type Item, type Key, purseItem, transactionItem } from "@lepta/lambdas";
import type { SaleRecord, ScripRecord } from "@lepta/peer-sdk/records";
import { itemKind } from "./stores.ts";

/** The currency of the simulated network. */
export const CURRENCY = "EUR";

/**
 * What an item adds to money in − money out − live BrokerScrip − charged and not minted − owed to merchants. Over the whole
 * table, and over the items of any one commit, before and after, the sum does not change.
 */
export function brokerWeight(key: Key, item: Item | undefined): number {
  if (item === undefined) return 0;
  switch (itemKind(key)) {
    case "BROKERSCRIP":
      return -Number(purseItem.fromItem(item).value ?? 0n);
    case "CREDIT": {
      const credit = creditItem.fromItem(item);
      return credit.state === "void" ? 0 : -Number(credit.value);
    }
    case "TXN": {
      // Charged and not minted is money in and a debt at once; once it is minted the debt is the scrip.
      const { kind, state, value = 0n } = transactionItem.fromItem(item);
      return kind === "brokerscrip" && state === "done" ? Number(value) : 0;
    }
    default:
      return 0;
  }
}

/** What a record of a merchant adds to authorised VendorScrip − live − sold: as its own commits may change it, nothing. */
export const merchantWeight = {
  scrip: (record: ScripRecord | undefined): number =>
    record?.state === "live" ? -Number(record.value.value) : 0,
  sale: (record: SaleRecord | undefined): number =>
    record === undefined ? 0 : -Number(record.charged.value),
} as const;

/** What one customer's money has become at one merchant. */
export interface Dealings {
  /** What the broker has booked for the merchant. */
  readonly credited: bigint;
  /** The merchant's VendorScrip that the wallet holds, locked, refused and expired included. */
  readonly held: bigint;
  /** What the wallet's history says was paid, with goods. */
  readonly paid: bigint;
  /** VendorScrip that was paid for and that the merchant did not give as it owes it. */
  readonly owing: bigint;
}

/** Whether a customer's money at one merchant is all accounted for. */
export const isAccounted = ({ credited, held, paid, owing }: Dealings): boolean =>
  credited === held + paid + owing;

/** Whether all that a customer ever brought in is in its purse or went to merchants. */
export const isWhole = (toppedUp: bigint, purse: bigint, credited: bigint): boolean =>
  toppedUp === purse + credited;

/** Merchant: VendorScrip authorised = live + sold + refunded + expired (expired scrip is counted with the live). */
export const isBalanced = (authorised: bigint, live: bigint, sold: bigint, refunded: bigint): boolean =>
  authorised === live + sold + refunded;

/** What the rail has charged is booked, or its transaction is still under way. */
export const isPaidFor = (fromRail: bigint, booked: bigint, underWay: bigint): boolean =>
  booked <= fromRail && fromRail <= booked + underWay;
