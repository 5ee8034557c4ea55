/** The merchant under measure: production code from the socket to the store. */
import { Goods, Merchant, memoryPeerStore } from "@lepta/peer-sdk";
import { answerCalls, cpuMicroseconds, type MerchantCalls } from "./calls.ts";
import { GOODS_BYTES, ITEM } from "./item.ts";
import { loadSuite } from "./suites.ts";

/** Longer than any run: every notice is signed and kept, and none is sent to the broker while the clock runs. */
const NOTICE_DELAY = 24 * 60 * 60 * 1000;

answerCalls({
  start: async ({ broker, suite, dir }) => {
    const { sku, description, price } = ITEM;
    const goods = new Goods("text/plain;charset=utf-8", new Uint8Array(GOODS_BYTES).fill(0x61));
    const merchant = await Merchant.open({
      broker,
      suite: await loadSuite(suite),
      ...(dir === undefined ? { store: memoryPeerStore() } : { dir }),
      noticeDelay: NOTICE_DELAY,
      catalogue: { [sku]: { price, description, deliver: () => goods } },
    });
    const { url } = await merchant.serve();
    return { url };
  },
  cpu: cpuMicroseconds,
} satisfies MerchantCalls);
