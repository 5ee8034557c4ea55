/** The peers whose flows are counted: a merchant, a customer who buys VendorScrip, and a reader who spends one for long. */

import { Merchant, memoryPeerStore, type PeerStore, Wallet } from "@lepta/peer-sdk";
import { limits } from "@lepta/protocol";
import type { CountedCloud } from "./cloud.ts";

export interface Market {
  /** Runs every flow that has a function of its own, uncounted. */
  warmUp(): Promise<void>;
  /** Opens a wallet or a merchant that the broker does not know. */
  enrol(as: "customer" | "merchant"): Promise<void>;
  topUp(): Promise<void>;
  redeem(): Promise<void>;
  obtain(): Promise<void>;
  /** Spends all of the VendorScrip that `obtain` brought, so that a wallet holds no more than one. */
  spendAll(): Promise<void>;
  /** Obtains until one settlement can hold no more credits. */
  fillSettlement(): Promise<void>;
  /** So many purchases of the reader's, each signed by itself; their notices wait. Statements are counted in `lanes.ts`. */
  buy(purchases: number): Promise<void>;
  /** The customers' notices go, then the merchant's. */
  flushNotices(): Promise<void>;
  settle(): Promise<void>;
  /** Credits in the last settlement. */
  settledCredits(): number;
  tendMerchant(): Promise<void>;
  /** Closes a peer and opens it again. */
  reopen(who: "customerDay" | "merchantDay"): Promise<void>;
  close(): Promise<void>;
}

export interface CustomerFlow {
  /** Before each, uncounted. */
  readonly setUp?: (market: Market) => Promise<void>;
  readonly work: (market: Market) => Promise<void>;
}

/** The flows that are simply repeated. */
export const CUSTOMER_FLOWS = {
  customerEnrolment: { work: (market) => market.enrol("customer") },
  merchantEnrolment: { work: (market) => market.enrol("merchant") },
  merchantHour: { work: (market) => market.tendMerchant() },
  topUp: { work: (market) => market.topUp() },
  redemption: { work: (market) => market.redeem() },
  vendorScrip: {
    setUp: async (market) => {
      await market.spendAll();
      await market.flushNotices();
    },
    work: (market) => market.obtain(),
  },
  singleNotices: { setUp: (market) => market.buy(1), work: (market) => market.flushNotices() },
} as const satisfies Readonly<Record<string, CustomerFlow>>;

/** Longer than any count takes: peers do nothing by themselves. */
const NEVER = 24 * 24 * 60 * 60 * 1000;
const CATALOGUE = {
  page: { description: "One page of text", price: "EUR 0.0001", deliver: async () => "x".repeat(256) },
  all: { description: "All that is left", price: "EUR 0.02", deliver: async () => "x" },
} as const;
const TOP_UP = "EUR 5.00";
const REDEEMED = "EUR 0.01";
/** Ten thousand pages. */
const FOR_PAGES = "EUR 1.00";

/** Opens the merchant and the customer. */
export async function openMarket({ door, broker, clock }: CountedCloud): Promise<Market> {
  const { runtime } = clock;
  const quiet = { broker, runtime, transport: door.transport, noticeDelay: NEVER, tendEvery: NEVER };
  const openWallet = (store: PeerStore) => Wallet.open({ ...quiet, store });
  const openMerchant = (store: PeerStore) => Merchant.open({ ...quiet, store, catalogue: CATALOGUE });
  const stores = { merchant: memoryPeerStore(), customer: memoryPeerStore() };
  const reader = await openWallet(memoryPeerStore());
  let merchant = await openMerchant(stores.merchant);
  let wallet = await openWallet(stores.customer);
  const { url } = await merchant.serve();
  let statements = 0;
  let credits = 0;
  let owed = 0;
  const market: Market = {
    warmUp: async () => {
      await market.topUp();
      await market.obtain();
      await reader.topUp(TOP_UP);
      await reader.obtain(url, FOR_PAGES);
      for (let twice = 0; twice < 2; twice += 1) {
        await market.buy(1);
        await market.flushNotices();
      }
      await market.tendMerchant();
      await market.settle();
      await market.redeem();
      await door.settled();
    },
    enrol: async (as) => {
      const peer = await (as === "customer" ? openWallet : openMerchant)(memoryPeerStore());
      await peer.close();
    },
    topUp: () => wallet.topUp(TOP_UP),
    redeem: async () => {
      await wallet.redeem(REDEEMED);
    },
    obtain: async () => {
      await wallet.obtain(url, "EUR 0.02");
      owed += 1;
    },
    spendAll: async () => {
      await wallet.buy(url, "all", { max: "EUR 0.02", signature: "each" });
    },
    fillSettlement: async () => {
      while (owed < limits.settlementCredits) {
        await market.spendAll();
        await market.obtain();
      }
      await market.flushNotices();
    },
    buy: async (purchases) => {
      for (let bought = 0; bought < purchases; bought += 1)
        await reader.buy(url, "page", { max: "EUR 0.0001", signature: "each" });
    },
    flushNotices: async () => {
      await reader.flushNotices();
      await wallet.flushNotices();
      await merchant.flushNotices();
    },
    settle: async () => {
      await merchant.settle();
      const all = await merchant.statements();
      credits = all.slice(statements).reduce((sum, each) => sum + each.credits.length, 0);
      statements = all.length;
      owed = 0;
    },
    settledCredits: () => credits,
    tendMerchant: () => merchant.tend(),
    reopen: async (who) => {
      if (who === "customerDay") {
        await wallet.close();
        wallet = await openWallet(stores.customer);
      } else {
        await merchant.close();
        merchant = await openMerchant(stores.merchant);
      }
    },
    close: async () => {
      await reader.close();
      await wallet.close();
      await merchant.close();
    },
  };
  return market;
}
