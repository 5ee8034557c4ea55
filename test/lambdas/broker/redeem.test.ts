import { grantOf } from "@lepta/lambdas/broker/decision";
import { keys, type PurseRecord, type TransactionRecord, transactionItem } from "@lepta/lambdas/broker/items";
import { decidePayout, decideRedemption } from "@lepta/lambdas/broker/redeem";
import type { PayoutState } from "@lepta/lambdas/ports/rail";
import {
  amountOf,
  type ErrorCode,
  isRefusal,
  limits,
  readScrip,
  redeemRequest,
  refuse,
  sha256,
  utf8,
} from "@lepta/protocol";
import { describe, expect, test } from "vitest";
import { customer, euro, freshOf, frozen, HOUR, id32, NOW, purseOf, terms, verified } from "./cases.ts";
import {
  places,
  placesOf,
  purseAfter,
  putAt,
  recorded,
  type ShowOptions,
  shownPurse,
  tombstone,
  txn,
  writeAt,
} from "./return-cases.ts";

interface Options extends ShowOptions {
  readonly now?: number;
  readonly requestEnds?: number;
  readonly transaction?: TransactionRecord;
  readonly spent?: boolean;
  readonly isEmpty?: boolean;
  readonly spendBody?: Uint8Array;
}

/** A request for EUR 0.40 out of a purse of EUR 1.00, unless told otherwise. */
function decide(options: Options = {}) {
  const { purse, minted, spend } = shownPurse({ amount: euro("0.40"), ...options });
  const { requestEnds = NOW + HOUR } = options;
  const asked = options.spendBody ? ([options.spendBody, sha256()] as const) : spend;
  const request = verified(redeemRequest, { from: customer, spend: asked, expiresAt: requestEnds });
  const state = frozen({
    purse: options.isEmpty ? { sequence: purse.sequence, head: purse.head } : purse,
    transaction: options.transaction,
    tombstone: options.spent ? tombstone : undefined,
  });
  const decision = decideRedemption(request, state, options.now ?? NOW, terms, frozen(freshOf("change")));
  return { decision, request, purse: state.purse, minted };
}

describe("a request to redeem", () => {
  test("spends the scrip and mints the change before the rail is called, and puts itself on the schedule's list", () => {
    const { decision, purse, request } = decide();
    const { writes, record, step } = recorded(decision);
    expect(step).toBe("undecided");
    expect(places(writes)).toEqual(
      placesOf(
        keys.purse(customer),
        keys.transaction(customer, txn),
        keys.tombstone(customer, purse.scrip ?? ""),
        keys.open(customer, txn),
      ),
    );
    const { sequence, head, scrip } = purse;
    expect(writeAt(writes, keys.purse(customer)).expect).toEqual({ sequence, head, scrip });
    expect(writeAt(writes, keys.transaction(customer, txn)).expect).toBe("absent");
    expect(writeAt(writes, keys.tombstone(customer, scrip ?? "")).expect).toBe("absent");
    expect(putAt(writes, keys.open(customer, txn))).toEqual({ uid: customer, txn, since: NOW });
    expect(transactionItem.fromItem(putAt(writes, keys.transaction(customer, txn)))).toEqual(record);
    expect(record).toMatchObject({
      kind: "redeem",
      state: "paying",
      request: request.digest,
      signed: request.signed,
      value: 400_000n,
      currency: "EUR",
      spent: scrip,
      spentValue: 1_000_000n,
    });
    // It is not decided: nothing is linked into the chain yet.
    expect([record.decidedAt, record.sequence, record.head]).toEqual([undefined, undefined, undefined]);
    const next = purseAfter(writes);
    expect(next).toMatchObject({ sequence, head, value: 600_000n, expiresAt: purse.expiresAt });
    expect(readScrip(grantOf(record)?.body ?? sha256())).toMatchObject({ parent: scrip, id: next.scrip });
  });

  test("for all of it empties the purse", () => {
    const { writes, record } = recorded(decide({ amount: euro("1.00") }).decision);
    expect(Object.keys(purseAfter(writes)).sort()).toEqual(["head", "sequence"]);
    expect(grantOf(record)).toBeUndefined();
  });

  test.each<[string, bigint, bigint]>([
    ["the smallest coin of the largest scrip", limits.amount, 10_000n],
    ["the smallest coin as all there is", 10_000n, 10_000n],
  ])("for %s leaves the rest to the unit", (_, held, amount) => {
    const { writes } = recorded(
      decide({ value: amountOf("EUR", held), amount: amountOf("EUR", amount) }).decision,
    );
    expect(purseAfter(writes).value ?? 0n).toBe(held - amount);
  });

  test.each([1n, 9_999n, 10_001n, limits.amount])(
    "for %d millionths is bad input: no coin is that small",
    (units) => {
      const { decision } = decide({ amount: amountOf("EUR", units) });
      expect(isRefusal(decision) && decision.code).toBe("bad-amount");
    },
  );

  test("in another currency than the broker's, or of a spend that cannot be read, is bad input", () => {
    expect(decide({ amount: amountOf("USD", 10_000n) }).decision).toEqual(refuse("wrong-currency"));
    const { decision } = decide({ spendBody: utf8("nonsense") });
    expect(isRefusal(decision) && decision.code).toBe("malformed");
  });

  test.each<[string, number, boolean]>([
    ["at its end", NOW, true],
    ["in the last moment of its grace", NOW - terms.grace + 1, true],
    ["when its grace is over", NOW - terms.grace, false],
  ])("of scrip %s", (_, expiresAt, isGood) => {
    const { record } = recorded(decide({ expiresAt }).decision);
    expect([record.state, record.reason]).toEqual(
      isGood ? ["paying", undefined] : ["refused", "scrip-expired"],
    );
  });

  test.each<[what: string, code: ErrorCode, options: Options]>([
    ["a request past its end", "expired", { requestEnds: NOW }],
    ["one coin more than the scrip is worth", "insufficient", { amount: euro("1.01") }],
    ["scrip that was spent", "scrip-spent", { isEmpty: true, spent: true }],
    ["scrip that never was", "scrip-forged", { isEmpty: true }],
    ["a proof under another secret", "bad-proof", { secret: sha256() }],
  ])("of %s is refused with %s and recorded; the scrip stays", (_, code, options) => {
    const { decision, purse } = decide(options);
    const { writes, record, step } = recorded(decision);
    expect([step, record.state, record.reason, record.kind]).toEqual(["decided", "refused", code, "redeem"]);
    expect(places(writes)).toEqual(placesOf(keys.purse(customer), keys.transaction(customer, txn)));
    expect(purseAfter(writes)).toMatchObject({ sequence: purse.sequence + 1 });
    expect(purseAfter(writes).scrip).toBe(purse.scrip);
  });

  test("that was taken before goes on, one that was decided is told, another under its id is a conflict", () => {
    const { record } = recorded(decide().decision);
    const paying = { ...record, request: decide().request.digest };
    expect(decide({ transaction: paying }).decision).toEqual({
      writes: [],
      outcome: { step: "undecided", record: paying },
    });
    const done = { ...paying, state: "done", decidedAt: NOW };
    expect(decide({ transaction: done, isEmpty: true, now: NOW + 2 * HOUR }).decision).toEqual({
      writes: [],
      outcome: { step: "decided", record: done },
    });
    expect(decide({ transaction: { ...paying, request: id32("another") } }).decision).toEqual({
      writes: [],
      outcome: { step: "conflict" },
    });
  });
});

