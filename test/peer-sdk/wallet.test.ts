import {
  type Catalogue,
  type ConnectChannel,
  LeptaError,
  type Merchant,
  memoryPeerStore,
  Peer,
  type PeerStore,
  type Wallet,
} from "@lepta/peer-sdk";
import { brokerKeysCodec, decodeAs, encodeAs, orThrow } from "@lepta/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { copyStore } from "../support/copy-store.ts";
import { creditOf, expectSettled } from "./support/audit.ts";
import {
  channelTo,
  codeOf,
  createWorld,
  DAY,
  HOUR,
  lossyConnect,
  lossyTransport,
  MINUTE,
  NEVER,
  newLine,
  type World,
} from "./support/world.ts";

const NEWS = "ws://news.example/pay";
const RADIO = "ws://radio.example/pay";

let world: World;
let store: PeerStore;
let shelf: PeerStore;
let delivered: string[];
beforeEach(async () => {
  world = await createWorld();
  store = memoryPeerStore();
  shelf = memoryPeerStore();
  delivered = [];
});
afterEach(() => world.close());

const catalogue: Catalogue = {
  article: {
    price: "EUR 0.02",
    description: "An article",
    deliver: ({ id }) => {
      delivered.push(id);
      return "the text";
    },
  },
  drop: { price: "EUR 0.000001", deliver: () => "a drop" },
  broken: {
    price: "EUR 0.02",
    deliver: () => {
      throw new Error("out of paper");
    },
  },
  dear: { price: "EUR 100.00", deliver: () => "gold" },
  priceless: { price: "EUR 9000000000", deliver: () => "the sea" },
};

const openNews = (): Promise<Merchant> => world.merchant(NEWS, { store: shelf, catalogue });
const openWallet = (): Promise<Wallet> => world.wallet({ store });
const scripAt = async (wallet: Wallet, merchant: Merchant): Promise<string | undefined> =>
  (await wallet.balance()).vendorScrip.find((each) => each.merchant === merchant.uid)?.amount;

describe("topping up", () => {
  test("a top-up turns money into BrokerScrip", async () => {
    const wallet = await openWallet();
    expect((await wallet.balance()).brokerScrip).toBeUndefined();
    await wallet.topUp("EUR 5.00");
    expect(await wallet.balance()).toEqual({ brokerScrip: "EUR 5.00", vendorScrip: [] });
    expect(world.books()).toMatchObject({
      moneyIn: 5_000_000n,
      liveBrokerScrip: 5_000_000n,
      conserved: true,
    });
  });

  test("a second top-up replaces the live BrokerScrip by one of the sum", async () => {
    const wallet = await openWallet();
    await wallet.topUp("EUR 5.00");
    await wallet.topUp("EUR 0.000001");
    expect((await wallet.balance()).brokerScrip).toBe("EUR 5.000001");
    await expectSettled(world, [{ uid: wallet.uid, store }], []);
  });

  test("top-ups at once come one after the other", async () => {
    const wallet = await openWallet();
    await Promise.all([wallet.topUp("EUR 1.00"), wallet.topUp("EUR 2.00"), wallet.topUp("EUR 3.00")]);
    expect((await wallet.balance()).brokerScrip).toBe("EUR 6.00");
    await expectSettled(world, [{ uid: wallet.uid, store }], []);
  });

  test("a top-up that the bank declines changes nothing and is in the history", async () => {
    const wallet = await world.wallet({ store, account: "alice+declined" });
    expect(await codeOf(wallet.topUp("EUR 5.00"))).toBe("declined");
    expect((await wallet.balance()).brokerScrip).toBeUndefined();
    expect(await wallet.pending()).toEqual([]);
    expect(await wallet.history()).toMatchObject([
      { kind: "topup", outcome: "declined", amount: "EUR 5.00" },
    ]);
  });

  test("money that is not final is pending until it is, and then the wallet has it", async () => {
    const wallet = await world.wallet({ store, account: "alice+recallable" });
    expect(await codeOf(wallet.topUp("EUR 5.00"))).toBe("pending");
    expect(await wallet.pending()).toMatchObject([{ kind: "topup", amount: "EUR 5.00" }]);
    world.runtime.advance(2 * MINUTE);
    await world.finish();
    await wallet.resume();
    expect((await wallet.balance()).brokerScrip).toBe("EUR 5.00");
    expect(await wallet.pending()).toEqual([]);
  });

  test("money in another currency than the broker's is refused and nothing is under way", async () => {
    const wallet = await openWallet();
    expect(await codeOf(wallet.topUp("USD 5.00"))).toBe("wrong-currency");
    expect(await wallet.pending()).toEqual([]);
  });

  test.each(["EUR 0", "EUR 0.00"])(
    "a top-up of %s is refused, and the wallet opens again",
    async (amount) => {
      const wallet = await openWallet();
      expect(await codeOf(wallet.topUp(amount))).toBe("bad-amount");
      await wallet.topUp("EUR 1.00");
      const again = await openWallet();
      expect((await again.balance()).brokerScrip).toBe("EUR 1.00");
    },
  );

  test.each(["5", "EUR 5,00", "EUR -1", "eur 1.00", "EUR 1.0000001", ""])(
    "%j is no amount",
    async (amount) => {
      const wallet = await openWallet();
      expect(await codeOf(wallet.topUp(amount))).toBe("bad-amount");
      expect(await wallet.pending()).toEqual([]);
    },
  );
});

