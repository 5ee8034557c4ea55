/** Money's way back as a peer asks for it by hand: renewal, redemption, refund, reversal, settlement and the account. */
import {
  type Amount,
  accountQuery,
  accountResponse,
  amountOf,
  authorizationResponse,
  encodeAs,
  isRefusal,
  type MessageType,
  type Or,
  orThrow,
  proveSpend,
  purchaseRequest,
  purchaseSpendCodec,
  redeemRequest,
  redeemResponse,
  refundAuthorization,
  refundChange,
  refundOrder,
  renewalRequest,
  renewalResponse,
  returnSpendCodec,
  reversal,
  reversalClaim,
  reversalRequest,
  type ScripTuple,
  type Signed,
  type Spend,
  scripOf,
  settlementStatement,
  settleRequest,
  sha256,
  toText,
  type Verified,
  verifyAnswer,
} from "@lepta/protocol";
import type { BrokerUnderTest } from "./broker.ts";
import { DAY, type Held, type Overrides, type Sale, type TestPeer } from "./peer.ts";

/** `[body, pop]` of a return of this much of a scrip. */
export const returnSpend = (held: Held, amount: Amount = held.body.value): Spend =>
  proveSpend(held.secret, encodeAs(returnSpendCodec, { scrip: scripOf(held.grant), amount }));

/** A request as it is sent: it can be sent again as it stands. */
export interface Sendable<M extends MessageType> {
  readonly txn: string;
  readonly message: Signed<M>;
  readonly sealed: Uint8Array;
}

async function sendable<M extends MessageType>(
  peer: TestPeer,
  type: M,
  own: Parameters<typeof peer.sign<M>>[1],
  overrides: Overrides = {},
): Promise<Sendable<M>> {
  const txn = overrides.txn ?? peer.newTxn();
  const message = await peer.sign(type, own, { ...overrides, txn });
  return { txn, message, sealed: await peer.seal(message) };
}

export const makeRenewal = (peer: TestPeer, held: Held, overrides?: Overrides, spend = returnSpend(held)) =>
  sendable(peer, renewalRequest, { spend }, overrides);
export const makeRedemption = (peer: TestPeer, held: Held, amount: Amount, overrides?: Overrides) =>
  sendable(peer, redeemRequest, { spend: returnSpend(held, amount) }, overrides);
export const makeReversal = (peer: TestPeer, merchant: string, subject: string, overrides?: Overrides) =>
  sendable(peer, reversalRequest, { merchant, subject }, overrides);
export const makeSettlement = (peer: TestPeer, overrides?: Overrides) =>
  sendable(peer, settleRequest, {}, overrides);
export const makeClaim = (
  peer: TestPeer,
  { customer, subject, claimed, evidence }: ClaimOptions,
  overrides?: Overrides,
) =>
  sendable(
    peer,
    reversalClaim,
    { customer, subject, claimed, ...(evidence === undefined ? {} : { evidence }) },
    overrides,
  );

export interface ClaimOptions {
  readonly customer: string;
  readonly subject: string;
  readonly claimed: Amount;
  readonly evidence?: Uint8Array;
}

export const renew = (peer: TestPeer, { sealed }: { readonly sealed: Uint8Array }) =>
  peer.post("POST /renew", sealed, renewalResponse, "decide");
export const redeem = (peer: TestPeer, { sealed }: { readonly sealed: Uint8Array }) =>
  peer.post("POST /redeem", sealed, redeemResponse, "decide");
export const reverse = (peer: TestPeer, { sealed }: { readonly sealed: Uint8Array }) =>
  peer.post("POST /reversal", sealed, reversal, "decide");
export const claim = (peer: TestPeer, { sealed }: { readonly sealed: Uint8Array }) =>
  peer.post("POST /claim", sealed, reversal, "decide");
export const settle = (peer: TestPeer, { sealed }: { readonly sealed: Uint8Array }) =>
  peer.post("POST /settle", sealed, settlementStatement, "decide");

