import type { Item, Write } from "@lepta/lambdas";
import { decideIntent } from "@lepta/lambdas/broker/authorise";
import { chainHead, grantOf } from "@lepta/lambdas/broker/decision";
import {
  creditItem,
  keys,
  purseItem,
  type TransactionRecord,
  tombstoneItem,
  transactionItem,
} from "@lepta/lambdas/broker/items";
import {
  amountOf,
  type ErrorCode,
  encodeAs,
  isGenuine,
  isRefusal,
  limits,
  mint,
  orThrow,
  readScrip,
  refuse,
  scripBodyCodec,
  scripOf,
  sha256,
  utf8,
  vendorscripIntent,
} from "@lepta/protocol";
import { describe, expect, test } from "vitest";
import {
  type AuthorisationOptions,
  authorisationCase,
  customer,
  DAY,
  euro,
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

const txn = id16("txn");

/** What a commit puts under a key, or undefined. */
function putAt(writes: readonly Write[], at: { readonly pk: string; readonly sk: string }): Item | undefined {
  const write = writes.find((each) => each.at.pk === at.pk && each.at.sk === at.sk);
  return write !== undefined && "put" in write ? write.put : undefined;
}

async function decided(options: AuthorisationOptions = {}) {
  const all = await authorisationCase(options);
  if (isRefusal(all.decision)) throw new Error(`refused as input: ${all.decision.code}`);
  const { writes, outcome } = all.decision;
  if (outcome.step !== "decided") throw new Error("a conflict");
  return { ...all, writes, credit: outcome.credit, transaction: outcome.transaction };
}

describe("an authorization that goes well", () => {
  test("is also of scrip whose epoch is revoked a moment later, or of an epoch beside the revoked one", async () => {
    for (const epochRevokedFrom of [() => NOW + 1, (epoch: number) => (epoch === 2 ? NOW : undefined)])
      expect((await decided({ terms: { epochRevokedFrom } })).transaction?.state).toBe("done");
  });

  test("moves the purse to the change, leaves a tombstone and books the merchant's credit and when it is free, in five writes", async () => {
    const { writes, credit, transaction, state, request, part } = await decided();
    expect(writes).toHaveLength(5);
    const purse = orThrow(readPurse(writes));
    const tombstone = tombstoneItem.fromItem(
      putAt(writes, keys.tombstone(customer, state.purse?.scrip ?? "")) ?? {},
    );
    const record = transactionItem.fromItem(putAt(writes, keys.transaction(customer, txn)) ?? {});
    expect(purse.value).toBe(euro("0.70").value);
    expect(purse.expiresAt).toBe(state.purse?.expiresAt);
    expect(tombstone).toEqual({
      initiator: customer,
      txn,
      at: NOW,
      value: euro("1.00").value,
      currency: "EUR",
    });
    expect(creditItem.fromItem(putAt(writes, keys.credit(merchant, customer, txn)) ?? {})).toEqual(credit);
    expect(credit).toMatchObject({
      state: "held",
      value: euro("0.30").value,
      currency: "EUR",
      authorizationDigest: request.digest,
      heldUntil: NOW + terms.holdTime,
      owed: euro("0.30").value,
    });
    const free = keys.due(merchant, NOW + terms.holdTime, customer, txn);
    expect(putAt(writes, free)).toEqual({ customer, txn });
    const v0 = orThrow(readScrip(request.payload.scrip));
    expect(credit.scrip).toBe(v0.id);
    expect(record).toEqual(transaction);
    expect(record).toMatchObject({
      kind: "vendorscrip",
      state: "done",
      request: part.digest,
      merchant,
      spent: state.purse?.scrip,
      spentValue: euro("1.00").value,
    });
  });

  test("gives change that its issuer made for this owner, with the spent scrip as its parent", async () => {
    const { writes, transaction, state } = await decided();
    const grant = transaction && grantOf(transaction);
    if (grant === undefined) throw new Error("no change");
    const purse = orThrow(readPurse(writes));
    const secrets = { epochRoot: terms.epochRoot(1) ?? new Uint8Array(0), salt: purse.salt ?? sha256() };
    expect(isGenuine(secrets, scripOf(grant))).toBe(true);
    expect(readScrip(grant.body)).toMatchObject({
      owner: customer,
      issuer: network,
      value: euro("0.70"),
      parent: state.purse?.scrip,
    });
  });

  test("links the record into the customer's chain: the next sequence, the head computed over the record", async () => {
    const { writes, transaction, state } = await decided();
    const purse = orThrow(readPurse(writes));
    expect(transaction?.sequence).toBe((state.purse?.sequence ?? 0) + 1);
    expect(transaction?.previous).toEqual(state.purse?.head);
    const { sequence: _s, previous: _p, head: _h, ...content } = transaction ?? ({} as TransactionRecord);
    const head = chainHead(state.purse?.head ?? sha256(), customer, txn, transactionItem.toItem(content));
    expect(transaction?.head).toEqual(head);
    expect([purse.sequence, purse.head]).toEqual([transaction?.sequence, head]);
  });

  test("empties the purse where the scrip is spent whole: no change, no salt", async () => {
    const { writes, transaction } = await decided({ held: euro("0.30") });
    expect(Object.keys(orThrow(readPurse(writes))).sort()).toEqual(["head", "sequence"]);
    expect(transaction && grantOf(transaction)).toBeUndefined();
  });

  test("takes one unit out of the largest scrip exactly", async () => {
    const { writes } = await decided({
      held: amountOf("EUR", limits.amount),
      amount: amountOf("EUR", 1n),
    });
    expect(orThrow(readPurse(writes)).value).toBe(limits.amount - 1n);
  });

  test("keeps the intent that came before", async () => {
    const before = intentRecord();
    const { transaction, writes } = await decided({ state: { transaction: before } });
    expect(transaction).toMatchObject({ state: "done", intent: before.intent });
    const write = writes.find(({ at }) => at.sk === `TXN#${txn}`);
    expect(write?.expect).toEqual({ state: "open" });
  });

  test("accepts VendorScrip that lives exactly as long as the customer asked", async () => {
    const { credit } = await decided({ minimumExpiry: NOW + DAY });
    expect(credit.state).toBe("held");
  });
});

describe("what is the customer's fault is refused, recorded in its chain, and makes the credit void", () => {
  const forged = () => {
    const { minted } = purseOf(customer, euro("1.00"));
    const body = encodeAs(scripBodyCodec, { ...minted.body, value: euro("1000.00") });
    return { ...minted.grant, body };
  };
  const minted = (draft: object) =>
    mint(
      { epochRoot: sha256(), salt: sha256() },
      {
        kind: "broker",
        network,
        issuer: network,
        owner: customer,
        id: purseOf(customer, euro("1.00")).minted.body.id,
        value: euro("1.00"),
        expiresAt: NOW + DAY,
        ...draft,
      },
    ).grant;
  const tombstone = frozen({ initiator: customer, txn, at: NOW, value: 1n, currency: "EUR" });
  const { purse } = purseOf(customer, euro("1.00"));
  const emptied = { sequence: purse.sequence, head: purse.head };

  test.each<[what: string, code: ErrorCode, options: AuthorisationOptions]>([
    [
      "a part past its end",
      "expired",
      { now: NOW + HOUR, part: { expiresAt: NOW + HOUR }, m2: { expiresAt: NOW + 2 * HOUR } },
    ],
    [
      "an intent at another merchant",
      "intent-mismatch",
      { state: { transaction: intentRecord({ merchant: id32("other") }) } },
    ],
    [
      "an intent of another amount",
      "intent-mismatch",
      { state: { transaction: intentRecord({ value: 1n }) } },
    ],
    [
      "an intent in another currency",
      "intent-mismatch",
      { state: { transaction: intentRecord({ currency: "USD" }) } },
    ],
    ["bytes that are no scrip", "scrip-forged", { shown: { ...minted({}), body: utf8("nonsense") } }],
    ["scrip of another issuer", "wrong-issuer", { shown: minted({ issuer: merchant }) }],
    ["VendorScrip", "wrong-issuer", { shown: minted({ kind: "vendor" }) }],
    ["somebody else's scrip", "not-owner", { shown: minted({ owner: merchant }) }],
    ["scrip with its value raised", "scrip-forged", { shown: forged() }],
    ["scrip that was never issued", "scrip-forged", { shown: minted({ id: id16("never") }) }],
    ["a purse without scrip", "scrip-forged", { state: { purse: emptied } }],
    ["scrip that was spent", "scrip-spent", { state: { purse: emptied, tombstone } }],
    ["a proof under another secret", "bad-proof", { secret: sha256(utf8("guess")) }],
    ["scrip that expires now", "scrip-expired", { heldExpiresAt: NOW }],
    ["scrip of an epoch that is revoked now", "scrip-expired", { terms: { epochRevokedFrom: () => NOW } }],
    ["an amount of one unit more than the scrip", "insufficient", { amount: amountOf("EUR", 1_000_001n) }],
  ])("%s: %s", async (_, code, options) => {
    const { writes, credit, transaction, state } = await decided(options);
    expect(transaction).toMatchObject({ state: "refused", reason: code, kind: "vendorscrip" });
    expect(credit).toMatchObject({ state: "void", reason: "refused" });
    // What had an intent was on the schedule's list, and is taken off it.
    const listed = options.state?.transaction === undefined ? [] : [keys.open(customer, txn)];
    expect(writes.map(({ at }) => at)).toEqual([
      keys.purse(customer),
      keys.transaction(customer, txn),
      ...listed,
      keys.credit(merchant, customer, txn),
    ]);
    for (const at of listed) expect(writes).toContainEqual({ remove: true, at, expect: "any" });
    // The purse keeps its scrip; only the chain moves on.
    const { sequence, head, ...scrip } = orThrow(readPurse(writes));
    const { sequence: was, head: headWas, ...scripWas } = state.purse ?? emptied;
    expect(scrip).toEqual(scripWas);
    expect([sequence, Buffer.from(head).equals(headWas)]).toEqual([was + 1, false]);
  });
});

describe("what is the merchant's fault makes the credit void and leaves the customer's transaction untouched", () => {
  const other = id32("other");
  const ended = (state: string): TransactionRecord => ({ kind: "vendorscrip", state, request: id32("r") });

  test.each<[what: string, options: AuthorisationOptions]>([
    ["a part that proved unusable", { unusable: refuse("unauthentic") }],
    ["a part of another customer", { part: { from: other } }],
    ["a part of another transaction", { part: { txn: id16("other") } }],
    ["a part that names another merchant", { part: { merchant: other } }],
    ["a spend that cannot be read", { spendBody: utf8("nonsense") }],
    ["another amount than the part's", { spent: euro("0.29") }],
    ["the amount in another currency than the part's", { spent: amountOf("USD", 300_000n) }],
    ["M2 past its end", { m2: { expiresAt: NOW } }],
    ["V0 that cannot be read", { m2: { scrip: utf8("nonsense") } }],
    ["V0 of the kind of BrokerScrip", { v0: { kind: "broker" } }],
    ["V0 of another network", { v0: { network: other } }],
    ["V0 of another issuer", { v0: { issuer: other } }],
    ["V0 for another owner", { v0: { owner: other } }],
    ["V0 of another value", { v0: { value: euro("0.29") } }],
    ["V0 in another currency", { v0: { value: amountOf("USD", 300_000n) } }],
    ["V0 that ends before the customer's minimum", { minimumExpiry: NOW + DAY + 1 }],
    ["V0 that ends now", { v0: { expiresAt: NOW }, minimumExpiry: NOW - HOUR }],
    ["a customer without a purse", { state: { purse: undefined } }],
    ["a transaction that is done", { state: { transaction: ended("done") } }],
    ["a transaction that is refused", { state: { transaction: ended("refused") } }],
    ["a transaction that is aborted", { state: { transaction: ended("aborted") } }],
    ["a transaction of another kind", { state: { transaction: { kind: "brokerscrip", state: "charging" } } }],
  ])("%s", async (_, options) => {
    const { writes, credit, transaction } = await decided(options);
    expect(transaction).toBeUndefined();
    expect(credit).toMatchObject({ state: "void", reason: "refused", value: euro("0.30").value });
    expect(writes.map(({ at, expect: condition }) => [at, condition])).toEqual([
      [keys.credit(merchant, customer, txn), "absent"],
    ]);
  });
});

describe("an authorization that was decided before", () => {
  test("is told again as it was decided, even past its end, and writes nothing", async () => {
    const first = await decided();
    const again = await decided({
      now: NOW + 100 * DAY,
      state: { credit: first.credit, transaction: first.transaction, purse: undefined },
    });
    expect(again.writes).toEqual([]);
    expect([again.credit, again.transaction]).toEqual([first.credit, first.transaction]);
  });

  test("is told without the customer's transaction where another authorization decided that", async () => {
    const first = await decided({ part: { merchant: id32("other") } });
    const transaction = { kind: "vendorscrip", state: "done", authorizationDigest: id32("another M2") };
    const again = await decided({
      part: { merchant: id32("other") },
      state: { credit: first.credit, transaction },
    });
    expect([again.writes, again.credit, again.transaction]).toEqual([[], first.credit, undefined]);
  });

  test("with another digest is a conflict that writes nothing", async () => {
    const first = await decided();
    const { decision } = await authorisationCase({
      m2: { escrow: utf8("another escrow") },
      state: { credit: first.credit, transaction: first.transaction },
    });
    expect(decision).toEqual({ writes: [], outcome: { step: "conflict" } });
  });
});

test("an authorization in another currency than the broker's is bad input", async () => {
  expect((await authorisationCase({ amount: amountOf("USD", 1n) })).decision).toEqual(
    refuse("wrong-currency"),
  );
});

test("an authorization by the customer itself is bad input", async () => {
  expect((await authorisationCase({ m2: { customer: merchant } })).decision).toEqual(refuse("same-party"));
});

describe("an intent", () => {
  const fields = { from: customer, merchant, amount: euro("0.30") };
  const intent = (more: Partial<Parameters<typeof verified<typeof vendorscripIntent>>[1]> = {}) =>
    verified(vendorscripIntent, { ...fields, ...more });
  const decide = (message = intent(), record?: TransactionRecord, now = NOW) =>
    decideIntent(message, frozen(record), now, terms);

  test("is recorded as an open transaction, only where there is none", () => {
    const message = intent();
    const decision = orThrow(decide(message));
    expect(decision.outcome).toEqual({ recorded: true });
    expect(decision.writes).toMatchObject([
      { at: keys.transaction(customer, txn), expect: "absent" },
      { at: keys.open(customer, txn), expect: "any" },
    ]);
    // The schedule ends it once nothing can come of it any more.
    const due = message.payload.expiresAt + limits.clockSkew;
    expect(putAt(decision.writes, keys.open(customer, txn))).toEqual({ uid: customer, txn, since: NOW, due });
    const record = transactionItem.fromItem(putAt(decision.writes, keys.transaction(customer, txn)) ?? {});
    expect(record).toMatchObject({ kind: "vendorscrip", state: "open", merchant, intent: message.signed });
  });

  test("that is there already is recorded, and another under its name is not", () => {
    const message = intent();
    const { writes } = orThrow(decide(message));
    const record = transactionItem.fromItem(putAt(writes, keys.transaction(customer, txn)) ?? {});
    expect(decide(message, record)).toEqual({ writes: [], outcome: { recorded: true } });
    expect(decide(intent({ amount: euro("0.31") }), record)).toEqual({
      writes: [],
      outcome: { recorded: false },
    });
  });

  test("that comes after the decision is not kept and changes nothing", () => {
    const done = { kind: "vendorscrip", state: "done", request: id32("r") };
    expect(decide(intent(), done)).toEqual({ writes: [], outcome: { recorded: false } });
  });

  test("that was kept before the decision is still told as kept after it", async () => {
    const message = intent();
    const kept = { ...intentRecord(), intent: message.signed, intentDigest: message.digest };
    const { transaction } = await decided({ state: { transaction: kept } });
    expect(transaction?.intent).toEqual(message.signed);
    expect(decide(message, transaction)).toEqual({ writes: [], outcome: { recorded: true } });
  });

  test("that comes too late, in another currency or at oneself is bad input", () => {
    expect(decide(intent(), undefined, NOW + HOUR)).toEqual(refuse("expired"));
    expect(decide(intent({ amount: amountOf("USD", 1n) }))).toEqual(refuse("wrong-currency"));
    expect(decide(intent({ merchant: customer }))).toEqual(refuse("same-party"));
  });
});

test("minting under an epoch whose root is not at hand is a fault, never a refusal", async () => {
  await expect(authorisationCase({ terms: { epochRoot: () => undefined } })).rejects.toThrow("epoch 1");
});

function readPurse(writes: readonly Write[]) {
  const item = putAt(writes, keys.purse(customer));
  return item === undefined ? refuse("internal", "the purse was not written") : purseItem.fromItem(item);
}

function intentRecord(more: Partial<TransactionRecord> = {}): TransactionRecord {
  return {
    kind: "vendorscrip",
    state: "open",
    request: id32("intent"),
    intent: utf8("the intent, signed"),
    value: euro("0.30").value,
    currency: "EUR",
    merchant,
    ...more,
  };
}
