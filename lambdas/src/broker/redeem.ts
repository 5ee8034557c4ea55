/**
 * Figure 6 backwards: BrokerScrip is spent first (`paying`, which cannot be aborted), then the rail pays, then the
 * transaction is `done`; where the rail will never pay, what was spent is minted again and it is `refused`.
 */
import type { redeemRequest, Verified } from "@lepta/protocol";
import {
  amountOf,
  isExpired,
  isRefusal,
  type Or,
  readSpend,
  refuse,
  returnSpendCodec,
  subtract,
  type Txn,
  type Uid,
  type Value,
} from "@lepta/protocol";
import type { PayoutState } from "../ports/rail.ts";
import type { Write } from "../ports/store.ts";
import {
  type Decision,
  type Fresh,
  granted,
  isAsAsked,
  mintBrokerScrip,
  mintOnTop,
  openAt,
  type PurseChange,
  pursed,
  removeOpen,
  type Terms,
  terminal,
  tombstone,
  unmoved,
} from "./decision.ts";
import { keys, type PurseRecord, purseItem, type TransactionRecord, transactionItem } from "./items.ts";
import { knownOutcome, type ReturnOutcome, type ReturnState } from "./renew.ts";
import { checkShown } from "./shown-scrip.ts";

/** The request arrives: the scrip is spent and the change lives before the rail is called. */
export function decideRedemption(
  request: Verified<typeof redeemRequest>,
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
  if (spend.amount.currency !== terms.currency) return refuse("wrong-currency");
  if (spend.amount.value % terms.unit !== 0n)
    return refuse("bad-amount", "not a multiple of the rail's unit");
  const base: TransactionRecord = {
    kind: "redeem",
    state: "paying",
    request: digest,
    signed: request.signed,
    value: spend.amount.value,
    currency: spend.amount.currency,
  };
  const change = redeemed(request, spend, state, now, terms, fresh);
  if (isRefusal(change)) {
    const refused: TransactionRecord = { ...base, state: "refused", reason: change.code, decidedAt: now };
    const { record, writes } = terminal(uid, txn, state, refused);
    return { writes, outcome: { step: "decided", record } };
  }
  const record: TransactionRecord = { ...base, ...change.record };
  const writes: readonly Write[] = [
    { put: transactionItem.toItem(record), at: keys.transaction(uid, txn), expect: "absent" },
    movedPurse(uid, state.purse, change.purse),
    tombstone(uid, txn, state.purse, now),
    openAt(uid, txn, now),
  ];
  return { writes, outcome: { step: "undecided", record } };
}

/** What the rail said about money that is on its way out. */
export function decidePayout(
  uid: Uid,
  txn: Txn,
  state: { readonly purse: PurseRecord; readonly transaction: TransactionRecord },
  answer: PayoutState,
  account: string,
  now: number,
  terms: Terms,
  fresh: Fresh,
): Decision<ReturnOutcome> {
  const { transaction, purse } = state;
  if (transaction.state !== "paying")
    return { writes: [], outcome: { step: "decided", record: transaction } };
  if (answer.state === "paid") {
    const { reference } = answer;
    if (!isAsAsked(answer, account, transaction.currency, transaction.value))
      throw new Error("the rail paid another account or amount than it was asked to");
    return ended({ ...transaction, state: "done", reference, decidedAt: now });
  }
  const amount = amountOf(transaction.currency ?? terms.currency, transaction.value ?? 0n);
  const again = answer.state === "declined" ? mintOnTop(uid, amount, purse, now, terms, fresh) : undefined;
  // Not known yet; or the sum does not fit into the purse, until the customer has spent some.
  if (again === undefined || isRefusal(again))
    return { writes: [], outcome: { step: "undecided", record: transaction } };
  const { spent, spentValue } = transaction;
  const refused = { ...transaction, ...again.record, spent, spentValue } as TransactionRecord;
  return ended({ ...refused, state: "refused", reason: "declined", decidedAt: now }, again.purse);

  function ended(record: TransactionRecord, change?: PurseChange): Decision<ReturnOutcome> {
    const { record: linked, writes } = terminal(uid, txn, state, record, change);
    return {
      writes: [...writes, removeOpen(uid, txn)],
      outcome: { step: "decided", record: linked },
    };
  }
}

function redeemed(
  { payload }: Verified<typeof redeemRequest>,
  spend: Value<typeof returnSpendCodec>,
  state: ReturnState,
  now: number,
  terms: Terms,
  fresh: Fresh,
): Or<{ readonly record: Partial<TransactionRecord>; readonly purse: Partial<PurseRecord> | "emptied" }> {
  if (isExpired(payload, now)) return refuse("expired");
  if (state.isFrozen) return refuse("frozen");
  const live = checkShown(payload.from, spend.scrip, payload.spend, state, terms);
  if (isRefusal(live)) return live;
  if (now >= live.expiresAt + terms.grace) return refuse("scrip-expired");
  const rest = subtract(live.value, spend.amount);
  if (isRefusal(rest)) return rest;
  const record = { spent: live.id, spentValue: live.value.value };
  if (rest.value === 0n) return { record, purse: "emptied" };
  const draft = { owner: payload.from, value: rest, expiresAt: live.expiresAt, parent: live.id };
  const change = mintBrokerScrip(draft, fresh, terms);
  return { record: { ...record, ...granted(change.grant) }, purse: pursed(change) };
}

/** The purse with another scrip, or none, at the same place of its audit chain: no transaction has ended. */
function movedPurse(uid: Uid, purse: PurseRecord, change: Partial<PurseRecord> | "emptied"): Write {
  const { sequence, head } = purse;
  const next: PurseRecord = { ...(change === "emptied" ? {} : change), sequence, head };
  return { put: purseItem.toItem(next), at: keys.purse(uid), expect: unmoved(purse) };
}
