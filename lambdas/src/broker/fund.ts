/**
 * Figure 6, obtain BrokerScrip. `charging` is written before the rail is called and cannot be aborted; `charged` once
 * the rail has said so; `done` when the scrip is minted; `refused` when the rail declined or cancelled.
 */
import type { brokerscripRequest, ErrorCode, Verified } from "@lepta/protocol";
import { add, amountOf, isExpired, isRefusal, refuse } from "@lepta/protocol";
import type { ChargeState } from "../ports/rail.ts";
import type { Write } from "../ports/store.ts";
import {
  type Decision,
  type Fresh,
  granted,
  isTerminal,
  liveScrip,
  mintBrokerScrip,
  pursed,
  type Terms,
  terminal,
} from "./decision.ts";
import { keys, openItem, type PurseRecord, type TransactionRecord, transactionItem } from "./items.ts";

export interface FundState {
  readonly purse: PurseRecord;
  readonly transaction: TransactionRecord | undefined;
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
  return {
    writes: [
      {
        put: transactionItem.toItem(record),
        at: keys.transaction(payload.from, payload.txn),
        expect: "absent",
      },
      {
        put: openItem.toItem({ uid: payload.from, txn: payload.txn, since: now }),
        at: keys.open(payload.from, payload.txn),
        expect: "any",
      },
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
  if (answer.state === "declined" || answer.state === "cancelled") {
    const reason = answer.state === "declined" ? "declined" : "expired";
    return refusal(uid, txn, state, transaction, reason, now, [removeOpen(uid, txn)]);
  }
  if (answer.state !== "charged") return { writes: [], outcome: { step: "undecided", record: transaction } };
  const asAsked =
    answer.account === account &&
    answer.amount.value === transaction.value &&
    answer.amount.currency === transaction.currency;
  if (!asAsked) throw new Error("the rail charged another account or amount than it was asked to");
  const record: TransactionRecord = { ...transaction, state: "charged", reference: answer.reference };
  const write: Write = {
    put: transactionItem.toItem(record),
    at: keys.transaction(uid, txn),
    expect: { state: "charging" },
  };
  return { writes: [write], outcome: { step: "undecided", record } };
}

/** Whether money that the rail has charged may be minted against: final, or recallable within the operator's limit. */
export const isMintable = (answer: ChargeState, terms: Terms): boolean =>
  answer.state === "charged" && (answer.final || answer.amount.value <= terms.recallableLimit);

/** Mints one scrip of what was charged and what the customer has then, in its place. */
export function decideMint(
  uid: string,
  txn: string,
  state: FundState & { readonly transaction: TransactionRecord },
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
  const live = liveScrip(purse, terms);
  const value = live === undefined ? charged : add(charged, live.value);
  // The money is in and the sum does not fit: it stays charged and not minted until the customer has spent some.
  if (isRefusal(value)) return { writes: [], outcome: { step: "undecided", record: transaction } };
  const minted = mintBrokerScrip(
    { owner: uid, value, expiresAt: now + terms.scripLife, ...(live ? { parent: live.id } : {}) },
    fresh,
    terms,
  );
  const record: TransactionRecord = {
    ...transaction,
    state: "done",
    decidedAt: now,
    ...granted(minted.grant),
    ...(live ? { spent: live.id, spentValue: live.value.value } : {}),
  };
  const { record: linked, writes } = terminal(uid, txn, state, record, pursed(minted));
  return { writes: [...writes, removeOpen(uid, txn)], outcome: { step: "decided", record: linked } };
}

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

const removeOpen = (uid: string, txn: string): Write => ({
  remove: true,
  at: keys.open(uid, txn),
  expect: "any",
});
