/** Lies to a merchant: an M4 that a customer shows or the broker sends, orders that say something else, too much at its door. */
import { once } from "node:events";
import {
  type BrokerTransport,
  type Catalogue,
  LeptaError,
  type Merchant,
  memoryPeerStore,
  type PeerStore,
  type Visit,
  type Wallet,
} from "@lepta/peer-sdk";
import {
  authorizationResponse,
  encodeAs,
  frameCodec,
  limits,
  type Order,
  orThrow,
  purchaseResponse,
  type SigningKey,
  toText,
  transactionResponse,
} from "@lepta/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { serveWebSockets } from "../../peer-sdk/src/channel/serve.ts";
import { bodyOf, customerTables } from "../../peer-sdk/src/customer/records.ts";
import { merchantTables } from "../../peer-sdk/src/merchant/records.ts";
import { expectSettled } from "./support/audit.ts";
import { brokerKey, forge, type Lie, resign } from "./support/forger.ts";
import { euro, given, Hand, type Meeting, orderFor, spendingOf } from "./support/hand.ts";
import { codeOf, createWorld, DAY, through, type World } from "./support/world.ts";

const NEWS = "ws://news.example/pay";
const max = { max: "EUR 0.02" };
const OTHER_TXN = toText(new Uint8Array(16));
const OTHER_DIGEST = toText(new Uint8Array(32));

let world: World;
let store: PeerStore;
let shelf: PeerStore;
let news: Merchant;
let wallet: Wallet;
let delivered: number;
/** What becomes of the broker's answers on their way to the merchant. */
let atDoor: (path: string, answer: () => Promise<Uint8Array>) => Promise<Uint8Array>;
const honestDoor: typeof atDoor = (_path, answer) => answer();
/** The broker decides, and the merchant never hears of it. */
const deafDoor: typeof atDoor = async (path, answer) => {
  if (path === "/authorise") await answer();
  throw new LeptaError("unreachable", "the test lost the answer");
};
/** What a test left open; the last is closed first. */
let closers: (() => unknown)[];

const catalogue: Catalogue = {
  article: {
    price: "EUR 0.02",
    description: "Tomorrow's paper",
    deliver: () => {
      delivered += 1;
      return "the text";
    },
  },
};
const order: Order = { ...orderFor("article", "EUR 0.02"), description: "Tomorrow's paper" };

beforeEach(async () => {
  world = await createWorld();
  store = memoryPeerStore();
  shelf = memoryPeerStore();
  delivered = 0;
  closers = [];
  atDoor = honestDoor;
  const transport: BrokerTransport = async (method, url, bytes) => {
    if (method === "GET") return world.transport(method, url, bytes);
    let contentType = "application/cose";
    const body = await atDoor(new URL(url).pathname, async () => {
      const answer = await world.transport(method, url, bytes);
      contentType = answer.contentType;
      return answer.body;
    });
    return { contentType, body };
  };
  news = await world.merchant(NEWS, { store: shelf, catalogue, transport, scripLife: 30 * DAY });
  wallet = await world.wallet({ store });
  await wallet.topUp("EUR 5.00");
  await wallet.offers(NEWS);
});
afterEach(async () => {
  for (const close of closers.reverse()) await close();
  await world.close();
});

const handOn = (of: PeerStore): Promise<Hand> =>
  Hand.open({ store: of, broker: world.broker, transport: world.transport, runtime: world.runtime });
const settled = () => expectSettled(world, [{ uid: wallet.uid, store }], [{ uid: news.uid, store: shelf }]);
const reserved = async (): Promise<bigint> => (await news.books("EUR")).reservedVendorScrip;

/** Sets a limit for the rest of the test. */
function limit(name: "outbox" | "connections", value: number): void {
  const before = limits[name];
  closers.push(() => Object.assign(limits, { [name]: before }));
  Object.assign(limits, { [name]: value });
}

