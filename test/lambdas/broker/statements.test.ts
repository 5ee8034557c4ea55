import {
  keys,
  type StatementRecord,
  statementItem,
  statementPlace,
  type WaitingRecord,
  waitingItem,
} from "@lepta/lambdas/broker/items";
import { decideFlag } from "@lepta/lambdas/broker/notices";
import {
  decideStatement,
  placeOfStatement,
  standingOfPurchase,
  versionsOf,
} from "@lepta/lambdas/broker/statements";
import { forgottenAfter } from "@lepta/lambdas/resources";
import {
  amountOf,
  type Draft,
  defaultSuite,
  limits,
  orThrow,
  readLanePurchase,
  readStatement,
  refuse,
  sha256,
  type statement,
  utf8,
  type VerifiedStatement,
} from "@lepta/protocol";
import { describe, expect, test } from "vitest";
import { type MadeStatement, makeStatement, type Side, type Signer } from "../../support/statements.ts";
import { euro, frozen, HOUR, NOW, network, terms } from "./cases.ts";

const signer = async (name: string): Promise<Signer> => {
  const signing = await defaultSuite.signingKey(sha256(utf8(name)));
  return { uid: signing.id, signing };
};
const [alice, shop] = [await signer("alice"), await signer("shop")];
const parties = { customer: alice.uid, merchant: shop.uid };
const lane = { network, merchant: shop, customer: alice };

type Said = Partial<Draft<typeof statement>>;

/** A statement as it is when its signatures were checked. */
async function said(by: Side | "both" = "both", own: Said = {}, label = "lane") {
  const signers =
    by === "both" ? { merchant: shop, customer: alice } : { [by]: by === "merchant" ? shop : alice };
  const made = await makeStatement({ ...lane, label }, own, signers);
  return { made, verified: verifiedOf(made) };
}

function verifiedOf({ bytes }: MadeStatement): VerifiedStatement {
  const read = orThrow(readStatement(bytes));
  const [byMerchant, byCustomer] = [read.signed.merchant !== undefined, read.signed.customer !== undefined];
  return frozen({ ...read, byMerchant, byCustomer, isBoth: byMerchant && byCustomer });
}

type Each = Awaited<ReturnType<typeof said>>;

/** Records statements one after the other, each on what the one before left. */
function record(...each: readonly Each[]) {
  let before: StatementRecord | undefined;
  const outcomes = each.map(({ verified }, i) => {
    const { writes, outcome } = orThrow(decideStatement(verified, frozen(before), NOW + i, terms));
    const [write] = writes;
    if (write !== undefined && "put" in write) before = statementItem.fromItem(write.put);
    return [outcome.state, outcome.conflict, writes.length] as const;
  });
  if (before === undefined) throw new Error("nothing was written");
  return { outcomes, last: before, digests: versionsOf(before, parties).map(({ digest }) => digest) };
}

const other: Said = { total: euro("1.00") };

