/** Faults of the wallet and the merchant that were found and mended: each rule here was broken once. */
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { connect as connectTcp } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type BrokerTransport,
  type Catalogue,
  connectWebSocket,
  LeptaError,
  type Merchant,
  memoryPeerStore,
  type PeerStore,
  type Runtime,
  sqlitePeerStore,
  type Visit,
  type Wallet,
} from "@lepta/peer-sdk";
import {
  ANYBODY,
  ERROR_MEDIA_TYPE,
  encodeAs,
  errorCodec,
  frameCodec,
  hello,
  isRefusal,
  limits,
  makeScripId,
  mint,
  offer,
  offerRequest,
  openMessage,
  orThrow,
  purchaseRequest,
  purchaseResponse,
  purchaseSpendCodec,
  readMessage,
  readScrip,
  readSpend,
  sealingKeyStatement,
  sealMessage,
  subtract,
  utf8,
  verifyCredential,
} from "@lepta/protocol";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { WebSocket } from "ws";
import { decodeFrame, encodeFrame, HANDSHAKE } from "../../peer-sdk/src/channel/frame.ts";
import { serveWebSockets } from "../../peer-sdk/src/channel/serve.ts";
import { bodyOf } from "../../peer-sdk/src/customer/records.ts";
import { copyStore } from "../support/copy-store.ts";
import { expectSettled } from "./support/audit.ts";
import { errorIn, euro, given, Hand, type Meeting, orderFor, spendingOf } from "./support/hand.ts";
import {
  codeOf,
  createWorld,
  DAY,
  HOUR,
  lossyConnect,
  MINUTE,
  newLine,
  through,
  type World,
} from "./support/world.ts";

const NEWS = "ws://news.example/pay";
const RADIO = "ws://radio.example/pay";

let world: World;
let store: PeerStore;
let shelf: PeerStore;
/** What a test left open; the last is closed first. */
let closers: (() => unknown)[];

beforeEach(async () => {
  world = await createWorld();
  store = memoryPeerStore();
  shelf = memoryPeerStore();
  closers = [];
});
afterEach(async () => {
  for (const close of closers.reverse()) await close();
  await world.close();
});

const catalogue: Catalogue = { article: { price: "EUR 0.02", deliver: () => "the text" } };
const max = { max: "EUR 0.02" };

const openNews = (): Promise<Merchant> => world.merchant(NEWS, { store: shelf, catalogue });
const handOn = (of: PeerStore): Promise<Hand> =>
  Hand.open({ store: of, broker: world.broker, transport: world.transport, runtime: world.runtime });

/** Lets everything else go on until this holds. Everything here is immediate, so that it holds soon or never. */
async function when(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 10_000; turn += 1) {
    if (await holds()) return;
    await world.runtime.sleep(0);
  }
  throw new Error("it never came to that");
}

/** A wallet with EUR 5.00, EUR 1.00 of them with the merchant, and a hand that writes in its name. */
async function customerOf(news: Merchant, deposit = "EUR 1.00") {
  const wallet = await world.wallet({ store });
  await wallet.topUp("EUR 5.00");
  await wallet.obtain(NEWS, deposit);
  const hand = await handOn(store);
  const meeting = await hand.greet(news.visit());
  const purchase = async (sku = "article") =>
    meeting.purchase(spendingOf(await hand.holding(news.uid)), orderFor(sku, "EUR 0.02"));
  return { wallet, hand, meeting, purchase };
}