describe("M4 of figure 8", () => {
  type Fields = () => Readonly<Record<string, unknown>>;
  type Row = readonly [name: string, fields: Fields, by?: () => Promise<SigningKey>];
  const table: readonly Row[] = [
    ["of another amount", () => ({ amount: euro("0.50") })],
    ["of another currency", () => ({ amount: { currency: "USD", value: 1_000_000n } })],
    ["to another M2", () => ({ request: OTHER_DIGEST })],
    ["of another customer", () => ({ customer: news.uid })],
    ["in another transaction", () => ({ txn: OTHER_TXN })],
    ["of a conflict", () => ({ ok: false, reason: "conflict" })],
    ["that refuses another M2", () => ({ ok: false, reason: "refused", request: OTHER_DIGEST })],
    ["that refuses another amount", () => ({ ok: false, reason: "refused", amount: euro("0.50") })],
    ["that refuses another customer", () => ({ ok: false, reason: "refused", customer: news.uid })],
    ["for another merchant", () => ({ to: wallet.uid })],
    ["under a key for another purpose", () => ({}), () => brokerKey(world, "acknowledge")],
  ];
  const rows = table.map(([name, fields, by = () => brokerKey(world)]) => [name, fields, by] as const);

  test.each(rows)("%s neither frees nor ends V0 when a customer shows it", async (_name, fields, keyOf) => {
    atDoor = deafDoor;
    await wallet.obtain(NEWS, "EUR 1.00");
    expect(await reserved()).toBe(1_000_000n);
    const hand = await handOn(store);
    const meeting = await hand.greet(news.visit());
    const held = await hand.holding(news.uid);
    const honest = given(held.authorization);
    const by = await keyOf();
    const m1 = await meeting.purchase(spendingOf(held), order);
    const show = async (m4: Uint8Array) => meeting.send(await meeting.seal(m1, { attachments: [m4] }));
    expect((await show(await resign(honest, authorizationResponse, by, fields()))).error).toBe("pending");
    expect(await reserved()).toBe(1_000_000n);
    expect(delivered).toBe(0);
    expect(await news.sales()).toEqual([]);
    // With the broker's own word the same M1 is served.
    const { replies } = await show(honest);
    expect(orThrow(await meeting.open(replies[0], purchaseResponse)).payload.ok).toBe(true);
    expect(await reserved()).toBe(0n);
  });

  test.each(rows)(
    "%s neither frees nor ends V0 when the broker sends it, here or to an abort",
    async (_name, fields, keyOf) => {
      const merchant = await handOn(shelf);
      const signing = await brokerKey(world);
      const by = await keyOf();
      const doors: string[] = [];
      atDoor = async (path, answer) => {
        const honest = await answer();
        if (path === "/authorise") {
          doors.push(path);
          return forge(honest, authorizationResponse, merchant, signing, () => ({ payload: fields(), by }));
        }
        return forge(
          honest,
          transactionResponse,
          merchant,
          signing,
          async ({ attachments }): Promise<Lie> => {
            doors.push(path);
            const [m4 = new Uint8Array()] = attachments;
            return { attachments: [await resign(m4, authorizationResponse, by, fields())] };
          },
        );
      };
      // The wallet is told nothing by the merchant, and everything by the broker.
      await wallet.obtain(NEWS, "EUR 1.00");
      expect(doors).toContain("/authorise");
      expect(await reserved()).toBe(1_000_000n);
      expect(await merchantTables(shelf).sent.list()).toHaveLength(1);
      atDoor = honestDoor;
      await wallet.buy(NEWS, "article", max);
      expect(await merchantTables(shelf).sent.list()).toEqual([]);
      await settled();
    },
  );

  test("that refuses this very M2 ends V0", async () => {
    const merchant = await handOn(shelf);
    const signing = await brokerKey(world);
    const refusal = { ok: false, reason: "refused" };
    atDoor = async (_path, answer) =>
      forge(await answer(), authorizationResponse, merchant, signing, () => ({ payload: refusal }));
    await wallet.obtain(NEWS, "EUR 1.00");
    expect(await reserved()).toBe(0n);
    expect(await merchantTables(shelf).scrip.list()).toEqual([]);
  });
});

describe("M1 of figure 7", () => {
  let hand: Hand;
  let meeting: Meeting;
  beforeEach(async () => {
    await wallet.obtain(NEWS, "EUR 1.00");
    hand = await handOn(store);
    meeting = await hand.greet(news.visit());
  });

  test.each<readonly [string, Partial<Order>]>([
    ["another description", { description: "Tomorrow's newspaper" }],
    ["no description", { description: "" }],
    ["a lower price for one, and the amount that is asked", { unitPrice: euro("0.01") }],
    ["a higher price for one, and the amount that is asked", { unitPrice: euro("0.03") }],
    [
      "a price in another currency, and the amount that is asked",
      { unitPrice: { currency: "USD", value: 20_000n } },
    ],
  ])("with %s is price-mismatch: nothing is delivered or charged", async (_name, lie) => {
    const spending = spendingOf(await hand.holding(news.uid));
    const amount = euro("0.02");
    const sold = await meeting.buy(await meeting.purchase(spending, { ...order, ...lie }, { amount }));
    expect(sold).toMatchObject({ ok: false, reason: "price-mismatch" });
    expect(given(sold.payload).charged.value).toBe(0n);
    expect(delivered).toBe(0);
    expect((await news.books("EUR")).liveVendorScrip).toBe(1_000_000n);
    // The scrip is as good as before.
    expect(await meeting.buy(await meeting.purchase(spending, order))).toMatchObject({ ok: true });
  });

  test("with change that has expired is scrip-expired: V1 lives no longer than V0 did", async () => {
    const { expiresAt } = bodyOf(await hand.holding(news.uid));
    await wallet.buy(NEWS, "article", max);
    const change = await hand.holding(news.uid);
    expect(bodyOf(change)).toMatchObject({ parent: expect.any(String), expiresAt });
    world.runtime.advance(expiresAt - world.runtime.now());
    await world.rotate();
    const later = await (await handOn(store)).greet(news.visit());
    const sold = await later.buy(await later.purchase(spendingOf(change), order));
    expect(sold).toMatchObject({ ok: false, reason: "scrip-expired" });
    expect(delivered).toBe(1);
    expect(await news.books("EUR")).toMatchObject({ liveVendorScrip: 0n, expired: 980_000n, sold: 20_000n });
  });
});

