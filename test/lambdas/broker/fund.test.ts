import { chainHead } from "@lepta/lambdas/broker/decision";
import {
  decideCharge,
  decideFinal,
  decideFunding,
  decideMint,
  type MintState,
} from "@lepta/lambdas/broker/fund";
import { genesis } from "@lepta/lambdas/broker/genesis";
import {
  keys,
  openItem,
  purseItem,
  type TransactionRecord,
  transactionItem,
} from "@lepta/lambdas/broker/items";
import type { ChargeState } from "@lepta/lambdas/ports/rail";
import { amountOf, brokerscripRequest, limits, orThrow, readScrip, refuse, sha256 } from "@lepta/protocol";
import { describe, expect, test } from "vitest";
import {
  customer,
  DAY,
  euro,
  freshOf,
  frozen,
  HOUR,
  id16,
  id32,
  NOW,
  network,
  purseOf,
  terms,
  verified,
} from "./cases.ts";

const txn = id16("txn");
const account = "alice";
const request = verified(brokerscripRequest, { from: customer, amount: euro("5.00") });
const emptyPurse = frozen({ sequence: 1, head: genesis(network, customer) });
const charging: TransactionRecord = frozen({
  kind: "brokerscrip",
  state: "charging",
  request: request.digest,
  signed: request.signed,
  expiresAt: NOW + HOUR,
  value: euro("5.00").value,
  currency: "EUR",
});
const charged: TransactionRecord = frozen({ ...charging, state: "charged", reference: "ref" });
const railSays = (state: Partial<Extract<ChargeState, { state: "charged" }>> = {}): ChargeState =>
  frozen({ state: "charged", account, amount: euro("5.00"), reference: "ref", final: true, ...state });
const refused = { sequence: 2, head: expect.any(Uint8Array), previous: emptyPurse.head };

describe("a request for BrokerScrip", () => {
  const decide = (transaction?: TransactionRecord, now = NOW) =>
    decideFunding(request, frozen({ purse: emptyPurse, transaction }), now, terms);

  test("is written as charging before the rail is called, with a note for the schedule", () => {
    const { writes, outcome } = orThrow(decide());
    expect(outcome).toEqual({ step: "undecided", record: charging });
    expect(writes.map(({ at, expect: condition }) => [at, condition])).toEqual([
      [keys.transaction(customer, txn), "absent"],
      [keys.open(customer, txn), "any"],
    ]);
  });

  test.each(["charging", "charged"])("that is %s needs the rail", (state) => {
    const record = { ...charging, state };
    expect(decide(record)).toEqual({ writes: [], outcome: { step: "undecided", record } });
  });

  test.each(["done", "refused", "aborted"])("that is %s is told again, even past its end", (state) => {
    const record = { ...charging, state };
    expect(decide(record, NOW + DAY)).toEqual({ writes: [], outcome: { step: "decided", record } });
  });

  test("under the name of another request is a conflict", () => {
    expect(decide({ ...charging, request: id32("another") })).toEqual({
      writes: [],
      outcome: { step: "conflict" },
    });
  });

  test("that was aborted before it came is told so", () => {
    const record = { kind: "abort", state: "aborted", reason: "aborted" };
    expect(decide(record)).toEqual({ writes: [], outcome: { step: "decided", record } });
  });

  test("that comes past its end is recorded as refused and linked into the chain", () => {
    const { writes, outcome } = orThrow(decide(undefined, NOW + HOUR));
    expect(outcome).toMatchObject({
      step: "decided",
      record: { state: "refused", reason: "expired", ...refused },
    });
    expect(writes.map(({ at }) => at.sk)).toEqual(["BROKERSCRIP", `TXN#${txn}`]);
  });

  test("in another currency is bad input", () => {
    const other = verified(brokerscripRequest, { from: customer, amount: amountOf("USD", 1n) });
    const state = { purse: emptyPurse, transaction: undefined };
    expect(decideFunding(other, state, NOW, terms)).toEqual(refuse("wrong-currency"));
  });
});

