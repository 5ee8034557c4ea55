/** A merchant whose store fails without dying, and what its memory of scrip says then; and what it need not read. */
import { type Change, type Merchant, memoryPeerStore, type PeerStore } from "@lepta/peer-sdk";
import { afterEach, beforeEach, expect, test } from "vitest";
import { expectSettled } from "./support/audit.ts";
import { Hand, type Meeting, orderFor, spendingOf } from "./support/hand.ts";
import { createWorld, type World } from "./support/world.ts";

const NEWS = "ws://news.example/pay";
const catalogue = { article: { price: "EUR 0.02", deliver: () => "the article" } };

let world: World;
let shelf: PeerStore;
let read: string[];
/** What becomes of the next commit that sells something; once. */
let fault: "before" | "after" | undefined;
let news: Merchant;
let hand: Hand;
let meeting: Meeting;
let wallet: PeerStore;

beforeEach(async () => {
  world = await createWorld();
  shelf = memoryPeerStore();
  wallet = memoryPeerStore();
  read = [];
  fault = undefined;
  news = await world.merchant(NEWS, { store: failing, catalogue });
  const customer = await world.wallet({ store: wallet });
  await customer.topUp("EUR 1.00");
  await customer.obtain(NEWS, "EUR 0.10");
  const { broker, transport, runtime } = world;
  hand = await Hand.open({ store: wallet, broker, transport, runtime });
  meeting = await hand.greet(news.visit());
});
afterEach(() => world.close());

const failing: PeerStore = {
  get: (key) => {
    read.push(key);
    return shelf.get(key);
  },
  list: (prefix, options) => shelf.list(prefix, options),
  openLog: (name) => shelf.openLog(name),
  commit: async (changes: readonly Change[]) => {
    const moment = changes.some(({ key }) => key.startsWith("sale/")) ? fault : undefined;
    if (moment === undefined) return shelf.commit(changes);
    fault = undefined;
    if (moment === "after") await shelf.commit(changes);
    throw new Error("the disk is full");
  },
  close: () => shelf.close(),
};

/** M1 for an article, each a transaction of its own, under the scrip that the customer was given first. */
const purchase = async () =>
  meeting.purchase(spendingOf(await hand.holding(news.uid)), orderFor("article", "EUR 0.02"));

test("a purchase reads no scrip from the disk: its certificate and memory say all", async () => {
  const message = await purchase();
  read = [];
  expect(await meeting.buy(message)).toMatchObject({ ok: true });
  expect(read.length).toBeGreaterThan(0);
  expect(read.filter((key) => key.startsWith("scrip/"))).toEqual([]);
});

test("a commit that fails sells nothing, and the same scrip buys when the disk is well again", async () => {
  const message = await purchase();
  fault = "before";
  expect(await meeting.buy(message)).toMatchObject({ error: "internal" });
  expect((await news.books("EUR")).sold).toBe(0n);
  expect(await meeting.buy(message)).toMatchObject({ ok: true });
  expect(await meeting.buy(await purchase())).toMatchObject({ ok: false, reason: "scrip-spent" });
  const { sold, liveVendorScrip } = await news.books("EUR");
  expect([sold, liveVendorScrip]).toEqual([20_000n, 80_000n]);
});

test("a commit that was made although it failed has spent the scrip: its M1 gets its M2, and no other buys", async () => {
  const message = await purchase();
  fault = "after";
  expect(await meeting.buy(message)).toMatchObject({ error: "internal" });
  expect(await meeting.buy(await purchase())).toMatchObject({ ok: false, reason: "scrip-spent" });
  expect(await meeting.buy(message)).toMatchObject({ ok: true });
  const { sold, liveVendorScrip } = await news.books("EUR");
  expect([sold, liveVendorScrip]).toEqual([20_000n, 80_000n]);
});

test.each(["before", "after"] as const)(
  "of 32 purchases at once with one scrip one is sold, though the first commit fails %s it was made",
  async (moment) => {
    const messages = await Promise.all(Array.from({ length: 32 }, purchase));
    const meetings = await Promise.all(Array.from({ length: 4 }, () => hand.greet(news.visit())));
    fault = moment;
    const answers = await Promise.all(
      messages.map((message, i) => (meetings[i % 4] ?? meeting).buy(message)),
    );
    const count = (is: (answer: (typeof answers)[number]) => boolean): number => answers.filter(is).length;
    expect(count(({ error }) => error === "internal")).toBe(1);
    expect(count(({ ok }) => ok === true)).toBe(moment === "before" ? 1 : 0);
    expect(count(({ reason }) => reason === "scrip-spent")).toBe(moment === "before" ? 30 : 31);
    expect((await news.books("EUR")).sold).toBe(20_000n);
  },
);

test("what was sold, obtained and spent is the same to a merchant that opens again", async () => {
  const other = memoryPeerStore();
  const customer = await world.wallet({ store: other });
  await customer.topUp("EUR 1.00");
  for (let i = 0; i < 3; i += 1) {
    await customer.buy(NEWS, "article", { max: "EUR 0.02", vendorScrip: "EUR 0.10" });
    news = await world.merchant(NEWS, { store: failing, catalogue });
  }
  expect((await news.books("EUR")).sold).toBe(60_000n);
  const customers = [
    { uid: customer.uid, store: other },
    { uid: hand.uid, store: wallet },
  ];
  await expectSettled(world, customers, [{ uid: news.uid, store: shelf }]);
});
