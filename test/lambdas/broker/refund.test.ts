import { grantOf } from "@lepta/lambdas/broker/decision";
import { type CreditRecord, creditItem, keys, type TransactionRecord } from "@lepta/lambdas/broker/items";
import { decideRefund, type RefundState } from "@lepta/lambdas/broker/refund";
import {
  type Amount,
  amountOf,
  type ErrorCode,
  isRefusal,
  limits,
  type Or,
  readScrip,
  refundAuthorization,
  refundOrder,
  refuse,
  sha256,
  type Verified,
} from "@lepta/protocol";
import { describe, expect, test } from "vitest";
import {
  customer,
  euro,
  type Fields,
  freshOf,
  frozen,
  HOUR,
  id16,
  id32,
  merchant,
  NOW,
  purseOf,
  terms,
  verified,
} from "./cases.ts";
import {
  heldCredit,
  places,
  placesOf,
  purseAfter,
  putAt,
  subject,
  txn,
  v0,
  writeAt,
} from "./return-cases.ts";

interface Options {
  readonly amount?: Amount;
  readonly now?: number;
  readonly part?: Partial<Fields<typeof refundOrder>>;
  readonly ask?: Partial<Fields<typeof refundAuthorization>>;
  readonly unusable?: Or<Verified<typeof refundOrder>>;
  readonly state?: Partial<RefundState>;
}

/** A refund of EUR 0.20 out of a credit of EUR 0.30, into a purse of EUR 1.00, unless told otherwise. */
function decide(options: Options = {}) {
  const { amount = euro("0.20"), now = NOW } = options;
  const part = verified(refundOrder, { from: customer, merchant, amount, scrip: v0, ...options.part });
  const request = verified(refundAuthorization, {
    from: merchant,
    customer,
    amount,
    part: id32("part"),
    credit: subject,
    ...options.ask,
  });
  const state: RefundState = frozen({
    outcome: undefined,
    credit: heldCredit(),
    transaction: undefined,
    purse: purseOf(customer, euro("1.00")).purse,
    ...options.state,
  });
  const decision = decideRefund(
    request,
    options.unusable ?? part,
    state,
    now,
    terms,
    frozen(freshOf("refund")),
  );
  return { decision, request, part, state };
}

function decided(options: Options = {}) {
  const all = decide(options);
  if (isRefusal(all.decision)) throw new Error(`refused as input: ${all.decision.code}`);
  const { writes, outcome } = all.decision;
  if (outcome.step !== "decided") throw new Error("a conflict");
  return { ...all, writes, outcome: outcome.outcome, transaction: outcome.transaction };
}

const own = keys.credit(merchant, customer, txn);
const source = keys.credit(merchant, customer, subject);

describe("a refund", () => {
  test("takes the amount out of what is owed and mints it on top of the customer's scrip, in one commit", () => {
    const { writes, outcome, transaction, request, part, state } = decided();
    const scrip = state.purse?.scrip ?? "";
    expect(places(writes)).toEqual(
      placesOf(
        keys.purse(customer),
        keys.transaction(customer, txn),
        keys.tombstone(customer, scrip),
        source,
        own,
      ),
    );
    expect(writeAt(writes, source)).toEqual({
      put: { ...heldCredit(), owed: 100_000n },
      at: source,
      expect: { state: "held", owed: 300_000n },
    });
    expect(writeAt(writes, own).expect).toBe("absent");
    expect(creditItem.fromItem(putAt(writes, own))).toEqual(outcome);
    expect(outcome).toEqual({
      state: "refund",
      authorizationDigest: request.digest,
      value: 200_000n,
      currency: "EUR",
      decidedAt: NOW,
    });
    expect(transaction).toMatchObject({
      kind: "refund",
      state: "done",
      request: part.digest,
      signed: part.signed,
      authorization: request.signed,
      merchant,
      subject,
      value: 200_000n,
      spent: scrip,
      spentValue: 1_000_000n,
    });
    expect(purseAfter(writes)).toMatchObject({ value: 1_200_000n, expiresAt: NOW + terms.scripLife });
    const grant = transaction && grantOf(transaction);
    expect(readScrip(grant?.body ?? sha256())).toMatchObject({
      owner: customer,
      value: euro("1.20"),
      parent: scrip,
    });
  });

  test("of all that is owed ends the credit and takes it out of what becomes free", () => {
    const { writes } = decided({ amount: euro("0.30") });
    expect(putAt(writes, source)).toMatchObject({ state: "ended", owed: 0n });
    const due = keys.due(merchant, heldCredit().heldUntil ?? 0, customer, subject);
    expect(writeAt(writes, due)).toEqual({ remove: true, at: due, expect: "any" });
  });

  test("into an empty purse mints it alone, without a tombstone", () => {
    const { purse } = purseOf(customer, euro("1.00"));
    const empty = { sequence: purse.sequence, head: purse.head };
    const { writes, transaction } = decided({ state: { purse: empty } });
    expect(purseAfter(writes).value).toBe(200_000n);
    expect(transaction?.spent).toBeUndefined();
    expect(writes).toHaveLength(4);
  });

  test("comes out of a credit that is free already, and out of one of a single unit", () => {
    expect(decided({ state: { credit: heldCredit({ heldUntil: NOW }) } }).outcome.state).toBe("refund");
    const one = decided({ amount: amountOf("EUR", 1n), state: { credit: heldCredit({ owed: 1n }) } });
    expect(one.outcome.state).toBe("refund");
  });

  test("fits into the purse to the unit", () => {
    const { purse } = purseOf(customer, amountOf("EUR", limits.amount - 200_000n));
    expect(purseAfter(decided({ state: { purse } }).writes).value).toBe(limits.amount);
  });
});