describe("what the rail says", () => {
  const decide = (answer: ChargeState, transaction = charging) =>
    decideCharge(customer, txn, frozen({ purse: emptyPurse, transaction }), answer, account, NOW);

  test("charged: the transaction is charged, on condition that it was charging", () => {
    const { writes, outcome } = orThrow(decide(railSays()));
    expect(outcome).toEqual({ step: "undecided", record: charged });
    expect(writes).toEqual([
      {
        put: transactionItem.toItem(charged),
        at: keys.transaction(customer, txn),
        expect: { state: "charging" },
      },
    ]);
  });

  test.each([
    ["declined", "declined"],
    ["cancelled", "expired"],
  ] as const)("%s: the transaction is refused as %s and the note is removed", (state, reason) => {
    const { writes, outcome } = orThrow(decide({ state }));
    expect(outcome).toMatchObject({ step: "decided", record: { state: "refused", reason, ...refused } });
    expect(writes.at(-1)).toEqual({ remove: true, at: keys.open(customer, txn), expect: "any" });
    expect(writes[1]?.expect).toEqual({ state: "charging" });
  });

  test.each(["unknown", "not-found"] as const)("%s: nothing is decided", (state) => {
    expect(decide({ state })).toEqual({ writes: [], outcome: { step: "undecided", record: charging } });
  });

  test("of a transaction that is not charging any more changes nothing", () => {
    expect(decide({ state: "declined" }, charged)).toEqual({
      writes: [],
      outcome: { step: "undecided", record: charged },
    });
    const done = frozen({ ...charged, state: "done" });
    expect(decide({ state: "declined" }, done)).toEqual({
      writes: [],
      outcome: { step: "decided", record: done },
    });
  });

  test.each([
    ["account", railSays({ account: "mallory" })],
    ["amount", railSays({ amount: euro("5.000001") })],
    ["currency", railSays({ amount: amountOf("USD", euro("5.00").value) })],
  ])("of another %s than was asked for is a fault, never money", (_, answer) => {
    expect(() => decide(answer)).toThrow("another account or amount");
  });
});

