/** What the tests of money's way back have in common: a purse and its scrip as shown, and a look into the writes. */
import type { Key, Write } from "@lepta/lambdas";
import type { Decision } from "@lepta/lambdas/broker/decision";
import {
  type CreditRecord,
  keys,
  type PurseRecord,
  purseItem,
  type TombstoneRecord,
} from "@lepta/lambdas/broker/items";
import type { ReturnOutcome } from "@lepta/lambdas/broker/renew";
import {
  type Amount,
  encodeAs,
  isRefusal,
  makeScripId,
  proveSpend,
  returnSpendCodec,
  type ScripTuple,
  type Spend,
  scripOf,
  sha256,
  utf8,
} from "@lepta/protocol";
import { customer, DAY, euro, frozen, id16, id32, NOW, purseOf } from "./cases.ts";

export const txn = id16("txn");
export const subject = id16("figure 8");
/** The id of V0. */
export const v0 = makeScripId(1, sha256(utf8("v0")).slice(0, 12));

/** The write under a key; fails loudly where there is none. */
export function writeAt(writes: readonly Write[], { pk, sk }: Key): Write {
  const write = writes.find(({ at }) => at.pk === pk && at.sk === sk);
  if (write === undefined) throw new Error(`nothing is written at ${pk} ${sk}`);
  return write;
}

export function putAt(writes: readonly Write[], at: Key) {
  const write = writeAt(writes, at);
  if (!("put" in write)) throw new Error("it is removed");
  return write.put;
}

/** The keys of all writes, in an order of their own. */
export const places = (writes: readonly Write[]): readonly string[] =>
  writes.map(({ at }) => `${at.pk} ${at.sk}`).sort();
export const placesOf = (...at: readonly Key[]): readonly string[] =>
  at.map(({ pk, sk }) => `${pk} ${sk}`).sort();

export const purseAfter = (writes: readonly Write[], uid = customer): PurseRecord =>
  purseItem.fromItem(putAt(writes, keys.purse(uid)));

/** A decided or undecided outcome with its record. */
export function recorded(decision: Decision<ReturnOutcome>) {
  if (isRefusal(decision)) throw new Error(`refused as input: ${decision.code}`);
  const { writes, outcome } = decision;
  if (outcome.step === "conflict") throw new Error("a conflict");
  return { writes, step: outcome.step, record: outcome.record };
}

export interface ShowOptions {
  readonly value?: Amount;
  readonly expiresAt?: number;
  readonly shown?: ScripTuple;
  readonly secret?: Uint8Array;
  readonly amount?: Amount;
}

/** A purse of EUR 1.00 and a spend that gives back all of it, unless told otherwise. */
export function shownPurse({ value = euro("1.00"), expiresAt = NOW + DAY, ...other }: ShowOptions = {}) {
  const { purse, minted, secret } = purseOf(customer, value, { expiresAt });
  const scrip = other.shown ?? scripOf(minted.grant);
  const body = encodeAs(returnSpendCodec, { scrip, amount: other.amount ?? value });
  const spend: Spend = proveSpend(other.secret ?? secret, body);
  return { purse, minted, secret, spend };
}

export const tombstone: TombstoneRecord = frozen({
  initiator: customer,
  txn: id16("spender"),
  at: NOW,
  value: 1n,
  currency: "EUR",
});

/** The credit of figure 8: EUR 0.30 that are held for another day. */
export const heldCredit = (more: Partial<CreditRecord> = {}): CreditRecord =>
  frozen({
    state: "held",
    authorizationDigest: id32("M2"),
    value: euro("0.30").value,
    owed: euro("0.30").value,
    currency: "EUR",
    scrip: v0,
    decidedAt: NOW - DAY,
    heldUntil: NOW + DAY,
    ...more,
  });
