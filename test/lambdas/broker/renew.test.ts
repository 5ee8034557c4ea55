import { chainHead, grantOf } from "@lepta/lambdas/broker/decision";
import { keys, type TransactionRecord, tombstoneItem, transactionItem } from "@lepta/lambdas/broker/items";
import { decideRenewal } from "@lepta/lambdas/broker/renew";
import {
  amountOf,
  type ErrorCode,
  encodeAs,
  isGenuine,
  isRefusal,
  limits,
  mint,
  readScrip,
  renewalRequest,
  scripBodyCodec,
  scripOf,
  sha256,
  utf8,
} from "@lepta/protocol";
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
  merchant,
  NOW,
  network,
  terms,
  verified,
} from "./cases.ts";
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

function decide(options: Options = {}) {
  const { purse, minted, spend } = shownPurse(options);
  const { now = NOW, requestEnds = now + HOUR } = options;
  const asked = options.spendBody ? ([options.spendBody, sha256()] as const) : spend;
  const request = verified(renewalRequest, { from: customer, spend: asked, expiresAt: requestEnds });
  const state = frozen({
    purse: options.isEmpty ? { sequence: purse.sequence, head: purse.head } : purse,
    transaction: options.transaction,
    tombstone: options.spent ? tombstone : undefined,
  });
  const decision = decideRenewal(request, state, now, terms, frozen(freshOf("renewed")));
  return { decision, request, purse: state.purse, minted };
}

