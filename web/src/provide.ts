/** How the elements of a page find its wallet: whoever opens one provides it. */
import type { PageWallet } from "./page-wallet.ts";

let provide: (wallet: PageWallet | Promise<PageWallet>) => void = () => {};

/** The page's wallet, once somebody has provided it. */
export const providedWallet: Promise<PageWallet> = new Promise((resolve) => {
  provide = resolve;
});

// Who asks for the wallet sees the fault; where nobody does, it is no fault of the page's.
providedWallet.catch(() => undefined);

/** Gives all elements of this page their wallet. The first one stays. */
export const provideWallet = (wallet: PageWallet | Promise<PageWallet>): void => provide(wallet);
