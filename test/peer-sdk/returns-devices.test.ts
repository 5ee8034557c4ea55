/** Findings where a wallet is restored, or lives on two devices: each test states the rule, and fails as the code stands. */
import { LeptaError, type Merchant, memoryPeerStore, type PeerStore, Wallet } from "@lepta/peer-sdk";
import { amountOf, limits } from "@lepta/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { decideSettlement } from "../../lambdas/src/broker/settle.ts";
import { codeOf, createWorld, DAY, through, type World } from "./support/world.ts";

const NEWS = "ws://news.example/pay";
const catalogue = { article: { price: "EUR 0.02", deliver: () => "text" } };

let world: World;
let store: PeerStore;
let merchant: Merchant;

beforeEach(async () => {
  world = await createWorld({ seed: "review-devices" });
  store = memoryPeerStore();
  merchant = await world.merchant(NEWS, { catalogue });
});
afterEach(() => world.close());

const restore = (phrase: string, connect = world.connect) =>
  Wallet.restore({
    broker: world.broker,
    runtime: world.runtime,
    transport: world.transport,
    connect,
    store: memoryPeerStore(),
    phrase,
  });

test("money that was on its way when a wallet was lost comes into the restored one, or is told as missing", async () => {
  const wallet = await world.wallet({ store });
  const phrase = await wallet.recoveryPhrase();
  await wallet.topUp("EUR 5.00");
  await wallet.obtain(NEWS, "EUR 1.00");
  expect(await codeOf(wallet.reclaim(merchant.uid))).toBe("pending");
  await wallet.close();
  world.runtime.advance(1);
  const { wallet: again, missing } = await restore(phrase);
  try {
    expect((await again.balance()).brokerScrip).toBe("EUR 4.00");
    const isTold = missing.length > 0 || (await again.pending()).length > 0;
    world.runtime.advance(DAY + 1);
    await world.rotate();
    await world.finish();
    expect(world.books().liveBrokerScrip).toBe(5_000_000n);
    await again.resume();
    await again.renew();
    expect(isTold || (await again.balance()).brokerScrip === "EUR 5.00").toBe(true);
  } finally {
    await again.close();
  }
});

test("a purchase whose change another device has spent since comes to its end", async () => {
  const old = await world.wallet({ store });
  await old.topUp("EUR 5.00");
  await old.buy(NEWS, "article", { max: "EUR 0.02", vendorScrip: "EUR 1.00" });
  // The merchant sells, and its answer is lost.
  let frames = 0;
  const counting = through(world.connect, async (_messages, pass) => {
    const answers = await pass();
    frames += 1;
    // Hello, the offer, then M1.
    if (frames === 3) throw new LeptaError("unreachable");
    return answers;
  });
  const phrase = await old.recoveryPhrase();
  await old.close();
  const second = await world.wallet({ store, connect: counting });
  expect(await codeOf(second.buy(NEWS, "article", { max: "EUR 0.02" }))).toBe("unreachable");
  await second.close();
  world.runtime.advance(1);
  const { wallet: fresh } = await restore(phrase);
  await fresh.buy(NEWS, "article", { max: "EUR 0.02" });
  await fresh.close();
  // The old device is found again.
  const found = await world.wallet({ store });
  await found.resume();
  expect(await found.pending()).toEqual([]);
  expect(await codeOf(found.buy(NEWS, "article", { max: "EUR 0.02" }))).toBe("no error");
});

test("lines that are used up do not cost a question each, nor hide what is live behind them", async () => {
  let frames = 0;
  const connect = through(world.connect, (_messages, pass) => {
    frames += 1;
    return pass();
  });
  const wallet = await world.wallet({ store, connect });
  await wallet.topUp("EUR 5.00");
  for (let i = 0; i < 20; i += 1)
    await wallet.buy(NEWS, "article", { max: "EUR 0.02", vendorScrip: "EUR 0.02" });
  frames = 0;
  await wallet.collect(NEWS);
  expect(frames).toBeLessThan(10);
});

test("a settlement takes no more credits than one amount can hold", () => {
  const purse = { sequence: 1, head: new Uint8Array(32) };
  const credit = (txn: string) => ({
    customer: merchant.uid,
    txn,
    credit: {
      state: "held",
      authorizationDigest: "",
      value: limits.amount,
      owed: limits.amount,
      currency: "EUR",
      decidedAt: 0,
      heldUntil: 0,
    },
  });
  const decision = decideSettlement(
    {
      payload: { from: merchant.uid, txn: "A".repeat(22), issuedAt: 0, expiresAt: 10 },
      digest: "d",
      signed: new Uint8Array(1),
    } as never,
    {
      purse,
      transaction: undefined,
      credits: [credit("A".repeat(22)), credit(`${"A".repeat(21)}Q`)],
      more: false,
      carried: undefined,
    },
    1,
    { currency: "EUR", unit: 10_000n } as never,
  );
  if (!("outcome" in decision) || decision.outcome.step === "conflict") throw new Error("no decision");
  expect(amountOf("EUR", decision.outcome.record.paid ?? 0n).value <= limits.amount).toBe(true);
});

test("a restoration that broke off is begun again with the same phrase in the same directory", async () => {
  const wallet = await world.wallet({ store });
  await wallet.topUp("EUR 5.00");
  const phrase = await wallet.recoveryPhrase();
  await wallet.close();
  world.runtime.advance(1);
  let isAway = true;
  const options = {
    broker: world.broker,
    runtime: world.runtime,
    transport: async (method: "GET" | "POST", url: string, body?: Uint8Array) => {
      if (isAway && url.endsWith("/account")) throw new LeptaError("unreachable");
      return world.transport(method, url, body);
    },
    connect: world.connect,
    store: memoryPeerStore(),
    phrase,
  };
  expect(await codeOf(Wallet.restore(options))).toBe("unreachable");
  isAway = false;
  const again = Wallet.restore(options);
  expect(await codeOf(again)).toBe("no error");
  await (await again).wallet.close();
});

test("scrip whose reversal was open when a wallet was restored is gone when it has been reversed", async () => {
  const old = await world.wallet({ store });
  await old.topUp("EUR 5.00");
  await old.obtain(NEWS, "EUR 1.00");
  const phrase = await old.recoveryPhrase();
  expect(await codeOf(old.reclaim(await merchantUid(old)))).toBe("pending");
  await old.close();
  world.runtime.advance(1);
  const { wallet: again } = await restore(phrase);
  try {
    expect((await again.balance()).vendorScrip).toMatchObject([{ amount: "EUR 1.00" }]);
    // The merchant stays silent, and everything goes back.
    world.runtime.advance(DAY + 1);
    await world.rotate();
    await world.finish();
    await again.resume();
    expect(await again.balance()).toEqual({ brokerScrip: "EUR 5.00", vendorScrip: [] });
  } finally {
    await again.close();
  }
});

const merchantUid = async (wallet: Wallet): Promise<string> =>
  (await wallet.balance()).vendorScrip[0]?.merchant ?? "";
