import { chainHead } from "@lepta/lambdas/broker/decision";
import { decideEnrol, type EnrolState } from "@lepta/lambdas/broker/enrol";
import { genesis } from "@lepta/lambdas/broker/genesis";
import { type CredentialRecord, keys, transactionItem } from "@lepta/lambdas/broker/items";
import { enrolRequest, orThrow, refuse, sha256, utf8 } from "@lepta/protocol";
import { describe, expect, test } from "vitest";
import { customer, frozen, HOUR, id16, id32, NOW, network, verified } from "./cases.ts";

const txn = id16("txn");
const hash = id32("account hash");
const first = frozen({ statement: utf8("statement 1"), serial: 1 });
const nothing: EnrolState = frozen({
  credential: undefined,
  purse: undefined,
  transaction: undefined,
  accountOwner: undefined,
  railAccepts: true,
});
const credential: CredentialRecord = frozen({
  signingKey: utf8("signing key"),
  sealingKey: first.statement,
  serial: 1,
  account: "alice",
  enrolledAt: NOW - HOUR,
});
const purse = frozen({ sequence: 4, head: sha256(utf8("head")) });
const enrolled: EnrolState = frozen({ ...nothing, credential, purse });

const request = (account: string | undefined = "alice") =>
  verified(enrolRequest, {
    from: customer,
    publicKey: utf8("signing key"),
    sealingKey: utf8("statement 1"),
    possession: utf8("proof"),
    ...(account === "" ? {} : { account }),
  });
const renewal = request("");

describe("a first enrolment", () => {
  test("writes the purse, the record, the credential and the account's claim, each only where there is none", () => {
    const { writes, outcome } = orThrow(decideEnrol(request(), first, hash, nothing, NOW));
    expect(writes.map(({ at, expect: condition }) => [at, condition])).toEqual([
      [keys.purse(customer), "absent"],
      [keys.transaction(customer, txn), "absent"],
      [keys.credential(customer), "absent"],
      [keys.account(hash), "absent"],
    ]);
    expect(outcome).toMatchObject({ ok: true, decidedAt: NOW, record: [1, expect.any(Uint8Array)] });
  });

  test("begins the peer's chain at the genesis of this network and this peer", () => {
    const { writes, outcome } = orThrow(decideEnrol(request(), first, hash, nothing, NOW));
    const [, write] = writes;
    const record = transactionItem.fromItem(write !== undefined && "put" in write ? write.put : {});
    const { sequence, previous, head, ...content } = record;
    expect([sequence, previous]).toEqual([1, genesis(network, customer)]);
    const computed = chainHead(genesis(network, customer), customer, txn, transactionItem.toItem(content));
    expect(head).toEqual(computed);
    expect(outcome.record).toEqual([1, computed]);
    expect(genesis(network, customer)).not.toEqual(genesis(network, id32("another")));
  });

  test("of an account that somebody else has is refused and writes nothing", () => {
    const taken = { ...nothing, accountOwner: id32("another") };
    expect(decideEnrol(request(), first, hash, taken, NOW)).toEqual({
      writes: [],
      outcome: { ok: false, reason: "account-taken", decidedAt: NOW },
    });
  });

  test("whose mandate the rail does not accept is refused and writes nothing", () => {
    expect(decideEnrol(request(), first, hash, { ...nothing, railAccepts: false }, NOW)).toEqual({
      writes: [],
      outcome: { ok: false, reason: "account-refused", decidedAt: NOW },
    });
  });

  test("without an account, or past its end, is bad input", () => {
    expect(decideEnrol(renewal, first, undefined, nothing, NOW)).toEqual(refuse("unknown-peer"));
    expect(decideEnrol(request(), first, hash, nothing, NOW + HOUR)).toEqual(refuse("expired"));
  });
});

describe("an enrolment of a peer that is enrolled", () => {
  const again = (options: Partial<EnrolState> = {}, claim = first, message = renewal) =>
    decideEnrol(message, claim, message === renewal ? undefined : hash, { ...enrolled, ...options }, NOW);
  const conflict = { writes: [], outcome: { ok: false, reason: "conflict", decidedAt: NOW } };

  test("with the same sealing key is told yes and writes nothing", () => {
    expect(again()).toEqual({ writes: [], outcome: { ok: true, decidedAt: credential.enrolledAt } });
    expect(again({}, first, request())).toEqual({
      writes: [],
      outcome: { ok: true, decidedAt: credential.enrolledAt },
    });
  });

  test("with another account is a conflict", () => {
    expect(again({}, first, request("bob"))).toEqual(conflict);
  });

  test("with an older serial, or another key under the same serial, is a conflict", () => {
    expect(again({}, { ...first, serial: 0 })).toEqual(conflict);
    expect(again({}, { ...first, statement: utf8("another statement") })).toEqual(conflict);
  });

  test("with a newer sealing key replaces it, keeps the account and is linked into the chain", () => {
    const claim = { statement: utf8("statement 2"), serial: 2 };
    const { writes, outcome } = orThrow(again({}, claim));
    expect(writes.map(({ at, expect: condition }) => [at, condition])).toEqual([
      [keys.purse(customer), { sequence: 4, head: purse.head, scrip: undefined }],
      [keys.transaction(customer, txn), "absent"],
      [keys.credential(customer), { serial: 1 }],
    ]);
    expect(writes[2]).toMatchObject({ put: { ...credential, sealingKey: claim.statement, serial: 2 } });
    expect(outcome.record?.[0]).toBe(5);
  });

  test("that is sent twice gets the same decision; another under its name is a conflict", () => {
    const record = { kind: "enrol", state: "done", decidedAt: NOW, sequence: 5, head: purse.head };
    const same = { ...record, request: renewal.digest };
    const outcome = { ok: true, decidedAt: NOW, record: [5, purse.head] };
    expect(again({ transaction: same })).toEqual({ writes: [], outcome });
    expect(again({ transaction: { ...record, request: id32("another") } })).toEqual(conflict);
  });
});