describe("buying", () => {
  test("buying obtains VendorScrip by itself, of 20 times the price", async () => {
    const [wallet, news] = [await openWallet(), await openNews()];
    await wallet.topUp("EUR 5.00");
    const { goods, receipt } = await wallet.buy(NEWS, "article", { max: "EUR 0.05" });
    expect(goods.text()).toBe("the text");
    expect(receipt).toMatchObject({
      merchant: news.uid,
      order: { sku: "article", description: "An article", quantity: 1 },
      charged: { currency: "EUR", value: 20_000n },
    });
    expect(await wallet.balance()).toEqual({
      brokerScrip: "EUR 4.60",
      vendorScrip: [{ merchant: news.uid, url: NEWS, amount: "EUR 0.38" }],
    });
    await expectSettled(world, [{ uid: wallet.uid, store }], [{ uid: news.uid, store: shelf }]);
  });

  test("the caller sets how much VendorScrip is obtained, by purchase or by wallet", async () => {
    const news = await openNews();
    const wallet = await world.wallet({ store, vendorScripTimes: 3 });
    await wallet.topUp("EUR 5.00");
    await wallet.buy(NEWS, "article", { max: "EUR 0.02" });
    expect(await scripAt(wallet, news)).toBe("EUR 0.04");
    await wallet.buy(NEWS, "article", { max: "EUR 1.00", quantity: 10, vendorScrip: "EUR 1.00" });
    expect(await scripAt(wallet, news)).toBe("EUR 0.84");
  });

  test("less VendorScrip than the price is obtained as the price", async () => {
    const [wallet, news] = [await openWallet(), await openNews()];
    await wallet.topUp("EUR 5.00");
    await wallet.buy(NEWS, "article", { max: "EUR 0.02", vendorScrip: "EUR 0.01" });
    expect(await scripAt(wallet, news)).toBeUndefined();
    expect((await wallet.balance()).brokerScrip).toBe("EUR 4.98");
  });

  test("no more VendorScrip is obtained than the purse holds", async () => {
    const [wallet, news] = [await openWallet(), await openNews()];
    await wallet.topUp("EUR 0.03");
    await wallet.buy(NEWS, "article", { max: "EUR 0.02" });
    expect(await wallet.balance()).toMatchObject({
      brokerScrip: undefined,
      vendorScrip: [{ amount: "EUR 0.01" }],
    });
    await expectSettled(world, [{ uid: wallet.uid, store }], [{ uid: news.uid, store: shelf }]);
  });

  test("the purse is not asked again while there is enough VendorScrip", async () => {
    await openNews();
    const wallet = await openWallet();
    await wallet.topUp("EUR 5.00");
    await wallet.buy(NEWS, "article", { max: "EUR 0.02" });
    for (let i = 0; i < 19; i += 1) await wallet.buy(NEWS, "article", { max: "EUR 0.02" });
    expect((await wallet.history()).filter(({ kind }) => kind === "vendorscrip")).toHaveLength(1);
    expect(await wallet.balance()).toEqual({ brokerScrip: "EUR 4.60", vendorScrip: [] });
    expect(world.books().conserved).toBe(true);
  });

  test("change is given down to the last millionth", async () => {
    const [wallet, news] = [await openWallet(), await openNews()];
    await wallet.topUp("EUR 0.000005");
    for (const left of ["EUR 0.000004", "EUR 0.000003", "EUR 0.000002", "EUR 0.000001", undefined]) {
      await wallet.buy(NEWS, "drop", { max: "EUR 0.01" });
      expect(await scripAt(wallet, news)).toBe(left);
    }
    expect(await codeOf(wallet.buy(NEWS, "drop", { max: "EUR 0.01" }))).toBe("insufficient-funds");
    expect(await news.books("EUR")).toMatchObject({ sold: 5n, liveVendorScrip: 0n, reservedVendorScrip: 0n });
  });

  test("many purchases at once from one merchant are all served, each paid once", async () => {
    const [wallet, news] = [await openWallet(), await openNews()];
    await wallet.topUp("EUR 5.00");
    await Promise.all(Array.from({ length: 25 }, () => wallet.buy(NEWS, "article", { max: "EUR 0.02" })));
    expect((await news.books("EUR")).sold).toBe(500_000n);
    await expectSettled(world, [{ uid: wallet.uid, store }], [{ uid: news.uid, store: shelf }]);
  });

  test("the wallet says how much it holds of each merchant", async () => {
    const [wallet, news] = [await openWallet(), await openNews()];
    const radio = await world.merchant(RADIO, { catalogue });
    await wallet.topUp("EUR 5.00");
    await wallet.obtain(NEWS, "EUR 1.00");
    await wallet.obtain(RADIO, "EUR 2.00");
    await wallet.obtain(NEWS, "EUR 0.50");
    const { brokerScrip, vendorScrip } = await wallet.balance();
    expect(brokerScrip).toBe("EUR 1.50");
    expect(new Map(vendorScrip.map(({ merchant, amount }) => [merchant, amount]))).toEqual(
      new Map([
        [news.uid, "EUR 1.50"],
        [radio.uid, "EUR 2.00"],
      ]),
    );
  });

  test("expired scrip is not counted, whoever made it", async () => {
    const wallet = await openWallet();
    await world.merchant(NEWS, { store: shelf, catalogue, scripLife: 2 * HOUR });
    await wallet.topUp("EUR 5.00");
    await wallet.obtain(NEWS, "EUR 1.00");
    world.runtime.advance(2 * HOUR);
    expect(await wallet.balance()).toEqual({ brokerScrip: "EUR 4.00", vendorScrip: [] });
    world.runtime.advance(366 * DAY);
    expect((await wallet.balance()).brokerScrip).toBeUndefined();
  });

  test("the history tells what ended, oldest first", async () => {
    await openNews();
    const wallet = await openWallet();
    await wallet.topUp("EUR 5.00");
    world.runtime.advance(1000);
    await wallet.obtain(NEWS, "EUR 1.00");
    world.runtime.advance(1000);
    await wallet.buy(NEWS, "article", { max: "EUR 0.02" });
    world.runtime.advance(1000);
    await codeOf(wallet.buy(NEWS, "broken", { max: "EUR 0.02" }));
    const history = await wallet.history();
    expect(history.map(({ kind, amount, outcome, sku }) => [kind, amount, outcome, sku])).toEqual([
      ["topup", "EUR 5.00", "done", undefined],
      ["vendorscrip", "EUR 1.00", "done", undefined],
      ["purchase", "EUR 0.02", "done", "article"],
      ["purchase", "EUR 0.00", "delivery-failed", "broken"],
    ]);
  });

  test("what happened in one millisecond is in the history in its order", async () => {
    await openNews();
    const wallet = await openWallet();
    for (let i = 0; i < 5; i += 1) await wallet.topUp(`EUR ${i + 1}.00`);
    expect((await wallet.history()).map(({ amount }) => amount)).toEqual([
      "EUR 1.00",
      "EUR 2.00",
      "EUR 3.00",
      "EUR 4.00",
      "EUR 5.00",
    ]);
  });

  test("offers tell what is sold", async () => {
    await openNews();
    const wallet = await openWallet();
    expect((await wallet.offers(NEWS))[0]).toEqual({
      sku: "article",
      description: "An article",
      price: "EUR 0.02",
    });
  });
});

