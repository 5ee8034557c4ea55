import { grantOf } from "@lepta/lambdas/broker/decision";
import {
  type CreditRecord,
  creditItem,
  type DisputeRecord,
  type ExcessRecord,
  keys,
  type PurseRecord,
  type TransactionRecord,
} from "@lepta/lambdas/broker/items";
import { type Claim, decideDispute, decideReversal } from "@lepta/lambdas/broker/reverse";
import {
  type Amount,
  amountOf,
  type Draft,
  defaultSuite,
  type ErrorCode,
  encodeAs,
  limits,
  mint,
  orThrow,
  purchaseRequest,
  purchaseSpendCodec,
  readScrip,
  readStatement,
  reversalRequest,
  type ScripBody,
  scripOf,
  sha256,
  type statement,
  utf8,
} from "@lepta/protocol";
import { describe, expect, test } from "vitest";
import { makeStatement } from "../../support/statements.ts";
import {
  customer,
  DAY,
  euro,
  freshOf,
  frozen,
  HOUR,
  id16,
  id32,
  merchant,
  NOW,
  network,
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
  recorded,
  subject,
  txn,
  v0,
  writeAt,
} from "./return-cases.ts";

const source = keys.credit(merchant, customer, subject);
const dispute = keys.dispute(merchant, customer, subject);
const due = keys.due(merchant, NOW + DAY, customer, subject);
const { purse } = purseOf(customer, euro("1.00"));

describe("a request for reversal", () => {
  const decide = (
    options: {
      readonly credit?: CreditRecord | undefined;
      readonly transaction?: TransactionRecord;
      readonly expiresAt?: number;
      readonly now?: number;
      readonly isFrozen?: boolean;
    } = {},
  ) => {
    const { now = NOW, expiresAt = NOW + HOUR, transaction, isFrozen = false } = options;
    const request = verified(reversalRequest, { from: customer, merchant, subject, expiresAt });
    const credit = "credit" in options ? options.credit : heldCredit();
    const state = frozen({ purse, transaction, credit, isFrozen });
    return { request, decision: decideReversal(request, state, now, terms) };
  };

  test("locks the credit, takes it out of what becomes free, tells the merchant, and gives it its time", () => {
    const { request, decision } = decide();
    const { writes, record, step } = recorded(decision);
    expect(step).toBe("undecided");
    const answerBy = NOW + terms.claimTime;
    expect(record).toEqual({
      kind: "reversal",
      state: "disputed",
      request: request.digest,
      signed: request.signed,
      merchant,
      subject,
      currency: "EUR",
      answerBy,
    });
    expect(writes).toHaveLength(5);
    expect(writeAt(writes, keys.transaction(customer, txn)).expect).toBe("absent");
    expect(writeAt(writes, source)).toEqual({
      put: { ...heldCredit(), state: "disputed" },
      at: source,
      expect: { state: "held", owed: 300_000n },
    });
    expect(writeAt(writes, due)).toEqual({ remove: true, at: due, expect: "any" });
    expect(writeAt(writes, dispute)).toEqual({
      put: { customer, subject, txn, answerBy },
      at: dispute,
      expect: "absent",
    });
    expect(putAt(writes, keys.open(customer, txn))).toEqual({
      uid: customer,
      txn,
      since: NOW,
      due: answerBy,
    });
  });

  test.each<[what: string, code: ErrorCode, options: Parameters<typeof decide>[0]]>([
    ["past its end", "expired", { expiresAt: NOW }],
    ["of a credit that never was", "wrong-reference", { credit: undefined }],
    ["of a void credit", "wrong-reference", { credit: heldCredit({ state: "void" }) }],
    ["of a refund", "wrong-reference", { credit: heldCredit({ state: "refund" }) }],
    ["of a disputed credit", "wrong-reference", { credit: heldCredit({ state: "disputed" }) }],
    ["of an ended credit", "wrong-reference", { credit: heldCredit({ state: "ended" }) }],
    [
      "of a credit that went through one before",
      "wrong-reference",
      { credit: heldCredit({ reversedBy: id16("r") }) },
    ],
    ["of a settled credit", "paid-out", { credit: heldCredit({ state: "settled" }) }],
    ["the moment that the credit is free", "too-late", { credit: heldCredit({ heldUntil: NOW }) }],
  ])("%s is refused with %s, recorded, and moves no money", (_, code, options) => {
    const { writes, record, step } = recorded(decide(options).decision);
    expect([step, record.state, record.reason, record.value]).toEqual(["decided", "refused", code, 0n]);
    expect(places(writes)).toEqual(placesOf(keys.purse(customer), keys.transaction(customer, txn)));
    expect(purseAfter(writes).scrip).toBe(purse.scrip);
  });

  test("is never too late while the merchant is frozen, unless it was paid", () => {
    const free = heldCredit({ heldUntil: NOW - DAY });
    expect(recorded(decide({ credit: free, isFrozen: true }).decision).record.state).toBe("disputed");
    const paid = heldCredit({ heldUntil: NOW - DAY, state: "settled" });
    expect(recorded(decide({ credit: paid, isFrozen: true }).decision).record.reason).toBe("paid-out");
  });

  test("in the last moment that the credit is held is in time", () => {
    expect(recorded(decide({ credit: heldCredit({ heldUntil: NOW + 1 }) }).decision).record.state).toBe(
      "disputed",
    );
  });

  test("that was taken before goes on, one that was decided is told, another under its id is a conflict", () => {
    const { request, decision } = decide();
    const { record } = recorded(decision);
    const late = NOW + 9 * DAY;
    expect(decide({ transaction: record, now: late }).decision).toEqual({
      writes: [],
      outcome: { step: "undecided", record },
    });
    const done = { ...record, state: "done", decidedAt: NOW };
    expect(decide({ transaction: done, now: late }).decision).toEqual({
      writes: [],
      outcome: { step: "decided", record: done },
    });
    const other = { ...record, request: `${request.digest.slice(1)}A` };
    expect(decide({ transaction: other }).decision).toEqual({ writes: [], outcome: { step: "conflict" } });
  });
});

