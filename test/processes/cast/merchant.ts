/** A merchant as a process of its own. */
import { httpTransport, Merchant, sqlitePeerStore } from "@lepta/peer-sdk";
import { merchantTables } from "@lepta/peer-sdk/records";
import { type FlowName, type FlowSale, flowOf, PRICE } from "../flows.ts";
import {
  dieAfter,
  play,
  quickRuntime,
  readConfig,
  repeater,
  steppedStore,
  steppedTransport,
  untilNone,
} from "./role.ts";

export interface MerchantConfig {
  readonly dir: string;
  readonly port: number;
  readonly broker: string;
}

/** Between two turns of what a merchant does beside selling, in milliseconds. */
const PAUSE = 120;

const config = readConfig<MerchantConfig>();
dieAfter(config.dieAfter);
const store = steppedStore(sqlitePeerStore(config.dir));
const merchant = await Merchant.open({
  store,
  broker: config.broker,
  runtime: quickRuntime,
  transport: steppedTransport(httpTransport),
  // Notices go when a flow sends them.
  noticeDelay: 2 ** 30,
  catalogue: { article: { price: PRICE, deliver: ({ id }) => `the text for ${id}` } },
});
const { url } = await merchant.serve({ port: config.port });
dieAfter(undefined);

const tables = merchantTables(store);

async function salesTo(customer: string): Promise<readonly FlowSale[]> {
  return (await merchant.sales()).filter((sale) => sale.ok && sale.customer === customer);
}

/** Authorizations, refunds and settlements that the broker has not decided. */
async function underWay(): Promise<readonly string[]> {
  const names = [
    ...(await tables.sent.list()).map(([id]) => `authorization ${id}`),
    ...(await tables.returning.list()).map(([id]) => `refund ${id}`),
    ...(await tables.settlements.list())
      .filter(([, { statement }]) => statement === undefined)
      .map(([id]) => `settlement ${id}`),
  ];
  if (names.length > 0) await merchant.tend();
  return names;
}

const { repeat, stop } = repeater();
play(
  { uid: merchant.uid, url },
  {
    run: ([name, customer]: readonly [FlowName, string]) => {
      const { merchant: work } = flowOf(name);
      return repeat(async () => work?.(merchant, () => salesTo(customer)), PAUSE);
    },
    stop,
    /** Waits until nothing is under way with the broker; what is left after that time is told. */
    settle: (within: number) => untilNone(underWay, within),
    /** A merchant that was away hears now what the broker has decided without it. */
    flush: async () => {
      await merchant.tend();
      await merchant.flushNotices();
    },
  },
  async () => {
    await merchant.close();
    await store.close();
  },
);