describe("what is refused spends nothing", () => {
  let wallet: Wallet;
  let news: Merchant;
  beforeEach(async () => {
    wallet = await openWallet();
    news = await openNews();
    await wallet.topUp("EUR 1.00");
    await wallet.obtain(NEWS, "EUR 0.10");
  });
  const expectUntouched = async (): Promise<void> => {
    expect(await wallet.balance()).toMatchObject({
      brokerScrip: "EUR 0.90",
      vendorScrip: [{ amount: "EUR 0.10" }],
    });
    await expectSettled(world, [{ uid: wallet.uid, store }], [{ uid: news.uid, store: shelf }]);
  };

  test("a price above the maximum is over-max", async () => {
    expect(await codeOf(wallet.buy(NEWS, "article", { max: "EUR 0.019999" }))).toBe("over-max");
    expect(await codeOf(wallet.buy(NEWS, "article", { max: "EUR 0.05", quantity: 3 }))).toBe("over-max");
    expect(delivered).toEqual([]);
    await expectUntouched();
  });

  test("more than the wallet holds is insufficient-funds", async () => {
    expect(await codeOf(wallet.buy(NEWS, "dear", { max: "EUR 1000" }))).toBe("insufficient-funds");
    expect(await codeOf(wallet.obtain(NEWS, "EUR 0.900001"))).toBe("insufficient-funds");
    await expectUntouched();
  });

  test("what is not sold is unknown-item", async () => {
    expect(await codeOf(wallet.buy(NEWS, "nothing", { max: "EUR 1.00" }))).toBe("unknown-item");
    await expectUntouched();
  });

  test("a handler that fails is delivery-failed", async () => {
    expect(await codeOf(wallet.buy(NEWS, "broken", { max: "EUR 1.00" }))).toBe("delivery-failed");
    await expectUntouched();
  });

  test("a maximum in another currency is wrong-currency", async () => {
    expect(await codeOf(wallet.buy(NEWS, "article", { max: "USD 1.00" }))).toBe("wrong-currency");
    expect(await codeOf(wallet.buy(NEWS, "dear", { max: "EUR 500", vendorScrip: "USD 1.00" }))).toBe(
      "wrong-currency",
    );
    await expectUntouched();
  });

  test("VendorScrip in another currency than the purse's is wrong-currency", async () => {
    expect(await codeOf(wallet.obtain(NEWS, "USD 0.10"))).toBe("wrong-currency");
    await expectUntouched();
  });

  test("a quantity that makes an impossible sum is amount-overflow", async () => {
    expect(await codeOf(wallet.buy(NEWS, "priceless", { max: "EUR 9000000000", quantity: 1000 }))).toBe(
      "amount-overflow",
    );
    await expectUntouched();
  });

  test("a quantity above the limit is refused before anything is locked, and the wallet opens again", async () => {
    await wallet.topUp("EUR 4.00");
    const buying = wallet.buy(NEWS, "drop", { max: "EUR 2.00", quantity: 1_000_001 });
    await expect(buying).rejects.toBeInstanceOf(LeptaError);
    await expectSettled(world, [{ uid: wallet.uid, store }], [{ uid: news.uid, store: shelf }]);
    await openWallet();
  });

  test.each([0, -1, 1.5, Number.NaN])(
    "a quantity of %d is refused before anything is locked, and the wallet opens again",
    async (quantity) => {
      const buying = wallet.buy(NEWS, "drop", { max: "EUR 0.90", quantity });
      await expect(buying).rejects.toBeInstanceOf(LeptaError);
      await openWallet();
      await expectUntouched();
    },
  );

  test("no VendorScrip of value 0 is asked for, and the wallet opens again", async () => {
    expect(await codeOf(wallet.obtain(NEWS, "EUR 0"))).toBe("bad-amount");
    await openWallet();
    await expectUntouched();
  });

  test("an address that is too long to be kept is refused, and the wallet opens again", async () => {
    const url = `ws://news.example/${"a".repeat(3000)}`;
    world.places.set(url, () => news.visit());
    await expect(wallet.buy(url, "article", { max: "EUR 0.05" })).rejects.toBeInstanceOf(LeptaError);
    await openWallet();
    await expectUntouched();
  });

  test("a price that changed between offer and purchase is price-mismatch", async () => {
    let raised: Merchant | undefined;
    const connect: ConnectChannel = async () => {
      let visit = news.visit();
      let hello: readonly Uint8Array[] = [];
      let frames = 0;
      return channelTo(async (messages) => {
        frames += 1;
        if (frames === 1) hello = messages;
        const answers = await visit(messages);
        if (frames === 2) {
          // The offer is out; the merchant opens again with another price.
          raised = await world.merchant(NEWS, {
            store: shelf,
            catalogue: { article: { price: "EUR 0.03", description: "An article", deliver: () => "dearer" } },
          });
          visit = raised.visit();
          await visit(hello);
        }
        return answers;
      });
    };
    const careless = await world.wallet({ store, connect });
    expect(await codeOf(careless.buy(NEWS, "article", { max: "EUR 1.00" }))).toBe("price-mismatch");
    expect(raised).toBeDefined();
    expect(delivered).toEqual([]);
    await expectUntouched();
    const { receipt } = await careless.buy(NEWS, "article", { max: "EUR 1.00" });
    expect(receipt.charged.value).toBe(30_000n);
  });
});

