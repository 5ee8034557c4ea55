/** Figure 8 at the merchant, top to bottom: M1 in, M2 to the broker, M4 back, M5 and M3 to the customer. */
import {
  authorizationRequest,
  type ErrorCode,
  isExpired,
  isRefusal,
  limits,
  nothing,
  type Or,
  refuse,
  sealMessage,
  sha256,
  toText,
  type vendorscripRequest,
  vendorscripResponse,
} from "@lepta/protocol";
import { moreDoors } from "../more-doors.ts";
import { REQUEST_LIFE } from "../party.ts";
import { type Decision, decideAtBroker, readAuthorization, terminal } from "./ask-broker.ts";
import { issue } from "./issue.ts";
import { type AuthorizationRecord, type LineRecord, lineId } from "./records.ts";
import type { FromCustomer, Shop } from "./shop.ts";

type Request = FromCustomer<typeof vendorscripRequest>;

/** Answers M1 with M5 and M3; `pending` while the broker's answer is not known. */
export async function sellVendorScrip(shop: Shop, request: Request): Promise<Or<readonly Uint8Array[]>> {
  const { message, customer } = request;
  const id = `${customer.uid}/${message.payload.txn}`;
  return shop.lock.run(lockName(id), async () => {
    const known = await shop.tables.authorizations.get(id);
    if (known !== undefined && known.request !== message.digest)
      return [await sealRefusal(shop, request, "conflict")];
    const isTaken = known === undefined && (await shop.tables.refunds.get(id)) !== undefined;
    if (isTaken) return [await sealRefusal(shop, request, "conflict")];
    const record = known ?? (await reserve(shop, request, id));
    if (isRefusal(record))
      return UNSIGNED.has(record.code) ? record : [await sealRefusal(shop, request, record.code)];
    const decided = record.state === "sent" ? await authorise(shop, id, record) : record;
    if (isRefusal(decided)) return decided;
    return answer(shop, request, decided);
  });
}

/** Brings the authorizations that were left `sent` to their end, until some show that the broker is away. */
export async function resumeAuthorizations(shop: Shop): Promise<void> {
  let left = 0;
  for (const [id] of await shop.tables.sent.list()) {
    await resumeAuthorization(shop, id, undefined);
    if ((await shop.tables.sent.get(id)) !== undefined) left += 1;
    if (left === limits.tendFailures) return;
  }
}

/**
 * Brings one authorization to its end, where it is not: a customer shows scrip that we do not know to be live. V0 is live
 * on a valid M4, whoever brings it; without one the broker is asked.
 */
export async function resumeAuthorization(shop: Shop, id: string, m4: Uint8Array | undefined): Promise<void> {
  await shop.lock.run(lockName(id), async () => {
    const record = await shop.tables.authorizations.get(id);
    if (record?.state !== "sent") return;
    const shown = m4 === undefined ? refuse("pending") : await readAuthorization(shop, m4);
    const decision = isRefusal(shown) ? shown : terminal(id, record, shown, undefined);
    if (isRefusal(decision)) await authorise(shop, id, record);
    else await conclude(shop, id, record, decision);
  });
}

const lockName = (id: string): string => `authorization/${id}`;

