import { type Catalogue, memoryPeerStore, type PeerStore, type Wallet } from "@lepta/peer-sdk";
import { toText } from "@lepta/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { codeOf, createWorld, lossyConnect, newLine, type World } from "./support/world.ts";

const NEWS = "ws://news.example/pay";
const MAX = { max: "EUR 0.05" } as const;

let delivered: string[];
const catalogue: Catalogue = {
  article: {
    price: "EUR 0.02",
    deliver: ({ id }) => {
      delivered.push(id);
      return "the text";
    },
  },
  broken: {
    price: "EUR 0.02",
    deliver: () => {
      throw new Error("out of paper");
    },
  },
};

let world: World;
let store: PeerStore;
beforeEach(async () => {
  delivered = [];
  store = memoryPeerStore();
});
afterEach(() => world.close());

const newTxn = (): string => toText(world.runtime.random(16));
const shop = async (sessions: boolean): Promise<Wallet> => {
  world = await createWorld({ sessions });
  await world.merchant(NEWS, { catalogue });
  const wallet = await world.wallet({ store });
  await wallet.topUp("EUR 5.00");
  return wallet;
};

describe.each([
  ["in envelopes", false],
  ["in a session", true],
])("a purchase that its customer has named, %s,", (_name, sessions) => {
  test("has that name, is proved at once, and is made once however often it is asked for", async () => {
    const wallet = await shop(sessions);
    const txn = newTxn();
    const first = await wallet.buy(NEWS, "article", { ...MAX, txn });
    const again = await Promise.all([1, 2, 3].map(() => wallet.buy(NEWS, "article", { ...MAX, txn })));
    expect(first.receipt.txn).toBe(txn);
    for (const { goods, receipt } of again) {
      expect(goods.text()).toBe("the text");
      expect(receipt).toEqual(first.receipt);
    }
    expect(delivered).toHaveLength(1);
    expect((await wallet.receipt(txn)).length).toBeGreaterThan(100);
    expect((await wallet.history()).filter(({ kind }) => kind === "purchase")).toHaveLength(1);
  });

  test("that was refused is not made in other words", async () => {
    const wallet = await shop(sessions);
    const txn = newTxn();
    expect(await codeOf(wallet.buy(NEWS, "broken", { ...MAX, txn }))).toBe("delivery-failed");
    expect(await codeOf(wallet.buy(NEWS, "article", { ...MAX, txn }))).toBe("conflict");
    expect(delivered).toEqual([]);
  });
});

test("a named purchase whose answer was lost is found by its name, after a restart as well", async () => {
  world = await createWorld();
  await world.merchant(NEWS, { catalogue });
  const line = newLine();
  const wallet = await world.wallet({ store, connect: lossyConnect(world.connect, line) });
  await wallet.topUp("EUR 5.00");
  await wallet.obtain(NEWS, "EUR 1.00");
  await wallet.offers(NEWS, "article");
  const txn = newTxn();
  // The offer, then M1: its answer does not come.
  line.fault = { at: line.count + 2, kind: "cut-response" };
  expect(await codeOf(wallet.buy(NEWS, "article", { ...MAX, txn }))).toBe("unreachable");
  expect(await wallet.pending()).toMatchObject([{ kind: "purchase", txn }]);
  line.fault = undefined;
  const reopened = await world.wallet({ store });
  const { goods, receipt } = await reopened.buy(NEWS, "article", { ...MAX, txn });
  expect([goods.text(), receipt.txn]).toEqual(["the text", txn]);
  expect(delivered).toHaveLength(1);
});

test("a name that is none, or that another transaction has, buys nothing", async () => {
  const wallet = await shop(false);
  expect(await codeOf(wallet.buy(NEWS, "article", { ...MAX, txn: "short" }))).toBe("malformed");
  const bob = await world.wallet({ account: "bob+recallable", store: memoryPeerStore() });
  expect(await codeOf(bob.topUp("EUR 1.00"))).toBe("pending");
  const [{ txn = "" } = {}] = await bob.pending();
  expect(await codeOf(bob.buy(NEWS, "article", { ...MAX, txn }))).toBe("conflict");
  expect(delivered).toEqual([]);
});

test("an offer of one item is asked for by its name", async () => {
  const wallet = await shop(false);
  expect(await wallet.offers(NEWS, "article")).toMatchObject([{ sku: "article", price: "EUR 0.02" }]);
  expect(await wallet.offers(NEWS, "nothing")).toEqual([]);
});
