/** Figure 8 backwards at the merchant: the request in, ours to the broker, its decision kept, its word to the customer. */
import {
  isExpired,
  isRefusal,
  limits,
  type Or,
  readScrip,
  readSpend,
  refundAuthorization,
  type refundRequest,
  refuse,
  returnSpendCodec,
  type ScripBody,
  sha256,
  toText,
} from "@lepta/protocol";
import { moreDoors } from "../more-doors.ts";
import { REQUEST_LIFE } from "../party.ts";
import { decideAtBroker } from "./ask-broker.ts";
import { lineOf, shownLine, steppedLine, withLine } from "./line.ts";
import { lineId, type RefundRecord } from "./records.ts";
import { returnable } from "./returnable.ts";
import type { FromCustomer, Shop } from "./shop.ts";

type Request = FromCustomer<typeof refundRequest>;

/** Answers with the broker's word to the customer, or `refused` or `pending`: only the broker's word ends it. */
export async function refundVendorScrip(shop: Shop, request: Request): Promise<Or<readonly Uint8Array[]>> {
  const { message, customer } = request;
  const spend = readSpend(returnSpendCodec, message.payload.spend);
  if (isRefusal(spend)) return spend;
  const shown = readScrip(spend.scrip[0]);
  if (isRefusal(shown)) return shown;
  const id = `${customer.uid}/${message.payload.txn}`;
  return withLine(shop, shownLine(customer.uid, shown), () =>
    shop.lock.run(lockName(id), async () => {
      const known = await shop.tables.refunds.get(id);
      if (known !== undefined && known.request !== message.digest) return refuse("conflict");
      // At the broker one transaction is one thing: figure 8's would conflict with this for ever.
      const isTaken = known === undefined && (await shop.tables.authorizations.get(id)) !== undefined;
      if (isTaken) return refuse("conflict");
      const record = known ?? (await begin(shop, request, id, shown));
      if (isRefusal(record)) return record;
      const decided = record.state === "sent" ? await decide(shop, id, record) : record;
      if (isRefusal(decided)) return decided;
      return decided.change === undefined ? refuse("refused") : [decided.change];
    }),
  );
}

/** Brings the refunds that were left `sent` to their end, until some show that the broker is away. */
export async function resumeRefunds(shop: Shop): Promise<void> {
  let left = 0;
  for (const [id] of await shop.tables.returning.list()) {
    const record = await shop.tables.refunds.get(id);
    const scrip = record && (await shop.tables.scrip.get(record.scrip));
    if (scrip === undefined) continue;
    await withLine(shop, lineId(scrip.owner, scrip.origin), () => resumeRefund(shop, id));
    if ((await shop.tables.returning.get(id)) !== undefined) left += 1;
    if (left === limits.tendFailures) return;
  }
}

/** Brings one refund to its end, where it is not. The caller holds the lock of its line. */
export async function resumeRefund(shop: Shop, id: string): Promise<void> {
  await shop.lock.run(lockName(id), async () => {
    const record = await shop.tables.refunds.get(id);
    if (record?.state === "sent") await decide(shop, id, record);
  });
}

const lockName = (id: string): string => `refund/${id}`;

/** The scrip is set aside, and our request kept, before it is sent. */
async function begin(
  shop: Shop,
  { message, customer }: Request,
  id: string,
  shown: ScripBody,
): Promise<Or<RefundRecord>> {
  const { party, tables } = shop;
  const { txn, part: digest, spend } = message.payload;
  const now = party.runtime.now();
  const [part, authorization] = message.attachments;
  if (isExpired(message.payload, now)) return refuse("expired");
  if (part === undefined || toText(sha256(part)) !== digest) return refuse("wrong-reference");
  const scrip = await returnable(shop, customer.uid, spend, shown, authorization);
  if (isRefusal(scrip)) return scrip;
  const lineName = lineId(customer.uid, scrip.origin);
  const { credit } = await lineOf(shop, lineName);
  const request = await party.sign(refundAuthorization, {
    to: party.link.network,
    txn,
    expiresAt: now + REQUEST_LIFE,
    customer: customer.uid,
    amount: scrip.value,
    part: digest,
    credit,
  });
  const record: RefundRecord = {
    state: "sent",
    request: message.digest,
    digest: request.digest,
    sealed: await party.link.seal(request, { attachments: [part] }),
    scrip: shown.id,
    amount: scrip.value,
  };
  await party.store.commit([
    tables.refunds.put(id, record),
    tables.returning.put(id, true),
    tables.scrip.put(shown.id, { ...scrip, state: "returning", spentBy: txn }),
  ]);
  return record;
}

/**
 * Sends our request and keeps what the broker decides: the scrip is spent, or lives as before. One that a reversal has
 * ended meanwhile stays as it is.
 */
async function decide(shop: Shop, id: string, record: RefundRecord): Promise<Or<RefundRecord>> {
  const { party, tables } = shop;
  const decision = await decideAtBroker(shop, moreDoors.refund, id, record);
  if (isRefusal(decision)) {
    shop.tendSoon();
    return decision;
  }
  const { ok } = decision.authorization.payload;
  const scrip = await tables.scrip.get(record.scrip);
  if (scrip === undefined) return refuse("internal");
  const { sealed: _sent, ...kept } = record;
  const change = decision.change === undefined ? {} : { change: decision.change };
  const decided: RefundRecord = { ...kept, ...change, state: ok ? "done" : "refused" };
  const { spentBy: _free, ...free } = scrip;
  const lineName = lineId(scrip.owner, scrip.origin);
  await party.store.commit([
    tables.refunds.put(id, decided),
    tables.returning.remove(id),
    // What the broker has reversed meanwhile stays spent.
    ...(scrip.state !== "returning"
      ? []
      : ok
        ? [
            ...tables.scrip.spend(record.scrip, scrip),
            steppedLine(shop, lineName, await lineOf(shop, lineName), { spent: record.scrip }),
          ]
        : [tables.scrip.put(record.scrip, { ...free, state: "live" })]),
  ]);
  return decided;
}
