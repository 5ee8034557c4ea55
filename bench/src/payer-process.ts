/** The handler's clients: the platform's own fetch, or the fetch of the SDK's wallets, each with a lane of its own. */
import { memoryPeerStore, type PeerStore, Wallet } from "@lepta/peer-sdk";
import { answerCalls, type PayerCalls } from "./calls.ts";
import { forget } from "./forget.ts";
import { GOODS_BYTES, REQUEST } from "./item.ts";
import { itself } from "./itself.ts";
import { applyLoad, atDepth, type Exchange } from "./load.ts";
import { VENDORSCRIP } from "./provision.ts";

/** Longer than any run. */
const NEVER = 24 * 60 * 60 * 1000;

const wallets: Wallet[] = [];
const stores: PeerStore[] = [];
const exchanges: Exchange[] = [];
let bought = 0;

answerCalls({
  ...itself,
  start: async ({ broker, url, address, connections }) => {
    const open = async (): Promise<void> => {
      exchanges.push(reading(broker === undefined ? fetch : await openFetch(broker, address), url));
    };
    // Side by side, as the broker has a core of its own.
    await Promise.all(Array.from({ length: connections }, open));
  },
  load: ({ seconds, depth }) => applyLoad(atDepth(exchanges, depth), seconds),
  tidy: async () => {
    for (const store of stores) await forget(store, "paid-run/");
  },
  finish: async () => {
    for (const wallet of wallets) await wallet.close();
    return bought;
  },
} satisfies PayerCalls);

async function openFetch(broker: string, address: string): Promise<typeof fetch> {
  const store = memoryPeerStore();
  const wallet = await Wallet.open({ store, broker, noticeDelay: NEVER });
  await wallet.topUp(VENDORSCRIP);
  await wallet.obtain(address, VENDORSCRIP);
  wallets.push(wallet);
  stores.push(store);
  return wallet.fetch({ max: REQUEST.price });
}

const reading =
  (get: typeof fetch, url: string): Exchange =>
  async () => {
    const response = await get(url);
    const { length } = await response.text();
    if (response.status !== 200 || length !== GOODS_BYTES)
      throw new Error(`${response.status} and ${length} characters`);
    bought += 1;
  };
