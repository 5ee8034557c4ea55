/**
 * A customer says that the VendorScrip it obtained is of no use, within the time that the credit is held. The merchant
 * may answer with the latest purchase or statement that the customer signed; what that leaves goes back, or everything
 * where the merchant stays silent (design section 5). `disputed` until then; it cannot be aborted.
 */
import {
  type Amount,
  amountOf,
  isExpired,
  isRefusal,
  limits,
  originOf,
  type Payload,
  type purchaseRequest,
  purchaseSpendCodec,
  readScrip,
  readSpend,
  type reversalRequest,
  type Statement,
  subtract,
  type Txn,
  type Uid,
  type Verified,
} from "@lepta/protocol";
import type { Write } from "../ports/store.ts";
import {
  type Decision,
  type Fresh,
  mintOnTop,
  openAt,
  removeOpen,
  type Terms,
  terminal,
} from "./decision.ts";
import {
  type CreditRecord,
  creditItem,
  type DisputeRecord,
  disputeItem,
  type ExcessRecord,
  excessItem,
  keys,
  type PurseRecord,
  type TransactionRecord,
  transactionItem,
} from "./items.ts";
import { knownOutcome, type ReturnOutcome } from "./renew.ts";
import { dueAt, owedOf, removeDue } from "./settle.ts";

export interface DisputeState {
  /** The customer's. */
  readonly purse: PurseRecord;
  /** The reversal's own. */
  readonly transaction: TransactionRecord | undefined;
  /** The credit that it is about. */
  readonly credit: CreditRecord | undefined;
}

/** The customer asks: signed and without proof, because only the merchant can tell. */
export function decideReversal(
  request: Verified<typeof reversalRequest>,
  state: DisputeState & {
    /** The merchant is paid nothing while the operator has frozen it, so what it is owed can still go back. */
    readonly isFrozen: boolean;
  },
  now: number,
  terms: Terms,
): Decision<ReturnOutcome> {
  const { from: customer, txn, merchant, subject } = request.payload;
  const known = knownOutcome(state.transaction, request.digest);
  if (known !== undefined) return { writes: [], outcome: known };
  const { credit } = state;
  const base: TransactionRecord = {
    kind: "reversal",
    state: "disputed",
    request: request.digest,
    signed: request.signed,
    merchant,
    subject,
    currency: credit?.currency ?? terms.currency,
  };
  const fault = faultOf(credit);
  if (fault !== undefined || credit === undefined) {
    const refused = {
      ...base,
      state: "refused",
      value: 0n,
      reason: fault ?? "wrong-reference",
      decidedAt: now,
    };
    const { record, writes } = terminal(customer, txn, state, refused);
    return { writes, outcome: { step: "decided", record } };
  }
  const answerBy = now + terms.claimTime;
  const record: TransactionRecord = { ...base, answerBy };
  const writes: readonly Write[] = [
    { put: transactionItem.toItem(record), at: keys.transaction(customer, txn), expect: "absent" },
    {
      put: creditItem.toItem({ ...credit, state: "disputed" }),
      at: keys.credit(merchant, customer, subject),
      expect: { state: "held", owed: credit.owed },
    },
    removeDue(merchant, credit.heldUntil ?? 0, customer, subject),
    {
      put: disputeItem.toItem({ customer, subject, txn, answerBy }),
      at: keys.dispute(merchant, customer, subject),
      expect: "absent",
    },
    openAt(customer, txn, now, answerBy),
  ];
  return { writes, outcome: { step: "undecided", record } };

  function faultOf(held: CreditRecord | undefined) {
    if (isExpired(request.payload, now)) return "expired" as const;
    if (held === undefined || held.state === "void" || held.state === "refund")
      return "wrong-reference" as const;
    if (held.state === "settled") return "paid-out" as const;
    // A merchant answers once for one credit.
    if (held.state !== "held" || held.reversedBy !== undefined) return "wrong-reference" as const;
    return now < (held.heldUntil ?? 0) || state.isFrozen ? undefined : ("too-late" as const);
  }
}

/** What a merchant answers: what it keeps, and the purchase or statement that bears it out, whose signature was checked. */
export interface Claim {
  readonly claimed: Amount;
  readonly evidence: Evidence | undefined;
}

/** What the customer has signed for this merchant. */
export type Evidence = Payload<typeof purchaseRequest> | Statement;

export interface ClosingState extends DisputeState {
  readonly transaction: TransactionRecord;
  readonly dispute: DisputeRecord | undefined;
  /** What this merchant kept beyond such evidence of this customer's before. */
  readonly excess: ExcessRecord | undefined;
}

/** What a merchant keeps of a disputed credit, and what of that is beyond what its customer has signed. */
interface Share {
  readonly kept: bigint;
  readonly excess: bigint;
}

const NO_SHARE: Share = { kept: 0n, excess: 0n };