describe("the end of a dispute", () => {
  const answerBy = NOW + terms.claimTime;
  const disputed: TransactionRecord = frozen({
    kind: "reversal",
    state: "disputed",
    request: id32("request"),
    merchant,
    subject,
    currency: "EUR",
    answerBy,
  });
  const waiting: DisputeRecord = frozen({ customer, subject, txn, answerBy });

  /** The purchase that the merchant shows: the customer's signature leaves EUR 0.10 of V0. */
  const evidence = (
    amount: Amount = euro("0.20"),
    draft: Partial<ScripBody> = {},
    spendBody?: Uint8Array,
  ) => {
    const scrip = mint(
      { epochRoot: sha256(), salt: sha256() },
      {
        kind: "vendor",
        network,
        issuer: merchant,
        owner: customer,
        id: v0,
        value: euro("0.30"),
        expiresAt: NOW + DAY,
        ...draft,
      },
    );
    const order = { sku: "article", description: "", unitPrice: euro("0.01"), quantity: 1 };
    const spend = { scrip: scripOf(scrip.grant), order, salt: new Uint8Array(16), amount, metered: false };
    const body = spendBody ?? encodeAs(purchaseSpendCodec, spend);
    return verified(purchaseRequest, { from: customer, spend: [body, sha256()] }).payload;
  };
  const claimOf = (claimed: Amount, shown?: Claim["evidence"]): Claim => ({ claimed, evidence: shown });

  interface Options {
    readonly credit?: CreditRecord;
    readonly transaction?: TransactionRecord;
    readonly dispute?: DisputeRecord | undefined;
    readonly now?: number;
    readonly purse?: PurseRecord;
    readonly excess?: ExcessRecord | undefined;
  }
  /** Unless a test is about it, this merchant has kept more than was proven once before, and may never again. */
  const before: ExcessRecord = frozen({ txn: id16("before"), value: 1n, currency: "EUR", at: NOW - DAY });
  const decide = (claim: Claim | undefined, options: Options = {}) =>
    decideDispute(
      customer,
      txn,
      frozen({
        purse: options.purse ?? purse,
        transaction: options.transaction ?? disputed,
        credit: options.credit ?? heldCredit({ state: "disputed" }),
        dispute: "dispute" in options ? options.dispute : waiting,
        excess: "excess" in options ? options.excess : before,
      }),
      claim,
      options.now ?? NOW + HOUR,
      terms,
      frozen(freshOf("reversed")),
    );
  /** What the merchant keeps and the customer gets back. */
  const shares = (claim: Claim | undefined, options: Options = {}) => {
    const { writes, record } = recorded(decide(claim, options));
    const credit = creditItem.fromItem(putAt(writes, source));
    return { writes, record, credit, kept: credit.owed, back: record.value };
  };

  test("without an answer is not before the merchant's time is over, and is then in its first moment", () => {
    expect(decide(undefined, { now: answerBy - 1 })).toEqual({
      writes: [],
      outcome: { step: "undecided", record: disputed },
    });
    const { writes, record, credit } = shares(undefined, { now: answerBy });
    expect(record).toMatchObject({ state: "done", value: 300_000n, decidedAt: answerBy, spent: purse.scrip });
    expect(credit).toMatchObject({ state: "ended", owed: 0n, reversedBy: txn });
    expect(purseAfter(writes).value).toBe(1_300_000n);
    expect(readScrip(grantOf(record)?.body ?? sha256())).toMatchObject({ value: euro("1.30") });
    // The merchant has not been heard: it is still told of this dispute.
    expect(places(writes)).toEqual(
      placesOf(
        keys.purse(customer),
        keys.transaction(customer, txn),
        keys.tombstone(customer, purse.scrip ?? ""),
        source,
        keys.open(customer, txn),
      ),
    );
    expect(writeAt(writes, source).expect).toEqual({ state: "disputed", owed: 300_000n });
    expect(writeAt(writes, keys.transaction(customer, txn)).expect).toEqual({ state: "disputed" });
    expect(writeAt(writes, keys.open(customer, txn))).toMatchObject({ remove: true });
  });

  test("leaves the merchant what it claims and the customer's signature bears out; the rest goes back", () => {
    const { writes, record, credit, kept, back } = shares(claimOf(euro("0.20"), evidence()));
    expect([kept, back]).toEqual([200_000n, 100_000n]);
    expect(credit).toMatchObject({ state: "held", heldUntil: NOW + DAY, reversedBy: txn });
    expect(record).toMatchObject({ state: "done", decidedAt: NOW + HOUR });
    expect(purseAfter(writes).value).toBe(1_100_000n);
    expect(putAt(writes, due)).toEqual({ customer, txn: subject });
    expect(writeAt(writes, dispute)).toMatchObject({ remove: true });
  });

  const scripOfOthers: readonly [string, Partial<ScripBody>][] = [
    ["scrip of another issuer", { issuer: id32("other") }],
    ["another customer's scrip", { owner: id32("other") }],
    ["scrip that descends from another V0", { id: id16("other"), origin: id16("another V0") }],
    ["scrip of another V0", { id: id16("other") }],
    ["scrip in another currency", { value: amountOf("USD", 300_000n) }],
  ];
  test.each<[what: string, claim: Claim, kept: bigint]>([
    ["less than what the signature bears out", claimOf(euro("0.05"), evidence()), 50_000n],
    ["more than what the signature bears out", claimOf(euro("0.30"), evidence()), 200_000n],
    ["nothing", claimOf(amountOf("EUR", 0n), evidence()), 0n],
    ["without evidence", claimOf(euro("0.30")), 0n],
    ["all, by a purchase for all of it", claimOf(euro("0.30"), evidence(euro("0.30"))), 300_000n],
    ["a unit", claimOf(amountOf("EUR", 1n), evidence()), 1n],
    ["in another currency", claimOf(amountOf("USD", 200_000n), evidence()), 0n],
    [
      "with scrip that descends from V0",
      claimOf(euro("0.30"), evidence(euro("0.05"), { id: id16("V1"), origin: v0, value: euro("0.10") })),
      250_000n,
    ],
    ["with a purchase of more than its scrip is worth", claimOf(euro("0.30"), evidence(euro("0.31"))), 0n],
    [
      "with a spend that cannot be read",
      claimOf(euro("0.30"), evidence(euro("0.20"), {}, utf8("nonsense"))),
      0n,
    ],
    ...scripOfOthers
      .map(
        ([what, draft]) =>
          [
            `with ${what}`,
            claimOf(euro("0.30"), evidence(amountOf(draft.value?.currency ?? "EUR", 200_000n), draft)),
            0n,
          ] as const,
      )
      .map((each): [string, Claim, bigint] => [...each]),
  ])("a claim of %s", (_, claim, expected) => {
    const { kept, back, credit } = shares(claim);
    expect([kept, back]).toEqual([expected, 300_000n - expected]);
    expect(credit.state).toBe(expected === 0n ? "ended" : "held");
  });

  test("never leaves the merchant more than is still owed after a refund", () => {
    const credit = heldCredit({ state: "disputed", owed: 50_000n });
    const { kept, back } = shares(claimOf(euro("0.30"), evidence()), { credit });
    expect([kept, back]).toEqual([50_000n, 0n]);
  });

  test("that gives nothing back leaves the customer's purse and its scrip as they are", () => {
    const { writes, record } = shares(claimOf(euro("0.30"), evidence(euro("0.30"))));
    expect(purseAfter(writes).scrip).toBe(purse.scrip);
    expect([record.state, record.value, grantOf(record)]).toEqual(["done", 0n, undefined]);
  });

  test("waits while what goes back does not fit into the purse, and fits to the unit", () => {
    const full = (value: bigint) => purseOf(customer, amountOf("EUR", value)).purse;
    expect(decide(undefined, { now: answerBy, purse: full(limits.amount - 299_999n) })).toEqual({
      writes: [],
      outcome: { step: "undecided", record: disputed },
    });
    const { writes } = shares(undefined, { now: answerBy, purse: full(limits.amount - 300_000n) });
    expect(purseAfter(writes).value).toBe(limits.amount);
  });

  test("is told to a merchant that answers too late, which is told of the dispute no more", () => {
    const done = { ...disputed, state: "done", value: 300_000n };
    const ended = { transaction: done, credit: heldCredit({ state: "ended", owed: 0n }) };
    expect(decide(claimOf(euro("0.20"), evidence()), ended)).toEqual({
      writes: [{ remove: true, at: dispute, expect: "any" }],
      outcome: { step: "decided", record: done },
    });
    expect(decide(claimOf(euro("0.20"), evidence()), { ...ended, dispute: undefined })).toMatchObject({
      writes: [],
    });
    expect(decide(undefined, ended)).toEqual({ writes: [], outcome: { step: "decided", record: done } });
  });

  test("of a credit that is gone is our own fault", () => {
    const state = frozen({
      purse,
      transaction: disputed,
      credit: undefined,
      dispute: waiting,
      excess: undefined,
    });
    expect(() => decideDispute(customer, txn, state, undefined, answerBy, terms, freshOf("x"))).toThrow(
      "gone",
    );
  });

  // The body of the scrip in the evidence is the word of customer and merchant alone.
  test.each<[what: string, draft: Partial<ScripBody>]>([
    ["V0", { value: euro("1000.00") }],
    ["V0, by a unit,", { value: amountOf("EUR", 300_001n) }],
    ["a descendant of V0", { id: id16("V1"), origin: v0, value: euro("1000.00") }],
  ])("never gives back more than is owed where %s is said to be worth more than the credit", (_, draft) => {
    for (const claimed of [0n, 300_000n]) {
      const shown = evidence(euro("0.01"), draft);
      const { kept, back } = shares(claimOf(amountOf("EUR", claimed), shown));
      expect([kept, back]).toEqual([0n, 300_000n]);
    }
  });

  test("does not wait for the schedule: an answer in the last moment of its time counts, one moment later it is silence", () => {
    const claim = claimOf(euro("0.20"), evidence());
    expect(shares(claim, { now: answerBy - 1 }).kept).toBe(200_000n);
    const { kept, back, writes } = shares(claim, { now: answerBy });
    expect([kept, back]).toEqual([0n, 300_000n]);
    // It has been heard all the same, and is told of this dispute no more.
    expect(writeAt(writes, dispute)).toMatchObject({ remove: true });
  });

  /** A statement of this customer's, of a lane on V0 that leaves EUR 0.10 of it. */
  const statementOf = async (own: Partial<Draft<typeof statement>> = {}) => {
    const signing = await defaultSuite.signingKey(sha256(utf8("a key")));
    const [seller, buyer] = [merchant, customer].map((uid) => ({ uid, signing }));
    if (seller === undefined || buyer === undefined) throw new Error("there are two");
    const made = await makeStatement(
      { network, merchant: seller, customer: buyer, scrip: v0 },
      { total: euro("0.20"), remaining: euro("0.10"), ...own },
    );
    return orThrow(readStatement(made.bytes)).payload;
  };

  test.each<[what: string, own: Partial<Draft<typeof statement>>, kept: bigint]>([
    ["of a lane on V0", {}, 200_000n],
    ["of a lane on what descends from V0", { scrip: id16("V1"), origin: v0 }, 200_000n],
    ["that leaves nothing", { remaining: amountOf("EUR", 0n) }, 300_000n],
    ["that leaves all of it", { remaining: euro("0.30") }, 0n],
    ["of a lane on scrip of another line", { scrip: id16("V1"), origin: id16("another V0") }, 0n],
    ["of a lane on another V0", { scrip: id16("another V0") }, 0n],
    ["of V0 as what descends from another", { origin: id16("another V0") }, 0n],
    ["of another merchant", { from: id32("other") }, 0n],
    ["of another customer", { customer: id32("other") }, 0n],
    ["in another currency", { remaining: amountOf("USD", 100_000n), total: amountOf("USD", 0n) }, 0n],
    ["that leaves more than V0 was worth", { remaining: euro("1000.00") }, 0n],
  ])("is borne out by a statement %s as far as what it leaves", async (_, own, expected) => {
    const { kept, back } = shares(claimOf(euro("0.30"), await statementOf(own)));
    expect([kept, back]).toEqual([expected, 300_000n - expected]);
  });

  describe("beyond the evidence", () => {
    const mark = keys.excess(customer, merchant);
    const large = heldCredit({ state: "disputed", value: 2_000_000n, owed: 2_000_000n });
    const first = { credit: large, excess: undefined };
    const most = limits.unstatedAmount;

    test("a merchant is left what it claims, up to A, and that is written down for good in the same commit", async () => {
      const shown = await statementOf({ remaining: euro("1.90") });
      for (const [claimed, kept] of [
        [100_001n, 100_001n],
        [100_000n + most, 100_000n + most],
        [100_001n + most, 100_000n + most],
        [2_000_000n, 100_000n + most],
      ] as const) {
        const share = shares(claimOf(amountOf("EUR", claimed), shown), first);
        expect([share.kept, share.back]).toEqual([kept, 2_000_000n - kept]);
        expect(writeAt(share.writes, mark)).toEqual({
          put: { txn, value: kept - 100_000n, currency: "EUR", at: NOW + HOUR },
          at: mark,
          expect: "absent",
        });
      }
    });

    test("it is left nothing more when it was once before, whatever that was", async () => {
      const claim = claimOf(euro("2.00"), await statementOf({ remaining: euro("1.90") }));
      const { kept, writes } = shares(claim, { credit: large });
      expect(kept).toBe(100_000n);
      expect(writes.some(({ at }) => at.sk === mark.sk)).toBe(false);
    });

    test("a purchase of figure 7 as evidence is the same", () => {
      const { kept } = shares(claimOf(euro("2.00"), evidence(euro("0.20"))), first);
      expect(kept).toBe(2_000_000n);
      const small = shares(claimOf(euro("0.30"), evidence()), { excess: undefined });
      expect(small.kept).toBe(300_000n);
      expect(putAt(small.writes, mark)).toMatchObject({ value: 100_000n });
    });

    test("nothing is marked where it claims no more than is proven or owed", async () => {
      const shown = await statementOf({ remaining: euro("1.90") });
      const owing = { ...large, owed: 50_000n };
      for (const [claim, credit] of [
        [claimOf(euro("0.10"), shown), large],
        [claimOf(euro("2.00"), shown), owing],
      ] as const) {
        const { writes } = shares(claim, { credit, excess: undefined });
        expect(writes.some(({ at }) => at.sk === mark.sk)).toBe(false);
      }
    });

    test("nothing is believed without evidence that counts, nor of a claim that comes too late", async () => {
      const foreign = await statementOf({ scrip: id16("another V0") });
      for (const [claim, now] of [
        [claimOf(euro("0.10")), NOW],
        [claimOf(euro("0.10"), foreign), NOW],
        [claimOf(euro("0.10"), evidence(euro("0.20"), { owner: id32("other") })), NOW],
        [claimOf(euro("0.10"), await statementOf()), answerBy],
      ] as const)
        expect(shares(claim, { ...first, now }).kept).toBe(0n);
    });
  });
});
