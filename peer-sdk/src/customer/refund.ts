/** Figure 8 backwards: a merchant takes its VendorScrip back, and its worth goes into the purse. */
import {
  encodeAs,
  isRefusal,
  LeptaError,
  openMessage,
  proveSpend,
  refundChange,
  refundOrder,
  refundRequest,
  returnSpendCodec,
  sameAmount,
  scripOf,
  sha256,
  toText,
  type Verified,
} from "@lepta/protocol";
import { REQUEST_LIFE } from "../party.ts";
import type { Acquaintance } from "./acquaintance.ts";
import { endAtBroker } from "./ask-broker.ts";
import { awaiting, type Customer, PURSE_LOCK, refusedWith, unlocked } from "./customer.ts";
import { endedPending } from "./ended.ts";
import { sealTo } from "./meet.ts";
import { purseWith } from "./purse.ts";
import { bodyOf, type Holding, type Pending } from "./records.ts";

type Refund = Verified<typeof refundChange>;

/** Gives one VendorScrip back whole. The caller holds the merchant's lock. Throws `pending` and the broker's codes. */
export function refundVendorScrip(customer: Customer, merchant: Acquaintance, held: Holding): Promise<void> {
  return customer.lock.run(PURSE_LOCK, async () => {
    const { party, tables } = customer;
    const { txn, pending } = await prepare(customer, merchant, held);
    const id = `${merchant.credential.uid}/${pending.scrip}`;
    await party.store.commit([
      tables.pending.put(txn, pending),
      tables.vendorscrip.put(id, { ...held, lockedBy: txn }),
    ]);
    const refund = await awaiting(
      customer,
      txn,
      async () =>
        (await askMerchant(customer, merchant, txn, pending)) ??
        (await endAtBroker(party, txn, refundChange)),
    );
    await conclude(customer, txn, pending, refund);
  });
}

/** Brings a refund that was left under way to its end: by the broker's record, or by having the broker end it. */
export async function resumeRefund(customer: Customer, txn: string): Promise<void> {
  await customer.lock.run(PURSE_LOCK, async () => {
    const pending = await customer.tables.pending.get(txn);
    if (pending === undefined) return;
    await conclude(customer, txn, pending, await endAtBroker(customer.party, txn, refundChange));
  });
}

async function prepare(customer: Customer, merchant: Acquaintance, held: Holding) {
  const { party } = customer;
  const { link, runtime } = party;
  const txn = toText(runtime.random(16));
  const expiresAt = runtime.now() + REQUEST_LIFE;
  const { uid } = merchant.credential;
  const { id: scrip, value: amount } = bodyOf(held);
  const order = await party.sign(refundOrder, {
    to: link.network,
    txn,
    expiresAt,
    merchant: uid,
    amount,
    scrip,
  });
  const part = await link.seal(order);
  const body = encodeAs(returnSpendCodec, { scrip: scripOf(held.grant), amount });
  const request = await party.sign(refundRequest, {
    to: uid,
    txn,
    expiresAt,
    spend: proveSpend(held.secret, body),
    part: toText(sha256(part)),
  });
  // M4 goes with it: the merchant may not have seen it.
  const attachments = held.authorization ? [part, held.authorization] : [part];
  const pending: Pending = {
    kind: "refund",
    message: await sealTo(party, merchant, request, { attachments }),
    request: request.digest,
    part: order.digest,
    amount,
    at: customer.moment(),
    merchant: uid,
    url: merchant.url,
    scrip,
  };
  return { txn, pending };
}

/** The broker's word, through the merchant; undefined where the merchant brings none that holds. */
async function askMerchant(
  customer: Customer,
  { channel }: Acquaintance,
  txn: string,
  pending: Pending,
): Promise<Refund | undefined> {
  const { link, identity } = customer.party;
  const replies = await channel.request([pending.message]).catch((error: unknown) => {
    if (error instanceof LeptaError) return [];
    throw error;
  });
  for (const reply of replies) {
    const opened = await openMessage(reply, [refundChange], (kid) =>
      kid === identity.opening.id ? identity.opening : undefined,
    );
    if (isRefusal(opened)) continue;
    const refund = await link.verify(opened, "decide", identity.uid);
    if (!isRefusal(refund) && refund.payload.txn === txn && refund.payload.request === pending.part)
      return refund;
  }
  return undefined;
}

/** The broker's signed answer is the end; `undefined` means that it aborted the refund, which then can never be. */
async function conclude(
  customer: Customer,
  txn: string,
  pending: Pending,
  refund: Refund | undefined,
): Promise<void> {
  const { party, tables } = customer;
  const { merchant = "", scrip = "" } = pending;
  const id = `${merchant}/${scrip}`;
  const held = await tables.vendorscrip.get(id);
  const isOurs =
    refund === undefined || (refund.payload.txn === txn && refund.payload.request === pending.part);
  if (!isOurs) throw new LeptaError("wrong-reference");
  const { ok = false, reason = "aborted", grant, replaced } = refund?.payload ?? {};
  if (refund === undefined || !ok || grant === undefined) {
    await party.store.commit([
      ...(held?.lockedBy === txn ? [tables.vendorscrip.put(id, unlocked(held))] : []),
      ...endedPending(customer, txn, pending, reason),
    ]);
    throw refusedWith(reason);
  }
  const { amount, merchant: from } = refund.payload;
  if (from !== merchant || !sameAmount(amount, pending.amount)) throw new LeptaError("wrong-reference");
  await party.store.commit([
    ...(await purseWith(customer, { grant, replaced, secrets: refund.secrets }, amount)),
    tables.vendorscrip.remove(id),
    ...endedPending(customer, txn, pending, "done"),
    tables.evidence.put(txn, { response: refund.signed }),
  ]);
}