describe("what the handler gives", () => {
  test.each([
    ["an empty text", () => ""],
    ["no bytes", () => new Uint8Array()],
  ])("%s is delivered as it is", async (_name, deliver) => {
    await world.merchant(NEWS, { store: shelf, catalogue: { empty: { price: "EUR 0.02", deliver } } });
    const wallet = await openWallet();
    await wallet.topUp("EUR 1.00");
    const { goods } = await wallet.buy(NEWS, "empty", { max: "EUR 0.02" });
    expect(goods.bytes).toHaveLength(0);
    expect(await wallet.pending()).toEqual([]);
  });

  test("goods of almost a megabyte are delivered", async () => {
    const bytes = new Uint8Array(1024 * 1024 - 8192).fill(3);
    await world.merchant(NEWS, { catalogue: { film: { price: "EUR 0.02", deliver: () => bytes } } });
    const wallet = await openWallet();
    await wallet.topUp("EUR 1.00");
    expect((await wallet.buy(NEWS, "film", { max: "EUR 0.02" })).goods.bytes).toEqual(bytes);
  });

  test("goods that no message can carry are delivery-failed and charge nothing", async () => {
    const deliver = () => new Uint8Array(1024 * 1024 + 1);
    const news = await world.merchant(NEWS, {
      store: shelf,
      catalogue: { film: { price: "EUR 0.02", deliver } },
    });
    const wallet = await openWallet();
    await wallet.topUp("EUR 1.00");
    expect(await codeOf(wallet.buy(NEWS, "film", { max: "EUR 0.02" }))).toBe("delivery-failed");
    await expectSettled(world, [{ uid: wallet.uid, store }], [{ uid: news.uid, store: shelf }]);
    expect((await news.books("EUR")).sold).toBe(0n);
  });

  test.each(["EUR 0", "2 cents"])(
    "a catalogue with the price %j is refused when it is opened",
    async (price) => {
      const opening = world.merchant(NEWS, { catalogue: { free: { price, deliver: () => "air" } } });
      expect(await codeOf(opening)).toBe("bad-amount");
    },
  );

  test.each([
    ["a sku of 65 characters", "s".repeat(65), ""],
    ["a description of 257 characters", "short", "d".repeat(257)],
  ])(
    "a catalogue with %s is refused when it is opened: no offer could carry it",
    async (_name, sku, description) => {
      const opening = world.merchant(NEWS, {
        catalogue: { [sku]: { price: "EUR 0.02", description, deliver: () => "it" } },
      });
      await expect(opening).rejects.toBeInstanceOf(LeptaError);
    },
  );
});

