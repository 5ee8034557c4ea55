/** Figure 8 at the customer, top to bottom: M0 told, M1 kept and sent, M3 and M5 checked, purse and VendorScrip moved. */
import {
  type Amount,
  brokerSpendCodec,
  brokerscripChange,
  encodeAs,
  isRefusal,
  LeptaError,
  openMessage,
  orThrow,
  proveSpend,
  scripOf,
  sha256,
  subtract,
  toText,
  type VerifyingKey,
  vendorscripIntent,
  vendorscripOrder,
  vendorscripRequest,
} from "@lepta/protocol";
import { askAt } from "../doors.ts";
import { moreDoors } from "../more-doors.ts";
import { REQUEST_LIFE } from "../party.ts";
import type { Acquaintance } from "./acquaintance.ts";
import { endAtBroker } from "./ask-broker.ts";
import { type Change, openEscrow, purseAfterChange } from "./check-change.ts";
import { awaiting, type Customer, PURSE_LOCK, refusedWith } from "./customer.ts";
import { endedPending, keepingEvidence } from "./ended.ts";
import { sealTo } from "./meet.ts";
import { keepPurse } from "./purse.ts";
import { bodyOf, type Holding, type Pending, PURSE } from "./records.ts";
import { releasedPurse } from "./spent-purse.ts";

/** VendorScrip must live at least so long, in milliseconds. */
const LEAST_LIFE = 60 * 60 * 1000;

/** How much to obtain, once the purse is known and unlocked; undefined where nothing is needed any more. */
export type Sizing = (purse: Holding | undefined) => Promise<Amount | undefined>;

/** Turns part of the purse into the merchant's VendorScrip. Throws `insufficient-funds` where the purse holds less. */
export async function obtainVendorScrip(
  customer: Customer,
  merchant: Acquaintance,
  size: Sizing,
): Promise<void> {
  try {
    await obtainOnce(customer, merchant, size);
  } catch (error) {
    if (!(error instanceof LeptaError) || error.code !== "scrip-expired") throw error;
    // Its life has ended, by the broker's clock or with its epoch: renewed it buys again.
    const { renewBrokerScrip } = await customer.returns();
    await renewBrokerScrip(customer, Number.POSITIVE_INFINITY);
    await obtainOnce(customer, merchant, size);
  }
}

function obtainOnce(customer: Customer, merchant: Acquaintance, size: Sizing): Promise<void> {
  return customer.lock.run(PURSE_LOCK, async () => {
    const { party, tables } = customer;
    const { currency } = await party.link.keys();
    const held = await unlockedPurse(customer);
    const amount = await size(held);
    if (amount === undefined) return;
    if (amount.currency !== currency)
      throw new LeptaError("wrong-currency", `this broker deals in ${currency}`);
    if (held === undefined || isRefusal(subtract(bodyOf(held).value, amount)))
      throw new LeptaError("insufficient-funds");
    const { txn, pending } = await prepare(customer, merchant, held, amount);
    await party.store.commit([
      tables.pending.put(txn, pending),
      tables.purse.put(PURSE, { ...held, lockedBy: txn }),
    ]);
    customer.background(tellIntent(customer, merchant.credential.uid, txn, amount));
    const change = await awaiting(
      customer,
      txn,
      async () =>
        (await askMerchant(customer, merchant, txn, pending)) ??
        (await endAtBroker(party, txn, brokerscripChange)),
    );
    await concludeKeeping(customer, txn, pending, merchant.credential.verifyingKey, change);
  });
}

/** Brings what was left under way to its end: by the broker's record, or by having the broker end it. */
export async function resumeVendorScrip(customer: Customer, txn: string): Promise<void> {
  await customer.lock.run(PURSE_LOCK, () => endPending(customer, txn));
}

/** The purse, after what an earlier transaction had left locked was brought to its end. */
async function unlockedPurse(customer: Customer): Promise<Holding | undefined> {
  const held = await customer.tables.purse.get(PURSE);
  if (held?.lockedBy === undefined) return held;
  await endPending(customer, held.lockedBy);
  const after = await customer.tables.purse.get(PURSE);
  if (after?.lockedBy !== undefined) throw new LeptaError("pending", after.lockedBy);
  return after;
}

async function endPending(customer: Customer, txn: string): Promise<void> {
  const pending = await customer.tables.pending.get(txn);
  // It has ended since somebody saw it under way: to end it again would bring its scrip back.
  if (pending === undefined) return;
  if (pending.kind === "redeem" || pending.kind === "renewal") {
    const { endRedemption, endBrokerRenewal } = await customer.returns();
    const end = pending.kind === "redeem" ? endRedemption : endBrokerRenewal;
    await end(customer, txn).catch((error: unknown) => {
      if (!(error instanceof LeptaError)) throw error;
    });
    return;
  }
  const merchant = await knownMerchant(customer, pending.merchant ?? "");
  const change = await endAtBroker(customer.party, txn, brokerscripChange);
  await concludeKeeping(customer, txn, pending, merchant, change).catch((error: unknown) => {
    // A refusal is in the history; whoever asked is gone. What is still under way stays so.
    if (!(error instanceof LeptaError)) throw error;
  });
}

