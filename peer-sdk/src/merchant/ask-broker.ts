/** A merchant's request to the broker that is persisted before it is sent: figure 8's M2, and a refund. */
import {
  type Amount,
  abort,
  authorizationResponse,
  errors,
  isRefusal,
  type Or,
  readMessage,
  refuse,
  sameAmount,
  toText,
  type Verified,
} from "@lepta/protocol";
import { askAt, type Door } from "../doors.ts";
import { moreDoors } from "../more-doors.ts";
import { REQUEST_LIFE } from "../party.ts";
import type { Shop } from "./shop.ts";

export type Authorization = Verified<typeof authorizationResponse>;

/** What was kept of the request. */
export interface Asked {
  readonly digest: string;
  readonly sealed?: Uint8Array | undefined;
  readonly amount: Amount;
}

/** The broker's terminal word, and what it attached for the customer. */
export interface Decision {
  readonly authorization: Authorization;
  readonly change: Uint8Array | undefined;
}

/**
 * Sends the request as it was kept, or has the broker end it where it cannot be decided: `pending` where neither brings a
 * terminal answer. `id` is `customer/txn`.
 */
export async function decideAtBroker(
  shop: Shop,
  door: Door<typeof authorizationResponse>,
  id: string,
  asked: Asked,
): Promise<Or<Decision>> {
  const [, txn = ""] = id.split("/");
  if (asked.sealed === undefined) return refuse("internal");
  const answered = await askAt(shop.party, door, asked.sealed, { txn, digest: asked.digest });
  if (!isRefusal(answered)) return terminal(id, asked, answered, answered.attachments[0]);
  if (errors[answered.code].retry === "same") return refuse("pending");
  const ended = await abortAtBroker(shop, id, asked);
  return isRefusal(ended) ? refuse("pending") : terminal(id, asked, ended, undefined);
}

/** An answer is terminal when it is for this request and no conflict. */
export function terminal(
  id: string,
  asked: Asked,
  authorization: Authorization,
  change: Uint8Array | undefined,
): Or<Decision> {
  const { reason, customer, txn, amount, request } = authorization.payload;
  const isOurs = `${customer}/${txn}` === id && request === asked.digest && sameAmount(amount, asked.amount);
  return isOurs && reason !== "conflict" ? { authorization, change } : refuse("pending");
}

/** An authorization for us that came another way; its operational key must be valid now, or the broker is asked again. */
export async function readAuthorization({ party }: Shop, signed: Uint8Array): Promise<Or<Authorization>> {
  const opened = readMessage(signed, [authorizationResponse]);
  return isRefusal(opened) ? opened : party.link.verify(opened, "decide", party.identity.uid);
}

/** Makes it void at the broker, unless it was decided: either way the answer comes back. */
async function abortAtBroker(shop: Shop, id: string, { digest, amount }: Asked): Promise<Or<Authorization>> {
  const { link, runtime } = shop.party;
  const [initiator = "", subject = ""] = id.split("/");
  const txn = toText(runtime.random(16));
  const expiresAt = runtime.now() + REQUEST_LIFE;
  const named = { initiator, subject, authorization: digest, amount };
  const request = await shop.party.sign(abort, { to: link.network, txn, expiresAt, ...named });
  const sealed = await link.seal(request);
  const answered = await askAt(shop.party, moreDoors.abort, sealed, { txn, digest: request.digest });
  if (isRefusal(answered)) return answered;
  const [signed] = answered.attachments;
  return signed === undefined ? refuse("wrong-reference") : readAuthorization(shop, signed);
}