describe("who the others are", () => {
  test("a merchant's UID can be pinned in its address", async () => {
    const [wallet, news] = [await openWallet(), await openNews()];
    await wallet.topUp("EUR 1.00");
    await wallet.buy(`${NEWS}#${news.uid}`, "article", { max: "EUR 0.02" });
    const radio = await world.merchant(RADIO, { catalogue });
    expect(await codeOf(wallet.buy(`${NEWS}#${radio.uid}`, "article", { max: "EUR 0.02" }))).toBe(
      "wrong-recipient",
    );
    expect(await codeOf(wallet.buy(`${NEWS}#nonsense`, "article", { max: "EUR 0.02" }))).toBe(
      "wrong-recipient",
    );
    expect(delivered).toHaveLength(1);
  });

  test("another merchant at an address that is known is refused, after a restart too", async () => {
    const news = await openNews();
    const wallet = await openWallet();
    await wallet.topUp("EUR 1.00");
    await wallet.buy(NEWS, "article", { max: "EUR 0.02" });
    await world.merchant(NEWS, { catalogue });
    const again = await openWallet();
    expect(await codeOf(again.buy(NEWS, "article", { max: "EUR 0.02" }))).toBe("wrong-recipient");
    expect(await scripAt(again, news)).toBe("EUR 0.38");
  });

  test("a merchant that moved is found at its new address with the scrip of before", async () => {
    const news = await openNews();
    const wallet = await openWallet();
    await wallet.topUp("EUR 1.00");
    await wallet.buy(NEWS, "article", { max: "EUR 0.02" });
    world.places.clear();
    world.places.set(RADIO, () => news.visit());
    await wallet.buy(RADIO, "article", { max: "EUR 0.02" });
    expect(await scripAt(wallet, news)).toBe("EUR 0.36");
  });

  test("a merchant of another network is a stranger", async () => {
    const other = await createWorld({ seed: "other" });
    const stranger = await other.merchant(NEWS, { catalogue });
    world.places.set(NEWS, () => stranger.visit());
    const wallet = await openWallet();
    expect(await codeOf(wallet.buy(NEWS, "article", { max: "EUR 0.02" }))).toBe("unknown-peer");
    await other.close();
  });

  test("an address that is no WebSocket's is refused", async () => {
    const wallet = await openWallet();
    expect(await codeOf(wallet.buy("http://news.example", "article", { max: "EUR 0.02" }))).toBe(
      "unreachable",
    );
    expect(await codeOf(wallet.buy("nowhere", "article", { max: "EUR 0.02" }))).toBe("unreachable");
  });

  test("a merchant whose connections end after hello does not keep the wallet busy for ever", async () => {
    const news = await openNews();
    let connections = 0;
    const connect: ConnectChannel = async () => {
      connections += 1;
      if (connections > 100) throw new LeptaError("unreachable", "the test has seen enough");
      const channel = channelTo(news.visit());
      return {
        get isOpen() {
          return false;
        },
        request: (messages) => channel.request(messages),
        close: () => channel.close(),
      };
    };
    const wallet = await world.wallet({ store, connect });
    // Whether it gets an answer over such a connection is no matter; that it comes to an end is.
    await codeOf(wallet.offers(NEWS));
    expect(connections).toBeLessThan(10);
  });

  test("purchases at once leave no connection open when the wallet is closed", async () => {
    await openNews();
    let open = 0;
    const connect: ConnectChannel = async (url) => {
      const channel = await world.connect(url);
      open += 1;
      return {
        get isOpen() {
          return channel.isOpen;
        },
        request: (messages) => channel.request(messages),
        close: () => {
          if (channel.isOpen) open -= 1;
          channel.close();
        },
      };
    };
    const wallet = await world.wallet({ store, connect });
    await wallet.topUp("EUR 1.00");
    await Promise.all(Array.from({ length: 5 }, () => wallet.buy(NEWS, "article", { max: "EUR 0.02" })));
    await wallet.close();
    expect(open).toBe(0);
  });
});

