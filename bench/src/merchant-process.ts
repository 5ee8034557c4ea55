/** The merchant under measure: production code from the socket to the store. */
import { Goods, Merchant, memoryPeerStore } from "@lepta/peer-sdk";
import { answerCalls, type MerchantCalls } from "./calls.ts";
import { forget } from "./forget.ts";
import { GOODS_BYTES, ITEM } from "./item.ts";
import { itself } from "./itself.ts";
import { loadSuite } from "./suites.ts";

/** Longer than any run: every notice is signed and kept, and none is sent to the broker while the clock runs. */
const NEVER = 24 * 60 * 60 * 1000;

const store = memoryPeerStore();
let merchant: Merchant | undefined;

answerCalls({
  ...itself,
  start: async ({ broker, suite, dir }) => {
    const { sku, description, price } = ITEM;
    const goods = new Goods("text/plain;charset=utf-8", new Uint8Array(GOODS_BYTES).fill(0x61));
    merchant = await Merchant.open({
      broker,
      suite: await loadSuite(suite),
      ...(dir === undefined ? { store } : { dir }),
      noticeDelay: NEVER,
      catalogue: { [sku]: { price, description, deliver: () => goods } },
    });
    const { url } = await merchant.serve();
    return { url };
  },
  tidy: async () => {
    await opened().flushNotices();
    await forget(store, "run/", "sale/", "response/");
  },
  books: async () => {
    const { sold } = await opened().books("EUR");
    return { uid: opened().uid, sold: Number(sold) };
  },
} satisfies MerchantCalls);

function opened(): Merchant {
  if (merchant === undefined) throw new Error("start comes first");
  return merchant;
}
