/** What becomes of the purse when the broker answers: a scrip given on top of what it holds, or change of what was spent. */
import {
  type Amount,
  add,
  type brokerscripResponse,
  checkGrant,
  equalBytes,
  type Grant,
  LeptaError,
  orThrow,
  type Secret,
  subtract,
  type Verified,
} from "@lepta/protocol/core";
import type { Change } from "../ports.ts";
import { type Customer, refusedWith, secretFor } from "./customer.ts";
import { endedPending } from "./ended.ts";
import { bodyOf, type Holding, type Pending, PURSE } from "./records.ts";

/** The purse, which may hold nothing. */
export const purseOf = ({ tables }: Customer): Promise<Holding | undefined> => tables.purse.get(PURSE);

/** The change that keeps a scrip in the purse, or empties it. */
export const keepPurse = ({ tables }: Customer, held: Holding | undefined): Change =>
  held === undefined ? tables.purse.remove(PURSE) : tables.purse.put(PURSE, held);

/** An answer's scrip and what travels beside it. */
export interface Given {
  readonly grant: Grant;
  /** The scrip in whose place it stands, where there was one. */
  readonly replaced: string | undefined;
  readonly secrets: readonly Secret[];
}

/**
 * The purse after the broker minted on top of it: what was given and what the replaced scrip was worth. A scrip that was
 * spent since is left to the transaction that spent it. Throws `scrip-mismatch`, `wrong-reference` or `bad-proof`.
 */
export async function purseWith(
  customer: Customer,
  given: Given,
  amount: Amount | undefined,
): Promise<readonly Change[]> {
  const { uid, network } = customer.party.identity;
  const { grant, replaced, secrets } = given;
  const expected = { kind: "broker", network, issuer: network, owner: uid } as const;
  const body = orThrow(checkGrant(grant, undefined, expected));
  const held = await purseOf(customer);
  const isReplaced = held !== undefined && bodyOf(held).id === replaced;
  if (secrets.some((each) => each.scrip === body.id && each.spentBy !== undefined))
    return isReplaced ? [keepPurse(customer, undefined)] : [];
  const value = replaced === undefined ? amount : isReplaced ? sum(bodyOf(held).value, amount) : undefined;
  const secret = secretFor(secrets, body.id);
  orThrow(checkGrant(grant, secret, { ...expected, ...(value ? { value } : {}) }));
  // What replaces a scrip that we do not hold is worth at least what was given.
  if (amount !== undefined) orThrow(subtract(body.value, amount));
  const isSameId = held !== undefined && bodyOf(held).id === body.id;
  if (isSameId && !equalBytes(held.grant.body, grant.body))
    throw new LeptaError("scrip-mismatch", "the broker says something else of a scrip that we hold");
  const isOther = held !== undefined && !isReplaced && !isSameId;
  return [
    keepPurse(customer, { grant, secret }),
    // The broker knows nothing of what we held: it may have been spent by another wallet of ours, or denied.
    ...(isOther ? [customer.tables.superseded.put(bodyOf(held).id, held)] : []),
  ];
}

/** Figure 6 has ended: a signed answer is the end, whatever it says. Throws the refusal, and what `purseWith` throws. */
export async function concludeTopUp(
  customer: Customer,
  txn: string,
  pending: Pending,
  { payload, secrets, signed }: Verified<typeof brokerscripResponse>,
): Promise<void> {
  const { party, tables } = customer;
  const { ok, reason = "", grant } = payload;
  if (payload.request !== pending.request) throw new LeptaError("wrong-reference");
  if (reason === "conflict") throw new LeptaError("conflict");
  const ended = endedPending(customer, txn, pending, ok ? "done" : reason);
  if (!ok || grant === undefined) {
    await party.store.commit(ended);
    throw refusedWith(reason);
  }
  const given = { grant, replaced: payload.replaced, secrets };
  const purse = await purseWith(customer, given, pending.amount);
  const evidence = tables.evidence.put(txn, { response: signed });
  await party.store.commit([...ended, evidence, ...purse]);
}

const sum = (value: Amount, more: Amount | undefined): Amount =>
  more === undefined ? value : orThrow(add(value, more));
