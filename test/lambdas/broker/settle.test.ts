import {
  carryItem,
  creditItem,
  keys,
  type TransactionRecord,
  transactionItem,
} from "@lepta/lambdas/broker/items";
import {
  creditsOf,
  decideSettled,
  decideSettlement,
  type PayingState,
  type SettleState,
} from "@lepta/lambdas/broker/settle";
import type { PayoutState } from "@lepta/lambdas/ports/rail";
import { amountOf, limits, refuse, settleRequest } from "@lepta/protocol";
import { describe, expect, test } from "vitest";
import {
  customer,
  DAY,
  euro,
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
import { heldCredit, places, placesOf, purseAfter, putAt, recorded, txn, writeAt } from "./return-cases.ts";

const { purse } = purseOf(merchant, euro("1.00"));
const own = keys.transaction(merchant, txn);
const carry = keys.carry(merchant, "EUR");
const open = keys.open(merchant, txn);

/** Credits of these millionths, free since yesterday. */
const creditsFor = (...owed: readonly bigint[]): SettleState["credits"] =>
  owed.map((each, i) => ({
    customer,
    txn: id16(`sale ${i}`),
    credit: heldCredit({ owed: each, heldUntil: NOW - DAY + i }),
  }));

interface Options extends Partial<SettleState> {
  readonly expiresAt?: number;
  readonly now?: number;
}

function decide(options: Options = {}) {
  const { expiresAt = NOW + HOUR, now = NOW, ...more } = options;
  const request = verified(settleRequest, { from: merchant, expiresAt });
  const state: SettleState = frozen({
    purse,
    transaction: undefined,
    credits: creditsFor(20_000n, 14_000n),
    more: false,
    carried: undefined,
    ...more,
  });
  return { request, state, decision: decideSettlement(request, state, now, terms) };
}

describe("a request to settle", () => {
  test("takes what is free before the rail is called: credits, what is carried, the schedule's list", () => {
    const { decision, request, state } = decide({ carried: 7_000n });
    const { writes, record, step } = recorded(decision);
    expect(step).toBe("undecided");
    expect(record).toMatchObject({
      kind: "settlement",
      state: "paying",
      request: request.digest,
      signed: request.signed,
      currency: "EUR",
      brought: 7_000n,
      paid: 40_000n,
      carried: 1_000n,
      more: 0,
    });
    expect(creditsOf(record)).toEqual(
      state.credits.map((each) => [each.customer, each.txn, amountOf("EUR", each.credit.owed ?? 0n)]),
    );
    expect(transactionItem.fromItem(putAt(writes, own))).toEqual(record);
    expect(writeAt(writes, own).expect).toBe("absent");
    expect(writeAt(writes, carry)).toEqual({ put: { carried: 0n }, at: carry, expect: { carried: 7_000n } });
    expect(putAt(writes, open)).toEqual({ uid: merchant, txn, since: NOW });
    for (const each of state.credits) {
      const at = keys.credit(merchant, customer, each.txn);
      expect(creditItem.fromItem(putAt(writes, at))).toEqual({
        ...each.credit,
        state: "settled",
        settlement: txn,
      });
      expect(writeAt(writes, at).expect).toEqual({ state: "held", owed: each.credit.owed });
      expect(
        writeAt(writes, keys.due(merchant, each.credit.heldUntil ?? 0, customer, each.txn)),
      ).toMatchObject({
        remove: true,
      });
    }
    expect(writes).toHaveLength(3 + 2 * 2);
  });

  test.each<[string, readonly bigint[], bigint, bigint, bigint]>([
    ["a coin exactly", [10_000n], 0n, 10_000n, 0n],
    ["a unit more than a coin", [10_001n], 0n, 10_000n, 1n],
    ["two halves that make a coin", [5_000n, 5_000n], 0n, 10_000n, 0n],
    ["dust that what is carried makes a coin", [1n], 9_999n, 10_000n, 0n],
  ])("pays %s", (_, owed, brought, paid, carried) => {
    const { record } = recorded(decide({ credits: creditsFor(...owed), carried: brought }).decision);
    expect([record.state, record.brought, record.paid, record.carried]).toEqual([
      "paying",
      brought,
      paid,
      carried,
    ]);
  });

  test.each<[string, readonly bigint[], bigint | undefined, bigint]>([
    ["nothing at all", [], undefined, 0n],
    ["a unit less than a coin", [9_999n], undefined, 9_999n],
    ["dust on dust", [4_000n], 5_999n, 9_999n],
  ])("carries %s over, and has the rail do nothing", (_, owed, brought, carried) => {
    const { decision, state } = decide({ credits: creditsFor(...owed), carried: brought });
    const { writes, record, step } = recorded(decision);
    expect(step).toBe("decided");
    expect(record).toMatchObject({
      state: "done",
      paid: 0n,
      carried,
      decidedAt: NOW,
      sequence: purse.sequence + 1,
    });
    expect(writeAt(writes, carry)).toEqual({
      put: { carried },
      at: carry,
      expect: brought === undefined ? "absent" : { carried: brought },
    });
    expect(writes).toHaveLength(3 + 2 * state.credits.length);
    expect(purseAfter(writes, merchant).scrip).toBe(purse.scrip);
  });

  test("tells whether more is free", () => {
    expect(recorded(decide({ more: true }).decision).record.more).toBe(1);
  });

  test("of as many credits as one settlement may have still fits into one commit, at its end as well", () => {
    const owed = Array<bigint>(limits.settlementCredits).fill(10_000n);
    const { decision, state } = decide({ credits: creditsFor(...owed) });
    const { writes, record } = recorded(decision);
    expect(writes.length).toBeLessThanOrEqual(100);
    const paying = { purse, transaction: record, carried: 0n, credits: state.credits };
    const { writes: back } = recorded(
      decideSettled(merchant, txn, paying, { state: "declined" }, "shop", NOW, terms),
    );
    expect(back.length).toBeLessThanOrEqual(100);
  });

  test("past its end is bad input, unless it was taken before", () => {
    expect(decide({ expiresAt: NOW }).decision).toEqual(refuse("expired"));
    const { record } = recorded(decide().decision);
    const late = { transaction: record, now: NOW + DAY };
    expect(decide(late).decision).toEqual({ writes: [], outcome: { step: "undecided", record } });
    const done = { ...record, state: "done" };
    expect(decide({ ...late, transaction: done }).decision).toEqual({
      writes: [],
      outcome: { step: "decided", record: done },
    });
  });

  test("under the id of another request is a conflict", () => {
    const transaction = { kind: "settlement", state: "done", request: id32("another") };
    expect(decide({ transaction }).decision).toEqual({ writes: [], outcome: { step: "conflict" } });
  });

  test("pays the largest amount", () => {
    const { record } = recorded(decide({ credits: creditsFor(limits.amount) }).decision);
    expect((record.paid ?? 0n) + (record.carried ?? 0n)).toBe(limits.amount);
  });

  test.each<[what: string, owed: readonly bigint[], brought: bigint, taken: number]>([
    ["the largest amount twice", [limits.amount, limits.amount], 0n, 1],
    ["what makes the largest amount to the unit", [limits.amount - 14_000n, 14_000n, 1n], 0n, 2],
    ["what passes it by a unit", [limits.amount - 13_999n, 14_000n], 0n, 1],
    ["what passes it by what is carried", [limits.amount - 14_000n, 14_000n], 1n, 1],
  ])("takes of %s what fits, in its order, and tells that more is free", (_, owed, brought, taken) => {
    const { decision, state } = decide({ credits: creditsFor(...owed), carried: brought });
    const { writes, record } = recorded(decision);
    const chosen = state.credits.slice(0, taken);
    expect(creditsOf(record).map(([, subject]) => subject)).toEqual(chosen.map((each) => each.txn));
    const total = brought + owed.slice(0, taken).reduce((sum, each) => sum + each, 0n);
    expect([(record.paid ?? 0n) + (record.carried ?? 0n), record.more]).toEqual([total, 1]);
    expect(total <= limits.amount).toBe(true);
    // What is left stays as it is: owed, and in its place among what is free.
    expect(writes).toHaveLength(3 + 2 * taken);
  });

  test("leaves what is carried where it is, if the first credit alone makes the largest amount", () => {
    const { decision, state } = decide({ credits: creditsFor(limits.amount, 1n), carried: 1n });
    const { writes, record } = recorded(decision);
    expect(creditsOf(record).map(([, subject]) => subject)).toEqual([state.credits[0]?.txn]);
    expect([record.brought, (record.paid ?? 0n) + (record.carried ?? 0n), record.more]).toEqual([
      0n,
      limits.amount,
      1,
    ]);
    expect(writeAt(writes, carry)).toEqual({ put: { carried: 1n }, at: carry, expect: { carried: 1n } });
  });
});

describe("what the rail says of a settlement", () => {
  const credits = creditsFor(20_000n, 14_000n);
  const { record: paying } = recorded(decide({ credits, carried: 7_000n }).decision);
  const taken = credits.map((each) => ({
    ...each,
    credit: { ...each.credit, state: "settled", settlement: txn },
  }));
  const say = (answer: PayoutState, more: Partial<PayingState> = {}) =>
    recorded(
      decideSettled(
        merchant,
        txn,
        frozen({ purse, transaction: paying, carried: 0n, credits: taken, ...more }),
        frozen(answer),
        "shop",
        NOW + 1,
        terms,
      ),
    );
  const paid: PayoutState = { state: "paid", account: "shop", amount: euro("0.04"), reference: "ref" };

  test("paid: done, linked, off the list, and the dust is carried on top of what came in between", () => {
    const { writes, record, step } = say(paid, { carried: 300n });
    expect(step).toBe("decided");
    expect(record).toMatchObject({ ...paying, state: "done", reference: "ref", decidedAt: NOW + 1 });
    expect(places(writes)).toEqual(placesOf(keys.purse(merchant), own, carry, open));
    expect(writeAt(writes, own).expect).toEqual({ state: "paying" });
    expect(writeAt(writes, carry)).toEqual({
      put: { carried: 1_300n },
      at: carry,
      expect: { carried: 300n },
    });
    expect(writeAt(writes, open)).toMatchObject({ remove: true });
    expect(carryItem.fromItem(putAt(writes, carry)).carried).toBe(1_300n);
  });

  test("declined: refused, and everything is owed again as it was", () => {
    const { writes, record } = say({ state: "declined" }, { carried: 300n });
    expect(record).toMatchObject({ state: "refused", reason: "declined", decidedAt: NOW + 1 });
    expect(putAt(writes, carry)).toEqual({ carried: 7_300n });
    for (const each of credits) {
      const at = keys.credit(merchant, customer, each.txn);
      expect(creditItem.fromItem(putAt(writes, at))).toEqual(each.credit);
      expect(writeAt(writes, at).expect).toEqual({ state: "settled", settlement: txn });
      const due = keys.due(merchant, each.credit.heldUntil ?? 0, customer, each.txn);
      expect(putAt(writes, due)).toEqual({ customer, txn: each.txn });
    }
    expect(writes).toHaveLength(4 + 2 * 2);
  });

  test("nothing that is known: it stays as it is", () => {
    expect(say({ state: "unknown" })).toEqual({ writes: [], step: "undecided", record: paying });
  });

  test.each(["done", "refused"])("anything about what is %s changes nothing", (state) => {
    const ended: TransactionRecord = { ...paying, state };
    for (const answer of [paid, { state: "declined" }, { state: "unknown" }] as const)
      expect(say(answer, { transaction: ended })).toEqual({ writes: [], step: "decided", record: ended });
  });

  test.each<[what: string, answer: Partial<PayoutState>]>([
    ["a coin less", { amount: euro("0.03") }],
    ["with what is carried", { amount: amountOf("EUR", 41_000n) }],
    ["the same in another currency", { amount: amountOf("USD", 40_000n) }],
    ["to another account", { account: "thief" }],
  ])("paid, but %s than it was asked to, is a fault and ends nothing", (_, other) => {
    expect(() => say({ ...paid, ...other } as PayoutState)).toThrow("another account or amount");
  });
});

test("a settlement whose credits cannot be read is our own fault", () => {
  expect(creditsOf({ kind: "settlement", state: "done" })).toEqual([]);
  expect(() => creditsOf({ kind: "settlement", state: "done", credits: Uint8Array.of(0xff) })).toThrow(
    "cannot be read",
  );
});
