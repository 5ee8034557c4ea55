/** BrokerScrip in exchange for the same that lives longer: within a grace period also when it has expired. */
import type { ErrorCode, renewalRequest, Verified } from "@lepta/protocol";
import {
  isExpired,
  isRefusal,
  type Or,
  readSpend,
  refuse,
  returnSpendCodec,
  sameAmount,
  type Value,
} from "@lepta/protocol";
import {
  type Decision,
  type Fresh,
  granted,
  type LiveScrip,
  mintBrokerScrip,
  pursed,
  type Terms,
  terminal,
} from "./decision.ts";
import type { TransactionRecord } from "./items.ts";
import { checkShown, type ShownState } from "./shown-scrip.ts";

export interface ReturnState extends ShownState {
  readonly transaction: TransactionRecord | undefined;
  /** Whether the operator has frozen the peer; absent: not. What is frozen is renewed all the same, or it would expire. */
  readonly isFrozen?: boolean;
}

/** The transaction's end, or `conflict`: another request had this id. */
export type ReturnOutcome =
  | { readonly step: "decided"; readonly record: TransactionRecord }
  | { readonly step: "undecided"; readonly record: TransactionRecord }
  | { readonly step: "conflict" };

/** Decides a renewal: a scrip of the same value in place of the one that is shown. */
export function decideRenewal(
  request: Verified<typeof renewalRequest>,
  state: ReturnState,
  now: number,
  terms: Terms,
  fresh: Fresh,
): Decision<ReturnOutcome> {
  const { payload, digest } = request;
  const { from: uid, txn } = payload;
  const known = knownOutcome(state.transaction, digest);
  if (known !== undefined) return { writes: [], outcome: known };
  const spend = readSpend(returnSpendCodec, payload.spend);
  if (isRefusal(spend)) return spend;
  const base: TransactionRecord = {
    kind: "renewal",
    state: "refused",
    request: digest,
    signed: request.signed,
    decidedAt: now,
  };
  const live = renewable(spend);
  if (isRefusal(live)) return decided({ ...base, reason: live.code satisfies ErrorCode });
  const draft = { owner: uid, value: live.value, expiresAt: now + terms.scripLife, parent: live.id };
  const minted = mintBrokerScrip(draft, fresh, terms);
  const { value, currency } = live.value;
  const done = { ...base, state: "done", value, currency, spent: live.id, spentValue: value };
  return decided({ ...done, ...granted(minted.grant) }, pursed(minted));

  function renewable(spend: Value<typeof returnSpendCodec>): Or<LiveScrip> {
    if (isExpired(payload, now)) return refuse("expired");
    const shown = checkShown(uid, spend.scrip, payload.spend, state, terms);
    if (isRefusal(shown)) return shown;
    if (now >= shown.expiresAt + terms.grace) return refuse("scrip-expired");
    return sameAmount(spend.amount, shown.value) ? shown : refuse("insufficient");
  }

  function decided(
    record: TransactionRecord,
    purse?: Parameters<typeof terminal>[4],
  ): Decision<ReturnOutcome> {
    const { record: linked, writes } = terminal(uid, txn, state, record, purse);
    return { writes, outcome: { step: "decided", record: linked } };
  }
}

/** What a transaction that is there already says to a request under its id; undefined where none is there. */
export function knownOutcome(
  transaction: TransactionRecord | undefined,
  digest: string,
): ReturnOutcome | undefined {
  if (transaction === undefined) return undefined;
  // An abort that came first has seen no request: it is the end of whatever comes under this id.
  if (transaction.request !== undefined && transaction.request !== digest) return { step: "conflict" };
  const isOpen = transaction.state === "paying" || transaction.state === "disputed";
  return { step: isOpen ? "undecided" : "decided", record: transaction };
}
