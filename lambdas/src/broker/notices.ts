/**
 * Figure 7, M0 and M3: the broker observes. Each notice is verifiable on its own; both sides of one purchase meet in one
 * item, and what is one-sided or differs is flagged there. Nothing here delays a purchase.
 */
import type { OpenedOf, Or, Payload, Verified } from "@lepta/protocol";
import {
  equalBytes,
  isRefusal,
  purchaseNotice,
  readMessage,
  refuse,
  saleNotice,
  type Txn,
  type Uid,
} from "@lepta/protocol";
import type { Item, Key, Write } from "../ports/store.ts";
import { forgottenAfter } from "../resources.ts";
import type { Decision, Terms } from "./decision.ts";
import {
  type ItemType,
  keys,
  type NoticeRecord,
  noticeItem,
  type StatementRecord,
  statementItem,
  type WaitingRecord,
  waitingItem,
} from "./items.ts";

export type Notice = Verified<typeof purchaseNotice> | Verified<typeof saleNotice>;

/** The two sides that a notice names and the key under which they meet. */
export function pairOf(notice: OpenedOf<typeof purchaseNotice | typeof saleNotice>): {
  readonly customer: Uid;
  readonly merchant: Uid;
  readonly place: string;
} {
  const { payload } = notice;
  const sides =
    payload.type === "purchase-notice"
      ? { customer: payload.from, merchant: payload.merchant }
      : { customer: payload.customer, merchant: payload.from };
  return { ...sides, place: placeOf(payload.txn) };
}

export interface NoticeOutcome {
  readonly state: "one-sided" | "matched" | "differs";
  /** Another notice of the same side was there before. */
  readonly conflict: boolean;
}

/** Records one side's notice beside the other's. */
export function decideNotice(
  notice: Notice,
  before: NoticeRecord | undefined,
  now: number,
  terms: Pick<Terms, "noticePatience" | "disputeWindow">,
): Decision<NoticeOutcome> {
  const { customer, merchant, place } = pairOf(notice);
  if (customer === merchant) return refuse("same-party");
  const isCustomer = notice.payload.type === "purchase-notice";
  const known = isCustomer ? before?.customerDigest : before?.merchantDigest;
  if (known !== undefined && before !== undefined) {
    const outcome: NoticeOutcome = { state: stateOfNotices(before), conflict: known !== notice.digest };
    if (known === notice.digest || before.state === "differs") return { writes: [], outcome };
    return record({ ...before, state: "differs" }, { state: "differs", conflict: true });
  }
  const side = isCustomer
    ? { customerDigest: notice.digest, customerNotice: notice.signed }
    : { merchantDigest: notice.digest, merchantNotice: notice.signed };
  const other = isCustomer ? before?.merchantNotice : before?.customerNotice;
  // What was flagged stays flagged, whatever comes later.
  const isAlike = other !== undefined && before?.state !== "differs" && agree(notice, other);
  const state =
    other === undefined && before?.state !== "differs" ? "one-sided" : isAlike ? "matched" : "differs";
  const outcome = { state, conflict: false } as const;
  const ttl = forgottenAfter(now + terms.disputeWindow);
  return record({ firstAt: now, ...before, ...side, state, lastAt: now, ttl }, outcome, waiting());

  /** A sweep looks for the other side later; once it is there, nobody need look. */
  function waiting(): readonly Write[] {
    const { txn } = notice.payload;
    const due = (before?.firstAt ?? now) + terms.noticePatience;
    const at = keys.waiting(due, customer, merchant, txn);
    if (before !== undefined) return [{ remove: true, at, expect: "any" }];
    return [{ put: waitingItem.toItem({ customer, merchant, txn, due }), at, expect: "any" }];
  }

  function record(
    next: NoticeRecord,
    told: NoticeOutcome,
    more: readonly Write[] = [],
  ): Decision<NoticeOutcome> {
    const expect =
      before === undefined
        ? ("absent" as const)
        : {
            state: before.state,
            customerDigest: before.customerDigest,
            merchantDigest: before.merchantDigest,
          };
    const put: Write = { put: noticeItem.toItem(next), at: keys.notice(customer, merchant, place), expect };
    return before === undefined
      ? { ahead: more, writes: [put], outcome: told }
      : { writes: [put], behind: more, outcome: told };
  }
}

/** A notice or a statement whose other side has not come for too long is flagged; it may still come. */
export function decideFlag(
  waiting: WaitingRecord,
  item: Item | undefined,
  now: number,
): Decision<{ readonly flagged: boolean }> {
  const { customer, merchant, txn, due, place } = waiting;
  if (now < due) return { writes: [], outcome: { flagged: false } };
  const gone: Write = { remove: true, at: keys.waiting(due, customer, merchant, txn, place), expect: "any" };
  const type: ItemType<NoticeRecord | StatementRecord> = place === undefined ? noticeItem : statementItem;
  const before = type.read(item);
  if (before?.state !== "one-sided") return { writes: [gone], outcome: { flagged: false } };
  const put: Write = {
    put: type.toItem({ ...before, flaggedAt: now }),
    at: waitsAt(waiting),
    expect: { state: "one-sided" },
  };
  return { writes: [put, gone], outcome: { flagged: true } };
}

/** The item that waits. */
export const waitsAt = ({ customer, merchant, txn, place }: WaitingRecord): Key =>
  keys.notice(customer, merchant, place ?? placeOf(txn));

/** Outside sessions the key is the transaction's id; in a session, the session and a block of its sequence. */
export const placeOf = (txn: Txn): string => `TXN#${txn}`;

/** Whether both sides tell the same story: the charge within the maximum, the same order, the same M1. */
function agree(notice: Notice, other: Uint8Array): boolean {
  const story = sides(notice, other);
  if (isRefusal(story)) return false;
  const [customer, merchant] = story;
  const { charged } = merchant;
  const { amount, metered } = customer;
  const isWithin =
    charged.value === 0n || (metered ? charged.value <= amount.value : charged.value === amount.value);
  return (
    charged.currency === amount.currency &&
    isWithin &&
    equalBytes(customer.order, merchant.order) &&
    customer.purchase === merchant.purchase
  );
}

function sides(
  notice: Notice,
  other: Uint8Array,
): Or<readonly [Payload<typeof purchaseNotice>, Payload<typeof saleNotice>]> {
  if (notice.payload.type === "purchase-notice") {
    const sale = readMessage(other, [saleNotice]);
    return isRefusal(sale) ? sale : [notice.payload, sale.payload];
  }
  const purchase = readMessage(other, [purchaseNotice]);
  return isRefusal(purchase) ? purchase : [purchase.payload, notice.payload];
}

/** The state of both notices of a purchase. */
export const stateOfNotices = (record: NoticeRecord): NoticeOutcome["state"] =>
  record.state === "matched" || record.state === "differs" ? record.state : "one-sided";
