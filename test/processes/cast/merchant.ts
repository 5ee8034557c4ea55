/** A merchant as a process of its own. */
import { httpTransport, Merchant, sqlitePeerStore } from "@lepta/peer-sdk";
import { merchantTables } from "@lepta/peer-sdk/records";
import { type FlowName, flowOf, PRICE } from "../flows.ts";
import { dieAfter, play, readConfig, repeater, steppedStore, steppedTransport, untilNone } from "./role.ts";

export interface MerchantConfig {
  readonly dir: string;
  readonly port: number;
  readonly broker: string;
}

const config = readConfig<MerchantConfig>();
dieAfter(config.dieAfter);
const store = steppedStore(sqlitePeerStore(config.dir));
const merchant = await Merchant.open({
  store,
  broker: config.broker,
  transport: steppedTransport(httpTransport),
  // Notices go when a flow sends them.
  noticeDelay: 2 ** 30,
  catalogue: { article: { price: PRICE, deliver: ({ id }) => `the text for ${id}` } },
});
const { url } = await merchant.serve({ port: config.port });
dieAfter(undefined);

const { repeat, stop } = repeater();
play(
  { uid: merchant.uid, url },
  {
    run: (name: FlowName) => {
      const { merchant: work } = flowOf(name);
      return repeat(async () => work?.(merchant));
    },
    stop,
    /** Waits until no authorization is under way; what is left after that time is told. */
    settle: (within: number) =>
      untilNone(async () => (await merchantTables(store).sent.list()).map(([id]) => id), within),
    flush: () => merchant.flushNotices(),
  },
  async () => {
    await merchant.close();
    await store.close();
  },
);
