/** A server with connections on which nothing happens: a merchant's sessions, or bare ones. Its memory is what is measured. */
import { Merchant, memoryPeerStore } from "@lepta/peer-sdk";
import { WebSocketServer } from "ws";
import { answerCalls, type IdleServerCalls } from "./calls.ts";
import { ITEM } from "./item.ts";

answerCalls({
  start: async ({ broker }) => ({
    url: broker === undefined ? await serveBare() : await serveMerchant(broker),
  }),
  memory: async () => {
    const { gc } = globalThis;
    if (gc === undefined) throw new Error("started without --expose-gc");
    // What a first collection sets free, such as handles of connections, a second one collects.
    for (let i = 0; i < COLLECTIONS; i += 1) {
      gc();
      await new Promise((resolve) => setImmediate(resolve));
    }
    const { rss, heapUsed, external } = process.memoryUsage();
    return { resident: rss, heap: heapUsed + external };
  },
} satisfies IdleServerCalls);

const COLLECTIONS = 3;

async function serveMerchant(broker: string): Promise<string> {
  const { sku, description, price } = ITEM;
  const merchant = await Merchant.open({
    broker,
    store: memoryPeerStore(),
    catalogue: { [sku]: { price, description, deliver: () => "" } },
  });
  return (await merchant.serve()).url;
}

async function serveBare(): Promise<string> {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });
  server.on("connection", (socket) => {
    socket.on("message", (data) => socket.send(data));
  });
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return `ws://127.0.0.1:${address.port}`;
}