describe("what the rail says of a payout", () => {
  const { record: paying } = recorded(decide().decision);
  const change = purseOf(customer, euro("0.60"), { label: "change" }).purse;
  const say = (answer: PayoutState, transaction = paying, purse: PurseRecord = change) =>
    recorded(
      decidePayout(
        customer,
        txn,
        frozen({ purse, transaction }),
        frozen(answer),
        "alice",
        NOW + 1,
        terms,
        freshOf("again"),
      ),
    );
  const paid: PayoutState = { state: "paid", account: "alice", amount: euro("0.40"), reference: "ref" };

  test("paid: done, linked, off the list; the purse keeps its change", () => {
    const { writes, record, step } = say(paid);
    expect(step).toBe("decided");
    expect(record).toMatchObject({
      ...paying,
      state: "done",
      reference: "ref",
      decidedAt: NOW + 1,
      sequence: 4,
    });
    expect(places(writes)).toEqual(
      placesOf(keys.purse(customer), keys.transaction(customer, txn), keys.open(customer, txn)),
    );
    expect(writeAt(writes, keys.transaction(customer, txn)).expect).toEqual({ state: "paying" });
    expect(writeAt(writes, keys.open(customer, txn))).toMatchObject({ remove: true });
    expect(purseAfter(writes).scrip).toBe(change.scrip);
  });

  test("declined: refused, and what was spent is minted on top of what there is then", () => {
    const { writes, record } = say({ state: "declined" });
    expect(record).toMatchObject({
      state: "refused",
      reason: "declined",
      spent: paying.spent,
      spentValue: 1_000_000n,
    });
    expect(purseAfter(writes)).toMatchObject({ value: 1_000_000n, expiresAt: NOW + 1 + terms.scripLife });
    expect(readScrip(grantOf(record)?.body ?? sha256())).toMatchObject({
      value: euro("1.00"),
      parent: change.scrip,
    });
    expect(writeAt(writes, keys.tombstone(customer, change.scrip ?? ""))).toMatchObject({ expect: "absent" });
    expect(writeAt(writes, keys.open(customer, txn))).toMatchObject({ remove: true });
  });

  test("declined with an empty purse: what was spent is minted alone", () => {
    const { writes } = say({ state: "declined" }, paying, { sequence: 9, head: change.head });
    expect(purseAfter(writes)).toMatchObject({ value: 400_000n, sequence: 10 });
  });

  test("declined while the sum does not fit into the purse: it waits, and fits to the unit", () => {
    const full = (value: bigint) => purseOf(customer, amountOf("EUR", value), { label: "full" }).purse;
    const waiting = say({ state: "declined" }, paying, full(limits.amount - 399_999n));
    expect([waiting.step, waiting.writes]).toEqual(["undecided", []]);
    const fits = say({ state: "declined" }, paying, full(limits.amount - 400_000n));
    expect(purseAfter(fits.writes).value).toBe(limits.amount);
  });

  test("nothing that is known: it stays as it is", () => {
    expect(say({ state: "unknown" })).toEqual({ writes: [], step: "undecided", record: paying });
  });

  test.each(["done", "refused"])("anything about what is %s changes nothing", (state) => {
    const ended = { ...paying, state };
    for (const answer of [paid, { state: "declined" }, { state: "unknown" }] as const)
      expect(say(answer, ended)).toEqual({ writes: [], step: "decided", record: ended });
  });

  test.each<[what: string, answer: Partial<PayoutState>]>([
    ["a coin less", { amount: euro("0.39") }],
    ["a unit more", { amount: amountOf("EUR", 400_001n) }],
    ["the same in another currency", { amount: amountOf("USD", 400_000n) }],
    ["to another account", { account: "bob" }],
  ])("paid, but %s than it was asked to, is a fault and ends nothing", (_, other) => {
    expect(() => say({ ...paid, ...other } as PayoutState)).toThrow("another account or amount");
  });
});