describe("who the broker is", () => {
  const open = (broker: string): Promise<Wallet> => world.wallet({ store: memoryPeerStore(), broker });
  const url = "http://127.0.0.1:8787";

  test("a loopback broker is trusted at first sight, and remembered", async () => {
    const first = await world.wallet({ store, broker: url });
    await first.topUp("EUR 1.00");
    const other = await createWorld({ seed: "other" });
    expect(await codeOf(world.wallet({ store, broker: url, transport: other.transport }))).toBe("wrong-root");
    await world.wallet({ store, broker: url });
    await other.close();
  });

  test("a broker elsewhere must be pinned", async () => {
    expect(await codeOf(open("https://pay.example.org"))).toBe("not-pinned");
    expect(await codeOf(open("https://pay.example.org#"))).toBe("not-pinned");
    expect(await codeOf(open("https://pay.example.org#short"))).toBe("not-pinned");
    expect(await codeOf(open("https://127.0.0.1.example.org"))).toBe("not-pinned");
    expect(await codeOf(open("https://localhost.example.org"))).toBe("not-pinned");
    expect(await codeOf(open("ftp://127.0.0.1"))).toBe("not-pinned");
    expect(await codeOf(open("nonsense"))).toBe("not-pinned");
  });

  test("a broker elsewhere without TLS is refused even when it is pinned", async () => {
    expect(await codeOf(open(`http://pay.example.org#${world.network}`))).toBe("not-pinned");
  });

  test("a broker that shows another root key than the pinned one is wrong-root", async () => {
    const other = await createWorld({ seed: "other" });
    expect(await codeOf(open(`${url}#${other.network}`))).toBe("wrong-root");
    expect(await codeOf(world.wallet({ store, broker: `https://pay.example.org#${other.network}` }))).toBe(
      "wrong-root",
    );
    await other.close();
  });

  test("a store that belongs to one network is not used with another pin", async () => {
    await openWallet();
    const other = await createWorld({ seed: "other" });
    expect(await codeOf(world.wallet({ store, broker: other.broker, transport: other.transport }))).toBe(
      "wrong-root",
    );
    await other.close();
  });

  test("a rail that is no sandbox needs an account", async () => {
    const transport: typeof world.transport = async (method, to, body) => {
      const answer = await world.transport(method, to, body);
      if (method === "POST") return answer;
      const shown = orThrow(decodeAs(brokerKeysCodec, answer.body));
      return { ...answer, body: encodeAs(brokerKeysCodec, { ...shown, rail: "bank" }) };
    };
    expect(await codeOf(world.wallet({ store: memoryPeerStore(), transport }))).toBe("account-needed");
  });

  test("an account is enrolled by one peer only, and a refused one by nobody", async () => {
    await world.wallet({ store, account: "alice" });
    expect(await codeOf(world.wallet({ account: "alice" }))).toBe("account-taken");
    expect(await codeOf(world.wallet({ account: "bob", mandate: "none" }))).toBe("account-refused");
  });

  test("a wallet goes on over the rotation of the broker's keys", async () => {
    const news = await openNews();
    const wallet = await openWallet();
    await wallet.topUp("EUR 1.00");
    for (let day = 0; day < 4; day += 1) {
      for (let hour = 0; hour < 24; hour += 6) {
        world.runtime.advance(6 * HOUR);
        await world.rotate();
      }
      await wallet.buy(NEWS, "article", { max: "EUR 0.02" });
      await wallet.topUp("EUR 0.01");
      await wallet.obtain(NEWS, "EUR 0.01");
    }
    await expectSettled(world, [{ uid: wallet.uid, store }], [{ uid: news.uid, store: shelf }]);
  });
});

