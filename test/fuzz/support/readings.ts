/** Every reply that a peer reads: how what it answers comes to be under way, and the flow that reads it. */

import type { Merchant } from "@lepta/peer-sdk";
import {
  accountResponse,
  acknowledgement,
  brokerscripChange,
  brokerscripResponse,
  hello,
  holdingsResponse,
  LeptaError,
  offer,
  purchaseResponse,
  redeemResponse,
  refundChange,
  renewalResponse,
  reversal,
  settlementStatement,
  transactionResponse,
  vendorscripResponse,
} from "@lepta/protocol";
import type { Acquaintance } from "../../../peer-sdk/src/customer/acquaintance.ts";
import { Acquaintances } from "../../../peer-sdk/src/customer/acquaintances.ts";
import { buyItem, resumePurchase } from "../../../peer-sdk/src/customer/buy-item.ts";
import type { Customer } from "../../../peer-sdk/src/customer/customer.ts";
import { takeReturned } from "../../../peer-sdk/src/customer/holdings.ts";
import { askOffer, meet, readMerchantAddress } from "../../../peer-sdk/src/customer/meet.ts";
import { obtainBrokerScrip } from "../../../peer-sdk/src/customer/obtain-brokerscrip.ts";
import { obtainVendorScrip, resumeVendorScrip } from "../../../peer-sdk/src/customer/obtain-vendorscrip.ts";
import { bodyOf } from "../../../peer-sdk/src/customer/records.ts";
import { redeem, resumeRedemption } from "../../../peer-sdk/src/customer/redeem.ts";
import { refundVendorScrip, resumeRefund } from "../../../peer-sdk/src/customer/refund.ts";
import { renewBrokerScrip, resumeBrokerRenewal } from "../../../peer-sdk/src/customer/renew-brokerscrip.ts";
import { renewVendorScrip } from "../../../peer-sdk/src/customer/renew-vendorscrip.ts";
import { restore } from "../../../peer-sdk/src/customer/restore.ts";
import { resumeTopUp } from "../../../peer-sdk/src/customer/resume-top-up.ts";
import { resumeReversal, reverse } from "../../../peer-sdk/src/customer/reverse.ts";
import { settle } from "../../../peer-sdk/src/merchant/settle.ts";
import type { Shop } from "../../../peer-sdk/src/merchant/shop.ts";
import type { Outbox } from "../../../peer-sdk/src/outbox.ts";
import { euro, given, orderFor } from "../../peer-sdk/support/hand.ts";
import { SHOP } from "./tenants.ts";

/** Who reads: a customer that has met the merchant, and the merchant. */
export interface Reader {
  readonly customer: Customer;
  readonly acquaintance: Acquaintance;
  readonly shop: Shop;
  readonly outbox: () => Promise<Outbox>;
  /** Enrols a peer with an empty store. */
  readonly enrol: () => Promise<unknown>;
  /** The merchant whose store `shop` reads. */
  readonly seller: Merchant;
}

export interface Reading {
  readonly name: string;
  readonly media: string;
  /** Leaves something under way, with these ways cut: doors of the broker, and `ws`. */
  readonly begin?: (reader: Reader) => Promise<unknown>;
  readonly cuts?: readonly string[];
  /** Reads the reply; `txn` is what is under way. */
  readonly act: (reader: Reader, txn: string) => Promise<unknown>;
  /**
   * How purse and VendorScrip may move, in millionths, where they move at all. A merchant may give what it likes; an account
   * is the broker's word on what lives, and what it passes over is kept.
   */
  readonly moves?: "gifts" | "superseded" | readonly (readonly [purse: bigint, vendorscrip: bigint])[];
  /** The reply asks for more, so many times as others do. */
  readonly effort?: number;
}

const TXN = "AAAAAAAAAAAAAAAAAAAAAA";
const ENDS = ["/query", "/abort"];

/** What was obtained for thirty cents and not spent yet. */
async function unspent({ customer, acquaintance }: Reader) {
  const all = await customer.tables.vendorscrip.list({ under: `${acquaintance.credential.uid}/` });
  return given(all.find(([, each]) => bodyOf(each).value.value === euro("0.30").value))[1];
}

const buy = async (reader: Reader) => {
  const bargain = {
    order: { ...orderFor("page", "EUR 0.02"), description: "one page" },
    price: euro("0.02"),
  };
  return buyItem(reader.customer, reader.acquaintance, TXN, await unspent(reader), bargain);
};
const topUp = ({ customer }: Reader) => obtainBrokerScrip(customer, euro("1.00"));
const obtain = ({ customer, acquaintance }: Reader) =>
  obtainVendorScrip(customer, acquaintance, async () => euro("0.10"));
const refund = async (reader: Reader) =>
  refundVendorScrip(reader.customer, reader.acquaintance, await unspent(reader));
const renew = ({ customer }: Reader) => renewBrokerScrip(customer, Number.MAX_SAFE_INTEGER);
const payOut = ({ customer }: Reader) => redeem(customer, euro("1.00"));
const takeBack = async (reader: Reader) =>
  reverse(reader.customer, reader.acquaintance.credential.uid, given((await unspent(reader)).obtained));