describe("a statement", () => {
  test("that both have signed is one write of one unit, where nothing stands under its lane and last purchase", async () => {
    const { made, verified } = await said();
    const decided = orThrow(decideStatement(verified, undefined, NOW, terms));
    const { lane: name } = readLanePurchase(made.purchase(128));
    const at = keys.notice(alice.uid, shop.uid, `STATEMENT#${name}#0000000000000128`);
    expect(decided.outcome).toEqual({ state: "matched", conflict: false });
    expect([decided.ahead, decided.behind]).toEqual([undefined, undefined]);
    expect(decided.writes).toMatchObject([{ at, expect: "absent" }]);
    const { last } = record({ made, verified });
    expect(last).toMatchObject({
      state: "matched",
      at: NOW,
      ttl: forgottenAfter(NOW + terms.disputeWindow),
    });
    expect(versionsOf(last, parties).map(({ bytes }) => bytes)).toEqual([made.bytes]);
    // As DynamoDB counts: names and values, a number as at most 21 bytes.
    const size = Object.entries({ ...at, ...statementItem.toItem(last) }).reduce((sum, [name, value]) => {
      const isNumber = typeof value === "number" || typeof value === "bigint";
      return sum + name.length + (isNumber ? 21 : value.length);
    }, 0);
    expect(size).toBeLessThan(1024);
  });

  test("of one side waits for the other, listed before it is written, and is listed no more when it has come", async () => {
    const [one, both] = [await said("merchant"), await said()];
    const first = orThrow(decideStatement(one.verified, undefined, NOW, terms));
    const due = NOW + terms.noticePatience;
    const place = placeOfStatement(one.verified.payload);
    const waiting: WaitingRecord = { ...parties, txn: one.made.purchase(128), due, place };
    const at = keys.waiting(due, alice.uid, shop.uid, waiting.txn, place);
    expect(first.ahead).toEqual([{ put: waitingItem.toItem(waiting), at, expect: "any" }]);
    expect(first.writes).toHaveLength(1);
    const { last } = record(one);
    const second = orThrow(decideStatement(both.verified, frozen(last), NOW + HOUR, terms));
    expect(second.outcome).toEqual({ state: "matched", conflict: false });
    expect(second.behind).toEqual([{ remove: true, at, expect: "any" }]);
    expect(second.writes).toMatchObject([
      { put: { state: "matched", at: NOW }, expect: { state: "one-sided", signed: last.signed } },
    ]);
  });

  test("is completed by a copy with the signature that was missing, in either order", async () => {
    for (const [first, second] of [
      ["merchant", "customer"],
      ["customer", "merchant"],
      ["merchant", "both"],
      ["customer", "both"],
    ] as const) {
      const { outcomes, last } = record(await said(first), await said(second));
      expect(outcomes).toEqual([
        ["one-sided", false, 1],
        ["matched", false, 1],
      ]);
      const [kept] = versionsOf(last, parties);
      expect([kept?.signed.merchant, kept?.signed.customer]).not.toContain(undefined);
      expect(last.other).toBeUndefined();
    }
  });

  test("again, with the same signatures, with fewer, or with others by the same sides changes nothing", async () => {
    const [both, again, merchants, customers] = [
      await said(),
      await said(),
      await said("merchant"),
      await said("customer"),
    ];
    // ECDSA signs differently each time.
    expect(again.made.bytes).not.toEqual(both.made.bytes);
    expect(record(both, both, again, merchants, customers).outcomes.slice(1)).toEqual(
      Array(4).fill(["matched", false, 0]),
    );
  });

  test.each<[what: string, first: Side | "both", second: Side | "both"]>([
    ["a merchant that signs two", "merchant", "merchant"],
    ["a customer that signs two", "customer", "customer"],
    ["a merchant that signs another one than both have", "both", "merchant"],
    ["a customer that signs another one than both have", "both", "customer"],
    ["two that both have signed", "both", "both"],
  ])(
    "%s about one end of a run differs for good and is a conflict, and both are kept",
    async (_, one, two) => {
      const [first, second] = [await said(one), await said(two, other)];
      const { outcomes, digests, last } = record(first, second, second, first, await said());
      expect(outcomes.slice(0, 4)).toEqual([
        [one === "both" ? "matched" : "one-sided", false, 1],
        ["differs", true, 1],
        ["differs", true, 0],
        ["differs", false, 0],
      ]);
      expect(digests).toEqual([first.made.digest, second.made.digest]);
      expect(last.state).toBe("differs");
    },
  );

  test("of which each side has its own version differs, and is nobody's conflict, also when it comes again", async () => {
    const [merchants, customers] = [await said("merchant"), await said("customer", other)];
    const { outcomes, digests } = record(merchants, customers, customers, merchants);
    expect(outcomes).toEqual([
      ["one-sided", false, 1],
      ["differs", false, 1],
      ["differs", false, 0],
      ["differs", false, 0],
    ]);
    expect(digests).toEqual([merchants.made.digest, customers.made.digest]);
  });

  test("that both have signed is kept beside what one had signed before, however much that is, and is nobody's conflict", async () => {
    const junk = [await said("merchant", other), await said("merchant", { total: euro("0.99") })];
    const both = await said();
    const { outcomes, digests } = record(...junk, both, await said("merchant", { total: euro("0.98") }));
    expect(outcomes.map(([state, conflict]) => [state, conflict])).toEqual([
      ["one-sided", false],
      ["differs", true],
      ["differs", false],
      ["differs", true],
    ]);
    expect(digests).toEqual([junk[0]?.made.digest, both.made.digest]);
  });

  test("keeps no more than two versions", async () => {
    const { last } = record(
      await said(),
      await said("both", other),
      await said("both", { total: euro("0.99") }),
      await said("merchant", { total: euro("0.98") }),
    );
    expect(versionsOf(last, parties)).toHaveLength(2);
  });

  test("is written on condition that nothing of what was read has changed", async () => {
    const first = record(await said("merchant"), await said("customer", other));
    const flagged = { ...first.last, flaggedAt: NOW };
    const { writes } = orThrow(decideStatement((await said("both", other)).verified, flagged, NOW, terms));
    const { state, signed, other: second } = flagged;
    expect(writes[0]?.expect).toEqual({ state, signed, other: second, flaggedAt: NOW });
  });

  test("of other lanes, other ends or other pairs lies elsewhere", async () => {
    const bob = await signer("bob");
    const places = [
      (await said()).verified.payload,
      (await said("both", { last: 127 })).verified.payload,
      (await said("both", { lane: 2 })).verified.payload,
      (await said("both", {}, "another session")).verified.payload,
    ].map(placeOfStatement);
    expect(new Set(places).size).toBe(4);
    const elsewhere = verifiedOf(await makeStatement({ ...lane, customer: bob }));
    const { writes } = orThrow(decideStatement(elsewhere, undefined, NOW, terms));
    expect(writes[0]?.at.pk).toBe(`PAIR#${bob.uid}#${shop.uid}`);
  });

  test("that only closes its lane lies behind the last that has a run", async () => {
    const closing = await said("both", { first: 129, last: 128, total: amountOf("EUR", 0n), closes: 1 });
    const { lane: name } = readLanePurchase(closing.made.purchase(128));
    expect(placeOfStatement(closing.verified.payload)).toBe(statementPlace(name, 128, true));
    expect(statementPlace(name, 128) < statementPlace(name, 128, true)).toBe(true);
    expect(statementPlace(name, 128, true) < statementPlace(name, 129)).toBe(true);
    expect(record(closing).outcomes).toEqual([["matched", false, 1]]);
    expect(standingOfPurchase([record(closing).last], parties, 128).state).toBe("unknown");
  });

  test.each<[what: string, own: Said, code: "wrong-reference" | "wrong-currency"]>([
    ["a run that ends before it begins", { first: 5, last: 4 }, "wrong-reference"],
    ["one that closes and ends long before", { first: 5, last: 3, closes: 1 }, "wrong-reference"],
    ["purchase 0", { first: 0 }, "wrong-reference"],
    ["two currencies", { remaining: amountOf("USD", 1n) }, "wrong-currency"],
  ])("of %s is bad input", async (_, own, code) => {
    const decision = decideStatement((await said("both", own)).verified, undefined, NOW, terms);
    expect(decision).toMatchObject({ code });
  });

  test("of a purchase from oneself is bad input", async () => {
    const made = await makeStatement({ ...lane, customer: shop });
    expect(decideStatement(verifiedOf(made), undefined, NOW, terms)).toEqual(refuse("same-party"));
  });
});

