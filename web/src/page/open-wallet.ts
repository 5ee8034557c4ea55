/** The page's wallet: one for all its windows, filled on the first visit. */
import { LeptaError, type Watch } from "@lepta/peer-sdk";
import type { PageWallet } from "../page-wallet.ts";
import { openSharedWallet } from "../shared-wallet.ts";

/** What a new wallet begins with: play money. */
const WELCOME = "EUR 5.00";
/** Milliseconds between two tries to reach the broker. */
const PAUSE = 3000;

/** Opens it as soon as the broker can be reached; `waiting` is told while it cannot. */
export async function openPageWallet(broker: string, watch: Watch, waiting: () => void): Promise<PageWallet> {
  // A broker that was begun anew has another root key: its money is another wallet's.
  const name = new URL(broker).hash.slice(1);
  for (;;) {
    try {
      return await openSharedWallet({ broker, name, watch });
    } catch (error) {
      if (!(error instanceof LeptaError) || error.code !== "unreachable") throw error;
      waiting();
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  }
}

/** Tops a wallet up in which nothing has happened yet: once, however many windows open at the same time. */
export async function welcome(wallet: PageWallet): Promise<void> {
  await navigator.locks.request(`lepta-welcome ${wallet.uid}`, async () => {
    const { brokerScrip } = await wallet.balance();
    const isNew =
      brokerScrip === undefined &&
      (await wallet.history()).length === 0 &&
      (await wallet.pending()).length === 0;
    if (isNew) await wallet.topUp(WELCOME);
  });
}
