/** The page's wallet: opened, and filled on the first visit. */
import { LeptaError, memoryPeerStore, Wallet, type Watch } from "@lepta/peer-sdk";
import { type PageWallet, pageWalletOf } from "../page-wallet.ts";

/** What a new wallet begins with: play money. */
export const WELCOME = "EUR 5.00";
/** Milliseconds between two tries to reach the broker. */
const PAUSE = 3000;

/** Opens it as soon as the broker can be reached; `waiting` is told while it cannot. */
export async function openPageWallet(broker: string, watch: Watch, waiting: () => void): Promise<PageWallet> {
  for (;;) {
    try {
      return pageWalletOf(await Wallet.open({ broker, store: memoryPeerStore(), watch }));
    } catch (error) {
      if (!(error instanceof LeptaError) || error.code !== "unreachable") throw error;
      waiting();
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  }
}

/** Tops a wallet up in which nothing has happened yet: once, however many windows open at the same time. */
export async function welcome(wallet: PageWallet): Promise<void> {
  await navigator.locks.request("lepta-welcome", async () => {
    const { brokerScrip } = await wallet.balance();
    const isNew =
      brokerScrip === undefined &&
      (await wallet.history()).length === 0 &&
      (await wallet.pending()).length === 0;
    if (isNew) await wallet.topUp(WELCOME);
  });
}
