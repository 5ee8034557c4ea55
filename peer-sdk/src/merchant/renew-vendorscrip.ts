/** VendorScrip exchanged for the same that lives longer: the old one is spent and the new one lives in one commit. */
import {
  type ErrorCode,
  isExpired,
  isRefusal,
  type Or,
  readScrip,
  readSpend,
  refuse,
  type renewalRequest,
  renewalResponse,
  returnSpendCodec,
  type ScripBody,
  sealMessage,
} from "@lepta/protocol";
import { issue, secretBeside } from "./issue.ts";
import { lineOf, shownLine, steppedLine, withLine } from "./line.ts";
import { lineId, type RenewalRecord } from "./records.ts";
import { returnable } from "./returnable.ts";
import type { FromCustomer, Shop } from "./shop.ts";

type Request = FromCustomer<typeof renewalRequest>;

/** The same request gets the same answer again. `pending` and what cannot be read go back unsigned. */
export async function renewVendorScrip(shop: Shop, request: Request): Promise<Or<readonly Uint8Array[]>> {
  const { message, customer } = request;
  const spend = readSpend(returnSpendCodec, message.payload.spend);
  if (isRefusal(spend)) return spend;
  const shown = readScrip(spend.scrip[0]);
  if (isRefusal(shown)) return shown;
  const id = `${customer.uid}/${message.payload.txn}`;
  return withLine(shop, shownLine(customer.uid, shown), async () => {
    const known = await shop.tables.renewals.get(id);
    if (known !== undefined && known.request !== message.digest)
      return sealRefusal(shop, request, "conflict");
    const record = known ?? (await renew(shop, request, id, shown));
    if (!isRefusal(record)) return sealRenewal(shop, request, record);
    return record.code === "pending" ? record : sealRefusal(shop, request, record.code);
  });
}

async function renew(
  shop: Shop,
  { message, customer }: Request,
  id: string,
  shown: ScripBody,
): Promise<Or<RenewalRecord>> {
  const { party, tables } = shop;
  const { txn, spend } = message.payload;
  const now = party.runtime.now();
  if (isExpired(message.payload, now)) return refuse("expired");
  const scrip = await returnable(shop, customer.uid, spend, shown, message.attachments[0]);
  if (isRefusal(scrip)) return scrip;
  const { owner, value, origin } = scrip;
  const expiresAt = Math.max(now + shop.scripLife, scrip.expiresAt);
  const fresh = issue(shop, { owner, value, expiresAt, parent: shown.id, origin });
  const response = await party.sign(renewalResponse, {
    to: owner,
    txn,
    request: message.digest,
    ok: true,
    decidedAt: now,
    grant: fresh.grant,
    spent: shown.id,
  });
  const record: RenewalRecord = { request: message.digest, scrip: fresh.id, response: response.bytes };
  const line = await lineOf(shop, lineId(owner, origin));
  const { salt } = fresh;
  await party.store.commit([
    tables.renewals.put(id, record),
    ...tables.scrip.spend(shown.id, scrip, txn),
    tables.scrip.put(fresh.id, {
      state: "live",
      owner,
      value,
      expiresAt,
      salt,
      from: txn,
      parent: shown.id,
      origin,
    }),
    steppedLine(shop, lineId(owner, origin), line, { spent: shown.id, change: fresh.id }),
  ]);
  return record;
}

/** The answer as it was kept, with the new scrip's secret beside it while it lives. */
async function sealRenewal(
  { party, tables }: Shop,
  { customer }: Request,
  { scrip: id, response }: RenewalRecord,
): Promise<readonly Uint8Array[]> {
  const scrip = await tables.scrip.get(id);
  const secrets = scrip === undefined ? [] : [secretBeside(party, id, scrip)];
  const message = { type: renewalResponse, bytes: response };
  return [await sealMessage(message, customer.sealingKey, party.runtime.random, { secrets })];
}

/** What is said about the scrip would be the same again: nothing is kept. */
async function sealRefusal(
  { party }: Shop,
  { message, customer }: Request,
  reason: ErrorCode,
): Promise<readonly Uint8Array[]> {
  const refusal = await party.sign(renewalResponse, {
    to: customer.uid,
    txn: message.payload.txn,
    request: message.digest,
    ok: false,
    reason,
    decidedAt: party.runtime.now(),
  });
  return [await sealMessage(refusal, customer.sealingKey, party.runtime.random)];
}