describe("one purchase of a lane", () => {
  const standing = (sequence: number, ...records: readonly StatementRecord[]) => {
    const { state, shown } = standingOfPurchase(records, parties, sequence);
    return [state, shown.map(({ digest }) => digest)] as const;
  };

  test("is shown by the statement that covers it, and by none beyond its run", async () => {
    const both = await said("both", { first: 10, last: 20 });
    const { last } = record(both);
    for (const sequence of [10, 15, 20])
      expect(standing(sequence, last)).toEqual(["matched", [both.made.digest]]);
    for (const sequence of [9, 21]) expect(standing(sequence, last)).toEqual(["unknown", []]);
  });

  test("of which each side says something else is shown by both, what both have signed first", async () => {
    const [one, both] = [await said("merchant", other), await said()];
    const { last } = record(one, both);
    expect(standing(1, last)).toEqual(["differs", [both.made.digest, one.made.digest]]);
  });

  test("that two statements with different ends cover is in dispute", async () => {
    const [short, long] = [await said("merchant", { last: 100 }), await said()];
    expect(standing(50, record(short).last, record(long).last)).toEqual([
      "differs",
      [long.made.digest, short.made.digest],
    ]);
    expect(standing(101, record(short).last, record(long).last)).toEqual(["matched", [long.made.digest]]);
  });
});

describe("the sweep", () => {
  test("flags a statement whose other side has not come in time, and leaves its flag when it comes", async () => {
    const { last } = record(await said("customer"));
    const { made, verified } = await said("customer");
    const place = placeOfStatement(verified.payload);
    const waiting = { ...parties, txn: made.purchase(128), due: NOW + terms.noticePatience, place };
    const gone = {
      remove: true,
      at: keys.waiting(waiting.due, alice.uid, shop.uid, waiting.txn, place),
      expect: "any",
    };
    expect(decideFlag(waiting, last, waiting.due - 1)).toEqual({ writes: [], outcome: { flagged: false } });
    const flagged = { ...last, flaggedAt: waiting.due };
    expect(decideFlag(waiting, last, waiting.due)).toEqual({
      writes: [
        { put: flagged, at: keys.notice(alice.uid, shop.uid, place), expect: { state: "one-sided" } },
        gone,
      ],
      outcome: { flagged: true },
    });
    const late = orThrow(decideStatement((await said()).verified, flagged, waiting.due + 1, terms));
    expect(late.writes).toMatchObject([{ put: { state: "matched", flaggedAt: waiting.due } }]);
    for (const before of [undefined, record(await said()).last])
      expect(decideFlag(waiting, before, waiting.due)).toEqual({
        writes: [gone],
        outcome: { flagged: false },
      });
  });
});

test("a lane of the most unstated purchases and the longest names still fits one write unit", async () => {
  const last = Number.MAX_SAFE_INTEGER;
  const { last: kept } = record(
    await said("both", {
      first: last - limits.unstatedPurchases + 1,
      last,
      lane: last,
      issuedAt: last,
      total: amountOf("EUR", limits.amount),
      remaining: amountOf("EUR", limits.amount),
      previous: alice.uid,
      origin: (await said()).verified.payload.scrip,
    }),
  );
  // Names of attributes and the keys, which are of one length, come on top.
  expect(kept.signed.length).toBeLessThan(1024 - 200);
});
