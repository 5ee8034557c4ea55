/** The flows that processes are killed in: another line here is all that another flow needs. */
import type { Merchant, Wallet } from "@lepta/peer-sdk";

export interface Flow {
  /** What a wallet of this flow's own does, again and again, at the shop's address. */
  readonly wallet: (wallet: Wallet, shop: string) => Promise<unknown>;
  /** What the merchant does meanwhile, again and again. */
  readonly merchant?: (merchant: Merchant) => Promise<unknown>;
}

const buy = (wallet: Wallet, shop: string) => wallet.buy(shop, "article", { max: PRICE });

/** What the merchant of the cast takes for its one item. */
export const PRICE = "EUR 0.02";
/** What each wallet has at first: enough for thousands of rounds, and no more than the sandbox bank gives. */
export const FUNDS = "EUR 500.00";

export const flows = {
  /** Figure 6. */
  topUp: { wallet: (wallet) => wallet.topUp("EUR 0.01") },
  /** Figure 8. */
  obtain: { wallet: (wallet, shop) => wallet.obtain(shop, "EUR 0.001") },
  /** Figure 7, and figure 8 whenever the VendorScrip is used up. */
  buy: { wallet: buy },
  /** M0 and M3 of figure 7, in batches from both sides. */
  notices: {
    wallet: async (wallet, shop) => {
      await buy(wallet, shop);
      await wallet.flushNotices();
    },
    merchant: (merchant) => merchant.flushNotices(),
  },
} as const satisfies Readonly<Record<string, Flow>>;

export type FlowName = keyof typeof flows;
export const flowNames = Object.keys(flows) as readonly FlowName[];
export const flowOf = (name: FlowName): Flow => flows[name];