describe("what is lost on the way comes back", () => {
  test("M3 and M5 that the merchant never brought are taken from the broker", async () => {
    const news = await openNews();
    const connect: ConnectChannel = async () => {
      const channel = channelTo(news.visit());
      let frames = 0;
      return {
        get isOpen() {
          return channel.isOpen;
        },
        request: async (messages) => {
          frames += 1;
          const answers = await channel.request(messages);
          // Frame 1 is hello, frame 2 the request for VendorScrip.
          return frames === 2 ? [] : answers;
        },
        close: () => channel.close(),
      };
    };
    const wallet = await world.wallet({ store, connect });
    await wallet.topUp("EUR 1.00");
    await wallet.obtain(NEWS, "EUR 0.10");
    expect(await wallet.balance()).toMatchObject({
      brokerScrip: "EUR 0.90",
      vendorScrip: [{ amount: "EUR 0.10" }],
    });
    await expectSettled(world, [{ uid: wallet.uid, store }], [{ uid: news.uid, store: shelf }]);
  });

  test("a merchant that never asks the broker: the wallet aborts there and its BrokerScrip is free", async () => {
    const news = await openNews();
    const connect: ConnectChannel = async () => {
      const visit = news.visit();
      let frames = 0;
      return channelTo(async (messages) => {
        frames += 1;
        if (frames > 1) throw new LeptaError("unreachable", "the merchant is gone");
        return visit(messages);
      });
    };
    const wallet = await world.wallet({ store, connect });
    await wallet.topUp("EUR 1.00");
    expect(await codeOf(wallet.obtain(NEWS, "EUR 0.10"))).toBe("aborted");
    expect(await wallet.pending()).toEqual([]);
    expect((await wallet.history()).map(({ kind, outcome }) => [kind, outcome])).toContainEqual([
      "vendorscrip",
      "aborted",
    ]);
    await expectSettled(world, [{ uid: wallet.uid, store }], [{ uid: news.uid, store: shelf }]);
  });

  test("a merchant that vanished for days: the BrokerScrip is freed by the broker all the same", async () => {
    await openNews();
    // The request is lost, and the broker cannot be reached either: the wallet dies with its purse locked.
    const [out, up] = [newLine(), newLine()];
    const wallet = await world.wallet({
      store,
      connect: lossyConnect(world.connect, out),
      transport: lossyTransport(world.transport, up),
    });
    await wallet.topUp("EUR 1.00");
    out.fault = { at: 2, kind: "cut-request" };
    up.fault = { at: up.count + 1, kind: "cut-request" };
    expect(await codeOf(wallet.obtain(NEWS, "EUR 0.10"))).toBe("unreachable");
    expect(await wallet.pending()).toHaveLength(1);
    world.places.clear();
    world.runtime.advance(3 * DAY);
    await world.rotate();
    const again = await openWallet();
    expect(await again.pending()).toEqual([]);
    await expectSettled(world, [{ uid: again.uid, store }], []);
  });

  test("a top-up while VendorScrip is under way loses neither", async () => {
    const news = await openNews();
    const up = newLine();
    const wallet = await world.wallet({
      store,
      connect: async (url) => {
        const channel = await world.connect(url);
        return {
          get isOpen() {
            return channel.isOpen;
          },
          request: async (messages) => {
            const answers = await channel.request(messages);
            if (up.fault !== undefined) throw new LeptaError("unreachable", "the test lost the response");
            return answers;
          },
          close: () => channel.close(),
        };
      },
      transport: lossyTransport(world.transport, up),
    });
    await wallet.topUp("EUR 1.00");
    await wallet.offers(NEWS);
    up.fault = { at: up.count + 1, kind: "cut-request" };
    // The merchant has the broker's word; the wallet hears neither of them.
    expect(await codeOf(wallet.obtain(NEWS, "EUR 0.10"))).toBe("unreachable");
    expect(creditOf(world, news.uid)).toBe(100_000n);
    up.fault = undefined;
    await codeOf(wallet.topUp("EUR 5.00"));
    await wallet.resume();
    const again = await openWallet();
    expect(await again.balance()).toMatchObject({
      brokerScrip: "EUR 5.90",
      vendorScrip: [{ amount: "EUR 0.10" }],
    });
    await expectSettled(world, [{ uid: wallet.uid, store }], [{ uid: news.uid, store: shelf }]);
  });

  test("resuming while a purchase is under way does not disturb it", async () => {
    let release = (): void => {};
    const open = new Promise<void>((resolve) => {
      release = resolve;
    });
    const slow: Catalogue = {
      slow: {
        price: "EUR 0.02",
        deliver: async () => {
          delivered.push("slow");
          await open;
          return "at last";
        },
      },
    };
    const news = await world.merchant(NEWS, { store: shelf, catalogue: slow });
    const wallet = await openWallet();
    await wallet.topUp("EUR 1.00");
    await wallet.obtain(NEWS, "EUR 0.10");
    const buying = wallet.buy(NEWS, "slow", { max: "EUR 0.02" });
    while (delivered.length === 0) await world.runtime.sleep(0);
    const resuming = wallet.resume();
    for (let i = 0; i < 20; i += 1) await world.runtime.sleep(0);
    release();
    const [{ goods }] = await Promise.all([buying, resuming]);
    expect(goods.text()).toBe("at last");
    expect(delivered).toEqual(["slow"]);
    await expectSettled(world, [{ uid: wallet.uid, store }], [{ uid: news.uid, store: shelf }]);
  });

  test("a merchant that says the scrip was spent does not get the same scrip again and again", async () => {
    const news = await openNews();
    const wallet = await openWallet();
    await wallet.topUp("EUR 1.00");
    await wallet.obtain(NEWS, "EUR 0.10");
    // A copy of the wallet spends the scrip: this one has come from an old backup.
    const twin = await world.wallet({ store: await copyStore(store) });
    await twin.buy(NEWS, "article", { max: "EUR 0.02" });
    expect(await codeOf(wallet.buy(NEWS, "article", { max: "EUR 0.02" }))).toBe("scrip-spent");
    expect(await scripAt(wallet, news)).toBeUndefined();
  });
});

