/**
 * Figure 7, M0 and M3: the broker observes. Each notice is verifiable on its own; both sides of one purchase meet in one
 * item, and what is one-sided or differs is flagged there. Nothing here delays a purchase.
 */
import type { Or, Payload, Verified } from "@lepta/protocol";
import {
  equalBytes,
  isRefusal,
  purchaseNotice,
  readMessage,
  refuse,
  saleNotice,
  type Uid,
} from "@lepta/protocol";
import type { Decision } from "./decision.ts";
import { keys, type NoticeRecord, noticeItem } from "./items.ts";

export type Notice = Verified<typeof purchaseNotice> | Verified<typeof saleNotice>;

/** The two sides that a notice names and the key under which they meet. */
export function pairOf(notice: Notice): {
  readonly customer: Uid;
  readonly merchant: Uid;
  readonly place: string;
} {
  const { payload } = notice;
  const sides =
    payload.type === "purchase-notice"
      ? { customer: payload.from, merchant: payload.merchant }
      : { customer: payload.customer, merchant: payload.from };
  // Outside sessions the key is the transaction's id; in a session, the session and a block of its sequence.
  return { ...sides, place: `TXN#${payload.txn}` };
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
): Decision<NoticeOutcome> {
  const { customer, merchant, place } = pairOf(notice);
  if (customer === merchant) return refuse("same-party");
  const isCustomer = notice.payload.type === "purchase-notice";
  const known = isCustomer ? before?.customerDigest : before?.merchantDigest;
  if (known !== undefined && before !== undefined) {
    const outcome: NoticeOutcome = { state: stateOf(before), conflict: known !== notice.digest };
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
  return record({ firstAt: now, ...before, ...side, state, lastAt: now }, { state, conflict: false });

  function record(next: NoticeRecord, outcome: NoticeOutcome): Decision<NoticeOutcome> {
    const expect =
      before === undefined
        ? ("absent" as const)
        : {
            state: before.state,
            customerDigest: before.customerDigest,
            merchantDigest: before.merchantDigest,
          };
    return {
      writes: [{ put: noticeItem.toItem(next), at: keys.notice(customer, merchant, place), expect }],
      outcome,
    };
  }
}

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

const stateOf = (record: NoticeRecord): NoticeOutcome["state"] =>
  record.state === "matched" || record.state === "differs" ? record.state : "one-sided";