async function prepare(customer: Customer, merchant: Acquaintance, held: Holding, amount: Amount) {
  const { party } = customer;
  const { link, runtime } = party;
  const txn = toText(runtime.random(16));
  const at = customer.moment();
  const expiresAt = runtime.now() + REQUEST_LIFE;
  const minimumExpiry = runtime.now() + LEAST_LIFE;
  const body = encodeAs(brokerSpendCodec, { scrip: scripOf(held.grant), amount, minimumExpiry });
  const order = await party.sign(vendorscripOrder, {
    to: link.network,
    txn,
    expiresAt,
    merchant: merchant.credential.uid,
    spend: proveSpend(held.secret, body),
    address: merchant.url,
  });
  const part = await link.seal(order);
  const request = await party.sign(vendorscripRequest, {
    to: merchant.credential.uid,
    txn,
    expiresAt,
    amount,
    minimumExpiry,
    part: toText(sha256(part)),
  });
  const pending: Pending = {
    kind: "vendorscrip",
    message: await sealTo(party, merchant, request, { attachments: [part] }),
    request: request.digest,
    part: order.digest,
    amount,
    at,
    merchant: merchant.credential.uid,
    url: merchant.url,
    scrip: bodyOf(held).id,
    minimumExpiry,
  };
  return { txn, pending };
}

/** M0: evidence that we asked. M1 does not wait for it, and nothing depends on it. */
async function tellIntent(customer: Customer, merchant: string, txn: string, amount: Amount): Promise<void> {
  const { link, runtime } = customer.party;
  const expiresAt = runtime.now() + REQUEST_LIFE;
  const intent = await customer.party.sign(vendorscripIntent, {
    to: link.network,
    txn,
    expiresAt,
    merchant,
    amount,
  });
  await askAt(customer.party, moreDoors.intent, await link.seal(intent), { txn, digest: intent.digest });
}

/** M1 out; M3 back, or undefined where the merchant brings none that holds. */
async function askMerchant(
  customer: Customer,
  { channel }: Acquaintance,
  txn: string,
  pending: Pending,
): Promise<Change | undefined> {
  const { link, identity } = customer.party;
  const replies = await channel.request([pending.message]).catch((error: unknown) => {
    if (error instanceof LeptaError) return [];
    throw error;
  });
  for (const reply of replies) {
    const opened = await openMessage(reply, [brokerscripChange], (kid) =>
      kid === identity.opening.id ? identity.opening : undefined,
    );
    if (isRefusal(opened)) continue;
    const change = await link.verify(opened, "decide", identity.uid);
    // One of another transaction, played again, ends nothing here.
    if (!isRefusal(change) && change.payload.txn === txn && change.payload.request === pending.part)
      return change;
  }
  return undefined;
}

const concludeKeeping = (
  customer: Customer,
  txn: string,
  pending: Pending,
  merchant: VerifyingKey,
  change: Change | undefined,
): Promise<void> =>
  change === undefined
    ? conclude(customer, txn, pending, merchant, change)
    : keepingEvidence(customer, txn, { response: change.signed }, () =>
        conclude(customer, txn, pending, merchant, change),
      );

/** A signed answer is the end: the purse is unlocked, moved or left as it was. `undefined` means that B aborted it. */
async function conclude(
  customer: Customer,
  txn: string,
  pending: Pending,
  merchant: VerifyingKey,
  change: Change | undefined,
): Promise<void> {
  const { party, tables } = customer;
  const held = await tables.purse.get(PURSE);
  const isOurs =
    change === undefined || (change.payload.txn === txn && change.payload.request === pending.part);
  if (!isOurs) throw new LeptaError("wrong-reference");
  const { ok = false, reason = "aborted" } = change?.payload ?? {};
  if (change === undefined || !ok) {
    await party.store.commit([
      ...(held?.lockedBy === txn ? [releasedPurse(customer, held, reason)] : []),
      ...endedPending(customer, txn, pending, reason),
      ...(change === undefined ? [] : [tables.evidence.put(txn, { response: change.signed })]),
    ]);
    // Another wallet of ours has spent it, or the broker has minted on top of it: it knows what lives.
    if (reason === "scrip-spent") customer.background(lookAfter(customer));
    throw refusedWith(reason);
  }
  const purse = purseAfterChange(customer, change, held, pending);
  const voucher = await openEscrow(customer, pending, merchant, change);
  const isUsable =
    voucher !== undefined &&
    (await tables.vendorscrip.get(`${merchant.id}/${bodyOf(voucher).id}`)) === undefined;
  const outcome = isUsable ? "done" : "scrip-mismatch";
  await party.store.commit([
    keepPurse(customer, purse),
    ...(isUsable
      ? [
          tables.vendorscrip.put(`${merchant.id}/${bodyOf(voucher).id}`, voucher),
          // The merchant cannot hand it out a second time as something that it gives back.
          tables.received.put(`${txn}/${bodyOf(voucher).id}`, true),
        ]
      : []),
    ...endedPending(customer, txn, pending, outcome),
    tables.evidence.put(txn, { response: change.signed }),
  ]);
  if (!isUsable) throw new LeptaError("scrip-mismatch", "the merchant owes VendorScrip that it did not give");
}

async function lookAfter(customer: Customer): Promise<void> {
  const { takeLive } = await customer.returns();
  await takeLive(customer);
}

/** The key of a merchant that we met before. */
async function knownMerchant({ party, tables }: Customer, uid: string): Promise<VerifyingKey> {
  const known = await tables.merchants.get(uid);
  if (known === undefined) throw new LeptaError("unknown-peer", uid);
  return orThrow(await party.suite.verifyingKey(known.publicKey));
}