describe("what a wallet offers", () => {
  test("scrip that has expired is not: another is obtained", async () => {
    await wallet.obtain(NEWS, "EUR 1.00");
    const hand = await handOn(store);
    const old = bodyOf(await hand.holding(news.uid));
    world.runtime.advance(old.expiresAt - world.runtime.now());
    await world.rotate();
    await wallet.topUp("EUR 1.00");
    await wallet.buy(NEWS, "article", max);
    const ids = (await hand.holdings(news.uid)).map((held) => bodyOf(held).id);
    expect(ids).toHaveLength(2);
    expect(ids).toContain(old.id);
  });

  test("scrip that is locked is not: another is obtained, and the lock stays", async () => {
    await wallet.obtain(NEWS, "EUR 1.00");
    const hand = await handOn(store);
    const held = await hand.holding(news.uid);
    const { id } = bodyOf(held);
    const { vendorscrip } = customerTables(store);
    await store.commit([vendorscrip.put(`${news.uid}/${id}`, { ...held, lockedBy: OTHER_TXN })]);
    await wallet.buy(NEWS, "article", max);
    expect(await vendorscrip.get(`${news.uid}/${id}`)).toEqual({ ...held, lockedBy: OTHER_TXN });
    expect((await wallet.balance()).vendorScrip).toMatchObject([{ amount: "EUR 1.38" }]);
  });

  test("while the merchant does not answer no second scrip and no second M1 is, whatever is bought", async () => {
    const seen = new Set<string>();
    const connect = through(world.connect, async (messages, pass) => {
      const isPurchase = (await customerTables(store).pending.list()).some(([, { message }]) =>
        Buffer.from(message).equals(Buffer.from(given(messages[0]))),
      );
      if (!isPurchase) return pass();
      seen.add(toText(given(messages[0])));
      return [];
    });
    await wallet.obtain(NEWS, "EUR 1.00");
    await wallet.obtain(NEWS, "EUR 1.00");
    await wallet.close();
    wallet = await world.wallet({ store, connect });
    for (let i = 0; i < 3; i += 1) expect(await codeOf(wallet.buy(NEWS, "article", max))).toBe("unreachable");
    expect(seen.size).toBe(1);
    const locked = (await (await handOn(store)).holdings(news.uid)).filter(
      ({ lockedBy }) => lockedBy !== undefined,
    );
    expect(locked).toHaveLength(1);
    await wallet.close();
    wallet = await world.wallet({ store });
    await wallet.buy(NEWS, "article", max);
    // What was under way was brought to its end first.
    expect(await news.sales()).toHaveLength(2);
    await settled();
  });
});

describe("an outbox without room", () => {
  test("at the customer is busy: nothing is locked or sent, and with room it goes on", async () => {
    await wallet.obtain(NEWS, "EUR 1.00");
    limit("outbox", 1);
    // It fills the merchant's too; that one is emptied.
    await wallet.buy(NEWS, "article", max);
    await news.flushNotices();
    expect(await codeOf(wallet.buy(NEWS, "article", max))).toBe("busy");
    expect(await wallet.pending()).toEqual([]);
    expect(delivered).toBe(1);
    await settled();
    await wallet.flushNotices();
    await wallet.buy(NEWS, "article", max);
    expect(delivered).toBe(2);
    await settled();
  });

  test("at the merchant is busy, unsigned: the scrip stays locked, and the same M1 is served when there is room", async () => {
    await wallet.obtain(NEWS, "EUR 1.00");
    limit("outbox", 1);
    await wallet.buy(NEWS, "article", max);
    await wallet.flushNotices();
    expect(await codeOf(wallet.buy(NEWS, "article", max))).toBe("busy");
    expect(delivered).toBe(1);
    expect(await wallet.pending()).toMatchObject([{ kind: "purchase" }]);
    expect((await (await handOn(store)).holding(news.uid)).lockedBy).toBeDefined();
    expect((await news.books("EUR")).sold).toBe(20_000n);
    await news.flushNotices();
    await wallet.resume();
    expect(delivered).toBe(2);
    expect((await wallet.balance()).vendorScrip).toMatchObject([{ amount: "EUR 0.96" }]);
    await settled();
  });
});

