/** VendorScrip in exchange for the same that lives longer: between its merchant and its owner alone. */
import {
  checkGrant,
  encodeAs,
  LeptaError,
  originOf,
  orThrow,
  proveSpend,
  renewalRequest,
  renewalResponse,
  returnSpendCodec,
  scripOf,
  toText,
} from "@lepta/protocol";
import { REQUEST_LIFE } from "../party.ts";
import type { Acquaintance } from "./acquaintance.ts";
import { awaiting, type Customer, refusedWith, secretFor, unlocked } from "./customer.ts";
import { endedPending } from "./ended.ts";
import { readReply, sealTo } from "./meet.ts";
import { bodyOf, type Holding, type Pending } from "./records.ts";

/** Renews one VendorScrip. The caller holds the merchant's lock. Throws the merchant's codes. */
export async function renewVendorScrip(
  customer: Customer,
  merchant: Acquaintance,
  held: Holding,
): Promise<void> {
  const { party, tables } = customer;
  const { runtime } = party;
  const txn = toText(runtime.random(16));
  const { id: scrip, value: amount } = bodyOf(held);
  const body = encodeAs(returnSpendCodec, { scrip: scripOf(held.grant), amount });
  const { uid } = merchant.credential;
  const request = await party.sign(renewalRequest, {
    to: uid,
    txn,
    expiresAt: runtime.now() + REQUEST_LIFE,
    spend: proveSpend(held.secret, body),
  });
  // M4 goes with it: the merchant may not have seen it.
  const beside = held.authorization ? { attachments: [held.authorization] } : {};
  const pending: Pending = {
    kind: "renewal",
    message: await sealTo(party, merchant, request, beside),
    request: request.digest,
    amount,
    at: customer.moment(),
    merchant: uid,
    url: merchant.url,
    scrip,
  };
  await party.store.commit([
    tables.pending.put(txn, pending),
    tables.vendorscrip.put(`${uid}/${scrip}`, { ...held, lockedBy: txn }),
  ]);
  await awaiting(customer, txn, () => ask(customer, merchant, txn, pending));
}

/** Sends a renewal that was left under way again: the same request gets the same answer. The caller holds the lock. */
export async function resumeVendorRenewal(
  customer: Customer,
  merchant: Acquaintance,
  txn: string,
): Promise<void> {
  const pending = await customer.tables.pending.get(txn);
  if (pending === undefined) return;
  if (pending.merchant !== merchant.credential.uid) throw new LeptaError("wrong-recipient", pending.url);
  await ask(customer, merchant, txn, pending);
}

async function ask(customer: Customer, merchant: Acquaintance, txn: string, pending: Pending): Promise<void> {
  const { party, tables } = customer;
  const [reply] = await merchant.channel.request([pending.message]);
  const answer = orThrow(await readReply(party, merchant.credential.verifyingKey, reply, renewalResponse));
  const { payload, secrets } = answer;
  if (payload.txn !== txn || payload.request !== pending.request) throw new LeptaError("wrong-reference");
  const { ok, reason = "", grant, spent } = payload;
  if (reason === "conflict") throw new LeptaError("conflict");
  const id = `${pending.merchant}/${pending.scrip}`;
  const held = await tables.vendorscrip.get(id);
  if (!ok) {
    // Its issuer refuses the scrip itself: it is not asked about again.
    const mark = reason === "scrip-spent" || reason === "scrip-expired" ? { unusable: reason } : {};
    const back = held?.lockedBy === txn ? [tables.vendorscrip.put(id, { ...unlocked(held), ...mark })] : [];
    await party.store.commit([...back, ...endedPending(customer, txn, pending, reason)]);
    throw refusedWith(reason);
  }
  if (held === undefined || grant === undefined || spent !== pending.scrip)
    throw new LeptaError("scrip-mismatch", "the merchant's answer is not what was asked for");
  const before = bodyOf(held);
  const { uid: owner, network } = party.identity;
  const expected = {
    kind: "vendor",
    network,
    issuer: merchant.credential.uid,
    owner,
    value: before.value,
    expiresAt: before.expiresAt,
    parent: before.id,
    origin: originOf(before),
  } as const;
  const body = orThrow(checkGrant(grant, undefined, expected));
  const secret = secretFor(secrets, body.id);
  orThrow(checkGrant(grant, secret, expected));
  const next = `${pending.merchant}/${body.id}`;
  if ((await tables.vendorscrip.get(next)) !== undefined)
    throw new LeptaError("scrip-mismatch", "the new scrip is one that we hold already");
  await party.store.commit([
    tables.vendorscrip.remove(id),
    tables.vendorscrip.put(next, {
      grant,
      secret,
      ...(held.obtained === undefined ? {} : { obtained: held.obtained }),
    }),
    ...endedPending(customer, txn, pending, "done"),
  ]);
}
