import { chainHead } from "@lepta/lambdas/broker/decision";
import {
  type CreditRecord,
  keys,
  type TransactionRecord,
  transactionItem,
} from "@lepta/lambdas/broker/items";
import { decideAbort, decideQuery, type SubjectState } from "@lepta/lambdas/broker/transaction";
import { abort, orThrow, query, refuse } from "@lepta/protocol";
import { describe, expect, test } from "vitest";
import { customer, euro, frozen, HOUR, id16, id32, merchant, NOW, purseOf, verified } from "./cases.ts";

const subject = id16("subject");
const { purse } = purseOf(customer, euro("1.00"));
const none: SubjectState = frozen({ transaction: undefined, credit: undefined, purse: undefined });
const own = (transaction?: TransactionRecord): SubjectState => frozen({ ...none, purse, transaction });
const credit = (state: string): CreditRecord => ({
  state,
  authorizationDigest: id32("M2"),
  value: 300_000n,
  currency: "EUR",
  decidedAt: NOW,
});
const transactionIn = (state: string): TransactionRecord => ({
  kind: "vendorscrip",
  state,
  request: id32("r"),
});

describe("a query", () => {
  const ask = (from: string, state: SubjectState, now = NOW) =>
    decideQuery(verified(query, { from, initiator: customer, subject }), state, now);

  test.each(["open", "charging", "charged", "paying", "disputed", "done", "refused", "aborted"])(
    "by the initiator tells %s",
    (state) => {
      const transaction = transactionIn(state);
      expect(ask(customer, own(transaction))).toEqual({
        writes: [],
        outcome: { state, transaction, credit: undefined },
      });
    },
  );

  test("of what the broker has not seen tells unknown", () => {
    expect(orThrow(ask(customer, own())).outcome.state).toBe("unknown");
  });

  test.each([
    ["held", "done"],
    ["disputed", "done"],
    ["settled", "done"],
    ["ended", "done"],
    ["refund", "done"],
    ["void", "refused"],
  ])("by the merchant of a %s credit tells %s and nothing of the customer's", (state, told) => {
    expect(ask(merchant, { ...none, credit: credit(state) })).toEqual({
      writes: [],
      outcome: { state: told, transaction: undefined, credit: credit(state) },
    });
  });

  test("by a stranger tells unknown, even if the state held more", () => {
    const outcome = { state: "unknown", transaction: undefined, credit: undefined };
    expect(ask(id32("stranger"), { ...none, transaction: transactionIn("done") })).toEqual({
      writes: [],
      outcome,
    });
  });

  test("past its end is refused", () => {
    expect(ask(customer, own(), NOW + HOUR)).toEqual(refuse("expired"));
  });
});

describe("an abort", () => {
  const end = (from: string, state: SubjectState, now = NOW, more: object = {}) =>
    decideAbort(verified(abort, { from, initiator: customer, subject, ...more }), state, now);

  test("by the initiator of what the broker has not seen makes it unusable, linked into the chain", () => {
    const { writes, outcome } = orThrow(end(customer, own()));
    expect(outcome.state).toBe("aborted");
    expect(writes.map(({ at, expect: condition }) => [at, condition])).toEqual([
      [keys.purse(customer), { sequence: purse.sequence, head: purse.head, scrip: purse.scrip }],
      [keys.transaction(customer, subject), "absent"],
    ]);
    const { sequence, previous, head, ...content } = outcome.transaction ?? transactionIn("");
    expect(content).toMatchObject({ kind: "abort", state: "aborted", reason: "aborted", decidedAt: NOW });
    expect([sequence, previous]).toEqual([purse.sequence + 1, purse.head]);
    expect(head).toEqual(chainHead(purse.head, customer, subject, transactionItem.toItem(content)));
  });

  test("by the initiator leaves the purse's scrip as it is", () => {
    const [write] = orThrow(end(customer, own())).writes;
    expect(write).toMatchObject({ put: { scrip: purse.scrip, value: purse.value, salt: purse.salt } });
  });

  test("by the initiator of an open intent ends it on condition that it is still open", () => {
    const { writes, outcome } = orThrow(end(customer, own(transactionIn("open"))));
    expect(outcome.transaction).toMatchObject({ kind: "vendorscrip", state: "aborted" });
    expect(writes[1]?.expect).toEqual({ state: "open" });
    expect(writes).toContainEqual({ remove: true, at: keys.open(customer, subject), expect: "any" });
  });

  test.each(["charging", "charged", "paying", "disputed", "done", "refused", "aborted"])(
    "of what is %s changes nothing and tells so",
    (state) => {
      const transaction = transactionIn(state);
      expect(end(customer, own(transaction))).toEqual({
        writes: [],
        outcome: { state, transaction, credit: undefined },
      });
    },
  );

  test("by the merchant makes its credit void, where there is none yet", () => {
    const more = { authorization: id32("M2"), amount: euro("0.30") };
    const { writes, outcome } = orThrow(end(merchant, none, NOW, more));
    expect(outcome).toMatchObject({
      state: "refused",
      credit: { state: "void", authorizationDigest: id32("M2") },
    });
    expect(writes).toMatchObject([{ at: keys.credit(merchant, customer, subject), expect: "absent" }]);
  });

  test.each([
    ["held", "done"],
    ["void", "refused"],
  ])("by the merchant of a %s credit changes nothing", (state, told) => {
    const decision = orThrow(end(merchant, { ...none, credit: credit(state) }));
    expect([decision.writes, decision.outcome.state]).toEqual([[], told]);
  });

  test("by a merchant that names no authorization or no amount is bad input", () => {
    expect(end(merchant, none)).toEqual(refuse("wrong-reference"));
    expect(end(merchant, none, NOW, { authorization: id32("M2") })).toEqual(refuse("wrong-reference"));
    expect(end(merchant, none, NOW, { amount: euro("1.00") })).toEqual(refuse("wrong-reference"));
  });

  test("past its end, or by an initiator without a purse, is bad input", () => {
    expect(end(customer, own(), NOW + HOUR)).toEqual(refuse("expired"));
    expect(end(customer, none)).toEqual(refuse("unknown-peer"));
  });
});