describe("two things at once in one wallet", () => {
  test("scrip that was spent does not come back when others resume the transaction that brought it", async () => {
    const news = await openNews();
    const shelves = memoryPeerStore();
    const radio = await world.merchant(RADIO, { store: shelves, catalogue });
    const release = Promise.withResolvers<void>();
    let isHeld = false;
    const connect = through(world.connect, async (_messages, pass, url) => {
      const answers = await pass();
      // Only figure 8 is answered by two: M5 and M3.
      if (url === NEWS && answers.length === 2 && !isHeld) {
        isHeld = true;
        await release.promise;
      }
      return answers;
    });
    const wallet = await world.wallet({ store, connect });
    await wallet.topUp("EUR 5.00");
    await wallet.offers(RADIO);
    const first = wallet.buy(NEWS, "article", max);
    await when(() => isHeld);
    // All of them see a purse that is locked and a transaction that is under way.
    const others = [wallet.resume(), wallet.buy(RADIO, "article", max), wallet.resume()];
    for (let turn = 0; turn < 50; turn += 1) await world.runtime.sleep(0);
    release.resolve();
    await Promise.all([first, ...others]);
    await expectSettled(
      world,
      [{ uid: wallet.uid, store }],
      [
        { uid: news.uid, store: shelf },
        { uid: radio.uid, store: shelves },
      ],
    );
    const entries = (await wallet.history()).filter(({ kind }) => kind === "vendorscrip");
    expect(entries.map(({ outcome }) => outcome)).toEqual(["done", "done"]);
    expect((await wallet.buy(NEWS, "article", max)).goods.text()).toBe("the text");
  });

  test("a purchase that is in flight is not sent a second time by resume", async () => {
    const news = await openNews();
    const release = Promise.withResolvers<void>();
    let isArmed = false;
    let sent = 0;
    const connect = through(world.connect, async (messages, pass) => {
      if (!isArmed || messages[0]?.[0] === SIGN1_LEAD) return pass();
      sent += 1;
      // The first is the question for the offer, the second M1.
      if (sent === 2) await release.promise;
      return pass();
    });
    const wallet = await world.wallet({ store, connect });
    await wallet.topUp("EUR 5.00");
    await wallet.obtain(NEWS, "EUR 1.00");
    isArmed = true;
    const buying = wallet.buy(NEWS, "article", max);
    await when(async () => (await wallet.pending()).length === 1 && sent === 2);
    const resuming = wallet.resume();
    for (let turn = 0; turn < 50; turn += 1) await world.runtime.sleep(0);
    release.resolve();
    const [{ goods }] = await Promise.all([buying, resuming]);
    expect(goods.text()).toBe("the text");
    expect(sent).toBe(2);
    await expectSettled(world, [{ uid: wallet.uid, store }], [{ uid: news.uid, store: shelf }]);
  });

  test("two purchases at two merchants both succeed where the purse suffices for both prices", async () => {
    await openNews();
    await world.merchant(RADIO, { catalogue });
    const wallet = await world.wallet({ store });
    // Twenty times the price at the first leaves less than that for the second, and more than the price.
    await wallet.topUp("EUR 0.50");
    const codes = [NEWS, RADIO].map((url) => codeOf(wallet.buy(url, "article", max)));
    expect(await Promise.all(codes)).toEqual(["no error", "no error"]);
  });
});

/** A COSE_Sign1, which a hello is, begins with this byte. */
const SIGN1_LEAD = 0xd2;

