/**
 * Figure 8, obtain VendorScrip. One commit moves BrokerScrip from Br0 to Br1, leaves a tombstone, ends the customer's
 * transaction and books the merchant's credit. What is the merchant's fault makes only this credit void; what is the
 * customer's also ends the customer's transaction.
 */
import type {
  authorizationRequest,
  Or,
  Verified,
  vendorscripIntent,
  vendorscripOrder,
} from "@lepta/protocol";
import {
  amountOf,
  brokerSpendCodec,
  isExpired,
  isRefusal,
  limits,
  readScrip,
  readSpend,
  refuse,
  type ScripBody,
  sameAmount,
  subtract,
  type Txn,
  type Uid,
  type Value,
} from "@lepta/protocol";
import type { Write } from "../ports/store.ts";
import {
  type Decision,
  type Fresh,
  granted,
  isOverdue,
  isTerminal,
  mintBrokerScrip,
  openAt,
  type PurseChange,
  pursed,
  removeOpen,
  type Terms,
  terminal,
} from "./decision.ts";
import {
  type CreditRecord,
  creditItem,
  keys,
  type PurseRecord,
  type TombstoneRecord,
  type TransactionRecord,
  transactionItem,
} from "./items.ts";
import { dueAt } from "./settle.ts";
import { checkShown } from "./shown-scrip.ts";

type Authorization = Verified<typeof authorizationRequest>;
type Part = Verified<typeof vendorscripOrder>;
type BrokerSpend = Value<typeof brokerSpendCodec>;

export interface AuthoriseState {
  readonly credit: CreditRecord | undefined;
  /** The customer's. */
  readonly transaction: TransactionRecord | undefined;
  /** The customer's; undefined where the customer is not enrolled. */
  readonly purse: PurseRecord | undefined;
  /** What is left of the scrip that the part shows, where it was spent. */
  readonly tombstone: TombstoneRecord | undefined;
  /** Whether the operator has frozen the merchant or the customer; absent: neither. */
  readonly isFrozen?: boolean;
}

export type AuthoriseOutcome =
  /** The credit as it stands, and the customer's transaction where this authorization decided it. */
  | {
      readonly step: "decided";
      readonly credit: CreditRecord;
      readonly transaction: TransactionRecord | undefined;
    }
  /** The same transaction was authorized with another M2: signed, and ends nothing. */
  | { readonly step: "conflict" };

/** M2 arrives with the part for B, which may prove unusable. */
export function decideAuthorisation(
  request: Authorization,
  part: Or<Part>,
  state: AuthoriseState,
  now: number,
  terms: Terms,
  fresh: Fresh,
): Decision<AuthoriseOutcome> {
  const { payload } = request;
  const { credit, transaction, purse } = state;
  if (credit !== undefined) {
    if (credit.authorizationDigest !== request.digest) return { writes: [], outcome: { step: "conflict" } };
    const ours = transaction?.authorizationDigest === request.digest ? transaction : undefined;
    return { writes: [], outcome: { step: "decided", credit, transaction: ours } };
  }
  if (payload.amount.currency !== terms.currency) return refuse("wrong-currency");
  if (payload.customer === payload.from) return refuse("same-party");
  const usable = merchantSide(request, part, now);
  if (isRefusal(usable) || isRefusal(part) || purse === undefined) return voided(undefined, []);
  if (transaction !== undefined && (isTerminal(transaction) || transaction.kind !== "vendorscrip"))
    return voided(undefined, []);

  const base: TransactionRecord = {
    ...transaction,
    kind: "vendorscrip",
    state: "open",
    request: part.digest,
    signed: part.signed,
    authorization: request.signed,
    authorizationDigest: request.digest,
    value: payload.amount.value,
    currency: payload.amount.currency,
    merchant: payload.from,
    ...(part.payload.address === undefined ? {} : { address: part.payload.address }),
    decidedAt: now,
  };
  // The part names this merchant and nobody else, so it can never be authorised elsewhere: its scrip is unlocked at once.
  const change = state.isFrozen
    ? refuse("frozen")
    : customerSide(part, usable, { ...state, purse }, now, terms, fresh);
  if (isRefusal(change)) return ended({ ...base, state: "refused", reason: change.code }, undefined, purse);
  return ended({ ...base, state: "done", ...change.record }, change.purse, purse);

  function ended(
    record: TransactionRecord,
    purseChange: PurseChange,
    before: PurseRecord,
  ): Decision<AuthoriseOutcome> {
    const { txn, customer } = payload;
    const { record: linked, writes } = terminal(
      customer,
      txn,
      { purse: before, transaction },
      record,
      purseChange,
    );
    // What had an intent was on the schedule's list.
    const all = transaction === undefined ? writes : [...writes, removeOpen(customer, txn)];
    return record.state === "done" ? booked(linked, all) : voided(linked, all);
  }

  function voided(
    record: TransactionRecord | undefined,
    writes: readonly Write[],
  ): Decision<AuthoriseOutcome> {
    return withCredit({ ...creditBase(), state: "void", reason: "refused" }, record, writes);
  }

  function booked(record: TransactionRecord, writes: readonly Write[]): Decision<AuthoriseOutcome> {
    const scrip = readScrip(payload.scrip);
    const id = isRefusal(scrip) ? {} : { scrip: scrip.id };
    const heldUntil = now + terms.holdTime;
    const held = { ...creditBase(), state: "held", owed: payload.amount.value, heldUntil, ...id };
    return withCredit(held, record, [
      ...writes,
      dueAt(payload.from, heldUntil, payload.customer, payload.txn),
    ]);
  }

  function withCredit(
    next: CreditRecord,
    record: TransactionRecord | undefined,
    writes: readonly Write[],
  ): Decision<AuthoriseOutcome> {
    const put: Write = {
      put: creditItem.toItem(next),
      at: keys.credit(payload.from, payload.customer, payload.txn),
      expect: "absent",
    };
    return { writes: [...writes, put], outcome: { step: "decided", credit: next, transaction: record } };
  }

  function creditBase() {
    const { value, currency } = payload.amount;
    return { authorizationDigest: request.digest, value, currency, decidedAt: now };
  }
}

