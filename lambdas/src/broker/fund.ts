/**
 * Figure 6, obtain BrokerScrip. `charging` is written before the rail is called and cannot be aborted; `charged` once
 * the rail has said so; `done` when the scrip is minted; `refused` when the rail declined or cancelled.
 */
import type { brokerscripRequest, ErrorCode, Verified } from "@lepta/protocol";
import { amountOf, isExpired, isRefusal, refuse } from "@lepta/protocol";
import type { ChargeState } from "../ports/rail.ts";
import type { Write } from "../ports/store.ts";
import {
  type Decision,
  type Fresh,
  isAsAsked,
  isTerminal,
  mintOnTop,
  openAt,
  removeOpen,
  type Terms,
  terminal,
} from "./decision.ts";
import {
  exposureItem,
  keys,
  lossItem,
  type OpenRecord,
  openItem,
  type PurseRecord,
  type TransactionRecord,
  transactionItem,
} from "./items.ts";

export interface FundState {
  readonly purse: PurseRecord;
  readonly transaction: TransactionRecord | undefined;
  /** Whether the operator has frozen the customer; absent: not. */
  readonly isFrozen?: boolean;
}

/** The transaction as it stands now; `undecided` ones need the rail. */
export type FundOutcome =
  | { readonly step: "decided"; readonly record: TransactionRecord }
  | { readonly step: "undecided"; readonly record: TransactionRecord }
  | { readonly step: "conflict" };

/** M0 arrives: write `charging` before the rail is called, or tell what was decided before. */
export function decideFunding(
  request: Verified<typeof brokerscripRequest>,
  state: FundState,
  now: number,
  terms: Terms,
): Decision<FundOutcome> {
  const { payload, digest } = request;
  const { transaction } = state;
  if (transaction !== undefined) {
    if (transaction.request !== undefined && transaction.request !== digest)
      return { writes: [], outcome: { step: "conflict" } };
    return {
      writes: [],
      outcome: { step: isTerminal(transaction) ? "decided" : "undecided", record: transaction },
    };
  }
  if (payload.amount.currency !== terms.currency) return refuse("wrong-currency");
  const record: TransactionRecord = {
    kind: "brokerscrip",
    state: "charging",
    request: digest,
    signed: request.signed,
    expiresAt: payload.expiresAt,
    value: payload.amount.value,
    currency: payload.amount.currency,
  };
  if (isExpired(payload, now)) return refusal(payload.from, payload.txn, state, record, "expired", now, []);
  if (state.isFrozen) return refusal(payload.from, payload.txn, state, record, "frozen", now, []);
  return {
    writes: [
      {
        put: transactionItem.toItem(record),
        at: keys.transaction(payload.from, payload.txn),
        expect: "absent",
      },
      openAt(payload.from, payload.txn, now),
    ],
    outcome: { step: "undecided", record },
  };
}

/** What the rail said about a transaction that was `charging`; money is minted by `decideMint`. */
export function decideCharge(
  uid: string,
  txn: string,
  state: FundState & { readonly transaction: TransactionRecord },
  answer: ChargeState,
  account: string,
  now: number,
): Decision<FundOutcome> {
  const { transaction } = state;
  if (transaction.state !== "charging")
    return {
      writes: [],
      outcome: { step: isTerminal(transaction) ? "decided" : "undecided", record: transaction },
    };
  if (answer.state === "declined" || answer.state === "cancelled" || answer.state === "recalled") {
    const reason = answer.state === "cancelled" ? "expired" : "declined";
    return refusal(uid, txn, state, transaction, reason, now, [removeOpen(uid, txn)]);
  }
  if (answer.state !== "charged") return { writes: [], outcome: { step: "undecided", record: transaction } };
  if (!isAsAsked(answer, account, transaction.currency, transaction.value))
    throw new Error("the rail charged another account or amount than it was asked to");
  const record: TransactionRecord = { ...transaction, state: "charged", reference: answer.reference };
  const write: Write = {
    put: transactionItem.toItem(record),
    at: keys.transaction(uid, txn),
    expect: { state: "charging" },
  };
  return { writes: [write], outcome: { step: "undecided", record } };
}

export interface MintState extends FundState {
  readonly transaction: TransactionRecord;
  /** What is minted against recallable money already; undefined where nothing ever was. */
  readonly exposure: bigint | undefined;
}

