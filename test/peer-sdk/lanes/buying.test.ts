/** Purchases on lanes, from the wallet to the merchant and back. */

import { type ConnectChannel, memoryPeerStore, type PeerStore, type Wallet } from "@lepta/peer-sdk";
import { verifyReceipt } from "@lepta/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createWorld, type World } from "../support/world.ts";

const SHOP = "ws://shop.example/pay";
const max = "EUR 0.01";

let world: World;
let wallet: Wallet;

beforeEach(async () => {
  world = await createWorld({ sessions: true });
  await world.merchant(SHOP, {
    catalogue: {
      page: { price: "EUR 0.001", deliver: ({ id }) => `page ${id}` },
      film: { price: "EUR 0.20", deliver: () => "film" },
    },
  });
  wallet = await world.wallet({ vendorScripTimes: 1000 });
  await wallet.topUp("EUR 10.00");
});
afterEach(() => world.close());

describe("a purchase under statements", () => {
  test("brings the goods and leaves the rest", async () => {
    const { goods, receipt } = await wallet.buy(SHOP, "page", { max });
    expect(goods.text()).toBe(`page ${wallet.uid}/${receipt.txn}`);
    expect((await wallet.balance()).vendorScrip).toMatchObject([{ amount: "EUR 0.999" }]);
  });

  test("hundreds at once are all answered, and no more is charged than was bought", async () => {
    const all = await Promise.all(Array.from({ length: 400 }, () => wallet.buy(SHOP, "page", { max })));
    expect(new Set(all.map(({ receipt }) => receipt.txn)).size).toBe(400);
    expect((await wallet.balance()).vendorScrip).toMatchObject([{ amount: "EUR 0.60" }]);
  });

  test("hundreds at once ask for what is offered once", async () => {
    let requests = 0;
    const counting: ConnectChannel = async (url) => {
      const channel = await world.connect(url);
      return {
        ...channel,
        get isOpen() {
          return channel.isOpen;
        },
        request: (messages) => {
          requests += 1;
          return channel.request(messages);
        },
      };
    };
    const reader = await world.wallet({ connect: counting, vendorScripTimes: 1000 });
    await reader.topUp("EUR 1.00");
    await reader.obtain(SHOP, "EUR 0.50");
    const before = requests;
    await Promise.all(Array.from({ length: 200 }, () => reader.buy(SHOP, "page", { max })));
    expect(requests - before).toBe(1);
  });

  test("is answered only when it is durable at the merchant", async () => {
    const inner = memoryPeerStore();
    let held: PromiseWithResolvers<void> | undefined;
    const openLog: PeerStore["openLog"] = async (name) => {
      const { log, found } = await inner.openLog(name);
      const sync = async () => {
        await held?.promise;
        await log.sync();
      };
      return {
        found,
        log: { append: (record) => log.append(record), release: (at) => log.release(at), sync },
      };
    };
    const url = "ws://slow.example/pay";
    const catalogue = { page: { price: "EUR 0.001", deliver: () => "page" } };
    await world.merchant(url, { store: { ...inner, openLog }, catalogue });
    await wallet.buy(url, "page", { max });
    held = Promise.withResolvers();
    let isBought = false;
    const buying = wallet.buy(url, "page", { max }).then(() => {
      isBought = true;
    });
    for (let i = 0; i < 50; i += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(isBought).toBe(false);
    held.resolve();
    await buying;
  });

  test("is proved to others once the lane is closed", async () => {
    const { receipt } = await wallet.buy(SHOP, "page", { max });
    await wallet.buy(SHOP, "page", { max });
    await wallet.refund(SHOP);
    const file = await wallet.receipt(receipt.txn);
    expect(await verifyReceipt(file, world.network)).toMatchObject({ ok: true, txn: receipt.txn });
    expect((await wallet.balance()).brokerScrip).toBe("EUR 9.998");
  });
});