describe("both roles on one identity", () => {
  test("a peer sells for VendorScrip and buys with what it has", async () => {
    const news = await openNews();
    const peerStore = memoryPeerStore();
    const peer = await Peer.open({
      broker: world.broker,
      store: peerStore,
      transport: world.transport,
      connect: world.connect,
      runtime: world.runtime,
      noticeDelay: NEVER,
      catalogue: { song: { price: "EUR 0.10", deliver: () => "la" } },
    });
    world.places.set(RADIO, () => peer.merchant.visit());
    const wallet = await openWallet();
    await wallet.topUp("EUR 5.00");
    await wallet.buy(RADIO, "song", { max: "EUR 0.10" });
    await peer.wallet.topUp("EUR 1.00");
    await peer.wallet.buy(NEWS, "article", { max: "EUR 0.02" });
    expect(peer.uid).toBe(peer.merchant.uid);
    expect(peer.uid).toBe(peer.wallet.uid);
    await expectSettled(
      world,
      [
        { uid: wallet.uid, store },
        { uid: peer.uid, store: peerStore },
      ],
      [
        { uid: news.uid, store: shelf },
        { uid: peer.uid, store: peerStore },
      ],
    );
    await peer.close();
  });

  test("a peer cannot buy from itself, and nothing of its purse stays locked", async () => {
    const peerStore = memoryPeerStore();
    const peer = await Peer.open({
      broker: world.broker,
      store: peerStore,
      transport: world.transport,
      connect: world.connect,
      runtime: world.runtime,
      noticeDelay: NEVER,
      catalogue,
    });
    world.places.set(RADIO, () => peer.merchant.visit());
    await peer.wallet.topUp("EUR 1.00");
    expect(await codeOf(peer.wallet.buy(RADIO, "article", { max: "EUR 0.02" }))).not.toBe("no error");
    await expectSettled(world, [{ uid: peer.uid, store: peerStore }], [{ uid: peer.uid, store: peerStore }]);
    await peer.close();
  });
});

test("a wallet and a merchant that are years old renew their keys and go on", async () => {
  const old = await openNews();
  const wallet = await openWallet();
  await wallet.topUp("EUR 1.00");
  await wallet.buy(NEWS, "article", { max: "EUR 0.02" });
  world.runtime.advance(400 * DAY);
  await world.rotate();
  const news = await openNews();
  expect(news.uid).toBe(old.uid);
  const again = await openWallet();
  await again.topUp("EUR 1.00");
  await again.buy(NEWS, "article", { max: "EUR 0.02" });
});

test("a closed wallet says closed", async () => {
  await openNews();
  const wallet = await world.wallet({ store });
  await wallet.topUp("EUR 1.00");
  await wallet.close();
  expect(await codeOf(wallet.topUp("EUR 1.00"))).toBe("closed");
  expect(await codeOf(wallet.buy(NEWS, "article", { max: "EUR 0.02" }))).toBe("closed");
});