const TOPPED: Reading["moves"] = [[1_000_000n, 0n]];
// The broker has turned it, and the merchant owes what it did not give.
const OBTAINED: Reading["moves"] = [
  [-100_000n, 100_000n],
  [-100_000n, 0n],
];
const REFUNDED: Reading["moves"] = [[300_000n, -300_000n]];

export const readings: readonly Reading[] = [
  {
    name: "a merchant's hello",
    media: hello.mediaType,
    act: ({ customer }) => meet(customer, readMerchantAddress(SHOP)),
  },
  {
    name: "an offer",
    media: offer.mediaType,
    act: ({ customer, acquaintance }) => askOffer(customer, acquaintance, undefined),
  },
  {
    name: "M2 of figure 7",
    media: purchaseResponse.mediaType,
    begin: buy,
    cuts: ["ws"],
    act: ({ customer, acquaintance }, txn) => resumePurchase(customer, acquaintance, txn),
    moves: [[0n, -20_000n]],
  },
  { name: "M1 of figure 6", media: brokerscripResponse.mediaType, act: topUp, moves: TOPPED },
  {
    name: "how a top-up stands",
    media: transactionResponse.mediaType,
    begin: topUp,
    cuts: ["/brokerscrip", ...ENDS],
    act: ({ customer }, txn) => resumeTopUp(customer, txn),
    moves: TOPPED,
  },
  { name: "M3 as the merchant brings it", media: brokerscripChange.mediaType, act: obtain, moves: OBTAINED },
  {
    name: "M5 as the merchant brings it",
    media: vendorscripResponse.mediaType,
    act: obtain,
    moves: OBTAINED,
  },
  {
    name: "how figure 8 stands, with M3, M4 and M5",
    media: transactionResponse.mediaType,
    begin: obtain,
    cuts: ["ws", ...ENDS],
    act: ({ customer }, txn) => resumeVendorScrip(customer, txn),
    moves: OBTAINED,
  },
  { name: "a refund as the merchant brings it", media: refundChange.mediaType, act: refund, moves: REFUNDED },
  {
    name: "how a refund stands",
    media: transactionResponse.mediaType,
    begin: refund,
    cuts: ["ws", ...ENDS],
    act: ({ customer }, txn) => resumeRefund(customer, txn),
    moves: REFUNDED,
  },
  { name: "the broker's renewal", media: renewalResponse.mediaType, act: renew },
  {
    name: "how a renewal stands",
    media: transactionResponse.mediaType,
    begin: renew,
    cuts: ["/renew", ...ENDS],
    act: ({ customer }, txn) => resumeBrokerRenewal(customer, txn),
  },
  {
    name: "the merchant's renewal",
    media: renewalResponse.mediaType,
    act: async (reader) => renewVendorScrip(reader.customer, reader.acquaintance, await unspent(reader)),
  },
  { name: "a redemption", media: redeemResponse.mediaType, act: payOut, moves: [[-1_000_000n, 0n]] },
  {
    name: "how a redemption stands",
    media: transactionResponse.mediaType,
    begin: payOut,
    cuts: ["/redeem", ...ENDS],
    act: ({ customer }, txn) => resumeRedemption(customer, txn),
    moves: [[-1_000_000n, 0n]],
  },
  {
    name: "a reversal",
    media: reversal.mediaType,
    // The merchant has nothing to claim; then the same request is answered with the end.
    begin: async (reader) => {
      await takeBack(reader).catch(pendingOnly);
      await reader.seller.tend();
    },
    act: takeBack,
    moves: REFUNDED,
  },
  {
    name: "how a reversal stands",
    media: transactionResponse.mediaType,
    begin: async (reader) => {
      await takeBack(reader).catch(pendingOnly);
      await reader.seller.tend();
    },
    act: ({ customer }, txn) => resumeReversal(customer, txn),
    moves: REFUNDED,
  },
  {
    name: "an account",
    media: accountResponse.mediaType,
    act: async ({ customer }) => {
      const merchants = new Acquaintances(customer);
      try {
        await restore(customer, merchants);
      } finally {
        merchants.close();
      }
    },
    moves: "superseded",
    effort: 8,
  },
  {
    name: "what a merchant holds",
    media: holdingsResponse.mediaType,
    // One purchase was given back.
    begin: async ({ customer, seller }) => {
      const sale = (await seller.sales()).find(({ sku }) => sku === "page");
      await seller.refund(customer.party.identity.uid, given(sale).txn);
    },
    act: ({ customer, acquaintance }) => takeReturned(customer, acquaintance),
    moves: "gifts",
  },
  {
    name: "an acknowledgement",
    media: acknowledgement.mediaType,
    begin: buy,
    cuts: ["/notices"],
    act: async ({ outbox }) => {
      if ((await (await outbox()).flush()) > 0) throw new LeptaError("unreachable");
    },
    moves: [[0n, -20_000n]],
  },
  { name: "a settlement", media: settlementStatement.mediaType, act: ({ shop }) => settle(shop) },
  { name: "an enrolment", media: "application/lepta.enrol-response+cbor", act: ({ enrol }) => enrol() },
];

function pendingOnly(error: unknown): void {
  if (!(error instanceof LeptaError && error.code === "pending")) throw error;
}
