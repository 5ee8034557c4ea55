/**
 * What merchants are owed goes to their accounts, some credits at a time. They are taken first (`paying`, which cannot
 * be aborted), then the rail pays, then the settlement is `done`; where the rail will never pay they are owed again. What
 * is less than the account's smallest unit is carried over.
 */
import type { Amount, settleRequest, Verified } from "@lepta/protocol";
import {
  amount,
  amountOf,
  decodeAs,
  encodeAs,
  isExpired,
  isRefusal,
  limits,
  list,
  refuse,
  type Txn,
  tuple,
  txn as txnCodec,
  type Uid,
  uid as uidCodec,
} from "@lepta/protocol";
import type { PayoutState } from "../ports/rail.ts";
import type { Write } from "../ports/store.ts";
import { type Decision, isAsAsked, openAt, removeOpen, type Terms, terminal } from "./decision.ts";
import {
  type CreditRecord,
  carryItem,
  creditItem,
  dueItem,
  keys,
  type PurseRecord,
  type TransactionRecord,
  transactionItem,
} from "./items.ts";
import { knownOutcome, type ReturnOutcome } from "./renew.ts";

/** A credit of a settlement: customer, transaction of figure 8, what was owed. */
export type SettledCredit = readonly [customer: Uid, txn: Txn, owed: Amount];

export interface SettleState {
  /** The merchant's. */
  readonly purse: PurseRecord;
  readonly transaction: TransactionRecord | undefined;
  /** Credits that are free, at most `limits.settlementCredits`. */
  readonly credits: readonly { readonly customer: Uid; readonly txn: Txn; readonly credit: CreditRecord }[];
  /** Whether more are free than these. */
  readonly more: boolean;
  /** Carried over from before; undefined where nothing ever was. */
  readonly carried: bigint | undefined;
  /** Whether the operator has frozen the merchant; absent: not. */
  readonly isFrozen?: boolean;
}

/** Finds a credit in the order in which credits become free. */
export const dueAt = (merchant: Uid, from: number, customer: Uid, txn: Txn): Write => ({
  put: dueItem.toItem({ customer, txn }),
  at: keys.due(merchant, from, customer, txn),
  expect: "any",
});

/** Takes it out of that order: it is disputed, or nothing is owed for it. */
export const removeDue = (merchant: Uid, from: number, customer: Uid, txn: Txn): Write => ({
  remove: true,
  at: keys.due(merchant, from, customer, txn),
  expect: "any",
});

/** The request arrives: the credits are taken before the rail is called. */
export function decideSettlement(
  request: Verified<typeof settleRequest>,
  state: SettleState,
  now: number,
  terms: Terms,
): Decision<ReturnOutcome> {
  const { from: merchant, txn } = request.payload;
  const known = knownOutcome(state.transaction, request.digest);
  if (known !== undefined) return { writes: [], outcome: known };
  if (isExpired(request.payload, now)) return refuse("expired");
  // Nothing is recorded, so that the same request is paid once the merchant is no longer frozen.
  if (state.isFrozen) return refuse("frozen");
  const { brought, chosen, total } = payable(state);
  const credits = chosen.map(
    ({ customer, txn: subject, credit }): SettledCredit => [customer, subject, owedOf(credit)],
  );
  const carried = total % terms.unit;
  const record: TransactionRecord = {
    kind: "settlement",
    state: "paying",
    request: request.digest,
    signed: request.signed,
    currency: terms.currency,
    credits: encodeAs(creditList, credits),
    brought,
    paid: total - carried,
    carried,
    more: state.more || chosen.length < state.credits.length ? 1 : 0,
  };
  const taken = chosen.flatMap(({ customer, txn: subject, credit }) => [
    {
      put: creditItem.toItem({ ...credit, state: "settled", settlement: txn }),
      at: keys.credit(merchant, customer, subject),
      expect: { state: "held", owed: credit.owed },
    },
    removeDue(merchant, credit.heldUntil ?? 0, customer, subject),
  ]);
  if (total === carried) {
    // Nothing that an account could hold: it is all carried over, and the rail has nothing to do.
    const { record: linked, writes } = terminal(merchant, txn, state, {
      ...record,
      state: "done",
      decidedAt: now,
    });
    const writeCarry = carry(merchant, terms.currency, state.carried, carried);
    return { writes: [...writes, ...taken, writeCarry], outcome: { step: "decided", record: linked } };
  }
  const begun: readonly Write[] = [
    { put: transactionItem.toItem(record), at: keys.transaction(merchant, txn), expect: "absent" },
    carry(merchant, terms.currency, state.carried, (state.carried ?? 0n) - brought),
    openAt(merchant, txn, now),
  ];
  return { writes: [...begun, ...taken], outcome: { step: "undecided", record } };
}