describe("years and clocks", () => {
  test("a statement of the sealing key that is older than 366 days is renewed, under the same key and UID", async () => {
    const wallet = await world.wallet({ store });
    await wallet.topUp("EUR 1.00");
    const before = (await handOn(store)).party.identity;
    const statementOf = ({ statement }: typeof before) =>
      orThrow(readMessage(statement, [sealingKeyStatement])).payload;
    const old = statementOf(before);
    world.runtime.advance(367 * DAY);
    await world.rotate();
    expect(old.notAfter).toBeLessThan(world.runtime.now());
    const again = await world.wallet({ store });
    expect(again.uid).toBe(wallet.uid);
    const renewed = statementOf((await handOn(store)).party.identity);
    expect(renewed.publicKey).toEqual(old.publicKey);
    expect(renewed.serial).toBeGreaterThan(old.serial);
    expect(renewed.notAfter).toBeGreaterThan(world.runtime.now());
    await again.topUp("EUR 1.00");
    expect((await again.balance()).brokerScrip).toBe("EUR 2.00");
  });

  test("a clock that jumps days ahead during one purchase does not spoil the later ones", async () => {
    await openNews();
    await world.merchant(RADIO, { catalogue });
    let ahead = 0;
    let jumps = false;
    const runtime: Runtime = { ...world.runtime, now: () => world.runtime.now() + ahead };
    const connect = through(world.connect, async (_messages, pass) => {
      const answers = await pass();
      if (jumps) ahead = 3 * DAY;
      return answers;
    });
    const wallet = await world.wallet({ store, runtime, connect });
    await wallet.topUp("EUR 5.00");
    for (const url of [NEWS, RADIO]) await wallet.buy(url, "article", max);
    jumps = true;
    await wallet.offers(NEWS);
    expect(await codeOf(wallet.buy(NEWS, "article", max))).not.toBe("no error");
    jumps = false;
    ahead = 0;
    expect(await codeOf(wallet.buy(RADIO, "article", max))).toBe("no error");
    expect(await codeOf(wallet.topUp("EUR 1.00"))).toBe("no error");
    expect(await codeOf(wallet.obtain(RADIO, "EUR 0.10"))).toBe("no error");
    world.runtime.advance(10 * DAY);
    await world.rotate();
    for (const url of [NEWS, RADIO]) expect(await codeOf(wallet.buy(url, "article", max))).toBe("no error");
    expect(await wallet.pending()).toEqual([]);
  });

  test("M5 that is dated ahead of our clock leaves the transaction pending, and it concludes later", async () => {
    let merchants = 0;
    let ours = 0;
    const news = await world.merchant(NEWS, {
      store: shelf,
      catalogue,
      runtime: { ...world.runtime, now: () => world.runtime.now() + merchants },
    });
    const wallet = await world.wallet({
      store,
      runtime: { ...world.runtime, now: () => world.runtime.now() + ours },
    });
    await wallet.topUp("EUR 5.00");
    await wallet.offers(NEWS);
    // Each is near enough to the broker's clock, and too far from the other's.
    merchants = 100_000;
    ours = -100_000;
    expect(await codeOf(wallet.obtain(NEWS, "EUR 1.00"))).toBe("pending");
    expect(await wallet.pending()).toMatchObject([{ kind: "vendorscrip" }]);
    expect(await wallet.history()).toMatchObject([{ kind: "topup" }]);
    merchants = 0;
    ours = 0;
    world.runtime.advance(HOUR);
    await wallet.resume();
    expect(await wallet.balance()).toMatchObject({
      brokerScrip: "EUR 4.00",
      vendorScrip: [{ merchant: news.uid, amount: "EUR 1.00" }],
    });
    await expectSettled(world, [{ uid: wallet.uid, store }], [{ uid: news.uid, store: shelf }]);
  });

  test("a merchant in the last hour of its credential greets at once while the broker is away", {
    timeout: 10_000,
  }, async () => {
    let asked = 0;
    let isAway = false;
    // Nothing comes back before the test is over: whoever waits for it waits too long.
    const silence = Promise.withResolvers<never>();
    closers.push(() => silence.reject(new LeptaError("unreachable", "the test is over")));
    const transport: BrokerTransport = (method, url, body) => {
      if (!isAway) return world.transport(method, url, body);
      asked += 1;
      return silence.promise;
    };
    await world.merchant(NEWS, { store: shelf, catalogue, transport });
    world.runtime.advance(23.5 * HOUR);
    isAway = true;
    const wallet = await world.wallet({ store });
    expect(await wallet.offers(NEWS)).toHaveLength(1);
    // It did ask, and did not wait.
    expect(asked).toBeGreaterThan(0);
    const another = await world.wallet();
    expect(await another.offers(NEWS)).toHaveLength(1);
  });

  test("a visit that outlives the customer's credential is refused, and a wallet greets again by itself", async () => {
    const news = await openNews();
    let greetings = 0;
    const connect = through(world.connect, (messages, pass) => {
      if (messages[0]?.[0] === SIGN1_LEAD) greetings += 1;
      return pass();
    });
    const wallet = await world.wallet({ store, connect });
    await wallet.topUp("EUR 5.00");
    await wallet.obtain(NEWS, "EUR 1.00");
    await wallet.buy(NEWS, "article", max);
    expect(greetings).toBe(1);
    const hand = await handOn(store);
    const meeting = await hand.greet(news.visit());
    world.runtime.advance(30 * DAY);
    await world.rotate();
    const m1 = await meeting.purchase(
      spendingOf(await hand.holding(news.uid)),
      orderFor("article", "EUR 0.02"),
    );
    expect(await meeting.buy(m1)).toMatchObject({ ok: false, error: "unknown-peer" });
    expect((await wallet.buy(NEWS, "article", max)).goods.text()).toBe("the text");
    expect(greetings).toBe(2);
  });
});

