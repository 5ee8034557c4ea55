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
  type Verified,
  type VerifyingKey,
  vendorscripResponse,
} from "@lepta/protocol";
import type { Customer } from "./customer.ts";
import { readReply } from "./meet.ts";
import type { Holding, Pending } from "./records.ts";
import { purseAfter } from "./spent-purse.ts";

/** M3, signed by the broker for us. */
export type Change = Verified<typeof brokerscripChange>;

/** The purse after M3. Throws `wrong-reference` where M3 is about another merchant, amount or scrip. */
export function purseAfterChange(
  customer: Customer,
  change: Change,
  held: Holding | undefined,
  pending: Pending,
): Holding | undefined {
  const { grant, merchant, amount, spent } = change.payload;
  if (merchant !== pending.merchant || !sameAmount(amount, pending.amount) || spent !== pending.scrip)
    throw new LeptaError("wrong-reference");
  return purseAfter(customer, { grant, secrets: change.secrets }, held, pending);
}

/** M5 from escrow and M4 with it; undefined where the merchant put something else there than it owes. */
export async function openEscrow(
  customer: Customer,
  pending: Pick<Pending, "amount" | "minimumExpiry"> & {
    /** Digest of M1; a restored wallet does not know it. */
    readonly request: string | undefined;
  },
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
  const isOther = pending.request !== undefined && request !== pending.request;
  if (isOther || !ok || grant === undefined) return undefined;
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
    origin: null,
  } as const;
  return isRefusal(checkGrant(grant, secret, expected))
    ? undefined
    : { grant, secret, authorization: change.payload.authorization, obtained: change.payload.txn };
}