/** The merchant answers, or its time is over: what it cannot claim goes back to the customer. */
export function decideDispute(
  customer: Uid,
  txn: Txn,
  state: ClosingState,
  claim: Claim | undefined,
  now: number,
  terms: Terms,
  fresh: Fresh,
): Decision<ReturnOutcome> {
  const { transaction, credit, dispute } = state;
  const { merchant = "", subject = "" } = transaction;
  // The merchant has been heard: it is not told of this dispute again.
  const heard: readonly Write[] =
    claim === undefined || dispute === undefined
      ? []
      : [{ remove: true, at: keys.dispute(merchant, customer, subject), expect: "any" }];
  if (transaction.state !== "disputed")
    return { writes: heard, outcome: { step: "decided", record: transaction } };
  if (credit === undefined) throw new Error("a disputed credit is gone");
  if (claim === undefined && now < (transaction.answerBy ?? 0))
    return { writes: [], outcome: { step: "undecided", record: transaction } };
  const owed = owedOf(credit);
  // A merchant whose time was over has been silent, whenever the schedule comes by.
  const isInTime = now < (transaction.answerBy ?? 0);
  const { kept, excess } =
    claim !== undefined && isInTime ? shareOf(merchant, customer, credit, claim, state.excess) : NO_SHARE;
  const reversed = amountOf(owed.currency, owed.value - kept);
  const back =
    reversed.value === 0n
      ? { record: {}, purse: undefined }
      : mintOnTop(customer, reversed, state.purse, now, terms, fresh);
  // The sum does not fit into the purse: it waits until the customer has spent some.
  if (isRefusal(back)) return { writes: [], outcome: { step: "undecided", record: transaction } };
  const done = { ...transaction, ...back.record, state: "done", value: reversed.value, decidedAt: now };
  const { record, writes } = terminal(customer, txn, state, done, back.purse);
  const heldUntil = credit.heldUntil ?? 0;
  const ended: readonly Write[] = [
    {
      put: creditItem.toItem({
        ...credit,
        state: kept === 0n ? "ended" : "held",
        owed: kept,
        reversedBy: txn,
      }),
      at: keys.credit(merchant, customer, subject),
      expect: { state: "disputed", owed: credit.owed },
    },
    ...(kept === 0n ? [] : [dueAt(merchant, heldUntil, customer, subject)]),
    ...(excess === 0n ? [] : [excessOnce()]),
    removeOpen(customer, txn),
  ];
  return { writes: [...writes, ...ended, ...heard], outcome: { step: "decided", record } };

  function excessOnce(): Write {
    const mark = { txn, value: excess, currency: owed.currency, at: now };
    return { put: excessItem.toItem(mark), at: keys.excess(customer, merchant), expect: "absent" };
  }
}

/**
 * The least of what is claimed, what is owed, and what the evidence bears out. Beyond the evidence up to A are believed,
 * which both sides let come together before they sign, and that once for each pair.
 */
function shareOf(
  merchant: Uid,
  customer: Uid,
  credit: CreditRecord,
  { claimed, evidence }: Claim,
  before: ExcessRecord | undefined,
): Share {
  const proven = evidence && provenBy(merchant, customer, credit, evidence);
  if (proven === undefined || claimed.currency !== credit.currency) return NO_SHARE;
  const borneOut = least(proven, claimed.value, credit.owed ?? 0n);
  if (before !== undefined) return { kept: borneOut, excess: 0n };
  const kept = least(proven + limits.unstatedAmount, claimed.value, credit.owed ?? 0n);
  return { kept, excess: kept - borneOut };
}

/** V0's value less what the customer's signature left of it; undefined where the evidence is about something else. */
function provenBy(
  merchant: Uid,
  customer: Uid,
  credit: CreditRecord,
  evidence: Evidence,
): bigint | undefined {
  const left =
    evidence.type === "statement"
      ? leftByStatement(merchant, customer, credit, evidence)
      : leftByPurchase(merchant, customer, credit, evidence);
  return left === undefined ? undefined : credit.value - left;
}

function leftByPurchase(
  merchant: Uid,
  customer: Uid,
  credit: CreditRecord,
  evidence: Payload<typeof purchaseRequest>,
): bigint | undefined {
  const spend = readSpend(purchaseSpendCodec, evidence.spend);
  if (isRefusal(spend)) return undefined;
  const scrip = readScrip(spend.scrip[0]);
  if (isRefusal(scrip)) return undefined;
  const rest = subtract(scrip.value, spend.amount);
  // The body is what customer and merchant say; its certificate is the merchant's to check. So no more is believed of it
  // than that V0 was worth what the credit says, and that what descends from it is worth no more.
  const isOfThis =
    scrip.value.value <= credit.value &&
    scrip.issuer === merchant &&
    scrip.owner === customer &&
    originOf(scrip) === credit.scrip &&
    scrip.value.currency === credit.currency;
  if (!isOfThis || isRefusal(rest)) return undefined;
  return rest.value;
}

/** In a statement the customer signs which V0 its lane's scrip descends from: one of another line bears nothing out. */
function leftByStatement(
  merchant: Uid,
  customer: Uid,
  credit: CreditRecord,
  said: Statement,
): bigint | undefined {
  const isOfThis =
    said.remaining.value <= credit.value &&
    said.from === merchant &&
    said.customer === customer &&
    originOf({ ...said, id: said.scrip }) === credit.scrip &&
    said.remaining.currency === credit.currency;
  return isOfThis ? said.remaining.value : undefined;
}

function least(first: bigint, ...others: readonly bigint[]): bigint {
  let low = first;
  for (const each of others) if (each < low) low = each;
  return low;
}
