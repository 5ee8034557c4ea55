/** Figure 7 at the customer, top to bottom: M0 put out and M1 kept before it is sent, M2 checked, the scrip changed. */
import {
  type Amount,
  type Awaitable,
  checkGrant,
  contentCodec,
  decodeAs,
  encodeAs,
  isRefusal,
  LeptaError,
  type Or,
  orderHash,
  originOf,
  orThrow,
  proveSpend,
  purchaseNotice,
  purchaseRequest,
  purchaseResponse,
  purchaseSpendCodec,
  readMessage,
  readScrip,
  readSpend,
  sameAmount,
  scripOf,
  sealMessage,
  subtract,
  type Verified,
  type VerifiedOf,
} from "@lepta/protocol";
import { Goods } from "../goods.ts";
import { REQUEST_LIFE } from "../party.ts";
import type { Change } from "../ports.ts";
import type { Acquaintance } from "./acquaintance.ts";
import type { Bargain, Bought, Receipt } from "./bought.ts";
import { awaiting, type Customer, refusedWith, secretFor, unlocked } from "./customer.ts";
import { endedPending, keepingEvidence } from "./ended.ts";
import { readContent, readReply, sealTo } from "./meet.ts";
import { bodyOf, type Holding, type Pending } from "./records.ts";
import { credentialId } from "./signers.ts";

/** Spends a scrip that the caller has locked under `txn`. Throws the merchant's code when refused. */
export async function buyItem(
  customer: Customer,
  merchant: Acquaintance,
  txn: string,
  held: Holding,
  bargain: Bargain,
): Promise<Bought> {
  const pending = await prepare(customer, merchant, txn, held, bargain);
  return awaiting(customer, txn, () => ask(customer, merchant, txn, pending));
}

/** Sends M1 of a purchase that was left under way again: the same M1 gets the same M2. The caller holds the lock. */
export async function resumePurchase(
  customer: Customer,
  merchant: Acquaintance,
  txn: string,
): Promise<Bought | undefined> {
  const pending = await customer.tables.pending.get(txn);
  // It has ended since somebody saw it under way.
  if (pending === undefined) return undefined;
  if (pending.merchant !== merchant.credential.uid) throw new LeptaError("wrong-recipient", pending.url);
  return ask(customer, merchant, txn, pending);
}

/** What was bought, from the evidence of a purchase that has ended well. */
export async function recall({ tables }: Customer, txn: string): Promise<Bought | undefined> {
  const evidence = await tables.evidence.get(txn);
  // While it is under way what the merchant has signed is evidence, and buys nothing.
  if (evidence?.request === undefined || (await tables.pending.get(txn)) !== undefined) return undefined;
  const request = orThrow(readMessage(evidence.request, [purchaseRequest]));
  const response = orThrow(readMessage(evidence.response, [purchaseResponse]));
  const { ok, goods, goodsType, charged, decidedAt, from } = response.payload;
  if (!ok || goods === undefined) return undefined;
  const { order } = orThrow(readSpend(purchaseSpendCodec, request.payload.spend));
  return {
    goods: new Goods(goodsType ?? UNNAMED_TYPE, goods),
    receipt: {
      txn,
      merchant: from,
      order,
      charged,
      at: decidedAt,
      request: evidence.request,
      response: evidence.response,
    },
  };
}

const UNNAMED_TYPE = "application/octet-stream";