/** As many of the free credits as fit into one payment. */
function payable({ credits, carried = 0n }: SettleState) {
  // What is carried waits where the first credit leaves no room for it; else neither would ever be paid.
  const first = credits[0]?.credit.owed ?? 0n;
  const brought = carried + first > limits.amount ? 0n : carried;
  const chosen: SettleState["credits"][number][] = [];
  let total = brought;
  for (const each of credits) {
    if (total + (each.credit.owed ?? 0n) > limits.amount) break;
    chosen.push(each);
    total += each.credit.owed ?? 0n;
  }
  return { brought, chosen, total };
}

export interface PayingState {
  readonly purse: PurseRecord;
  readonly transaction: TransactionRecord;
  readonly carried: bigint | undefined;
  /** The credits that this settlement took, as they stand. */
  readonly credits: SettleState["credits"];
}

/** How many of the account's smallest units may be carried over at most: two settlements at once may leave one each. */
const MOST_CARRIED = 100n;

/**
 * Whether the credits that a settlement names are taken by it, each once, and make what it pays: looked at before the rail
 * is called, so that a record alone, whoever wrote it, moves no money.
 */
export function isBornOut({ transaction, credits }: PayingState, { unit }: Pick<Terms, "unit">): boolean {
  const named = creditsOf(transaction);
  const { brought = 0n, paid = 0n, carried = 0n, currency } = transaction;
  const areTaken = named.every(([customer, subject, owed]) =>
    credits.some(
      ({ customer: of, txn, credit }) =>
        of === customer &&
        txn === subject &&
        credit.state === "settled" &&
        credit.currency === currency &&
        credit.owed === owed.value,
    ),
  );
  const isOnce = new Set(named.map(([customer, subject]) => `${customer} ${subject}`)).size === named.length;
  const sum = named.reduce((total, [, , owed]) => total + owed.value, brought);
  return areTaken && isOnce && brought <= MOST_CARRIED * unit && sum === paid + carried;
}

/** What the rail said about a settlement. */
export function decideSettled(
  merchant: Uid,
  txn: Txn,
  state: PayingState,
  answer: PayoutState,
  account: string,
  now: number,
  terms: Terms,
): Decision<ReturnOutcome> {
  const { transaction } = state;
  if (transaction.state !== "paying")
    return { writes: [], outcome: { step: "decided", record: transaction } };
  if (answer.state === "unknown") return { writes: [], outcome: { step: "undecided", record: transaction } };
  const before = state.carried ?? 0n;
  if (answer.state === "paid") {
    if (!isAsAsked(answer, account, transaction.currency, transaction.paid))
      throw new Error("the rail paid another account or amount than it was asked to");
    const done = { ...transaction, state: "done", reference: answer.reference, decidedAt: now };
    return ended(done, before + (transaction.carried ?? 0n), []);
  }
  const refused = { ...transaction, state: "refused", reason: "declined", decidedAt: now };
  const owedAgain = state.credits.flatMap(({ customer, txn: subject, credit }) => {
    const { settlement: _gone, ...rest } = credit;
    return [
      {
        put: creditItem.toItem({ ...rest, state: "held" }),
        at: keys.credit(merchant, customer, subject),
        expect: { state: "settled", settlement: txn },
      },
      dueAt(merchant, credit.heldUntil ?? 0, customer, subject),
    ];
  });
  return ended(refused, before + (transaction.brought ?? 0n), owedAgain);

  function ended(
    record: TransactionRecord,
    carried: bigint,
    more: readonly Write[],
  ): Decision<ReturnOutcome> {
    const { record: linked, writes } = terminal(merchant, txn, state, record);
    const currency = record.currency ?? terms.currency;
    return {
      writes: [
        ...writes,
        carry(merchant, currency, state.carried, carried),
        ...more,
        removeOpen(merchant, txn),
      ],
      outcome: { step: "decided", record: linked },
    };
  }
}

/** The credits of a settlement, from its record. Throws where the record is damaged. */
export function creditsOf({ credits }: TransactionRecord): readonly SettledCredit[] {
  const read = credits === undefined ? [] : decodeAs(creditList, credits);
  if (isRefusal(read)) throw new Error("a stored settlement cannot be read");
  return read;
}

/** What is owed for a credit. */
export const owedOf = ({ currency, owed = 0n }: CreditRecord): Amount => amountOf(currency, owed);

const creditList = list(tuple(uidCodec, txnCodec, amount), limits.settlementCredits);

const carry = (merchant: Uid, currency: string, before: bigint | undefined, carried: bigint): Write => ({
  put: carryItem.toItem({ carried }),
  at: keys.carry(merchant, currency),
  expect: before === undefined ? "absent" : { carried: before },
});
