/** What tabs that share a wallet do where something is late, lost, too much or taken away. */
import { LeptaError, type PartyOptions, type WalletOptions } from "@lepta/peer-sdk";
import { limits } from "@lepta/protocol";
import { openSharedWallet, type SharedWallet } from "@lepta/web/shared-wallet";
import { afterEach, beforeEach, expect, test } from "vitest";
import { codeOf, createWorld, NEVER, type World } from "../peer-sdk/support/world.ts";
import { Origin, type Tab } from "./origin.ts";

const SHOP = "ws://shop.example/pay";
const MAX = { max: "EUR 0.05", signature: "each" } as const;

let world: World;
let origin: Origin;
let opened: SharedWallet[];
/** What waits for its time, which a test lets come. */
let timers: { readonly at: number; readonly work: () => void }[];

beforeEach(async () => {
  world = await createWorld();
  origin = new Origin();
  opened = [];
  timers = [];
});
afterEach(async () => {
  await Promise.all(opened.map((wallet) => wallet.close()));
  await world.close();
});

async function open(
  tab: Tab = origin.tab(),
  more: Partial<PartyOptions & WalletOptions> & { readonly patience?: number } = {},
): Promise<SharedWallet> {
  const { broker, transport, connect, runtime } = world;
  const later = (milliseconds: number, work: () => void) => {
    const timer = { at: runtime.now() + milliseconds, work };
    timers.push(timer);
    return () => {
      timers = timers.filter((each) => each !== timer);
    };
  };
  const wallet = await openSharedWallet({
    broker,
    transport,
    connect,
    runtime: { ...runtime, later },
    noticeDelay: NEVER,
    openStore: tab.openStore,
    airwaves: tab.airwaves,
    ...more,
  });
  opened.push(wallet);
  return wallet;
}

/** Lets so much time pass, and does what was to be done by then. */
function pass(milliseconds: number): void {
  world.runtime.advance(milliseconds);
  const due = timers.filter(({ at }) => at <= world.runtime.now());
  timers = timers.filter((each) => !due.includes(each));
  for (const { work } of due) work();
}

/** Resolves when it is so: everything here comes in turns of this process. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise(setImmediate);
}

/** A merchant that delivers when it is told to. */
async function slowShop() {
  const ordered = Promise.withResolvers<void>();
  const delivery = Promise.withResolvers<string>();
  const merchant = await world.merchant(SHOP, {
    catalogue: {
      slow: {
        price: "EUR 0.02",
        deliver: () => {
          ordered.resolve();
          return delivery.promise;
        },
      },
    },
  });
  return { merchant, ordered: ordered.promise, deliver: () => delivery.resolve("Slow change.") };
}

test("the first tab is told what opening a wallet throws, and leaves the store to the next", async () => {
  const away = async () => {
    throw new LeptaError("unreachable");
  };
  expect(await codeOf(open(origin.tab(), { transport: away }))).toBe("unreachable");
  expect((await open()).isHere).toBe(true);
});

test("a tab waits for no answer of another that holds the wallet and says nothing", async () => {
  const silent = origin.tab();
  await silent.openStore("wallet", {});
  const opening = codeOf(open());
  await until(() => timers.length > 0);
  pass(60_000);
  expect(await opening).toBe("store-locked");
});

test("what moves money ends with `pending` where its tab is gone, and is never sent again; what looks is", async () => {
  const { merchant, ordered, deliver } = await slowShop();
  const first = origin.tab();
  const a = await open(first);
  const [b, c] = [await open(), await open()];
  expect([a.isHere, b.isHere, c.isHere]).toEqual([true, false, false]);
  await a.topUp("EUR 1.00");
  const bought = codeOf(c.buy(SHOP, "slow", MAX));
  await ordered;
  first.die();
  const looked = c.balance();
  expect(await bought).toBe("pending");
  expect((await looked).vendorScrip).toMatchObject([{ amount: "EUR 0.40" }]);
  expect(b.isHere).toBe(true);
  deliver();
  while ((await c.pending()).length > 0) await c.resume();
  expect(await merchant.sales()).toHaveLength(1);
  expect(origin.said.filter((each) => each.kind === "ask" && each.method === "buy")).toHaveLength(1);
});

test("a call that takes too long ends with `pending` where it may move money, and with `unreachable` where it looks", async () => {
  const { ordered, deliver } = await slowShop();
  const silence = Promise.withResolvers<never>();
  const a = await open(origin.tab(), {
    connect: (url) => (url === SHOP ? world.connect(url) : silence.promise),
  });
  const b = await open();
  await a.topUp("EUR 1.00");
  const bought = codeOf(b.buy(SHOP, "slow", MAX));
  const looked = codeOf(b.offers("ws://silent.example/pay"));
  await ordered;
  pass(60_000);
  expect([await bought, await looked]).toEqual(["pending", "unreachable"]);
  silence.reject(new LeptaError("unreachable"));
  deliver();
  await until(() => origin.said.filter(({ kind }) => kind === "answer").length === 2);
  expect((await b.history()).filter(({ kind }) => kind === "purchase")).toHaveLength(1);
});

test("an answer that comes after the time is over changes nothing for the next call", async () => {
  const { ordered, deliver } = await slowShop();
  const a = await open();
  const b = await open();
  await a.topUp("EUR 1.00");
  const bought = codeOf(b.buy(SHOP, "slow", MAX));
  await ordered;
  pass(60_000);
  await bought;
  const balance = b.balance();
  deliver();
  expect(await balance).toMatchObject({ brokerScrip: "EUR 0.60" });
});