/**
 * Mints one scrip of what was charged and what the customer has then, in its place. Money that can still be recalled is
 * minted against only within the operator's limit for all such money together; the rest waits until it is final.
 */
export function decideMint(
  uid: string,
  txn: string,
  state: MintState,
  isFinal: boolean,
  now: number,
  terms: Terms,
  fresh: Fresh,
): Decision<FundOutcome> {
  const { transaction, purse } = state;
  if (transaction.state !== "charged")
    return {
      writes: [],
      outcome: { step: isTerminal(transaction) ? "decided" : "undecided", record: transaction },
    };
  const charged = amountOf(transaction.currency ?? terms.currency, transaction.value ?? 0n);
  const exposed = (state.exposure ?? 0n) + charged.value;
  if (!isFinal && exposed > terms.recallableLimit)
    return { writes: [], outcome: { step: "undecided", record: transaction } };
  const minting = mintOnTop(uid, charged, purse, now, terms, fresh);
  // The money is in and the sum does not fit: it stays charged and not minted until the customer has spent some.
  if (isRefusal(minting)) return { writes: [], outcome: { step: "undecided", record: transaction } };
  const done: TransactionRecord = { ...transaction, state: "done", decidedAt: now, ...minting.record };
  const { record: linked, writes } = terminal(uid, txn, state, done, minting.purse);
  const since = { uid, txn, since: now, recallable: charged.value };
  const rest: readonly Write[] = isFinal
    ? [removeOpen(uid, txn)]
    : [
        { put: openItem.toItem(since), at: keys.open(uid, txn), expect: "any" },
        expose(charged.currency, state.exposure, exposed),
      ];
  return { writes: [...writes, ...rest], outcome: { step: "decided", record: linked } };
}

/** Money that was minted against while it could be recalled is final now: it counts against the limit no more. */
export function decideFinal(
  uid: string,
  txn: string,
  currency: string,
  state: { readonly open: OpenRecord | undefined; readonly exposure: bigint | undefined },
): Decision<{ readonly released: boolean }> {
  const { recallable } = state.open ?? {};
  if (recallable === undefined || state.exposure === undefined)
    return { writes: [], outcome: { released: false } };
  return {
    writes: [
      { remove: true, at: keys.open(uid, txn), expect: { recallable } },
      expose(currency, state.exposure, state.exposure - recallable),
    ],
    outcome: { released: true },
  };
}

/** Money that was minted against was taken back: the operator's loss, and within the limit that the operator has set. */
export function decideRecalled(
  uid: string,
  txn: string,
  currency: string,
  state: { readonly open: OpenRecord | undefined; readonly exposure: bigint | undefined },
): Decision<{ readonly released: boolean }> {
  const released = decideFinal(uid, txn, currency, state);
  const value = state.open?.recallable;
  if (isRefusal(released) || !released.outcome.released || value === undefined) return released;
  const lost: Write = {
    put: lossItem.toItem({ value }),
    at: keys.loss(currency, uid, txn),
    expect: "absent",
  };
  return { ...released, writes: [...released.writes, lost] };
}

/** Money that was charged and is not minted was taken back before it was: nothing came of the transaction. */
export function decideUncharged(
  uid: string,
  txn: string,
  state: FundState & { readonly transaction: TransactionRecord },
  now: number,
): Decision<FundOutcome> {
  const { transaction } = state;
  if (transaction.state !== "charged")
    return {
      writes: [],
      outcome: { step: isTerminal(transaction) ? "decided" : "undecided", record: transaction },
    };
  return refusal(uid, txn, state, transaction, "declined", now, [removeOpen(uid, txn)]);
}

const expose = (currency: string, before: bigint | undefined, outstanding: bigint): Write => ({
  put: exposureItem.toItem({ outstanding }),
  at: keys.exposure(currency),
  expect: before === undefined ? "absent" : { outstanding: before },
});

function refusal(
  uid: string,
  txn: string,
  state: FundState,
  record: TransactionRecord,
  reason: ErrorCode,
  now: number,
  more: readonly Write[],
): Decision<FundOutcome> {
  const refused: TransactionRecord = { ...record, state: "refused", reason, decidedAt: now };
  const { record: linked, writes } = terminal(uid, txn, state, refused);
  return { writes: [...writes, ...more], outcome: { step: "decided", record: linked } };
}