async function prepare(
  customer: Customer,
  merchant: Acquaintance,
  txn: string,
  held: Holding,
  { order, price: amount }: Bargain,
): Promise<Pending> {
  const { party, tables, outbox } = customer;
  const { runtime, link } = party;
  const at = customer.moment();
  const salt = runtime.random(16);
  const body = encodeAs(purchaseSpendCodec, {
    scrip: scripOf(held.grant),
    order,
    salt,
    amount,
    metered: false,
  });
  const request = await party.sign(purchaseRequest, {
    to: merchant.credential.uid,
    txn,
    expiresAt: runtime.now() + REQUEST_LIFE,
    spend: proveSpend(held.secret, body),
  });
  const notice = await party.sign(purchaseNotice, {
    to: link.network,
    txn,
    merchant: merchant.credential.uid,
    amount,
    metered: false,
    order: orderHash(salt, order),
    purchase: request.digest,
  });
  const scrip = bodyOf(held).id;
  // M4 goes with the first purchase: the merchant may not have seen it.
  const beside = held.authorization ? { attachments: [held.authorization] } : {};
  const pending: Pending = {
    kind: "purchase",
    ...(merchant.session === undefined
      ? { message: await sealTo(party, merchant, request, beside) }
      : { message: encodeAs(contentCodec, { signed: request.bytes, ...beside }), unsealed: true }),
    request: request.digest,
    amount,
    at,
    merchant: merchant.credential.uid,
    url: merchant.url,
    signed: request.bytes,
    order,
    scrip,
  };
  await party.store.commit([
    tables.pending.put(txn, pending),
    tables.vendorscrip.put(`${merchant.credential.uid}/${scrip}`, { ...held, lockedBy: txn }),
    outbox.put(notice.bytes),
  ]);
  outbox.flushSoon(customer.noticeDelay);
  return pending;
}

async function ask(
  customer: Customer,
  merchant: Acquaintance,
  txn: string,
  pending: Pending,
): Promise<Bought> {
  const answer = orThrow(await sendRequest(customer, merchant, pending));
  const { payload } = answer;
  if (payload.txn !== txn || payload.request !== pending.request) throw new LeptaError("wrong-reference");
  if (payload.reason === "conflict") throw new LeptaError("conflict");
  const signed = pending.signed === undefined ? {} : { request: pending.signed };
  return keepingEvidence(customer, txn, { ...signed, response: answer.signed }, () =>
    payload.ok
      ? paid(customer, merchant, txn, pending, answer)
      : refused(customer, merchant, txn, pending, answer),
  );
}

/** M1 as it was kept and M2: inside the session, or each in an envelope of its own. */
async function sendRequest(
  { party }: Customer,
  { credential, channel, session }: Acquaintance,
  { message, unsealed }: Pending,
): Promise<Or<VerifiedOf<typeof purchaseResponse>>> {
  const { verifyingKey, sealingKey } = credential;
  if (unsealed && session !== undefined)
    return readContent(party, verifyingKey, await session.ask(message), purchaseResponse);
  const [reply] = await channel.request([unsealed ? await sealContent() : message]);
  return readReply(party, verifyingKey, reply, purchaseResponse);

  /** It was to go through a session, and there is none any more. */
  function sealContent(): Awaitable<Uint8Array> {
    const { signed, attachments = [] } = orThrow(decodeAs(contentCodec, message));
    const request = { type: purchaseRequest, bytes: signed };
    return sealMessage(request, sealingKey, party.runtime.random, { attachments });
  }
}

async function paid(
  customer: Customer,
  acquaintance: Acquaintance,
  txn: string,
  pending: Pending,
  answer: Verified<typeof purchaseResponse>,
): Promise<Bought> {
  const { party, tables } = customer;
  const { charged, spent, grant, goods, goodsType = UNNAMED_TYPE, decidedAt } = answer.payload;
  const { merchant = "", order, scrip = "", signed } = pending;
  const held = await tables.vendorscrip.get(`${merchant}/${scrip}`);
  if (held === undefined || order === undefined || signed === undefined)
    throw new LeptaError("wrong-reference");
  // The scrip stays locked where the merchant's answer is not what it owes: M1 and M2 are the evidence.
  if (spent !== scrip || !sameAmount(charged, pending.amount) || goods === undefined)
    throw new LeptaError("scrip-mismatch", "the merchant's answer is not what was asked for");
  const rest = orThrow(subtract(bodyOf(held).value, charged));
  const isGone = await isSpentSince(customer, acquaintance, answer, held, rest);
  const change = grant === undefined || isGone ? undefined : changeOf(customer, merchant, answer, held, rest);
  const isKnown =
    change !== undefined && (await tables.vendorscrip.get(`${merchant}/${bodyOf(change).id}`)) !== undefined;
  if (isKnown) throw new LeptaError("scrip-mismatch", "the change is a scrip that we hold already");
  if (change === undefined && rest.value > 0n && !isGone)
    throw new LeptaError("scrip-mismatch", "the merchant gave no change");
  await party.store.commit([
    tables.vendorscrip.remove(`${merchant}/${scrip}`),
    ...(change ? [tables.vendorscrip.put(`${merchant}/${bodyOf(change).id}`, change)] : []),
    ...endedWith(customer, acquaintance, txn, pending, answer, "done"),
  ]);
  const receipt: Receipt = {
    txn,
    merchant,
    order,
    charged,
    at: decidedAt,
    request: signed,
    response: answer.signed,
  };
  return { goods: new Goods(goodsType, goods), receipt };
}