describe("what a wallet believes", () => {
  test("scrip that its issuer refuses as spent is not offered again, and counts no more", async () => {
    const news = await openNews();
    const wallet = await world.wallet({ store });
    await wallet.topUp("EUR 5.00");
    await wallet.obtain(NEWS, "EUR 0.10");
    const twin = await copyOf(wallet);
    await twin.buy(NEWS, "article", max);
    expect(await codeOf(wallet.buy(NEWS, "article", max))).toBe("scrip-spent");
    expect(await wallet.balance()).toMatchObject({ brokerScrip: "EUR 4.90", vendorScrip: [] });
    // The next purchase obtains a new one instead of showing the old one for ever.
    expect(await codeOf(wallet.buy(NEWS, "article", max))).toBe("no error");
    expect(await wallet.balance()).toMatchObject({
      brokerScrip: "EUR 4.50",
      vendorScrip: [{ merchant: news.uid, amount: "EUR 0.38" }],
    });
  });

  test("BrokerScrip that the broker refuses as spent is not offered again: the broker says what lives", async () => {
    await openNews();
    const wallet = await world.wallet({ store });
    await wallet.topUp("EUR 5.00");
    const twin = await copyOf(wallet);
    await twin.obtain(NEWS, "EUR 0.10");
    expect(await codeOf(wallet.obtain(NEWS, "EUR 0.10"))).toBe("scrip-spent");
    // The broker is asked what lives, and that is what buys next.
    expect(await codeOf(wallet.obtain(NEWS, "EUR 0.10"))).toBe("no error");
    expect((await wallet.balance()).brokerScrip).toBe("EUR 4.80");
    await wallet.topUp("EUR 1.00");
    expect((await wallet.balance()).brokerScrip).toBe("EUR 5.80");
  });

  test("an error that nobody signed never ends a top-up that is under way", async () => {
    let lies = true;
    const transport: BrokerTransport = async (method, url, body) => {
      const answer = await world.transport(method, url, body);
      if (!lies || !url.endsWith("/brokerscrip")) return answer;
      const error = encodeAs(errorCodec, { version: 1, type: "error", code: "wrong-currency" });
      return { contentType: ERROR_MEDIA_TYPE, body: error };
    };
    const wallet = await world.wallet({ store, transport });
    expect(await codeOf(wallet.topUp("EUR 3.00"))).toBe("wrong-currency");
    expect(await wallet.pending()).toMatchObject([{ kind: "topup", amount: "EUR 3.00" }]);
    lies = false;
    await wallet.resume();
    expect((await wallet.balance()).brokerScrip).toBe("EUR 3.00");
    expect(await wallet.pending()).toEqual([]);
  });

  test("an old M3 that a merchant plays again is passed over, and the broker's own is taken", async () => {
    const news = await openNews();
    let old: readonly Uint8Array[] | undefined;
    let played = 0;
    const connect = through(world.connect, async (_messages, pass) => {
      const answers = await pass();
      if (answers.length < 2) return answers;
      if (old !== undefined) played += 1;
      old ??= answers;
      return old;
    });
    const wallet = await world.wallet({ store, connect });
    await wallet.topUp("EUR 5.00");
    await wallet.obtain(NEWS, "EUR 1.00");
    await wallet.obtain(NEWS, "EUR 1.00");
    expect(played).toBe(1);
    expect(await wallet.balance()).toMatchObject({
      brokerScrip: "EUR 3.00",
      vendorScrip: [{ amount: "EUR 2.00" }],
    });
    await expectSettled(world, [{ uid: wallet.uid, store }], [{ uid: news.uid, store: shelf }]);
  });

  test("change under the id of a scrip that we hold is refused, and the one that we hold stays", async () => {
    await openNews();
    const wallet = await world.wallet({ store });
    await wallet.topUp("EUR 9.00");
    await wallet.obtain(NEWS, "EUR 5.00");
    const big = bodyOf(await (await handOn(store)).holding((await handOn(shelf)).uid)).id;
    await wallet.close();
    const honest = given(world.places.get(NEWS));
    const rogue = await handOn(shelf);
    world.places.set(NEWS, () => changeMaker(rogue, honest(), { id: big }));
    const customer = await world.wallet({ store });
    await customer.obtain(NEWS, "EUR 0.50");
    // The smaller scrip is spent.
    expect(await codeOf(customer.buy(NEWS, "article", max))).toBe("scrip-mismatch");
    expect((await customer.balance()).vendorScrip).toMatchObject([{ amount: "EUR 5.50" }]);
    expect(await customer.pending()).toMatchObject([{ kind: "purchase" }]);
  });

  test("change that ends before the scrip that it comes from is refused", async () => {
    await openNews();
    const honest = given(world.places.get(NEWS));
    const rogue = await handOn(shelf);
    world.places.set(NEWS, () => changeMaker(rogue, honest(), { expiresAt: 1000 }));
    const wallet = await world.wallet({ store });
    await wallet.topUp("EUR 5.00");
    await wallet.obtain(NEWS, "EUR 0.50");
    expect(await codeOf(wallet.buy(NEWS, "article", max))).toBe("scrip-mismatch");
    expect((await wallet.balance()).vendorScrip).toMatchObject([{ amount: "EUR 0.50" }]);
  });

  test("a wallet opens although a merchant with a purchase under way hangs", {
    timeout: 10_000,
  }, async () => {
    const news = await openNews();
    const line = newLine();
    const first = await world.wallet({ store, connect: lossyConnect(world.connect, line) });
    await first.topUp("EUR 5.00");
    await first.obtain(NEWS, "EUR 1.00");
    line.fault = { at: line.count + 2, kind: "lost-response" };
    expect(await codeOf(first.buy(NEWS, "article", max))).toBe("unreachable");
    await first.close();
    const release = Promise.withResolvers<void>();
    closers.push(() => release.resolve());
    const connect = through(world.connect, async (_messages, pass) => {
      await release.promise;
      return pass();
    });
    const wallet = await world.wallet({ store, connect });
    expect(await wallet.pending()).toMatchObject([{ kind: "purchase" }]);
    await wallet.topUp("EUR 1.00");
    expect((await wallet.balance()).brokerScrip).toBe("EUR 5.00");
    // Once the merchant answers, what was under way ends by itself.
    release.resolve();
    await when(async () => (await wallet.pending()).length === 0);
    await expectSettled(world, [{ uid: wallet.uid, store }], [{ uid: news.uid, store: shelf }]);
  });

  test("a wallet closes although a merchant that it is meeting hangs", { timeout: 10_000 }, async () => {
    await openNews();
    const release = Promise.withResolvers<void>();
    closers.push(() => release.resolve());
    const begun = Promise.withResolvers<void>();
    const connect = through(world.connect, async (_messages, pass) => {
      begun.resolve();
      await release.promise;
      return pass();
    });
    const wallet = await world.wallet({ store, connect });
    let isMet = false;
    const asked = codeOf(wallet.offers(NEWS)).finally(() => {
      isMet = true;
    });
    await begun.promise;
    await wallet.close();
    expect(isMet).toBe(false);
    release.resolve();
    await asked;
  });

  test("the store is its owner's alone: directory 0700, files 0600, whatever they were before", async () => {
    const parent = mkdtempSync(join(tmpdir(), "lepta-"));
    closers.push(() => rmSync(parent, { recursive: true }));
    const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);
    const made = join(parent, "made");
    const given755 = join(parent, "given");
    mkdirSync(given755);
    chmodSync(given755, 0o755);
    for (const dir of [made, given755]) {
      const opened = sqlitePeerStore(dir);
      closers.push(() => opened.close());
      await opened.commit([{ key: "identity/self", value: new Uint8Array(10) }]);
      const files = readdirSync(dir);
      expect(files).toContain("lepta.sqlite");
      for (const file of files) expect(`${file} ${modeOf(join(dir, file))}`).toBe(`${file} 600`);
    }
    expect(modeOf(made)).toBe("700");
    // A file that somebody opened wider is narrowed when it is opened.
    const wide = join(parent, "wide");
    await sqlitePeerStore(wide).close();
    chmodSync(join(wide, "lepta.sqlite"), 0o644);
    await sqlitePeerStore(wide).close();
    expect(modeOf(join(wide, "lepta.sqlite"))).toBe("600");
  });

  /** A wallet on a copy of the store: what it does the first one does not know. */
  async function copyOf(wallet: Wallet): Promise<Wallet> {
    const twin = await world.wallet({ store: await copyStore(store) });
    expect(twin.uid).toBe(wallet.uid);
    return twin;
  }
});

