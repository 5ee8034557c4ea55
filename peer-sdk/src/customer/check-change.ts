/** What a customer checks in figure 8's M3, and in M4 and M5 inside it, before its money moves. */
import {
  authorizationResponse,
  type brokerscripChange,
  checkGrant,
  isRefusal,
  LeptaError,
  orThrow,
  readMessage,
  sameAmount,
  subtract,
  type Verified,
  type VerifyingKey,
  vendorscripResponse,
} from "@lepta/protocol";
import { type Customer, secretFor } from "./customer.ts";
import { readReply } from "./meet.ts";
import { bodyOf, type Holding, type Pending } from "./records.ts";

/** M3, signed by the broker for us. */
export type Change = Verified<typeof brokerscripChange>;

/**
 * The purse after M3: Br1, which must be what Br0 was worth less the amount, or nothing where Br0 was spent whole. Where
 * the purse has moved on since (a top-up replaced what it held), Br1 is taken only if the broker says that it lives.
 */
export function purseAfter(
  customer: Customer,
  change: Change,
  held: Holding | undefined,
  pending: Pending,
): Holding | undefined {
  const { uid, network } = customer.party.identity;
  const { grant, merchant, amount, spent } = change.payload;
  if (merchant !== pending.merchant || !sameAmount(amount, pending.amount) || spent !== pending.scrip)
    throw new LeptaError("wrong-reference");
  const isSpent = held !== undefined && bodyOf(held).id === pending.scrip;
  const rest = isSpent ? orThrow(subtract(bodyOf(held).value, pending.amount)) : undefined;
  const agreed =
    isSpent && rest ? { value: rest, expiresAt: bodyOf(held).expiresAt, parent: bodyOf(held).id } : {};
  if (grant === undefined) {
    if (rest !== undefined && rest.value > 0n)
      throw new LeptaError("scrip-mismatch", "the broker gave no change");
    return isSpent ? undefined : held;
  }
  const expected = {
    kind: "broker",
    network,
    issuer: network,
    owner: uid,
    ...agreed,
  } as const;
  const body = orThrow(checkGrant(grant, undefined, expected));
  if (change.secrets.some((each) => each.scrip === body.id && each.spentBy !== undefined))
    return isSpent ? undefined : held;
  const secret = secretFor(change.secrets, body.id);
  orThrow(checkGrant(grant, secret, expected));
  return { grant, secret };
}

/** M5 from escrow and M4 with it; undefined where the merchant put something else there than it owes. */
export async function openEscrow(
  customer: Customer,
  pending: Pending,
  merchant: VerifyingKey,
  change: Change,
): Promise<Holding | undefined> {
  const { party } = customer;
  const { link, identity } = party;
  const authorization = orThrow(readMessage(change.payload.authorization, [authorizationResponse]));
  const m4 = orThrow(await link.verify(authorization, "decide", merchant.id));
  const { payload: m4Payload } = m4;
  const isOurs =
    m4Payload.ok &&
    m4Payload.customer === identity.uid &&
    m4Payload.txn === change.payload.txn &&
    sameAmount(m4Payload.amount, pending.amount);
  if (!isOurs) throw new LeptaError("wrong-reference", "M4");
  const m5 = await readReply(party, merchant, change.payload.escrow, vendorscripResponse);
  // Our clocks differ for now: M5 is as good later as it is today.
  if (isRefusal(m5) && m5.code === "future-dated")
    throw new LeptaError("pending", "M5 is dated ahead of our clock");
  if (isRefusal(m5)) return undefined;
  const { request, ok, grant } = m5.payload;
  if (request !== pending.request || !ok || grant === undefined) return undefined;
  const secret = m5.secrets[0]?.secret;
  if (secret === undefined) return undefined;
  const { uid: owner, network } = identity;
  const expected = {
    kind: "vendor",
    network,
    issuer: merchant.id,
    owner,
    value: pending.amount,
    expiresAt: pending.minimumExpiry ?? 0,
    parent: null,
  } as const;
  return isRefusal(checkGrant(grant, secret, expected))
    ? undefined
    : { grant, secret, authorization: change.payload.authorization };
}