/** Asks for one page of the account. */
export async function account(
  peer: TestPeer,
  cursor?: string,
): Promise<Or<Verified<typeof accountResponse>>> {
  const { sealed } = await sendable(peer, accountQuery, cursor === undefined ? {} : { cursor });
  return peer.post("POST /account", sealed, accountResponse, "decide");
}

/** What a test may do differently in a refund. */
export interface RefundOptions {
  readonly amount: Amount;
  /** The transaction of figure 8. */
  readonly credit: string;
  readonly txn?: string;
  readonly scrip?: string;
  readonly part?: Overrides & { readonly merchant?: string; readonly amount?: Amount };
  readonly m2?: Overrides & { readonly customer?: string; readonly amount?: Amount; readonly part?: string };
  readonly attached?: readonly Uint8Array[];
}

export interface Refund extends Sendable<typeof refundAuthorization> {
  readonly customer: TestPeer;
  readonly merchant: TestPeer;
  readonly order: Signed<typeof refundOrder>;
  /** The part for B, sealed. */
  readonly part: Uint8Array;
}

/** The customer's part and the merchant's authorization around it. */
export async function makeRefund(
  customer: TestPeer,
  merchant: TestPeer,
  options: RefundOptions,
): Promise<Refund> {
  const { amount, credit, txn = customer.newTxn(), scrip = toText(sha256().slice(0, 16)) } = options;
  const { merchant: named = merchant.uid, amount: wanted = amount, ...partOverrides } = options.part ?? {};
  const order = await customer.sign(
    refundOrder,
    { merchant: named, amount: wanted, scrip },
    { txn, ...partOverrides },
  );
  const part = await customer.seal(order);
  const {
    customer: owner = customer.uid,
    amount: given = amount,
    part: partDigest = toText(sha256(part)),
    ...overrides
  } = options.m2 ?? {};
  const own = { customer: owner, amount: given, part: partDigest, credit };
  const message = await merchant.sign(refundAuthorization, own, { txn, ...overrides });
  const sealed = await merchant.seal(message, { attachments: options.attached ?? [part] });
  return { txn, customer, merchant, order, part, message, sealed };
}

export interface Refunded {
  readonly answer: Verified<typeof authorizationResponse>;
  /** Undefined where the customer's transaction was left as it was. */
  readonly change: Verified<typeof refundChange> | undefined;
}

/** Sends a refund; the answer checked by the merchant, what is attached by the customer. */
export async function refund(broker: BrokerUnderTest, made: Refund): Promise<Or<Refunded>> {
  const { merchant, customer } = made;
  const answer = await merchant.post("POST /refund", made.sealed, authorizationResponse, "decide");
  if (isRefusal(answer)) return answer;
  const [attached] = answer.attachments;
  if (attached === undefined) return { answer, change: undefined };
  const opened = orThrow(await customer.open(attached, [refundChange]));
  const now = broker.runtime.now();
  const change = orThrow(await verifyAnswer(opened, await broker.keys(), "decide", customer.uid, now));
  return { answer, change };
}

/** M1 of figure 7 as the customer signs it under V0, for a merchant to show. */
export function makeEvidence(
  customer: TestPeer,
  merchant: TestPeer,
  sale: Pick<Sale, "v0">,
  amount: Amount,
  shown: { readonly scrip?: ScripTuple; readonly metered?: boolean } = {},
): Promise<Signed<typeof purchaseRequest>> {
  const body = encodeAs(purchaseSpendCodec, {
    scrip: shown.scrip ?? scripOf(sale.v0.grant),
    order: { sku: "article", description: "", unitPrice: amount, quantity: 1 },
    salt: sha256().slice(0, 16),
    amount,
    metered: shown.metered ?? false,
  });
  return customer.sign(
    purchaseRequest,
    { spend: proveSpend(sale.v0.customerSecret, body) },
    { to: merchant.uid },
  );
}

/** Lets the time pass that a merchant's credit is held, and makes the keys that are good then. */
export async function letCreditsFree(broker: BrokerUnderTest): Promise<void> {
  broker.runtime.advance(3 * DAY);
  await broker.rotate();
}

export const nothing = amountOf("EUR", 0n);