/** A merchant that is honest until it gives change, which is another than it owes. */
function changeMaker(
  { party }: Hand,
  honest: Visit,
  lie: { readonly id?: string; readonly expiresAt?: number },
): Visit {
  const { identity, runtime, link } = party;
  let greeting: Uint8Array | undefined;
  return async (messages) => {
    const [bytes = new Uint8Array()] = messages;
    if (bytes[0] === SIGN1_LEAD) greeting = bytes;
    const opened = await openMessage(bytes, [purchaseRequest], (kid) =>
      kid === identity.opening.id ? identity.opening : undefined,
    );
    if (isRefusal(opened)) return honest(messages);
    const { payload, digest } = opened;
    const said = orThrow(readMessage(given(greeting), [hello]));
    const { trust } = await link.keys();
    const customer = orThrow(await verifyCredential(said.payload.credential, trust, runtime.now()));
    const spend = orThrow(readSpend(purchaseSpendCodec, payload.spend));
    const shown = orThrow(readScrip(spend.scrip[0]));
    const id = lie.id ?? makeScripId(identity.epoch, runtime.random(12));
    const change = mint(
      { epochRoot: identity.epochRoot, salt: runtime.random(32) },
      {
        kind: "vendor",
        network: identity.network,
        issuer: identity.uid,
        id,
        owner: customer.uid,
        value: orThrow(subtract(shown.value, spend.amount)),
        expiresAt: lie.expiresAt ?? shown.expiresAt,
        parent: shown.id,
      },
    );
    const m2 = await party.sign(purchaseResponse, {
      to: customer.uid,
      txn: payload.txn,
      request: digest,
      ok: true,
      decidedAt: runtime.now(),
      charged: spend.amount,
      spent: shown.id,
      grant: change.grant,
      goods: utf8("the text"),
      goodsType: "text/plain",
    });
    const secrets = [{ scrip: id, secret: change.customerSecret }];
    return [await sealMessage(m2, customer.sealingKey, runtime.random, { secrets })];
  };
}