describe("minting", () => {
  const decide = (
    purse: MintState["purse"],
    transaction = charged,
    more: { readonly isFinal?: boolean; readonly exposure?: bigint; readonly limit?: bigint } = {},
  ) => {
    const state = frozen({ purse, transaction, exposure: more.exposure });
    const limited = { ...terms, recallableLimit: more.limit ?? 0n };
    return decideMint(customer, txn, state, more.isFinal ?? true, NOW, limited, frozen(freshOf("mint")));
  };

  test("into an empty purse makes a scrip of what was charged", () => {
    const { writes, outcome } = orThrow(decide(emptyPurse));
    if (outcome.step !== "decided") throw new Error("not minted");
    const body = orThrow(readScrip(outcome.record.grantBody ?? sha256()));
    expect(body).toMatchObject({ value: euro("5.00"), owner: customer, expiresAt: NOW + terms.scripLife });
    expect(body.parent).toBeUndefined();
    expect(writes.map(({ at }) => at.sk.split("#")[0])).toEqual(["BROKERSCRIP", "TXN", expect.any(String)]);
    expect(writes.at(-1)).toMatchObject({ remove: true, at: keys.open(customer, txn) });
  });

  test.each([
    ["live", NOW + DAY],
    ["expired", NOW - DAY],
  ])("beside %s scrip makes one of the sum in its place and leaves a tombstone", (_, expiresAt) => {
    const { purse } = purseOf(customer, euro("1.25"), { expiresAt });
    const { writes, outcome } = orThrow(decide(purse));
    if (outcome.step !== "decided") throw new Error("not minted");
    const body = orThrow(readScrip(outcome.record.grantBody ?? sha256()));
    expect(body).toMatchObject({ value: euro("6.25"), parent: purse.scrip });
    expect(outcome.record).toMatchObject({ spent: purse.scrip, spentValue: euro("1.25").value });
    expect(writes.map(({ at }) => at.sk.split("#")[0])).toContain("SPENT");
    const [purseWrite] = writes;
    expect(purseWrite?.expect).toEqual({ sequence: purse.sequence, head: purse.head, scrip: purse.scrip });
  });

  test("links the record: next sequence, the head computed over the record, the one before it named", () => {
    const { purse } = purseOf(customer, euro("1.00"));
    const { writes, outcome } = orThrow(decide(purse));
    if (outcome.step !== "decided") throw new Error("not minted");
    const { sequence, previous, head, ...content } = outcome.record;
    expect(sequence).toBe(purse.sequence + 1);
    expect(previous).toEqual(purse.head);
    expect(head).toEqual(chainHead(purse.head, customer, txn, transactionItem.toItem(content)));
    const [write] = writes;
    const next = purseItem.fromItem(write !== undefined && "put" in write ? write.put : {});
    expect([next.sequence, next.head]).toEqual([sequence, head]);
  });

  test("up to the largest amount goes; one unit more stays charged and not minted", () => {
    const room = limits.amount - euro("5.00").value;
    const fits = orThrow(decide(purseOf(customer, amountOf("EUR", room)).purse));
    expect(fits.outcome.step).toBe("decided");
    const { purse } = purseOf(customer, amountOf("EUR", room + 1n));
    expect(decide(purse)).toEqual({ writes: [], outcome: { step: "undecided", record: charged } });
  });

  test("of what is not charged, or was minted before, does nothing", () => {
    expect(decide(emptyPurse, charging)).toEqual({
      writes: [],
      outcome: { step: "undecided", record: charging },
    });
    const done = frozen({ ...charged, state: "done" });
    expect(decide(emptyPurse, done)).toEqual({ writes: [], outcome: { step: "decided", record: done } });
  });

  test.each<[what: string, minted: boolean, exposure: bigint | undefined, limit: bigint]>([
    ["with no limit set", false, undefined, 0n],
    ["one unit above the operator's limit", false, undefined, 4_999_999n],
    ["at the operator's limit", true, undefined, 5_000_000n],
    ["within what others have left of the limit", true, 2_000_000n, 7_000_000n],
    ["one unit above what others have left of it", false, 2_000_001n, 7_000_000n],
  ])("against recallable money %s: %s", (_, minted, exposure, limit) => {
    const options = { isFinal: false, limit, ...(exposure === undefined ? {} : { exposure }) };
    const { writes, outcome } = orThrow(decide(emptyPurse, charged, options));
    expect(outcome.step).toBe(minted ? "decided" : "undecided");
    if (!minted) return expect(writes).toEqual([]);
    // The note for the schedule stays, and the sum of all such money is written on condition of what it was.
    expect(writes.slice(-2)).toEqual([
      {
        put: openItem.toItem({ uid: customer, txn, since: NOW, recallable: 5_000_000n }),
        at: keys.open(customer, txn),
        expect: "any",
      },
      {
        put: { outstanding: (exposure ?? 0n) + 5_000_000n },
        at: keys.exposure("EUR"),
        expect: exposure === undefined ? "absent" : { outstanding: exposure },
      },
    ]);
  });

  test("against final money counts against no limit, however much is outstanding", () => {
    const { outcome } = orThrow(decide(emptyPurse, charged, { exposure: 9n, limit: 0n }));
    expect(outcome.step).toBe("decided");
  });
});

describe("recallable money that has become final", () => {
  const open = frozen({ uid: customer, txn, since: NOW, recallable: 5_000_000n });

  test("is taken out of the sum, once, on condition that nothing moved", () => {
    const { writes, outcome } = orThrow(
      decideFinal(customer, txn, "EUR", frozen({ open, exposure: 7_000_000n })),
    );
    expect(outcome).toEqual({ released: true });
    expect(writes).toEqual([
      { remove: true, at: keys.open(customer, txn), expect: { recallable: 5_000_000n } },
      { put: { outstanding: 2_000_000n }, at: keys.exposure("EUR"), expect: { outstanding: 7_000_000n } },
    ]);
  });

  test("is not taken out where it was before, or never was in", () => {
    const nothing = { writes: [], outcome: { released: false } };
    expect(decideFinal(customer, txn, "EUR", { open: undefined, exposure: 7n })).toEqual(nothing);
    const { recallable: _, ...plain } = open;
    expect(decideFinal(customer, txn, "EUR", { open: plain, exposure: 7n })).toEqual(nothing);
  });
});
