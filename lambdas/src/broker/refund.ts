/**
 * Figure 8 backwards: a merchant gives VendorScrip back. One commit takes the amount from the credit that the merchant
 * has for it, mints it into the customer's purse, ends the customer's transaction and records what the merchant asked.
 */
import type { ErrorCode, Or, refundAuthorization, refundOrder, Verified } from "@lepta/protocol";
import { isExpired, isRefusal, refuse, sameAmount, subtract } from "@lepta/protocol";
import type { Write } from "../ports/store.ts";
import { type Decision, type Fresh, type Minting, mintOnTop, type Terms, terminal } from "./decision.ts";
import { type CreditRecord, creditItem, keys, type PurseRecord, type TransactionRecord } from "./items.ts";
import { owedOf, removeDue } from "./settle.ts";

type Authorization = Verified<typeof refundAuthorization>;
type Part = Verified<typeof refundOrder>;

export interface RefundState {
  /** What was decided for this merchant under this transaction. */
  readonly outcome: CreditRecord | undefined;
  /** The credit of figure 8 that it comes out of. */
  readonly credit: CreditRecord | undefined;
  /** The customer's. */
  readonly transaction: TransactionRecord | undefined;
  readonly purse: PurseRecord | undefined;
}

export type RefundOutcome =
  | {
      readonly step: "decided";
      readonly outcome: CreditRecord;
      readonly transaction: TransactionRecord | undefined;
    }
  | { readonly step: "conflict" };

/** A merchant's request with the customer's part for B, which may prove unusable. */
export function decideRefund(
  request: Authorization,
  part: Or<Part>,
  state: RefundState,
  now: number,
  terms: Terms,
  fresh: Fresh,
): Decision<RefundOutcome> {
  const { payload } = request;
  const { from: merchant, customer, txn, amount } = payload;
  const { transaction, purse, credit } = state;
  if (state.outcome !== undefined) {
    if (state.outcome.authorizationDigest !== request.digest)
      return { writes: [], outcome: { step: "conflict" } };
    const ours = transaction?.authorizationDigest === request.digest ? transaction : undefined;
    return { writes: [], outcome: { step: "decided", outcome: state.outcome, transaction: ours } };
  }
  if (amount.currency !== terms.currency) return refuse("wrong-currency");
  if (customer === merchant) return refuse("same-party");
  // What is wrong between the merchant and its customer does not touch the customer's transaction.
  if (isRefusal(part) || purse === undefined || !isWanted(request, part, now)) return voided(undefined, []);
  // Whatever this customer did, or does, under the same id is another thing.
  if (transaction !== undefined) return voided(undefined, []);
  // Only the merchant named the credit.
  const isOwed = credit?.state === "held" && !isRefusal(subtract(owedOf(credit), amount));
  if (credit === undefined || (credit.state !== "settled" && !isOwed)) return voided(undefined, []);
  const base: TransactionRecord = {
    kind: "refund",
    state: "refused",
    request: part.digest,
    signed: part.signed,
    authorization: request.signed,
    authorizationDigest: request.digest,
    value: amount.value,
    currency: amount.currency,
    merchant,
    subject: payload.credit,
    decidedAt: now,
  };
  const minting = refundable(purse, part, credit);
  if (isRefusal(minting)) {
    const { record, writes } = terminal(
      customer,
      txn,
      { purse, transaction },
      { ...base, reason: minting.code },
    );
    return voided(record, writes);
  }
  const done = { ...base, ...minting.record, state: "done" };
  const { record, writes } = terminal(customer, txn, { purse, transaction }, done, minting.purse);
  return recorded({ ...outcomeBase(), state: "refund" }, record, [...writes, ...minting.writes]);

  /** Out of what is owed for this VendorScrip and not paid out yet. */
  function refundable(
    held: PurseRecord,
    order: Part,
    from: CreditRecord,
  ): Or<Minting & { readonly writes: readonly Write[] }> {
    if (isExpired(order.payload, now)) return refuse("expired" satisfies ErrorCode);
    if (from.state === "settled") return refuse("paid-out");
    const rest = subtract(owedOf(from), amount);
    if (isRefusal(rest)) return rest;
    const minted = mintOnTop(customer, amount, held, now, terms, fresh);
    if (isRefusal(minted)) return minted;
    const owes: Write = {
      put: creditItem.toItem({
        ...from,
        owed: rest.value,
        ...(rest.value === 0n ? { state: "ended" } : {}),
      }),
      at: keys.credit(merchant, customer, payload.credit),
      expect: { state: "held", owed: from.owed },
    };
    const due = rest.value === 0n ? [removeDue(merchant, from.heldUntil ?? 0, customer, payload.credit)] : [];
    return { ...minted, writes: [owes, ...due] };
  }

  function voided(record: TransactionRecord | undefined, writes: readonly Write[]): Decision<RefundOutcome> {
    return recorded({ ...outcomeBase(), state: "void", reason: "refused" }, record, writes);
  }

  function recorded(
    outcome: CreditRecord,
    record: TransactionRecord | undefined,
    writes: readonly Write[],
  ): Decision<RefundOutcome> {
    const put: Write = {
      put: creditItem.toItem(outcome),
      at: keys.credit(merchant, customer, txn),
      expect: "absent",
    };
    return { writes: [...writes, put], outcome: { step: "decided", outcome, transaction: record } };
  }

  function outcomeBase() {
    return {
      authorizationDigest: request.digest,
      value: amount.value,
      currency: amount.currency,
      decidedAt: now,
    };
  }
}

/** Whether the customer's part asks for this very refund. */
const isWanted = ({ payload }: Authorization, { payload: part }: Part, now: number): boolean =>
  !isExpired(payload, now) &&
  part.from === payload.customer &&
  part.txn === payload.txn &&
  part.merchant === payload.from &&
  sameAmount(part.amount, payload.amount) &&
  payload.credit !== payload.txn;
