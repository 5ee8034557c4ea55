/** What becomes of the purse when a scrip of it was spent, or was not. */
import {
  type Amount,
  checkGrant,
  type Grant,
  LeptaError,
  orThrow,
  type Secret,
  subtract,
} from "@lepta/protocol";
import type { Change } from "../ports.ts";
import { type Customer, secretFor } from "./customer.ts";
import { keepPurse } from "./purse.ts";
import { bodyOf, type Holding } from "./records.ts";

/**
 * The purse after part of a scrip was spent: change of the rest, or nothing where it was spent whole. Where the purse has
 * moved on since, the change is taken only if the broker says that it lives. Throws as `purseWith` does.
 */
export function purseAfter(
  customer: Customer,
  { grant, secrets }: { readonly grant: Grant | undefined; readonly secrets: readonly Secret[] },
  held: Holding | undefined,
  spent: { readonly scrip?: string | undefined; readonly amount: Amount },
): Holding | undefined {
  const { uid, network } = customer.party.identity;
  const isSpent = held !== undefined && bodyOf(held).id === spent.scrip;
  const rest = isSpent ? orThrow(subtract(bodyOf(held).value, spent.amount)) : undefined;
  if (grant === undefined) {
    if (rest !== undefined && rest.value > 0n)
      throw new LeptaError("scrip-mismatch", "the broker gave no change");
    return isSpent ? undefined : held;
  }
  const agreed =
    isSpent && rest ? { value: rest, expiresAt: bodyOf(held).expiresAt, parent: bodyOf(held).id } : {};
  const expected = { kind: "broker", network, issuer: network, owner: uid, ...agreed } as const;
  const body = orThrow(checkGrant(grant, undefined, expected));
  if (secrets.some((each) => each.scrip === body.id && each.spentBy !== undefined))
    return isSpent ? undefined : held;
  const secret = secretFor(secrets, body.id);
  orThrow(checkGrant(grant, secret, expected));
  return { grant, secret };
}

/** The purse unlocked; what the broker calls spent buys nothing any more, and its signed word is kept. */
export const releasedPurse = (customer: Customer, { grant, secret }: Holding, reason: string): Change =>
  keepPurse(customer, reason === "scrip-spent" ? undefined : { grant, secret });
