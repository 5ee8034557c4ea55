/** The lanes' customers: the SDK's own wallets, whole, each with a connection and a lane of its own. */
import {
  type Channel,
  type ConnectChannel,
  connectWebSocket,
  memoryPeerStore,
  type PeerStore,
  Wallet,
  type Wire,
} from "@lepta/peer-sdk";
import { answerCalls, type WalletCalls } from "./calls.ts";
import { forget } from "./forget.ts";
import { ITEM } from "./item.ts";
import { itself } from "./itself.ts";
import { applyLoad, atDepth, type Exchange } from "./load.ts";
import { VENDORSCRIP } from "./provision.ts";
import { median } from "./statistics.ts";

/** Longer than any run: what goes to the broker goes when the bench asks for it. */
const NEVER = 24 * 60 * 60 * 1000;
const BUY = { max: ITEM.price, signature: "statement" } as const;

const wallets: Wallet[] = [];
const stores: PeerStore[] = [];
const exchanges: Exchange[] = [];
const sent: number[] = [];
const received: number[] = [];
let bought = 0;

answerCalls({
  ...itself,
  start: async ({ broker, url, connections, watched }) => {
    const connect = watched ? { connect: watch } : {};
    const open = async (): Promise<void> => {
      const store = memoryPeerStore();
      const wallet = await Wallet.open({ store, broker, noticeDelay: NEVER, ...connect });
      await wallet.topUp(VENDORSCRIP);
      await wallet.obtain(url, VENDORSCRIP);
      wallets.push(wallet);
      stores.push(store);
      exchanges.push(async () => {
        await wallet.buy(url, ITEM.sku, BUY);
        bought += 1;
      });
    };
    // Side by side, as the broker has a core of its own.
    await Promise.all(Array.from({ length: connections }, open));
    sent.length = 0;
    received.length = 0;
  },
  load: ({ seconds, depth }) => applyLoad(atDepth(exchanges, depth), seconds),
  buy: async ({ count, depth }) => {
    await Promise.all(
      exchanges.map(async (exchange) => {
        let left = count;
        const inTurn = async (): Promise<void> => {
          while (left > 0) {
            left -= 1;
            await exchange();
          }
        };
        await Promise.all(Array.from({ length: depth }, inTurn));
      }),
    );
  },
  sizes: async () => ({ request: median(sent), response: median(received) }),
  tidy: async () => {
    // Runs are kept for proofs that nobody asks for here.
    for (const store of stores) await forget(store, "paid-run/");
  },
  finish: async () => {
    for (const wallet of wallets) await wallet.close();
    return bought;
  },
} satisfies WalletCalls);

/** The SDK's channel, whose session's messages are measured. */
async function watch(url: string): ReturnType<ConnectChannel> {
  const channel = await connectWebSocket(url);
  const { wire } = channel;
  if (wire === undefined) throw new Error("this channel has no sessions");
  const watched: Wire = {
    get unsent() {
      return wire.unsent;
    },
    send: (bytes) => {
      sent.push(bytes.length);
      wire.send(bytes);
    },
    listen: (events) =>
      wire.listen({
        message: (bytes) => {
          received.push(bytes.length);
          events.message(bytes);
        },
        closed: () => events.closed(),
      }),
    pause: () => wire.pause(),
    resume: () => wire.resume(),
    close: () => wire.close(),
  };
  return {
    get isOpen() {
      return channel.isOpen;
    },
    wire: watched,
    request: (messages) => channel.request(messages),
    close: () => channel.close(),
  } satisfies Channel;
}
