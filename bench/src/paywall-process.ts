/** A small handler of node:http under measure: alone, or behind a paywall as a merchant would put it there. */
import { createServer, type RequestListener } from "node:http";
import { memoryPeerStore, type OpenPaywall, paywall } from "@lepta/peer-sdk";
import { nodePaywall } from "@lepta/peer-sdk/node";
import { answerCalls, type PaywallCalls } from "./calls.ts";
import { forget } from "./forget.ts";
import { GOODS_BYTES, ITEM, REQUEST } from "./item.ts";
import { itself } from "./itself.ts";

/** Longer than any run. */
const NEVER = 24 * 60 * 60 * 1000;
const PATH = "/page";

const store = memoryPeerStore();
let wall: OpenPaywall | undefined;

answerCalls({
  ...itself,
  start: async ({ broker, dir, intent }) => {
    if (broker !== undefined)
      wall = await paywall({
        broker,
        ...(dir === undefined ? { store } : { dir }),
        noticeDelay: NEVER,
        routes: { [`GET ${PATH}`]: REQUEST.price },
        // What costs more than this is signed by itself.
        ...(intent === "charge" ? { statementBelow: ITEM.price } : {}),
      });
    const port = await listen(wall === undefined ? handler : nodePaywall(wall, handler));
    return { url: `http://127.0.0.1:${port}${PATH}`, address: wall?.address ?? "" };
  },
  tidy: async () => {
    await opened().merchant.flushNotices();
    // The answers stay, as they would for a day.
    await forget(store, "run/", "sale/", "response/");
  },
  books: async () => {
    const { sold } = await opened().merchant.books("EUR");
    return { uid: opened().merchant.uid, sold: Number(sold) };
  },
} satisfies PaywallCalls);

const page = "a".repeat(GOODS_BYTES);
const handler: RequestListener = (_request, response) => {
  response.setHeader("content-type", "text/plain;charset=utf-8");
  response.end(page);
};

function listen(listener: RequestListener): Promise<number> {
  const server = createServer(listener);
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      if (address === null || typeof address === "string") reject(new Error("the server has no port"));
      else resolve(address.port);
    });
  });
}

function opened(): OpenPaywall {
  if (wall === undefined) throw new Error("there is no paywall");
  return wall;
}
