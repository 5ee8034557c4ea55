/** Requests of money on its way back, as well-enrolled peers would sign them, or nearly so. */
import {
  accountQuery,
  type Beside,
  encodeAs,
  type MessageType,
  orThrow,
  proveSpend,
  purchaseRequest,
  purchaseSpendCodec,
  readMessage,
  readSpend,
  redeemRequest,
  refundAuthorization,
  refundOrder,
  renewalRequest,
  returnSpendCodec,
  reversalClaim,
  reversalRequest,
  scripOf,
  settleRequest,
  sha256,
  toText,
} from "@lepta/protocol";
import { bodyOf, customerTables, type Holding } from "../../../peer-sdk/src/customer/records.ts";
import { type Draft, euro, given } from "../../peer-sdk/support/hand.ts";
import type { Draw } from "./random.ts";
import type { Request, Tools } from "./request.ts";
import type { Tenants } from "./tenants.ts";

/** A credit that its customer has asked to be reversed, and the purchase that bears out what the merchant keeps. */
export interface Dispute {
  readonly subject: string;
  readonly evidence: Uint8Array;
  /** A credit that is held, and the scrip behind which it stands. */
  readonly held: Holding;
}

/** The customer says that the scrip that it bought a book with is of no use; the state of this moment is kept. */
export async function disputed({
  customer,
  merchant,
  send,
  table,
  customerStore,
  world,
}: Tenants): Promise<Dispute> {
  const holdings = await customer.holdings(merchant.uid);
  const evidence = (await customerTables(customerStore).evidence.list())
    .flatMap(([, { request }]) => (request === undefined ? [] : [request]))
    .find((each) => skuOf(each) === "book");
  const line = given(holdings.find((each) => bodyOf(each).value.value === euro("0.50").value));
  const subject = given(line.obtained);
  const message = await customer.sign(reversalRequest, {
    to: world.network,
    merchant: merchant.uid,
    subject,
  });
  await send("POST /reversal", await customer.sealToBroker(message));
  table.keep();
  const held = given(holdings.find((each) => bodyOf(each).value.value === euro("0.30").value));
  return { subject, evidence: given(evidence), held };
}

/** A maker for each door of money's way back. */
export function returnMakers(
  { customer, merchant }: Tenants,
  purse: Holding,
  { subject, evidence, held }: Dispute,
  { sign, inside, either, toBroker }: Tools,
): Readonly<Record<string, (draw?: Draw) => Promise<Request>>> {
  const make = async (
    type: MessageType,
    hand: typeof customer,
    fields: Draft,
    draw?: Draw,
    beside: Beside = {},
  ): Promise<Request> => ({ type, signed: await sign(hand, type, toBroker(fields), draw), beside });
  const spending = (amount = bodyOf(purse).value, draw?: Draw) => {
    const body = encodeAs(returnSpendCodec, { scrip: scripOf(purse.grant), amount });
    return proveSpend(purse.secret, inside(body, draw));
  };
  const credit = given(held.obtained);

  return {
    "POST /renew": (draw) => make(renewalRequest, customer, { spend: spending(undefined, draw) }, draw),
    "POST /redeem": (draw) => make(redeemRequest, customer, { spend: spending(euro("1.00"), draw) }, draw),
    "POST /refund": async (draw) => {
      const txn = customer.newTxn();
      const { id, value: amount } = bodyOf(held);
      const order = toBroker({ txn, merchant: merchant.uid, amount, scrip: id });
      const bytes = await sign(customer, refundOrder, order, draw);
      const part = await customer.sealToBroker({ type: refundOrder, bytes, digest: "" });
      const fields = { txn, customer: customer.uid, amount, part: toText(sha256(part)), credit };
      const attachments = draw !== undefined && draw.below(20) === 0 ? [part, part] : [part];
      return make(refundAuthorization, merchant, fields, draw, { attachments });
    },
    "POST /reversal": (draw) =>
      make(reversalRequest, customer, { merchant: merchant.uid, subject: credit }, draw),
    "POST /claim": (draw) => {
      const shown = draw?.below(4) === 0 ? {} : { evidence };
      const fields = { customer: customer.uid, subject, claimed: euro("2.00"), ...shown };
      return make(reversalClaim, merchant, fields, draw);
    },
    "POST /account": (draw) => {
      const cursor = draw === undefined || draw.below(2) === 0 ? {} : { cursor: draw.pick(CURSORS) };
      return make(accountQuery, either(draw), cursor, draw);
    },
    "POST /settle": (draw) => {
      const hand = draw !== undefined && draw.below(4) === 0 ? customer : merchant;
      return make(settleRequest, hand, {}, draw);
    },
  };
}

/** Where a page may be said to have ended. */
const CURSORS = [
  "TXN#",
  "TXN#AAAAAAAAAAAAAAAAAAAAAA",
  "DISPUTE#",
  "x",
  "\u0000",
  "CREDENTIAL",
  "TXN#~",
  "~".repeat(256),
];

function skuOf(signed: Uint8Array): string {
  const { payload } = orThrow(readMessage(signed, [purchaseRequest]));
  return orThrow(readSpend(purchaseSpendCodec, payload.spend)).order.sku;
}
