/** Figure 7 at the merchant, top to bottom: M1 in, the goods made, change and M2 kept, M3 put out, M2 back. */
import {
  type Credential,
  customerSecret,
  type ErrorCode,
  isExpired,
  isProven,
  isRefusal,
  limits,
  nothing,
  type Or,
  purchaseSpendCodec,
  readScrip,
  readSpend,
  refuse,
  type ScripBody,
  type ScripTuple,
  subtract,
} from "@lepta/protocol";
import type { Change } from "../ports.ts";
import { type Delivery, isAgreed, NotSold, produce } from "./catalogue.ts";
import { genuineScrip } from "./genuine.ts";
import { issue, secretsOf } from "./issue.ts";
import { lineOf, shownLine, steppedLine, withLine } from "./line.ts";
import { lineId, type ScripRecord } from "./records.ts";
import { resumeRefund } from "./refund-vendorscrip.ts";
import {
  notice,
  type PurchaseSpend,
  type Request,
  type Sold,
  saleContent,
  saleOf,
  sealSale,
  signRefusal,
  signResponse,
} from "./sale.ts";
import { resumeAuthorization } from "./sell-vendorscrip.ts";
import type { Shop } from "./shop.ts";

/** A purchase that may go ahead. */
interface Purchase {
  readonly spend: PurchaseSpend;
  readonly shown: ScripBody;
  readonly scrip: ScripRecord;
}

/** Answers M1 with M2, sealed. The same M1 gets the same M2 again; a refusal charges nothing. */
export async function sellItem(shop: Shop, request: Request): Promise<Or<readonly Uint8Array[]>> {
  const sold = await decided(shop, request);
  return isRefusal(sold) ? sold : [await sealSale(shop, request, sold)];
}

/** The same where a session seals what it carries: M2 and what travels beside it as they are. */
export async function sellItemInSession(shop: Shop, request: Request): Promise<Or<Uint8Array>> {
  const sold = await decided(shop, request);
  return isRefusal(sold) ? sold : saleContent(shop, sold);
}

/** The decision on M1, made or found again. */
export async function decided(shop: Shop, request: Request): Promise<Or<Sold>> {
  const { message, customer } = request;
  const spend = readSpend(purchaseSpendCodec, message.payload.spend);
  if (isRefusal(spend)) return spend;
  const shown = readScrip(spend.scrip[0]);
  if (isRefusal(shown)) return shown;
  const id = `${customer.uid}/${message.payload.txn}`;
  const line = shownLine(customer.uid, shown);
  // The transaction first, then the scrip's line, then what is asked of the broker: two never wait for each other.
  return shop.lock.run(`sale/${id}`, async () => {
    const known = await readSale(shop, id);
    if (known !== undefined)
      return known.sale.request === message.digest ? known : refused(shop, request, spend, "conflict");
    if (!shop.outbox.hasRoom) return refuse("busy");
    return withLine(shop, line, () => decide(shop, request, id, spend, shown));
  });
}

async function decide(
  shop: Shop,
  request: Request,
  id: string,
  spend: PurchaseSpend,
  shown: ScripBody,
): Promise<Or<Sold>> {
  const { message, customer } = request;
  const scrip = await usableScrip(shop, customer, shown, spend.scrip, message.attachments[0], (secret) =>
    isProven(secret, message.payload.spend),
  );
  // Of scrip that is not this customer's at all nothing is kept: the answer will never be another.
  if (isRefusal(scrip)) return refused(shop, request, spend, scrip.code);
  const purchase: Purchase = { spend, shown, scrip };
  const goods = await check(shop, request, purchase);
  if (!isRefusal(goods)) return sell(shop, request, id, purchase, goods);
  // What was spent stays spent: the answer is found again without being kept.
  if (goods.code === "scrip-spent") return refused(shop, request, spend, goods.code);
  return keepRefusal(shop, request, id, purchase, goods.code);
}

/**
 * The scrip as our table knows it: ours, this customer's, genuine, proven. `authorization` is M4, which makes a reserved V0
 * live whoever brings it; `holds` judges the proof under the CustomerSecret.
 */
export async function usableScrip(
  shop: Shop,
  customer: Pick<Credential, "uid">,
  shown: ScripBody,
  tuple: ScripTuple,
  authorization: Uint8Array | undefined,
  holds: (secret: Uint8Array) => boolean,
): Promise<Or<ScripRecord>> {
  const { party, tables } = shop;
  if (shown.kind !== "vendor" || shown.issuer !== party.identity.uid) return refuse("wrong-issuer");
  if (shown.owner !== customer.uid) return refuse("not-owner");
  let scrip = tables.scrip.find(shown, tuple) ?? (await genuineScrip(shop, shown, tuple));
  if (!isRefusal(scrip) && scrip.state === "reserved") {
    // V0 is live on a valid M4, whoever brings it: ours may have been lost.
    await resumeAuthorization(shop, `${scrip.owner}/${scrip.from}`, authorization);
    scrip = await genuineScrip(shop, shown, tuple);
  }
  if (!isRefusal(scrip) && scrip.state === "returning") {
    await resumeRefund(shop, `${scrip.owner}/${scrip.spentBy}`);
    scrip = await genuineScrip(shop, shown, tuple);
  }
  if (isRefusal(scrip)) return scrip;
  if (scrip.state === "reserved" || scrip.state === "returning") return refuse("pending");
  if (scrip.state === "lane") return refuse("in-use");
  if (scrip.salt === undefined) return scrip.state === "spent" ? scrip : refuse("scrip-spent");
  return holds(customerSecret(secretsOf(party, scrip.salt), shown)) ? scrip : refuse("bad-proof");
}

