/** Bytes on the wire of a purchase on a lane, from the opening of the lane to its closing, as relays count them. */
import type { FrameBytes, MerchantCalls, WalletCalls } from "./calls.ts";
import { startChild } from "./child.ts";
import { startRelay } from "./relay.ts";

/** Each divided by the purchases: payload of TCP, with the heads of WebSocket and HTTP. */
export interface WireBytes {
  /** All of it. */
  readonly perPurchase: number;
  readonly toMerchant: number;
  readonly fromMerchant: number;
  /** What the merchant and the customers send to the broker: statements, in batches. */
  readonly toBroker: number;
  readonly purchases: number;
  /** The WebSocket messages of one purchase. */
  readonly frames: FrameBytes;
}

const CONNECTIONS = 2;
/** On each connection: sixteen statements. */
const PURCHASES = 2048;

/** Counts purchases with so many under way on a connection. */
export async function measureWireBytes(
  broker: string,
  core: number | undefined,
  depth: number,
): Promise<WireBytes> {
  const closers: { close(): Promise<void> }[] = [];
  const kept = <T extends { close(): Promise<void> }>(each: T): T => {
    closers.push(each);
    return each;
  };
  try {
    const toBroker = kept(await startRelay(broker));
    const merchant = kept(startChild<MerchantCalls>("merchant-process.ts", core));
    const wallets = kept(startChild<WalletCalls>("wallet-process.ts", core));
    const { url } = await merchant.ask("start", { broker: toBroker.url, suite: "default", dir: undefined });
    const toMerchant = kept(await startRelay(url));
    await wallets.ask("start", {
      broker: toBroker.url,
      url: toMerchant.url,
      connections: CONNECTIONS,
      watched: true,
    });
    const before = { merchant: toMerchant.count(), broker: toBroker.count() };
    await wallets.ask("buy", { count: PURCHASES, depth });
    const frames = await wallets.ask("sizes", undefined);
    const purchases = await wallets.ask("finish", undefined);
    await merchant.ask("tidy", undefined);
    const after = { merchant: toMerchant.count(), broker: toBroker.count() };
    const each = (bytes: number) => bytes / purchases;
    const bytes = {
      toMerchant: each(after.merchant.to - before.merchant.to),
      fromMerchant: each(after.merchant.from - before.merchant.from),
      toBroker: each(after.broker.to - before.broker.to),
    };
    const perPurchase = bytes.toMerchant + bytes.fromMerchant + bytes.toBroker;
    return { perPurchase, ...bytes, purchases, frames };
  } finally {
    for (const each of closers.reverse()) await each.close();
  }
}