test("a call that reaches the wallet after its time is not begun", async () => {
  const a = await open();
  const here = origin.said.find((each) => each.kind === "here");
  if (here?.kind !== "here") throw new Error("nobody is here");
  const ask = { kind: "ask", holder: here.holder, tab: "x", method: "topUp", args: ["EUR 1.00"] } as const;
  origin.say({ ...ask, call: 1, until: world.runtime.now() });
  origin.say({ ...ask, call: 2, until: world.runtime.now() + 1 });
  await until(() => origin.said.some(({ kind }) => kind === "answer"));
  expect(origin.said.filter(({ kind }) => kind === "answer")).toMatchObject([{ call: 2, outcome: {} }]);
  expect((await a.balance()).brokerScrip).toBe("EUR 1.00");
});

test("nobody does what is no call of a wallet's, or was meant for a tab that had it before", async () => {
  const a = await open();
  const here = origin.said.find((each) => each.kind === "here");
  if (here?.kind !== "here") throw new Error("nobody is here");
  const ask = { kind: "ask", tab: "x", call: 1, args: [], until: world.runtime.now() + 1000 } as const;
  for (const method of ["close", "recoveryPhrase", "constructor", "__proto__"])
    origin.say({ ...ask, holder: here.holder, method: method as "balance" });
  origin.say({ ...ask, holder: "another", method: "balance" });
  origin.say({ ...ask, holder: here.holder, method: "balance", call: 2 });
  await until(() => origin.said.some(({ kind }) => kind === "answer"));
  await a.balance();
  expect(origin.said.filter(({ kind }) => kind === "answer")).toMatchObject([{ call: 2 }]);
});

test("more calls at once than a tab may have are refused with `busy`, and the others go on", async () => {
  await open();
  const b = await open();
  const codes = await Promise.all(
    Array.from({ length: limits.sharedCalls + 1 }, () =>
      b.balance().then(
        () => "done",
        ({ code }) => code,
      ),
    ),
  );
  expect(codes.filter((code) => code === "done")).toHaveLength(limits.sharedCalls);
  expect(codes.filter((code) => code === "busy")).toHaveLength(1);
  expect(await b.balance()).toBeDefined();
});

test("a fault of ours is told as `internal`, without its words", async () => {
  const a = await open(origin.tab(), {
    connect: () => Promise.reject(new Error("the secret is 42")),
  });
  const b = await open();
  for (const wallet of [a, b])
    await expect(wallet.offers(SHOP)).rejects.toMatchObject({
      code: "internal",
      message: expect.not.stringContaining("42"),
    });
});

test("a tab that takes over while the broker is away tries again until it is back", async () => {
  const first = origin.tab();
  const a = await open(first);
  await a.topUp("EUR 1.00");
  let isAway = false;
  let tried = 0;
  const b = await open(origin.tab(), {
    transport: (...request) => {
      if (!isAway) return world.transport(...request);
      tried += 1;
      return Promise.reject(new LeptaError("unreachable"));
    },
  });
  const { disk } = origin;
  const [network] = await disk.list("broker/");
  isAway = true;
  // Without what it remembers of the broker, no wallet opens while that is away.
  await disk.commit([{ key: network?.[0] ?? "", value: undefined }]);
  first.die();
  await until(() => tried > 0 && timers.some(({ at }) => at - world.runtime.now() === 1_000));
  const balance = b.balance();
  isAway = false;
  pass(1_000);
  expect((await balance).brokerScrip).toBe("EUR 1.00");
  expect(b.isHere).toBe(true);
});

test("a tab whose store the browser takes away opens it again, or leaves it to another", async () => {
  const first = origin.tab();
  const a = await open(first);
  await a.topUp("EUR 1.00");
  const b = await open();
  first.takeStore();
  await until(() => b.isHere);
  expect(a.isHere).toBe(false);
  for (const wallet of [a, b]) expect((await wallet.balance()).brokerScrip).toBe("EUR 1.00");
});

test("every tab hears of every change until it listens no more", async () => {
  const [a, b] = [await open(), await open()];
  const heard = [0, 0];
  const stop = [a, b].map((wallet, at) =>
    wallet.onChange(() => {
      heard[at] = (heard[at] ?? 0) + 1;
    }),
  );
  await b.topUp("EUR 1.00");
  pass(50);
  await until(() => heard.every((times) => times > 0));
  stop[1]?.();
  const [, before] = heard;
  await a.topUp("EUR 1.00");
  pass(50);
  await b.balance();
  expect(heard[1]).toBe(before);
});

test("the words stay in the tab that made the wallet", async () => {
  const [a, b] = [await open(), await open()];
  expect((await a.words())?.split(" ")).toHaveLength(12);
  expect(await b.words()).toBeUndefined();
  expect(JSON.stringify(origin.said)).not.toContain((await a.words())?.split(" ").slice(0, 2).join(" "));
});

test("a wallet that was closed is closed, and what waits for it is told so", async () => {
  const [a, b] = [await open(), await open()];
  await b.close();
  expect(await codeOf(b.balance())).toBe("closed");
  await a.close();
  expect(await codeOf(a.topUp("EUR 1.00"))).toBe("closed");
  expect(a.isHere).toBe(false);
});