describe("a renewal", () => {
  test("puts a scrip of the same value with a new life in the old one's place: purse, transaction, tombstone", () => {
    const { decision, purse, request } = decide();
    const { writes, record } = recorded(decision);
    expect(places(writes)).toEqual(
      placesOf(
        keys.purse(customer),
        keys.transaction(customer, txn),
        keys.tombstone(customer, purse.scrip ?? ""),
      ),
    );
    const { sequence, head, scrip } = purse;
    expect(writeAt(writes, keys.purse(customer)).expect).toEqual({ sequence, head, scrip });
    expect(writeAt(writes, keys.transaction(customer, txn)).expect).toBe("absent");
    expect(writeAt(writes, keys.tombstone(customer, scrip ?? "")).expect).toBe("absent");
    expect(record).toMatchObject({
      kind: "renewal",
      state: "done",
      request: request.digest,
      signed: request.signed,
      spent: scrip,
      spentValue: 1_000_000n,
      decidedAt: NOW,
      sequence: sequence + 1,
      previous: head,
    });
    const next = purseAfter(writes);
    expect(next).toMatchObject({ value: 1_000_000n, currency: "EUR", expiresAt: NOW + terms.scripLife });
    const grant = grantOf(record);
    if (grant === undefined || next.salt === undefined) throw new Error("nothing was granted");
    const secrets = { epochRoot: terms.epochRoot(1) ?? sha256(), salt: next.salt };
    expect(isGenuine(secrets, scripOf(grant))).toBe(true);
    expect(readScrip(grant.body)).toMatchObject({
      owner: customer,
      issuer: network,
      parent: scrip,
      id: next.scrip,
    });
    expect(tombstoneItem.fromItem(putAt(writes, keys.tombstone(customer, scrip ?? "")))).toEqual({
      initiator: customer,
      txn,
      at: NOW,
      value: 1_000_000n,
      currency: "EUR",
    });
    const { sequence: _s, previous: _p, head: _h, ...content } = record;
    expect(record.head).toEqual(chainHead(head, customer, txn, transactionItem.toItem(content)));
  });

  test.each([1n, limits.amount])("keeps the value %d to the unit", (value) => {
    const { writes } = recorded(decide({ value: amountOf("EUR", value) }).decision);
    expect(purseAfter(writes).value).toBe(value);
  });

  test.each<[string, number, string]>([
    ["a moment before its end", NOW + 1, "done"],
    ["at its end", NOW, "done"],
    ["in the last moment of its grace", NOW - terms.grace + 1, "done"],
    ["when its grace is over", NOW - terms.grace, "refused"],
  ])("of scrip %s", (_, expiresAt, state) => {
    const { record } = recorded(decide({ expiresAt }).decision);
    expect([record.state, record.reason]).toEqual([state, state === "done" ? undefined : "scrip-expired"]);
  });

  const other = (draft: object) =>
    scripOf(
      mint(
        { epochRoot: sha256(), salt: sha256() },
        {
          kind: "broker",
          network,
          issuer: network,
          owner: customer,
          id: shownPurse().minted.body.id,
          value: euro("1.00"),
          expiresAt: NOW + DAY,
          ...draft,
        },
      ).grant,
    );
  const raised = () => {
    const { body, grant } = shownPurse().minted;
    return [encodeAs(scripBodyCodec, { ...body, value: euro("2.00") }), grant.certificate] as const;
  };

  test.each<[what: string, code: ErrorCode, options: Options]>([
    ["a request past its end", "expired", { requestEnds: NOW }],
    ["bytes that are no scrip", "scrip-forged", { shown: [utf8("nonsense"), sha256()] }],
    ["another issuer's scrip", "wrong-issuer", { shown: other({ issuer: merchant }) }],
    ["VendorScrip", "wrong-issuer", { shown: other({ kind: "vendor" }) }],
    ["somebody else's scrip", "not-owner", { shown: other({ owner: merchant }) }],
    ["scrip that was never issued", "scrip-forged", { shown: other({ id: id16("never") }) }],
    ["scrip with its value raised", "scrip-forged", { shown: raised(), amount: euro("2.00") }],
    ["scrip with another certificate", "scrip-forged", { shown: other({}) }],
    ["an empty purse", "scrip-forged", { isEmpty: true }],
    ["scrip that was spent", "scrip-spent", { isEmpty: true, spent: true }],
    ["a proof under another secret", "bad-proof", { secret: sha256() }],
    ["less than the whole of it", "insufficient", { amount: amountOf("EUR", 999_999n) }],
    ["more than the whole of it", "insufficient", { amount: amountOf("EUR", 1_000_001n) }],
    ["its value in another currency", "insufficient", { amount: amountOf("USD", 1_000_000n) }],
  ])("of %s is refused with %s, recorded, and leaves the scrip as it is", (_, code, options) => {
    const { decision, purse } = decide(options);
    const { writes, record, step } = recorded(decision);
    expect([step, record.state, record.reason]).toEqual(["decided", "refused", code]);
    expect(places(writes)).toEqual(placesOf(keys.purse(customer), keys.transaction(customer, txn)));
    const { sequence, head: _head, ...scrip } = purseAfter(writes);
    const { sequence: was, head: _was, ...scripWas } = purse;
    expect([sequence, scrip]).toEqual([was + 1, scripWas]);
    expect(grantOf(record)).toBeUndefined();
  });

  test("of a spend that cannot be read is bad input and is not recorded", () => {
    const { decision } = decide({ spendBody: utf8("nonsense") });
    expect(isRefusal(decision) && decision.code).toBe("malformed");
  });

  test("that was decided is told again, even past its end, and writes nothing", () => {
    const { record } = recorded(decide().decision);
    const again = decide({ transaction: record, isEmpty: true, requestEnds: NOW + HOUR, now: NOW + 9 * DAY });
    expect(again.decision).toEqual({ writes: [], outcome: { step: "decided", record } });
  });

  test("that was aborted before it came is told so and writes nothing", () => {
    const aborted = { kind: "abort", state: "aborted", reason: "aborted", decidedAt: NOW };
    expect(decide({ transaction: aborted }).decision).toEqual({
      writes: [],
      outcome: { step: "decided", record: aborted },
    });
  });

  test.each(["open", "charging", "paying", "disputed", "done", "refused"])(
    "under the id of another request that is %s is a conflict that writes nothing",
    (state) => {
      const transaction = { kind: "vendorscrip", state, request: id32("another") };
      expect(decide({ transaction }).decision).toEqual({ writes: [], outcome: { step: "conflict" } });
    },
  );
});