describe("what the broker refuses ends the customer's transaction with its reason, and the outcome is void", () => {
  const full = purseOf(customer, amountOf("EUR", limits.amount - 199_999n)).purse;
  test.each<[what: string, code: ErrorCode, options: Options]>([
    ["a part past its end", "expired", { part: { expiresAt: NOW }, ask: { expiresAt: NOW + HOUR } }],
    ["a settled credit", "paid-out", { state: { credit: heldCredit({ state: "settled" }) } }],
    ["more than fits into the purse", "amount-overflow", { state: { purse: full } }],
  ])("%s: %s", (_, code, options) => {
    const { writes, outcome, transaction, state } = decided(options);
    expect(transaction).toMatchObject({ kind: "refund", state: "refused", reason: code, merchant });
    expect(outcome).toMatchObject({ state: "void", reason: "refused" });
    expect(places(writes)).toEqual(placesOf(keys.purse(customer), keys.transaction(customer, txn), own));
    const after = purseAfter(writes);
    expect([after.scrip, after.value, after.sequence]).toEqual([
      state.purse?.scrip,
      state.purse?.value,
      (state.purse?.sequence ?? 0) + 1,
    ]);
  });
});

describe("what is between the merchant and its customer makes the outcome void and touches nothing else", () => {
  const ended = (state: string): TransactionRecord => ({ kind: "refund", state, request: id32("r") });
  test.each<[what: string, options: Options]>([
    ["a part that proved unusable", { unusable: refuse("unauthentic") }],
    ["a customer without a purse", { state: { purse: undefined } }],
    ["a request past its end", { ask: { expiresAt: NOW } }],
    ["a part of another customer", { part: { from: id32("other") } }],
    ["a part of another transaction", { part: { txn: id16("other") } }],
    ["a part that names another merchant", { part: { merchant: id32("other") } }],
    ["another amount than the part's", { part: { amount: euro("0.19") } }],
    ["the amount in another currency than the part's", { part: { amount: amountOf("USD", 200_000n) } }],
    ["its own transaction as the credit", { ask: { credit: txn } }],
    ["a credit that never was", { state: { credit: undefined } }],
    ["a void credit", { state: { credit: heldCredit({ state: "void" }) } }],
    ["another refund", { state: { credit: heldCredit({ state: "refund" }) } }],
    ["a disputed credit", { state: { credit: heldCredit({ state: "disputed" }) } }],
    ["an ended credit", { state: { credit: heldCredit({ state: "ended", owed: 0n }) } }],
    ["a unit more than is still owed", { state: { credit: heldCredit({ owed: 199_999n }) } }],
    [
      "a part past its end, for a credit that never was",
      { part: { expiresAt: NOW }, ask: { expiresAt: NOW + HOUR }, state: { credit: undefined } },
    ],
    ["a transaction that is done", { state: { transaction: ended("done") } }],
    ["a transaction that is refused", { state: { transaction: ended("refused") } }],
    ["a transaction that is aborted", { state: { transaction: ended("aborted") } }],
  ])("%s", (_, options) => {
    const { writes, outcome, transaction } = decided(options);
    expect(transaction).toBeUndefined();
    expect(outcome).toMatchObject({ state: "void", reason: "refused", value: 200_000n });
    expect(writes.map(({ at, expect: condition }) => [at, condition])).toEqual([[own, "absent"]]);
  });

  // A redemption that the rail is paying, or a charge, would be written over and its money be gone.
  test.each([
    ["brokerscrip", "charging"],
    ["brokerscrip", "charged"],
    ["redeem", "paying"],
    ["settlement", "paying"],
    ["reversal", "disputed"],
    ["vendorscrip", "open"],
  ])("a transaction of the kind %s that is %s", (kind, state) => {
    const { transaction, outcome, writes } = decided({ state: { transaction: { kind, state } } });
    expect([transaction, outcome.state]).toEqual([undefined, "void"]);
    expect(places(writes)).toEqual(placesOf(own));
  });
});

describe("a refund that was decided before", () => {
  test("is told again as it was decided, even past its end, and writes nothing", () => {
    const first = decided();
    const again = decided({
      now: NOW + 100 * HOUR,
      state: { outcome: first.outcome, transaction: first.transaction, credit: undefined, purse: undefined },
    });
    expect([again.writes, again.outcome, again.transaction]).toEqual([[], first.outcome, first.transaction]);
  });

  test("is told without the customer's transaction where something else decided that", () => {
    const first = decided({ part: { merchant: id32("other") } });
    const again = decided({
      part: { merchant: id32("other") },
      state: { outcome: first.outcome, transaction: { kind: "redeem", state: "done", request: id32("r") } },
    });
    expect([again.writes, again.outcome, again.transaction]).toEqual([[], first.outcome, undefined]);
  });

  test.each(["void", "refund", "held", "settled"])(
    "with another digest than what is %s is a conflict",
    (state) => {
      const outcome: CreditRecord = heldCredit({ state, authorizationDigest: id32("another") });
      expect(decide({ state: { outcome } }).decision).toEqual({ writes: [], outcome: { step: "conflict" } });
    },
  );
});

test("a refund in another currency than the broker's, or to the merchant itself, is bad input", () => {
  expect(decide({ amount: amountOf("USD", 200_000n) }).decision).toEqual(refuse("wrong-currency"));
  expect(decide({ ask: { customer: merchant } }).decision).toEqual(refuse("same-party"));
});