/** Makes V0 and M5, seals M5 into M2, and keeps all of it before M2 is sent: from then on we owe V0. */
async function reserve(
  shop: Shop,
  { message, customer }: Request,
  id: string,
): Promise<Or<AuthorizationRecord>> {
  const { party, scripLife } = shop;
  const { payload } = message;
  const now = party.runtime.now();
  const [part, ...more] = message.attachments;
  if (isExpired(payload, now)) return refuse("expired");
  if (part === undefined || more.length > 0) return refuse("malformed", "not one attachment");
  if (toText(sha256(part)) !== payload.part) return refuse("wrong-reference");
  if (customer.uid === party.identity.uid) return refuse("same-party");
  const { currency } = await party.link.keys();
  if (payload.amount.currency !== currency) return refuse("wrong-currency");
  const expiresAt = now + scripLife;
  if (payload.minimumExpiry > expiresAt) return refuse("scrip-expired");

  const { txn, amount } = payload;
  const issued = issue(shop, { owner: customer.uid, value: amount, expiresAt });
  const response = await party.sign(vendorscripResponse, {
    to: customer.uid,
    txn,
    request: message.digest,
    ok: true,
    decidedAt: now,
    grant: issued.grant,
  });
  const secrets = [{ scrip: issued.id, secret: issued.customerSecret }];
  const escrow = await sealMessage(response, customer.sealingKey, party.runtime.random, { secrets });
  const authorization = await party.sign(authorizationRequest, {
    to: party.link.network,
    txn,
    expiresAt: now + REQUEST_LIFE,
    customer: customer.uid,
    amount,
    part: payload.part,
    scrip: issued.grant.body,
    escrow,
  });
  const record: AuthorizationRecord = {
    state: "sent",
    request: message.digest,
    digest: authorization.digest,
    sealed: await party.link.seal(authorization, { attachments: [part] }),
    escrow,
    scrip: issued.id,
    amount,
  };
  const { salt } = issued;
  await party.store.commit([
    shop.tables.authorizations.put(id, record),
    shop.tables.sent.put(id, true),
    shop.tables.scrip.put(issued.id, {
      state: "reserved",
      owner: customer.uid,
      value: amount,
      expiresAt,
      salt,
      from: txn,
      origin: issued.id,
    }),
  ]);
  return record;
}

/** Keeps the broker's terminal answer: V0 lives, and its line begins, or it is forgotten. */
async function conclude(
  shop: Shop,
  id: string,
  record: AuthorizationRecord,
  { authorization, change }: Decision,
): Promise<Or<AuthorizationRecord>> {
  const { ok, customer, txn } = authorization.payload;
  const { tables } = shop;
  const scrip = await tables.scrip.get(record.scrip);
  if (scrip === undefined) return refuse("internal");
  const { sealed: _sent, escrow, ...kept } = record;
  const concluded: AuthorizationRecord = {
    ...kept,
    state: ok ? "live" : "refused",
    ...(ok && escrow ? { escrow } : {}),
    ...(change ? { change } : {}),
    ...(ok ? {} : { refusedAt: shop.party.runtime.now() }),
  };
  const line: LineRecord = {
    credit: txn,
    value: record.amount,
    live: [record.scrip],
    sold: nothing(record.amount.currency),
  };
  await shop.party.store.commit([
    tables.authorizations.put(id, concluded),
    tables.sent.remove(id),
    ...(ok
      ? [
          tables.scrip.put(record.scrip, { ...scrip, state: "live" }),
          tables.lines.put(lineId(customer, record.scrip), line),
        ]
      : [tables.scrip.forget(record.scrip, scrip)]),
  ]);
  return concluded;
}

/** Sends M2 and keeps what the broker decides. */
async function authorise(
  shop: Shop,
  id: string,
  record: AuthorizationRecord,
): Promise<Or<AuthorizationRecord>> {
  const decision = await decideAtBroker(shop, moreDoors.authorise, id, record);
  if (!isRefusal(decision)) return conclude(shop, id, record, decision);
  shop.tendSoon();
  return decision;
}

async function answer(
  shop: Shop,
  request: Request,
  record: AuthorizationRecord,
): Promise<readonly Uint8Array[]> {
  const change = record.change === undefined ? [] : [record.change];
  if (record.state === "live" && record.escrow) return [record.escrow, ...change];
  return [await sealRefusal(shop, request, "refused", record.refusedAt), ...change];
}

/** Bytes that do not belong together are no request that a decision could be signed for. */
const UNSIGNED: ReadonlySet<ErrorCode> = new Set(["malformed", "wrong-reference", "internal"]);

/** A signed refusal: it tells the customer where it stands, and only the broker's word unlocks its BrokerScrip. */
async function sealRefusal(
  { party }: Shop,
  { message, customer }: Request,
  reason: ErrorCode,
  decidedAt: number = party.runtime.now(),
): Promise<Uint8Array> {
  const refusal = await party.sign(vendorscripResponse, {
    to: customer.uid,
    txn: message.payload.txn,
    request: message.digest,
    ok: false,
    reason,
    decidedAt,
  });
  return sealMessage(refusal, customer.sealingKey, party.runtime.random);
}
