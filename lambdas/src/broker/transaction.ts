/** Asking about a transaction, and ending one that is not decided (design section 6, rule 4). */
import type { abort, ErrorCode, query, TransactionState, Txn, Uid, Verified } from "@lepta/protocol";
import { isExpired, refuse } from "@lepta/protocol";
import { type Decision, isTerminal, removeOpen, terminal } from "./decision.ts";
import { type CreditRecord, creditItem, keys, type PurseRecord, type TransactionRecord } from "./items.ts";

export interface SubjectState {
  /** Of the initiator. */
  readonly transaction: TransactionRecord | undefined;
  /** Of the asker, when the asker is not the initiator. */
  readonly credit: CreditRecord | undefined;
  /** Of the initiator, when it is the asker. */
  readonly purse: PurseRecord | undefined;
}

/** How a transaction stands for the one who asks. */
export interface Standing {
  readonly state: TransactionState;
  readonly transaction: TransactionRecord | undefined;
  readonly credit: CreditRecord | undefined;
}

/** A query reads; only the initiator and the merchant of a transaction learn anything. */
export function decideQuery(
  request: Verified<typeof query>,
  state: SubjectState,
  now: number,
): Decision<Standing> {
  if (isExpired(request.payload, now)) return refuse("expired");
  return { writes: [], outcome: standingFor(request.payload.from, request.payload.initiator, state) };
}

/** An abort by the customer ends its transaction; one by a merchant makes its credit void. It races the real one. */
export function decideAbort(
  request: Verified<typeof abort>,
  state: SubjectState,
  now: number,
): Decision<Standing> {
  const { payload } = request;
  const standing = standingFor(payload.from, payload.initiator, state);
  return payload.from === payload.initiator
    ? abortByInitiator(payload.from, payload.subject)
    : abortByMerchant();

  function abortByInitiator(uid: Uid, subject: Txn): Decision<Standing> {
    const { transaction, purse } = state;
    if (purse === undefined) return refuse("unknown-peer");
    const cannot = transaction !== undefined && (isTerminal(transaction) || transaction.state !== "open");
    // What is decided is told before expiry is judged: the same abort gets the same answer.
    if (cannot) return { writes: [], outcome: standing };
    if (isExpired(payload, now)) return refuse("expired");
    const record: TransactionRecord = {
      kind: "abort",
      ...transaction,
      state: "aborted",
      reason: "aborted" satisfies ErrorCode,
      decidedAt: now,
    };
    const { record: linked, writes } = terminal(uid, subject, { purse, transaction }, record);
    return {
      writes: transaction === undefined ? writes : [...writes, removeOpen(uid, subject)],
      outcome: { state: "aborted", transaction: linked, credit: undefined },
    };
  }

  function abortByMerchant(): Decision<Standing> {
    if (state.credit !== undefined) return { writes: [], outcome: standing };
    if (isExpired(payload, now)) return refuse("expired");
    const { authorization, amount, initiator, subject, from } = payload;
    if (authorization === undefined || amount === undefined) return refuse("wrong-reference");
    const credit: CreditRecord = {
      state: "void",
      authorizationDigest: authorization,
      value: amount.value,
      currency: amount.currency,
      reason: "refused",
      decidedAt: now,
    };
    const put = {
      put: creditItem.toItem(credit),
      at: keys.credit(from, initiator, subject),
      expect: "absent" as const,
    };
    return { writes: [put], outcome: { state: "refused", transaction: undefined, credit } };
  }
}

function standingFor(asker: Uid, initiator: Uid, state: SubjectState): Standing {
  const { transaction, credit } = state;
  if (asker !== initiator)
    return {
      state: credit === undefined ? "unknown" : credit.state === "void" ? "refused" : "done",
      transaction: undefined,
      credit,
    };
  return { state: stateOf(transaction), transaction, credit: undefined };
}

function stateOf(transaction: TransactionRecord | undefined): Standing["state"] {
  const known = ["open", "charging", "charged", "paying", "disputed", "done", "refused", "aborted"] as const;
  return known.find((each) => each === transaction?.state) ?? "unknown";
}