/** The merchant says that the change was spent: believed where our own signature bears it out. */
async function isSpentSince(
  customer: Customer,
  merchant: Acquaintance,
  { payload: { grant }, secrets }: Verified<typeof purchaseResponse>,
  held: Holding,
  rest: Amount,
): Promise<boolean> {
  const body = grant && readScrip(grant.body);
  if (body === undefined || isRefusal(body)) return false;
  const isSaid = secrets.some((each) => each.scrip === body.id && each.spentBy !== undefined);
  if (!isSaid) return false;
  const { wasSpentByUs } = await customer.returns();
  return wasSpentByUs(customer, merchant, originOf(bodyOf(held)), rest);
}

function changeOf(
  customer: Customer,
  merchant: string,
  answer: Verified<typeof purchaseResponse>,
  held: Holding,
  value: Amount,
): Holding {
  const { uid: owner, network } = customer.party.identity;
  const { grant } = answer.payload;
  if (grant === undefined) throw new LeptaError("scrip-mismatch");
  const before = bodyOf(held);
  const agreed = { value, expiresAt: before.expiresAt, parent: before.id, origin: originOf(before) };
  const expected = { kind: "vendor", network, issuer: merchant, owner, ...agreed } as const;
  const body = orThrow(checkGrant(grant, undefined, expected));
  const secret = secretFor(answer.secrets, body.id);
  orThrow(checkGrant(grant, secret, expected));
  return { grant, secret, ...(held.obtained === undefined ? {} : { obtained: held.obtained }) };
}

/** A refusal that the scrip's issuer has signed unlocks the scrip. */
async function refused(
  customer: Customer,
  merchant: Acquaintance,
  txn: string,
  pending: Pending,
  answer: Verified<typeof purchaseResponse>,
): Promise<never> {
  const { party, tables } = customer;
  const { reason = "internal", charged } = answer.payload;
  if (charged.value > 0n) throw new LeptaError("scrip-mismatch", "a refusal that charges");
  const id = `${pending.merchant}/${pending.scrip}`;
  const held = await tables.vendorscrip.get(id);
  // Its issuer refuses the scrip itself: it will never buy anything, and M2 says so under the merchant's signature.
  const mark = USELESS.has(reason) ? { unusable: reason } : {};
  const back = held?.lockedBy === txn ? [tables.vendorscrip.put(id, { ...unlocked(held), ...mark })] : [];
  await party.store.commit([...back, ...endedWith(customer, merchant, txn, pending, answer, reason)]);
  throw refusedWith(reason);
}

/** The refusals that are about the scrip and not about this purchase. */
const USELESS: ReadonlySet<string> = new Set([
  "scrip-spent",
  "scrip-expired",
  "scrip-forged",
  "wrong-issuer",
  "not-owner",
  "bad-proof",
]);

/** Ended as the merchant has signed it: what it charged, and what both have signed. */
function endedWith(
  customer: Customer,
  { ours, credential }: Acquaintance,
  txn: string,
  pending: Pending,
  { payload, signed: response }: Verified<typeof purchaseResponse>,
  outcome: string,
): readonly Change[] {
  const { tables, signers } = customer;
  return [
    ...endedPending(customer, txn, { ...pending, amount: payload.charged }, outcome),
    tables.evidence.put(txn, {
      ...(pending.signed === undefined ? {} : { request: pending.signed }),
      response,
      signers: [credentialId(ours), credentialId(credential)],
    }),
    ...signers.keep(ours, credential),
  ];
}
