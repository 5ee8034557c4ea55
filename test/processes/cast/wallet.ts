/** A wallet as a process of its own: it does one flow at a time. */
import { connectWebSocket, httpTransport, sqlitePeerStore, Wallet } from "@lepta/peer-sdk";
import { type FlowName, flowOf } from "../flows.ts";
import {
  dieAfter,
  play,
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
}

const config = readConfig<WalletConfig>();
dieAfter(config.dieAfter);
const store = steppedStore(sqlitePeerStore(config.dir));
const wallet = await Wallet.open({
  store,
  broker: config.broker,
  transport: steppedTransport(httpTransport),
  connect: steppedConnect(connectWebSocket),
  // Notices go when a flow sends them.
  noticeDelay: 2 ** 30,
});
dieAfter(undefined);

const { repeat, stop } = repeater();
play(
  { uid: wallet.uid },
  {
    run: (name: FlowName) => repeat(() => flowOf(name).wallet(wallet, config.shop)),
    stop,
    fund: (amount: string) => wallet.topUp(amount),
    /** Brings what is under way to its end; what is left after that time is told. */
    settle: (within: number) =>
      untilNone(async () => {
        if ((await wallet.pending()).length > 0) await wallet.resume();
        return (await wallet.pending()).map(({ kind, txn }) => `${kind} ${txn}`);
      }, within),
    flush: () => wallet.flushNotices(),
  },
  async () => {
    await wallet.close();
    await store.close();
  },
);
