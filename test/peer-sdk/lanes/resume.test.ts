/** Connections that break anywhere in the life of a lane: every purchase is answered once, charged once, and proved afterwards. */
import {
  type ConnectChannel,
  LeptaError,
  type Merchant,
  memoryPeerStore,
  type Wallet,
} from "@lepta/peer-sdk";
import { isRefusal, limits, verifyReceipt } from "@lepta/protocol";
import { afterEach, describe, expect, test } from "vitest";
import { reckon } from "../support/reckoning.ts";
import { createWorld, type Heard, type Side, type World, wiredTo } from "../support/world.ts";

const SHOP = "ws://shop.example/pay";
const max = "EUR 0.04";
const PURCHASES = 12;

let world: World;
let wallet: Wallet;
let merchant: Merchant;
let made: string[];

afterEach(() => world.close());

/** A wallet all of whose session messages a test hears. */
async function open(hear: (message: Heard) => boolean): Promise<void> {
  world = await createWorld({ sessions: true });
  made = [];
  merchant = await world.merchant(SHOP, {
    catalogue: {
      page: {
        price: "EUR 0.04",
        deliver: ({ id }) => {
          made.push(id);
          return `page ${id}`;
        },
      },
    },
  });
  wallet = await world.wallet({ vendorScripTimes: 20, connect: hearing(world, hear) });
  await wallet.topUp("EUR 10.00");
}

const hearing =
  ({ places }: World, hear: (message: Heard) => boolean): ConnectChannel =>
  async (url) => {
    const place = places.get(url);
    if (place === undefined) throw new Error(`nobody is at ${url}`);
    return wiredTo(place(), () => places.get(url) === place, hear);
  };

/** Four turns of three purchases at once: statements are due in between, as each is half of what may be without one. */
async function buyAll(): Promise<readonly string[]> {
  const names: string[] = [];
  for (let turn = 0; turn < PURCHASES / 3; turn += 1) {
    const all = await Promise.all([0, 1, 2].map(buyOne));
    names.push(...all);
  }
  return names;
}

/** Where the connection broke before a lane was open nothing is under way, and whoever wants it buys again. */
async function buyOne(): Promise<string> {
  for (;;) {
    try {
      const { goods, receipt } = await wallet.buy(SHOP, "page", { max });
      expect(goods.text()).toBe(`page ${wallet.uid}/${receipt.txn}`);
      return receipt.txn;
    } catch (error) {
      // The broker may have ended figure 8 for the wallet when it asked.
      expect(["unreachable", "aborted"]).toContain((error as LeptaError).code);
      expect(await wallet.pending()).toEqual([]);
    }
  }
}

/** What breaks while scrip is given back is tried again by whoever wants it back. */
async function refundAll(): Promise<void> {
  for (let attempt = 0; attempt < 3; attempt += 1)
    await wallet.refund(SHOP).catch((error: unknown) => {
      expect(error).toBeInstanceOf(LeptaError);
    });
}

/** Nobody has paid or sold twice, and both say the same. */
async function checkBooks(names: readonly string[]): Promise<void> {
  expect(new Set(names).size).toBe(PURCHASES);
  expect(new Set(made).size).toBe(PURCHASES);
  const sales = await merchant.sales();
  expect(
    sales
      .filter(({ ok }) => ok)
      .map(({ txn }) => txn)
      .sort(),
  ).toEqual([...names].sort());
  expect(await merchant.books("EUR")).toMatchObject({ sold: 480_000n, liveVendorScrip: 320_000n });
  expect((await wallet.balance()).vendorScrip).toMatchObject([{ amount: "EUR 0.32" }]);
  await refundAll();
  expect((await wallet.balance()).brokerScrip).toBe("EUR 9.52");
  expect(
    (await wallet.history()).filter(({ kind }) => kind === "purchase").map(({ txn }) => txn),
  ).toHaveLength(PURCHASES);
  for (const name of names) {
    const read = await verifyReceipt(await wallet.receipt(name), world.network);
    expect(isRefusal(read) ? read.code : read.txn).toBe(name);
  }
  expect(world.faults).toEqual([]);
}

test("sessions in which nothing was bought push none out of what a lane remembers", async () => {
  const before = limits.openingsKept;
  Object.assign(limits, { openingsKept: 3 });
  try {
    let cut = (): void => {};
    const hear = (message: Heard): boolean => {
      cut = () => message.cut(undefined);
      return true;
    };
    await open(hear);
    const store = memoryPeerStore();
    wallet = await world.wallet({ store, vendorScripTimes: 20, connect: hearing(world, hear) });
    await wallet.topUp("EUR 10.00");
    await wallet.buy(SHOP, "page", { max });
    cut();
    await wallet.buy(SHOP, "page", { max });
    for (let i = 0; i < 6; i += 1) {
      cut();
      await wallet.offers(SHOP);
    }
    // One that starts anew hears again what it bought in the second of these sessions.
    wallet = await world.wallet({ store, vendorScripTimes: 20 });
    await wallet.buy(SHOP, "page", { max });
    expect((await wallet.balance()).vendorScrip).toMatchObject([{ amount: "EUR 0.68" }]);
    expect(new Set(made).size).toBe(3);
  } finally {
    Object.assign(limits, { openingsKept: before });
  }
});

describe("a connection that breaks", () => {
  const sides: readonly Side[] = ["customer", "merchant"];
  const untolds: readonly (Side | undefined)[] = [undefined, "merchant"];
  /** From the third on: the first two are the handshake. The last at which each has something to say. */
  const last = { customer: 12, merchant: 11 } as const;
  const rows = sides.flatMap((from) =>
    untolds.flatMap((untold) =>
      Array.from({ length: last[from] - 2 }, (_, i) => ({ from, untold, at: i + 3 })),
    ),
  );

  test.each(rows)(
    "at message $at of the $from's, of which $untold hears nothing",
    async ({ from, untold, at }) => {
      let count = 0;
      await open((message) => {
        if (message.from !== from) return true;
        count += 1;
        if (count === at) message.cut(untold);
        return true;
      });
      await checkBooks(await buyAll());
      expect(count).toBeGreaterThanOrEqual(at);
    },
  );
});

describe("connections that break again and again", () => {
  test.each(Array.from({ length: 12 }, (_, i) => i + 1))("as chance %i has it", async (seed) => {
    let state = seed * 2_654_435_761;
    const chance = (of: number): number => {
      state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
      return Math.floor((state / 2 ** 31) * of);
    };
    let isFair = false;
    await open((message) => {
      if (isFair || chance(7) > 0) return true;
      message.cut([undefined, "merchant" as const][chance(2)]);
      // The message itself may have got through, or not.
      return chance(2) === 0;
    });
    for (let turn = 0; turn < 5; turn += 1)
      await Promise.allSettled([0, 1, 2].map(() => wallet.buy(SHOP, "page", { max })));
    isFair = true;
    await reckon({
      world,
      wallet,
      merchant,
      url: SHOP,
      made: new Set(made),
      price: max,
      paidIn: "EUR 10.00",
    });
  });
});