/** Time, double spending, price and value; then the goods are made. */
async function check(
  shop: Shop,
  { message, customer }: Request,
  { spend, shown, scrip }: Purchase,
): Promise<Or<Delivery>> {
  const now = shop.party.runtime.now();
  if (scrip.state === "spent") return refuse("scrip-spent");
  if (isExpired(message.payload, now)) return refuse("expired");
  if (now >= scrip.expiresAt) return refuse("scrip-expired");
  const { order, amount, metered } = spend;
  const listed = shop.items.get(order.sku);
  if (listed === undefined) return refuse("unknown-item");
  // What is metered is bought on lanes.
  if (metered || !isAgreed(listed, order, amount, metered)) return refuse("price-mismatch");
  const rest = subtract(shown.value, amount);
  if (isRefusal(rest)) return rest;
  try {
    return await produce(listed, order, customer.uid, message.payload.txn);
  } catch (error) {
    // The handler's own error is the merchant's business; the customer learns that nothing was charged.
    if (error instanceof NotSold) return refuse(error.code);
    shop.onError(error);
    return refuse("delivery-failed");
  }
}

/** V0 is spent, V1 lives, M2 and M3 exist: in one commit, before M2 leaves. */
async function sell(
  shop: Shop,
  request: Request,
  id: string,
  purchase: Purchase,
  { goods, told }: Delivery,
): Promise<Or<Sold>> {
  const { party, tables } = shop;
  const { spend, shown, scrip } = purchase;
  const { message, customer } = request;
  const rest = subtract(shown.value, spend.amount);
  if (isRefusal(rest)) {
    told(false);
    return rest;
  }
  const { expiresAt } = scrip;
  const owner = customer.uid;
  const { origin } = scrip;
  const line = await lineOf(shop, lineId(owner, origin));
  const parent = shown.id;
  const change =
    rest.value === 0n ? undefined : issue(shop, { owner, value: rest, expiresAt, parent, origin });
  const response = await signResponse(shop, request, {
    ok: true,
    charged: spend.amount,
    spent: shown.id,
    ...(change ? { grant: change.grant } : {}),
    goods: goods.bytes,
    goodsType: goods.type,
  });
  const { txn } = message.payload;
  const sale = saleOf(shop, request, spend, {
    ok: 1,
    charged: spend.amount,
    origin,
    ...(change ? { change: change.id } : {}),
  });
  const changes: Change[] = [
    tables.sales.put(id, sale),
    tables.responses.put(id, response.bytes),
    ...tables.scrip.spend(shown.id, scrip, txn),
    steppedLine(shop, lineId(owner, origin), line, {
      spent: shown.id,
      change: change?.id,
      charged: spend.amount,
      signed: message.signed,
    }),
    await notice(shop, request, spend, response, spend.amount),
  ];
  if (change !== undefined) {
    const { salt } = change;
    changes.push(
      tables.scrip.put(change.id, {
        state: "live",
        owner,
        value: rest,
        expiresAt,
        salt,
        from: txn,
        parent,
        origin,
      }),
    );
  }
  await party.store.commit(changes);
  told(true);
  shop.outbox.flushSoon(shop.noticeDelay);
  const { id: granted = "", customerSecret: secret } = change ?? {};
  return { sale, response: response.bytes, ...(secret ? { beside: { scrip: granted, secret } } : {}) };
}

/**
 * A refusal that was decided on the state as it stood: the same M1 gets it again. They cost the customer nothing, so one
 * scrip gets only so many.
 */
async function keepRefusal(
  shop: Shop,
  request: Request,
  id: string,
  { spend, shown }: Purchase,
  code: ErrorCode,
): Promise<Or<Sold>> {
  const { tables } = shop;
  const scrip = await tables.scrip.get(shown.id);
  if (scrip === undefined) return refuse("internal");
  const { refusals = 0 } = scrip;
  if (refusals >= limits.refusalsPerScrip)
    // What has expired stays so, kept or not; anything else may still change, until this M1 has expired.
    return code === "expired" || code === "scrip-expired"
      ? refused(shop, request, spend, code)
      : refuse("busy");
  const none = nothing(spend.amount.currency);
  const response = await signRefusal(shop, request, spend, code);
  const sale = saleOf(shop, request, spend, { ok: 0, charged: none });
  await shop.party.store.commit([
    tables.sales.put(id, sale),
    tables.responses.put(id, response.bytes),
    tables.scrip.put(shown.id, { ...scrip, refusals: refusals + 1 }),
    await notice(shop, request, spend, response, none),
  ]);
  shop.outbox.flushSoon(shop.noticeDelay);
  return { sale, response: response.bytes };
}

/** A signed refusal that is not kept. `pending` and `busy` are no decisions: they go back unsigned. */
async function refused(
  shop: Shop,
  request: Request,
  spend: PurchaseSpend,
  code: ErrorCode,
): Promise<Or<Sold>> {
  if (code === "pending" || code === "busy") return refuse(code);
  const { bytes: response } = await signRefusal(shop, request, spend, code);
  return { sale: saleOf(shop, request, spend, { ok: 0, charged: nothing(spend.amount.currency) }), response };
}

async function readSale({ tables }: Shop, id: string): Promise<Sold | undefined> {
  const sale = await tables.sales.get(id);
  const response = sale && (await tables.responses.get(id));
  return sale && response && { sale, response };
}
