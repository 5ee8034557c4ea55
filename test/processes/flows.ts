/** The flows that processes are killed in: another line here is all that another flow needs. */
import { LeptaError, type Merchant, type Wallet, type WalletOptions } from "@lepta/peer-sdk";

export interface Flow {
  /** What a wallet of this flow's own does, again and again, at the shop's address, which pins the merchant's UID. */
  readonly wallet: (wallet: Wallet, shop: string) => Promise<unknown>;
  /** What the merchant does meanwhile, again and again, for the sales of this flow's wallet. */
  readonly merchant?: (merchant: Merchant, sales: () => Promise<readonly FlowSale[]>) => Promise<unknown>;
  /** How this flow's wallet is opened. */
  readonly options?: WalletOptions;
}

/** A sale to a flow's wallet that was charged. */
export interface FlowSale {
  readonly customer: string;
  readonly txn: string;
  readonly isRefunded: boolean;
}

/** What the merchant of the cast takes for its one item. */
export const PRICE = "EUR 0.02";
/** What each wallet has at first: enough for thousands of rounds, and no more than the sandbox bank gives. */
export const FUNDS = "EUR 500.00";
/** How long the broker holds a merchant's credit, and how long a merchant may take to answer a reversal, in milliseconds. */
export const HOLD_TIME = 5_000;
export const CLAIM_TIME = 250;

/** Two items' worth: one is bought, and the other goes back. */
const TWO = "EUR 0.04";
/** Longer than any scrip lives: it is always time to renew it. */
const ALWAYS = 1000 * 24 * 60 * 60 * 1000;
/** Purchases that are given back: a wallet asks for each line by itself, and every one of them is a line. */
const MOST_GIVEN_BACK = 300;

let bought = 0;

/** One in three is signed by itself; the others go through lanes. */
const buy = (wallet: Wallet, shop: string, vendorScrip?: string) => {
  bought += 1;
  return wallet.buy(shop, "article", {
    max: PRICE,
    ...(bought % 3 === 0 ? { signature: "each" as const } : {}),
    ...(vendorScrip === undefined ? {} : { vendorScrip }),
  });
};

/** Several under way on a lane at once. */
const buySeveral = async (wallet: Wallet, shop: string): Promise<void> => {
  const all = await Promise.allSettled([1, 2, 3, 4, 5, 6].map(() => buy(wallet, shop)));
  const failed = all.find((each) => each.status === "rejected");
  if (failed !== undefined) throw failed.reason;
};

const hasVendorScrip = async (wallet: Wallet): Promise<boolean> =>
  (await wallet.balance()).vendorScrip.length > 0;

export const flows = {
  /** Figure 6. */
  topUp: { wallet: (wallet) => wallet.topUp("EUR 0.01") },
  /** Figure 8. */
  obtain: { wallet: (wallet, shop) => wallet.obtain(shop, "EUR 0.001") },
  /** Figure 7, and figure 8 whenever the VendorScrip is used up. */
  buy: { wallet: buySeveral },
  /** M0 and M3 of figure 7, in batches from both sides. */
  notices: {
    wallet: async (wallet, shop) => {
      await buy(wallet, shop);
      await wallet.flushNotices();
    },
    merchant: (merchant) => merchant.flushNotices(),
  },
  /** Figure 6 backwards. */
  redeem: { wallet: (wallet) => wallet.redeem("EUR 0.01") },
  /** Figure 8 backwards. */
  refund: {
    wallet: async (wallet, shop) => {
      if (!(await hasVendorScrip(wallet))) await buy(wallet, shop, TWO);
      else await orSpend(wallet, shop, () => wallet.refund(shop));
    },
  },
  /** Of both issuers. */
  renew: {
    wallet: async (wallet, shop) => {
      if (!(await hasVendorScrip(wallet))) await wallet.obtain(shop, TWO);
      else await wallet.renew();
    },
    options: { renewBefore: ALWAYS },
  },
  /** The broker pays the merchant what its hold time has set free, dust and all. */
  settle: {
    wallet: (wallet, shop) => wallet.obtain(shop, "EUR 0.0123"),
    merchant: (merchant) => merchant.settle(),
  },
  /** Purchases that the merchant gives back, and that the wallet fetches when it has nothing left. */
  giveBack: {
    wallet: async (wallet, shop) => {
      if (!(await hasVendorScrip(wallet))) await wallet.collect(shop);
      await buy(wallet, shop, "EUR 0.06");
    },
    merchant: async (merchant, sales) => {
      const all = await sales();
      if (all.length < MOST_GIVEN_BACK)
        for (const { customer, txn, isRefunded } of all)
          if (!isRefunded) await merchant.refund(customer, txn).catch(notYet);
    },
  },
  /** A reversal: a merchant that is there answers it, one that is away for longer than its time loses the credit. */
  reclaim: {
    wallet: async (wallet, shop) => {
      if (!(await hasVendorScrip(wallet))) await buy(wallet, shop, TWO);
      else await orSpend(wallet, shop, () => wallet.reclaim(new URL(shop).hash.slice(1)));
    },
    merchant: (merchant) => merchant.tend(),
  },
} as const satisfies Readonly<Record<string, Flow>>;

export type FlowName = keyof typeof flows;
export const flowNames = Object.keys(flows) as readonly FlowName[];
export const flowOf = (name: FlowName): Flow => flows[name];

/** Which wallets live in one process: a start costs more than a flow. */
export const households = {
  payers: ["topUp", "obtain", "buy", "notices", "settle"],
  returners: ["redeem", "refund", "renew", "giveBack", "reclaim"],
} as const satisfies Readonly<Record<string, readonly FlowName[]>>;

export type HouseholdName = keyof typeof households;
export const householdNames = Object.keys(households) as readonly HouseholdName[];

/** After a kill the merchant may have been paid before the wallet came to it: then the scrip is spent and not given back. */
async function orSpend(wallet: Wallet, shop: string, giveBack: () => Promise<unknown>): Promise<void> {
  try {
    await giveBack();
  } catch (error) {
    const isLate = error instanceof LeptaError && TOO_LATE.has(error.code);
    if (!isLate) throw error;
    while (await hasVendorScrip(wallet)) await buy(wallet, shop);
  }
}

/** No statement covers it yet: it is given back another time. */
function notYet(error: unknown): void {
  if (!(error instanceof LeptaError) || error.code !== "pending") throw error;
}

const TOO_LATE: ReadonlySet<string> = new Set(["paid-out", "too-late"]);
