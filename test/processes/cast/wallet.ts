/** Wallets of one household in a process of their own: one for each flow, and each does one thing at a time. */
import { join } from "node:path";
import { connectWebSocket, httpTransport, sqlitePeerStore, Wallet } from "@lepta/peer-sdk";
import { type FlowName, flowOf } from "../flows.ts";
import {
  dieAfter,
  play,
  quickRuntime,
  readConfig,
  repeater,
  steppedConnect,
  steppedStore,
  steppedTransport,
  untilNone,
} from "./role.ts";

export interface WalletConfig {
  readonly dir: string;
  readonly broker: string;
  readonly shop: string;
  readonly flows: readonly FlowName[];
}

/** Between two turns of a flow, in milliseconds: so that all of them come to their turn. */
const PAUSE = 5;

const config = readConfig<WalletConfig>();
dieAfter(config.dieAfter);
const opened = await Promise.all(
  config.flows.map(async (flow) => {
    const store = steppedStore(sqlitePeerStore(join(config.dir, flow)));
    const wallet = await Wallet.open({
      ...flowOf(flow).options,
      store,
      broker: config.broker,
      runtime: quickRuntime,
      transport: steppedTransport(httpTransport),
      connect: steppedConnect(connectWebSocket),
      // Notices go when a flow sends them.
      noticeDelay: 2 ** 30,
    });
    return { flow, wallet, store };
  }),
);
dieAfter(undefined);

const wallets = opened.map(({ wallet }) => wallet);

function walletOf(flow: FlowName): Wallet {
  const found = opened.find((each) => each.flow === flow);
  if (found === undefined) throw new Error(`no wallet for ${flow}`);
  return found.wallet;
}

/** What is left after one try to bring it to its end. */
async function left(wallet: Wallet): Promise<readonly string[]> {
  if ((await wallet.pending()).length > 0) await wallet.resume();
  return (await wallet.pending()).map(({ kind, txn }) => `${kind} ${txn}`);
}

const { repeat, stop } = repeater();
play(
  Object.fromEntries(opened.map(({ flow, wallet }) => [flow, wallet.uid])),
  {
    run: (name: FlowName) => repeat(() => flowOf(name).wallet(walletOf(name), config.shop), PAUSE),
    stop,
    fund: (amount: string) => Promise.all(wallets.map((wallet) => wallet.topUp(amount))),
    /** Brings what is under way to its end; what is left after that time is told. */
    settle: (within: number) => untilNone(async () => (await Promise.all(wallets.map(left))).flat(), within),
    flush: async () => {
      for (const { flow, wallet } of opened) {
        // A merchant that was away when this process came back is met now: lanes that were left open are closed with the wallet.
        await wallet.resume();
        // What the merchant has given back and nobody has fetched yet.
        if (flow === "giveBack") await wallet.collect(config.shop);
        await wallet.flushNotices();
      }
    },
  },
  async () => {
    for (const { wallet, store } of opened) {
      await wallet.close();
      await store.close();
    }
  },
);
