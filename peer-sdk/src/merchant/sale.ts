/** M2 and M3 of figure 7 as a merchant makes, keeps and sends them. */
import {
  type Amount,
  contentCodec,
  type ErrorCode,
  encodeAs,
  nothing,
  orderHash,
  type Payload,
  type purchaseRequest,
  purchaseResponse,
  type purchaseSpendCodec,
  type Secret,
  type Signed,
  saleNotice,
  sealMessage,
  type Value,
} from "@lepta/protocol";
import type { Change } from "../ports.ts";
import { secretBeside } from "./issue.ts";
import type { SaleRecord } from "./records.ts";
import type { FromCustomer, Shop } from "./shop.ts";

/** M1. */
export type Request = FromCustomer<typeof purchaseRequest>;
/** What M1 spends. */
export type PurchaseSpend = Value<typeof purchaseSpendCodec>;

/** A decided purchase. */
export interface Sold {
  readonly sale: SaleRecord;
  /** M2, signed. */
  readonly response: Uint8Array;
  /** The secret of the change that it has just made. */
  readonly beside?: Secret;
}

/** M2 that moves no money. */
export const signRefusal = (shop: Shop, request: Request, { amount }: PurchaseSpend, reason: ErrorCode) =>
  signResponse(shop, request, { ok: false, reason, charged: nothing(amount.currency) });

type ResponseFields = Pick<
  Payload<typeof purchaseResponse>,
  "ok" | "reason" | "charged" | "spent" | "grant" | "goods" | "goodsType"
>;

/** M2, signed. */
export const signResponse = (
  { party }: Shop,
  { message, customer }: Request,
  fields: ResponseFields,
): Promise<Signed<typeof purchaseResponse>> =>
  party.sign(purchaseResponse, {
    to: customer.uid,
    txn: message.payload.txn,
    request: message.digest,
    decidedAt: party.runtime.now(),
    ...fields,
  });

/** M3, into the outbox. */
export async function notice(
  { party, outbox }: Shop,
  { message, customer }: Request,
  spend: PurchaseSpend,
  response: Signed<typeof purchaseResponse>,
  charged: Amount,
): Promise<Change> {
  const signed = await party.sign(saleNotice, {
    to: party.link.network,
    txn: message.payload.txn,
    customer: customer.uid,
    charged,
    order: orderHash(spend.salt, spend.order),
    purchase: message.digest,
    response: response.digest,
  });
  return outbox.put(signed.bytes);
}

/** What is kept of a purchase, beside M2. */
export const saleOf = (
  { party }: Shop,
  { message }: Request,
  { order }: PurchaseSpend,
  outcome: Pick<SaleRecord, "ok" | "charged" | "change" | "origin">,
): SaleRecord => ({
  request: message.digest,
  sku: order.sku,
  quantity: order.quantity,
  at: party.runtime.now(),
  ...outcome,
});

/** M2 as it was kept and what travels beside it, for a session. */
export async function saleContent(shop: Shop, sold: Sold): Promise<Uint8Array> {
  const secrets = await secretsOfSale(shop, sold);
  return encodeAs(contentCodec, { signed: sold.response, ...(secrets.length > 0 ? { secrets } : {}) });
}

/** The change's secret, while the change lives. */
async function secretsOfSale({ party, tables }: Shop, { sale, beside }: Sold): Promise<readonly Secret[]> {
  if (beside !== undefined) return [beside];
  const change = sale.change === undefined ? undefined : await tables.scrip.get(sale.change);
  return sale.change && change ? [secretBeside(party, sale.change, change)] : [];
}

/** M2 as it was kept, with the change's secret beside it while the change lives, sealed. */
export async function sealSale(shop: Shop, { customer }: Request, sold: Sold): Promise<Uint8Array> {
  const { party } = shop;
  const secrets = await secretsOfSale(shop, sold);
  const { response } = sold;
  const message = { type: purchaseResponse, bytes: response };
  return sealMessage(message, customer.sealingKey, party.runtime.random, { secrets });
}