describe("too much at the door", () => {
  test("frames that are not answered yet stop the reading; it goes on when one is", async () => {
    const release = Promise.withResolvers<void>();
    closers.push(() => release.resolve());
    const big = new Uint8Array(100_000);
    let begun = 0;
    const url = await listen(() => async ([first = big]) => {
      if (first.length < big.length) return [first];
      begun += 1;
      await release.promise;
      return [new Uint8Array(1)];
    });
    const [greedy, other] = [await open(url), await open(url)];
    // Each is longer than what is read at once, so that every pause comes before the next.
    const sent = limits.framesAtOnce + 4;
    let answered = 0;
    const all = new Promise<void>((resolve) => {
      greedy.on("message", () => {
        answered += 1;
        if (answered === sent) resolve();
      });
    });
    for (let i = 0; i < sent; i += 1) greedy.send(frame([big]));
    while (begun < limits.framesAtOnce) await ask(other, new Uint8Array(1));
    // Others are served meanwhile, more often than those that are left would need to be read.
    for (let i = 0; i < 100; i += 1) await ask(other, new Uint8Array(1));
    expect(begun).toBe(limits.framesAtOnce);
    expect(answered).toBe(0);
    release.resolve();
    await all;
    expect(begun).toBe(sent);
  });

  // It is not so: what arrived with the frame that stopped the reading has been read, and ws hands all of it out.
  test("frames that came together are no more at once than those that came one by one", async () => {
    const release = Promise.withResolvers<void>();
    closers.push(() => release.resolve());
    let begun = 0;
    const url = await listen(() => async ([first = new Uint8Array()]) => {
      if (first.length === 1) return [first];
      begun += 1;
      await release.promise;
      return [new Uint8Array(1)];
    });
    const [greedy, other] = [await open(url), await open(url)];
    const { _socket: wire } = greedy as unknown as {
      readonly _socket: NodeJS.WritableStream & { cork(): void; uncork(): void };
    };
    wire.cork();
    for (let i = 0; i < limits.framesAtOnce * 4; i += 1) greedy.send(frame([new Uint8Array(2)]));
    wire.uncork();
    while (begun < limits.framesAtOnce) await ask(other, new Uint8Array(1));
    for (let i = 0; i < 20; i += 1) await ask(other, new Uint8Array(1));
    expect(begun).toBe(limits.framesAtOnce);
  });

  test("a connection over the limit is closed before anything of it is heard; when one leaves there is room", async () => {
    limit("connections", 1);
    let visits = 0;
    const url = await listen(() => {
      visits += 1;
      return async (messages) => messages;
    });
    const first = await open(url);
    await ask(first, new Uint8Array(1));
    const second = await open(url);
    if (second.readyState !== WebSocket.CLOSED) expect((await once(second, "close"))[0]).toBe(1006);
    expect(visits).toBe(1);
    await ask(first, new Uint8Array(2));
    first.close();
    await once(first, "close");
    await ask(await open(url), new Uint8Array(3));
    expect(visits).toBe(2);
  });

  test("a message of the longest length that a customer may send is read, a longer one closes the connection", async () => {
    const visited: number[] = [];
    const url = await listen(() => async ([message = new Uint8Array()]) => {
      visited.push(message.length);
      return [new Uint8Array(1)];
    });
    const [fitting, longer, other] = [await open(url), await open(url), await open(url)];
    const head =
      frame([new Uint8Array(limits.requestFrameBytes - 1000)]).length - (limits.requestFrameBytes - 1000);
    const longest = frame([new Uint8Array(limits.requestFrameBytes - head)]);
    expect(longest).toHaveLength(limits.requestFrameBytes);
    const answer = once(fitting, "message");
    fitting.send(longest);
    await answer;
    const end = once(longer, "close");
    longer.send(frame([new Uint8Array(limits.requestFrameBytes - head + 1)]));
    expect((await end)[0]).toBe(1009);
    expect(visited).toEqual([limits.requestFrameBytes - head]);
    // Nobody else notices.
    await ask(other, new Uint8Array(1));
    expect(fitting.readyState).toBe(WebSocket.OPEN);
  });

  async function listen(visit: () => Visit): Promise<string> {
    const serving = await serveWebSockets({}, visit);
    closers.push(() => serving.close());
    return serving.url;
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

  async function ask(socket: WebSocket, message: Uint8Array): Promise<void> {
    const answer = once(socket, "message");
    socket.send(frame([message]));
    await answer;
  }

  const frame = (messages: readonly Uint8Array[]): Uint8Array => encodeAs(frameCodec, [1, messages]);
});