/** What is between the merchant and its customer: nothing here touches the customer's transaction. */
function merchantSide({ payload }: Authorization, part: Or<Part>, now: number): Or<BrokerSpend> {
  if (isRefusal(part)) return part;
  if (isExpired(payload, now)) return refuse("expired");
  if (part.payload.from !== payload.customer || part.payload.txn !== payload.txn)
    return refuse("wrong-reference");
  if (part.payload.merchant !== payload.from) return refuse("wrong-recipient");
  const spend = readSpend(brokerSpendCodec, part.payload.spend);
  if (isRefusal(spend)) return spend;
  if (!sameAmount(spend.amount, payload.amount)) return refuse("scrip-mismatch");
  const vendorScrip = readScrip(payload.scrip);
  if (isRefusal(vendorScrip)) return vendorScrip;
  return isAsAsked(vendorScrip, payload, spend, now) ? spend : refuse("scrip-mismatch");
}

function isAsAsked(
  scrip: ScripBody,
  asked: Authorization["payload"],
  spend: BrokerSpend,
  now: number,
): boolean {
  return (
    scrip.kind === "vendor" &&
    scrip.network === asked.network &&
    scrip.issuer === asked.from &&
    scrip.owner === asked.customer &&
    sameAmount(scrip.value, asked.amount) &&
    scrip.expiresAt >= spend.minimumExpiry &&
    scrip.expiresAt > now
  );
}

/** What is between the customer and the broker: the request's time, the intent, and the scrip. */
function customerSide(
  part: Part,
  spend: BrokerSpend,
  state: AuthoriseState & { readonly purse: PurseRecord },
  now: number,
  terms: Terms,
  fresh: Fresh,
): Or<{ readonly record: Partial<TransactionRecord>; readonly purse: PurseChange }> {
  const { transaction } = state;
  if (isExpired(part.payload, now)) return refuse("expired");
  if (transaction !== undefined && !agrees(transaction, part.payload.merchant, spend))
    return refuse("intent-mismatch");
  const owner = part.payload.from;
  const live = checkShown(owner, spend.scrip, part.payload.spend, state, terms);
  if (isRefusal(live)) return live;
  if (isOverdue(live, now, terms)) return refuse("scrip-expired");
  const rest = subtract(live.value, spend.amount);
  if (isRefusal(rest)) return rest;
  const record = { spent: live.id, spentValue: live.value.value };
  if (rest.value === 0n) return { record, purse: "emptied" };
  // Change lives as long as the scrip that it comes from: spending does not renew it.
  const draft = { owner, value: rest, expiresAt: live.expiresAt, parent: live.id };
  const change = mintBrokerScrip(draft, fresh, terms);
  return { record: { ...record, ...granted(change.grant) }, purse: pursed(change) };
}

const agrees = (intent: TransactionRecord, merchant: Uid, spend: BrokerSpend): boolean =>
  intent.merchant === merchant &&
  sameAmount(amountOf(intent.currency ?? spend.amount.currency, intent.value ?? 0n), spend.amount);

/** M0: what the customer is about to ask for, recorded as `open` so that M2 must agree with it. */
export function decideIntent(
  request: Verified<typeof vendorscripIntent>,
  transaction: TransactionRecord | undefined,
  now: number,
  terms: Terms,
): Decision<{ readonly recorded: boolean }> {
  const { payload } = request;
  if (transaction !== undefined) {
    // M1 does not wait for M0: one that comes after the decision is too late to be kept.
    return { writes: [], outcome: { recorded: transaction.intentDigest === request.digest } };
  }
  if (payload.amount.currency !== terms.currency) return refuse("wrong-currency");
  if (payload.merchant === payload.from) return refuse("same-party");
  if (isExpired(payload, now)) return refuse("expired");
  const record: TransactionRecord = {
    kind: "vendorscrip",
    state: "open",
    request: request.digest,
    intent: request.signed,
    intentDigest: request.digest,
    expiresAt: payload.expiresAt,
    value: payload.amount.value,
    currency: payload.amount.currency,
    merchant: payload.merchant,
  };
  const write: Write = {
    put: transactionItem.toItem(record),
    at: keys.transaction(payload.from, payload.txn),
    expect: "absent",
  };
  const due = payload.expiresAt + limits.clockSkew;
  return { writes: [write, openAt(payload.from, payload.txn, now, due)], outcome: { recorded: true } };
}

/** An intent that nothing came of until it had expired: the schedule ends it. */
export function decideIntentOver(
  uid: Uid,
  txn: Txn,
  state: { readonly purse: PurseRecord; readonly transaction: TransactionRecord | undefined },
  now: number,
): Decision<{ readonly ended: boolean }> {
  const { transaction } = state;
  if (transaction?.state !== "open" || now < (transaction.expiresAt ?? 0) + limits.clockSkew)
    return { writes: [], outcome: { ended: false } };
  const record: TransactionRecord = { ...transaction, state: "refused", reason: "expired", decidedAt: now };
  const { writes } = terminal(uid, txn, state, record);
  return { writes: [...writes, removeOpen(uid, txn)], outcome: { ended: true } };
}