describe("what a merchant lets others do to it", () => {
  const badGoods: readonly (readonly [string, () => unknown])[] = [
    ["nothing", () => undefined],
    ["a number", () => 7],
    ["more than a message carries", () => new Uint8Array(limits.deliveryBytes + 1)],
    [
      "an error",
      () => {
        throw new Error("out of paper");
      },
    ],
  ];
  test.each(badGoods)(
    "a handler that gives %s: delivery-failed is signed, nothing is charged, and the merchant is told",
    async (_name, make) => {
      // What a handler in JavaScript may give, whatever the type says.
      const deliver = make as () => string;
      const news = await world.merchant(NEWS, {
        store: shelf,
        catalogue: { bad: { price: "EUR 0.02", deliver } },
      });
      const { meeting, purchase, wallet } = await customerOf(news);
      const sold = await meeting.buy(await purchase("bad"));
      expect(sold).toMatchObject({ error: undefined, ok: false, reason: "delivery-failed" });
      expect(sold.payload?.charged.value).toBe(0n);
      expect(sold.payload?.grant).toBeUndefined();
      expect(world.faults).toHaveLength(1);
      expect(world.faults[0]).toBeInstanceOf(Error);
      expect(await news.books("EUR")).toMatchObject({ sold: 0n, liveVendorScrip: 1_000_000n });
      expect(await codeOf(wallet.buy(NEWS, "bad", max))).toBe("delivery-failed");
      expect(await wallet.pending()).toEqual([]);
      expect((await wallet.balance()).vendorScrip).toMatchObject([{ amount: "EUR 1.00" }]);
      expect(await news.sales()).toHaveLength(2);
    },
  );

  test(`after ${limits.refusalsPerScrip} refusals a merchant is busy; once M1 has expired it says so, signed, and the scrip unlocks`, async () => {
    let isBroken = true;
    const deliver = () => {
      if (isBroken) throw new Error("out of paper");
      return "the text";
    };
    const news = await world.merchant(NEWS, {
      store: shelf,
      catalogue: { article: { price: "EUR 0.02", deliver } },
    });
    const wallet = await world.wallet({ store });
    await wallet.topUp("EUR 5.00");
    await wallet.obtain(NEWS, "EUR 5.00");
    const codes: string[] = [];
    for (let i = 0; i < limits.refusalsPerScrip + 2; i += 1)
      codes.push(await codeOf(wallet.buy(NEWS, "article", max)));
    expect(codes).toEqual([
      ...Array<string>(limits.refusalsPerScrip).fill("delivery-failed"),
      "busy",
      "busy",
    ]);
    expect(await wallet.pending()).toMatchObject([{ kind: "purchase" }]);
    // Nothing more is kept for it, however often it is asked.
    expect(await news.sales()).toHaveLength(limits.refusalsPerScrip);
    world.runtime.advance(10 * MINUTE);
    await wallet.resume();
    expect(await wallet.pending()).toEqual([]);
    expect((await wallet.history()).at(-1)).toMatchObject({ kind: "purchase", outcome: "expired" });
    isBroken = false;
    expect(await codeOf(wallet.buy(NEWS, "article", max))).toBe("no error");
    await expectSettled(world, [{ uid: wallet.uid, store }], [{ uid: news.uid, store: shelf }]);
  });

  test("a hello that comes while a signature is checked does not make one customer's request another's", async () => {
    const news = await openNews();
    const alice = await handOn(memoryPeerStore());
    const bob = await handOn(memoryPeerStore());
    const greetingOf = async (hand: Hand) => {
      const credential = (await hand.party.credential()).bytes;
      return (await hand.sign(hello, { to: ANYBODY, credential })).bytes;
    };
    const visit = news.visit();
    const meeting = await alice.greet(visit);
    const [alices, bobs] = [await greetingOf(alice), await greetingOf(bob)];
    const { opening } = bob.party.identity;
    let answered = 0;
    // Whatever the two have come to when they meet: one of these is the moment that matters.
    for (let delay = 0; delay < 60; delay += 1) {
      await visit([alices]);
      const request = await meeting.seal(await alice.sign(offerRequest, { to: news.uid }));
      const greeting = visit([bobs]);
      for (let turn = 0; turn < delay; turn += 1) await null;
      const [reply = new Uint8Array()] = await visit([request]);
      await greeting;
      const forBob = await openMessage(reply, [offer], (kid) => (kid === opening.id ? opening : undefined));
      expect(isRefusal(forBob)).toBe(true);
      if (errorIn(reply) === undefined) answered += 1;
    }
    expect(answered).toBeGreaterThan(0);
  });

  test("33 copies of M1 of figure 8 in one frame: what comes back is a frame that its recipient takes", async () => {
    const news = await openNews();
    const { hand, meeting } = await customerOf(news);
    const { sealed } = await meeting.obtain(euro("1.00"), await hand.purse());
    const replies = await meeting.visit(Array<Uint8Array>(33).fill(sealed));
    expectFrame(replies);
    // The first are answered with M5 and M3.
    expect(replies.slice(0, 2).map((each) => errorIn(each))).toEqual([undefined, undefined]);
    expect(errorIn(given(replies.at(-1)))).toBe("busy");
  });

  test("33 copies of M1 of figure 8 over a socket: the merchant answers, and goes on", async () => {
    const news = await openNews();
    const { url } = await serve(news);
    const { hand } = await customerOf(news);
    const channel = await connectWebSocket(url);
    closers.push(() => channel.close());
    const meeting = await hand.greet((messages) => channel.request(messages));
    const { sealed } = await meeting.obtain(euro("1.00"), await hand.purse());
    expectFrame(await channel.request(Array<Uint8Array>(33).fill(sealed)));
    expect(await offersOver(meeting)).toBe(true);
  });

  test("64 copies of an M1 for a megabyte of goods: what comes back is a frame that its recipient takes", async () => {
    const film = new Uint8Array(1_000_000);
    const news = await world.merchant(NEWS, {
      store: shelf,
      catalogue: { film: { price: "EUR 0.02", deliver: () => film } },
    });
    const { url } = await serve(news);
    const { hand, wallet } = await customerOf(news);
    const channel = await connectWebSocket(url);
    closers.push(() => channel.close());
    const meeting = await hand.greet((messages) => channel.request(messages));
    const m1 = await meeting.purchase(spendingOf(await hand.holding(news.uid)), orderFor("film", "EUR 0.02"));
    const sealed = await meeting.seal(m1);
    const copies = Array<Uint8Array>(limits.frameMessages).fill(sealed);
    const replies = await channel.request(copies);
    expectFrame(replies);
    expect(orThrow(await meeting.open(replies[0], purchaseResponse)).payload.goods).toHaveLength(film.length);
    expect(new Set(replies.slice(1).map((each) => errorIn(each)))).toEqual(new Set(["busy"]));
    // It was sold once, and alone the same M1 gets its M2 again.
    expect(await news.sales()).toHaveLength(1);
    expect((await meeting.buy(m1)).ok).toBe(true);
    expect(await wallet.offers(NEWS)).toHaveLength(1);
  });

  test("an answer that is no frame ends its connection and nothing else", async () => {
    const { url } = await listen(
      () => async (messages) =>
        messages.length === 1 ? messages : Array<Uint8Array>(limits.frameMessages + 1).fill(utf8("x")),
    );
    const [bad, good] = [await open(url), await open(url)];
    bad.send(frame([utf8("a"), utf8("b")]));
    await once(bad, "close");
    const answer = once(good, "message");
    good.send(frame([utf8("a")]));
    expect(await answer).toHaveLength(2);
  });

  test("a connection over the limit that sends broken framing does not end the process", async () => {
    const { connections } = limits;
    closers.push(() => Object.assign(limits, { connections }));
    // One stands for ten thousand.
    Object.assign(limits, { connections: 1 });
    const { url } = await listen(() => async (messages) => messages);
    const one = await open(url);
    const uncaught: unknown[] = [];
    const note = (error: unknown): void => {
      uncaught.push(error);
    };
    process.on("uncaughtException", note);
    closers.push(() => process.off("uncaughtException", note));
    const stranger = connectTcp(Number(new URL(url).port), "127.0.0.1");
    closers.push(() => stranger.destroy());
    stranger.on("error", () => {
      // That it is cut off is what is expected.
    });
    stranger.write(
      "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    );
    stranger.once("data", () => stranger.write(Buffer.from([0xff, 0xff, 0xff, 0xff])));
    await once(stranger, "close");
    const answer = once(one, "message");
    one.send(frame([utf8("still there?")]));
    expect(await answer).toHaveLength(2);
    expect(uncaught).toEqual([]);
  });

  test("a customer that does not read its answers is cut off", async () => {
    const megabyte = new Uint8Array(1_000_000);
    let answered = 0;
    const { url } = await listen(() => async () => {
      answered += 1;
      return [megabyte];
    });
    const socket = await open(url);
    let isClosed = false;
    socket.on("close", () => {
      isClosed = true;
    });
    socket.pause();
    // Beyond what the two ends of a connection hold for each other and what may wait.
    const most = 64;
    while (!isClosed && answered < most) {
      if (socket.readyState === WebSocket.OPEN) socket.send(frame([utf8("more")]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(answered).toBeLessThan(most);
    expect(isClosed).toBe(true);
  });

  test("a connection that stays silent is closed: soon before its first frame, later after it", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    closers.push(() => vi.useRealTimers());
    const { url } = await listen(() => async (messages) => messages);
    const speaker = await open(url);
    const silent = await open(url);
    const answer = once(speaker, "message");
    speaker.send(frame([utf8("hello")]));
    await answer;

    vi.advanceTimersByTime(limits.firstFrameWithin - 1);
    expect([silent.readyState, speaker.readyState]).toEqual([WebSocket.OPEN, WebSocket.OPEN]);
    const gone = once(silent, "close");
    vi.advanceTimersByTime(1);
    expect((await gone)[0]).toBe(1006);

    const again = once(speaker, "message");
    speaker.send(frame([utf8("still here")]));
    await again;
    vi.advanceTimersByTime(limits.silentFor - 1);
    const last = once(speaker, "message");
    speaker.send(frame([utf8("and again")]));
    await last;
    const end = once(speaker, "close");
    vi.advanceTimersByTime(limits.silentFor);
    expect((await end)[0]).toBe(1006);
  });

  test("a connection that belongs to a session is left to the session, however silent it is", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    closers.push(() => vi.useRealTimers());
    let isHeard = (): void => {};
    const heard = new Promise<void>((resolve) => {
      isHeard = resolve;
    });
    const attach: Visit["attach"] = (wire) => wire.listen({ message: isHeard, closed: () => {} });
    const { url } = await listen(() => Object.assign(async () => [], { attach }));
    const [inSession, silent] = [await open(url), await open(url)];
    inSession.send(Uint8Array.of(HANDSHAKE));
    await heard;
    const gone = once(silent, "close");
    vi.advanceTimersByTime(10 * limits.silentFor);
    await gone;
    expect(inSession.readyState).toBe(WebSocket.OPEN);
  });

  function expectFrame(replies: readonly Uint8Array[]): void {
    expect(replies.length).toBeLessThanOrEqual(limits.frameMessages);
    expect(decodeFrame(encodeFrame({ id: 1, messages: replies }))).not.toHaveProperty("code");
  }

  async function offersOver(meeting: Meeting): Promise<boolean> {
    const { hand, merchant } = meeting;
    const request = await meeting.seal(await hand.sign(offerRequest, { to: merchant.uid }));
    const { error, replies } = await meeting.send(request);
    return error === undefined && !isRefusal(await meeting.open(replies[0], offer));
  }

  async function serve(merchant: Merchant) {
    const serving = await merchant.serve();
    closers.push(() => serving.close());
    return serving;
  }

  async function listen(visit: () => Visit) {
    const serving = await serveWebSockets({}, visit);
    closers.push(() => serving.close());
    return serving;
  }

  async function open(url: string): Promise<WebSocket> {
    const socket = new WebSocket(url, { perMessageDeflate: false });
    closers.push(() => socket.terminate());
    socket.on("error", () => {
      // The close that follows is what the tests look at.
    });
    await once(socket, "open");
    return socket;
  }

  const frame = (messages: readonly Uint8Array[]): Uint8Array => encodeAs(frameCodec, [1, messages]);
});
