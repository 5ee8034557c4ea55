import {
  type Catalogue,
  connectWebSocket,
  type Merchant,
  memoryPeerStore,
  type PeerStore,
  type Wallet,
} from "@lepta/peer-sdk";
import {
  acknowledgement,
  decodeAs,
  encodeAs,
  encodeCbor,
  limits,
  noticeBatch,
  orThrow,
  purchaseNotice,
  purchaseResponse,
  readScrip,
  sameAmount,
  scripBodyCodec,
  scripOf,
  sha256,
  toText,
  utf8,
  vendorscripRequest,
  vendorscripResponse,
} from "@lepta/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { merchantTables } from "../../peer-sdk/src/merchant/records.ts";
import { creditOf, expectSettled } from "./support/audit.ts";
import { euro, given, Hand, type Meeting, orderFor, spendingOf } from "./support/hand.ts";
import {
  codeOf,
  createWorld,
  HOUR,
  lossyTransport,
  MINUTE,
  mortalStore,
  newLine,
  type World,
} from "./support/world.ts";

const NEWS = "ws://news.example/pay";
const RADIO = "ws://radio.example/pay";

let world: World;
let store: PeerStore;
let shelf: PeerStore;
let delivered: string[];
let news: Merchant;
let wallet: Wallet;
let hand: Hand;
let meeting: Meeting;

const catalogue: Catalogue = {
  article: {
    price: "EUR 0.02",
    deliver: ({ id }) => {
      delivered.push(id);
      return `copy ${delivered.length}`;
    },
  },
  broken: {
    price: "EUR 0.02",
    deliver: ({ id }) => {
      delivered.push(id);
      throw new Error("out of paper");
    },
  },
};

beforeEach(async () => {
  world = await createWorld();
  store = memoryPeerStore();
  shelf = memoryPeerStore();
  delivered = [];
  news = await world.merchant(NEWS, { store: shelf, catalogue, scripLife: 30 * 24 * HOUR });
  wallet = await world.wallet({ store });
  await wallet.topUp("EUR 5.00");
  await wallet.obtain(NEWS, "EUR 0.10");
  hand = await handOn(store);
  meeting = await hand.greet(news.visit());
});
afterEach(() => world.close());

const handOn = (of: PeerStore): Promise<Hand> =>
  Hand.open({ store: of, broker: world.broker, transport: world.transport, runtime: world.runtime });

/** Another customer, with a wallet and a hand of its own. */
async function another(): Promise<{ readonly wallet: Wallet; readonly hand: Hand }> {
  const theirs = memoryPeerStore();
  const other = await world.wallet({ store: theirs });
  await other.topUp("EUR 1.00");
  return { wallet: other, hand: await handOn(theirs) };
}

const live = async (): Promise<bigint> => (await news.books("EUR")).liveVendorScrip;

describe("figure 7 at the merchant", () => {
  test("an honest purchase made by hand goes through", async () => {
    const message = await meeting.purchase(
      spendingOf(await hand.holding(news.uid)),
      orderFor("article", "EUR 0.02"),
    );
    const sold = await meeting.buy(message);
    expect(sold).toMatchObject({ ok: true, reason: undefined });
    expect(given(sold.payload).charged).toEqual(euro("0.02"));
  });

  test("the same M1 gets the same signed M2, and the handler is not called again", async () => {
    const message = await meeting.purchase(
      spendingOf(await hand.holding(news.uid)),
      orderFor("article", "EUR 0.02"),
    );
    const first = await meeting.buy(message);
    for (let i = 0; i < 3; i += 1) expect((await meeting.buy(message)).signed).toEqual(first.signed);
    // On another connection, after the merchant opened again, and long after it expired.
    world.runtime.advance(HOUR);
    news = await world.merchant(NEWS, { store: shelf, catalogue });
    const later = await hand.greet(news.visit());
    expect((await later.buy(message)).signed).toEqual(first.signed);
    expect(delivered).toHaveLength(1);
    expect((await news.books("EUR")).sold).toBe(20_000n);
  });

  test("the same M1 many times at once is sold once", async () => {
    const message = await meeting.purchase(
      spendingOf(await hand.holding(news.uid)),
      orderFor("article", "EUR 0.02"),
    );
    const answers = await Promise.all(Array.from({ length: 16 }, () => meeting.buy(message)));
    expect(new Set(answers.map(({ signed }) => Buffer.from(given(signed)).toString("hex"))).size).toBe(1);
    expect(delivered).toHaveLength(1);
  });

  test("a refusal that was decided is the same again, although the handler would work by now", async () => {
    const message = await meeting.purchase(
      spendingOf(await hand.holding(news.uid)),
      orderFor("broken", "EUR 0.02"),
    );
    const first = await meeting.buy(message);
    expect(first.reason).toBe("delivery-failed");
    news = await world.merchant(NEWS, {
      store: shelf,
      catalogue: { broken: { price: "EUR 0.02", deliver: () => "repaired" } },
    });
    const again = await (await hand.greet(news.visit())).buy(message);
    expect(again.signed).toEqual(first.signed);
    expect(delivered).toHaveLength(1);
    expect(await live()).toBe(100_000n);
  });

  test("while the change lives its secret travels beside M2; once it is spent the spender's name does", async () => {
    const message = await meeting.purchase(
      spendingOf(await hand.holding(news.uid)),
      orderFor("article", "EUR 0.02"),
    );
    const secretsNow = async () => {
      const { replies } = await meeting.send(await meeting.seal(message));
      return orThrow(await meeting.open(replies[0], purchaseResponse)).secrets;
    };
    const [beside] = await secretsNow();
    const grant = given((await meeting.buy(message)).payload?.grant);
    const change = { scrip: scripOf(grant), secret: given(beside?.secret) };
    const next = await meeting.purchase(change, orderFor("article", "EUR 0.02"));
    expect((await meeting.buy(next)).ok).toBe(true);
    const [after] = await secretsNow();
    expect(after?.secret).toBeUndefined();
    expect(after?.spentBy?.[0]).toBe(hand.uid);
  });

  test("another M1 under the same transaction is a conflict and changes nothing", async () => {
    const held = await hand.holding(news.uid);
    const txn = hand.newTxn();
    const order = orderFor("article", "EUR 0.02");
    const first = await meeting.purchase(spendingOf(held), order, { fields: { txn } });
    const sold = await meeting.buy(first);
    expect(sold.ok).toBe(true);
    const second = await meeting.purchase(spendingOf(held), order, { fields: { txn } });
    expect(second.digest).not.toBe(first.digest);
    expect(await meeting.buy(second)).toMatchObject({ ok: false, reason: "conflict" });
    expect((await meeting.buy(first)).signed).toEqual(sold.signed);
    expect(delivered).toHaveLength(1);
  });

  test("a scrip that was spent is refused with scrip-spent, and the refusal is signed", async () => {
    const held = await hand.holding(news.uid);
    const order = orderFor("article", "EUR 0.02");
    await meeting.buy(await meeting.purchase(spendingOf(held), order));
    const again = await meeting.buy(await meeting.purchase(spendingOf(held), order));
    expect(again).toMatchObject({ error: undefined, ok: false, reason: "scrip-spent" });
    expect(given(again.payload).charged.value).toBe(0n);
    expect(await live()).toBe(80_000n);
  });

  test("64 concurrent spends of one VendorScrip over 8 connections: one wins, 63 get a signed scrip-spent", async () => {
    const serving = await news.serve();
    const held = await hand.holding(news.uid);
    const order = orderFor("article", "EUR 0.02");
    const channels = await Promise.all(Array.from({ length: 8 }, () => connectWebSocket(serving.url)));
    const meetings = await Promise.all(
      channels.map((channel) => hand.greet((frame) => channel.request(frame))),
    );
    const messages = await Promise.all(
      Array.from({ length: 64 }, () => meeting.purchase(spendingOf(held), order)),
    );
    const answers = await Promise.all(
      messages.map((message, i) => given(meetings[i % meetings.length]).buy(message)),
    );
    for (const channel of channels) channel.close();
    await serving.close();
    expect(answers.filter(({ ok }) => ok)).toHaveLength(1);
    expect(
      answers.filter(({ reason, signed }) => reason === "scrip-spent" && signed !== undefined),
    ).toHaveLength(63);
    expect(delivered).toHaveLength(1);
    expect((await news.books("EUR")).sold).toBe(20_000n);
    expect(await live()).toBe(80_000n);
  });

  const order = orderFor("article", "EUR 0.02");
  const refusals: readonly (readonly [string, string, () => Promise<string | undefined>])[] = [
    [
      "scrip of another merchant",
      "wrong-issuer",
      async () => {
        const radio = await world.merchant(RADIO, { catalogue });
        await wallet.obtain(RADIO, "EUR 0.10");
        return (await meeting.buy(await meeting.purchase(spendingOf(await hand.holding(radio.uid)), order)))
          .reason;
      },
    ],
    [
      "BrokerScrip",
      "wrong-issuer",
      async () => (await meeting.buy(await meeting.purchase(spendingOf(await hand.purse()), order))).reason,
    ],
    [
      "scrip whose value was raised",
      "scrip-forged",
      async () => {
        const { grant, secret } = await hand.holding(news.uid);
        const body = orThrow(readScrip(grant.body));
        const raised = encodeAs(scripBodyCodec, { ...body, value: euro("1000") });
        const scrip = [raised, grant.certificate] as const;
        return (await meeting.buy(await meeting.purchase({ scrip, secret }, order))).reason;
      },
    ],
    [
      "scrip whose life was prolonged",
      "scrip-forged",
      async () => {
        const { grant, secret } = await hand.holding(news.uid);
        const body = orThrow(readScrip(grant.body));
        const scrip = [
          encodeAs(scripBodyCodec, { ...body, expiresAt: body.expiresAt + 1 }),
          grant.certificate,
        ] as const;
        return (await meeting.buy(await meeting.purchase({ scrip, secret }, order))).reason;
      },
    ],
    [
      "scrip that was never issued",
      "scrip-forged",
      async () => {
        const { grant, secret } = await hand.holding(news.uid);
        const body = orThrow(readScrip(grant.body));
        const scrip = [encodeAs(scripBodyCodec, { ...body, id: hand.newTxn() }), grant.certificate] as const;
        return (await meeting.buy(await meeting.purchase({ scrip, secret }, order))).reason;
      },
    ],
    [
      "scrip of another peer",
      "not-owner",
      async () => {
        const held = await hand.holding(news.uid);
        const thief = await (await another()).hand.greet(news.visit());
        return (await thief.buy(await thief.purchase(spendingOf(held), order))).reason;
      },
    ],
    [
      "scrip of another peer that names the thief as its owner",
      "scrip-forged",
      async () => {
        const { grant, secret } = await hand.holding(news.uid);
        const thief = await (await another()).hand.greet(news.visit());
        const body = orThrow(readScrip(grant.body));
        const mine = encodeAs(scripBodyCodec, { ...body, owner: thief.hand.uid });
        return (await thief.buy(await thief.purchase({ scrip: [mine, grant.certificate], secret }, order)))
          .reason;
      },
    ],
    [
      "a proof made without the CustomerSecret",
      "bad-proof",
      async () => {
        const { grant } = await hand.holding(news.uid);
        const guess = { scrip: scripOf(grant), secret: new Uint8Array(32) };
        return (await meeting.buy(await meeting.purchase(guess, order))).reason;
      },
    ],
    [
      "a proof of other words",
      "bad-proof",
      async () => {
        const held = await hand.holding(news.uid);
        const other = await meeting.purchase(spendingOf(held), order);
        expect(other.bytes.length).toBeGreaterThan(0);
        const pop = new Uint8Array(32).fill(1);
        return (await meeting.buy(await meeting.purchase(spendingOf(held), order, { pop }))).reason;
      },
    ],
    [
      "scrip that has expired",
      "scrip-expired",
      async () => {
        world.runtime.advance(30 * 24 * HOUR);
        await world.rotate();
        const later = await (await handOn(store)).greet(news.visit());
        return (await later.buy(await later.purchase(spendingOf(await hand.holding(news.uid)), order)))
          .reason;
      },
    ],
    [
      "a request that has expired",
      "expired",
      async () => {
        const message = await meeting.purchase(spendingOf(await hand.holding(news.uid)), order);
        world.runtime.advance(MINUTE);
        return (await meeting.buy(message)).reason;
      },
    ],
    [
      "an item that is not sold",
      "unknown-item",
      async () => {
        const held = spendingOf(await hand.holding(news.uid));
        return (await meeting.buy(await meeting.purchase(held, orderFor("nothing", "EUR 0.02")))).reason;
      },
    ],
    [
      "a lower price than the catalogue's",
      "price-mismatch",
      async () => {
        const held = spendingOf(await hand.holding(news.uid));
        return (await meeting.buy(await meeting.purchase(held, orderFor("article", "EUR 0.01")))).reason;
      },
    ],
    [
      "a lower amount than price times quantity",
      "price-mismatch",
      async () => {
        const held = spendingOf(await hand.holding(news.uid));
        const three = orderFor("article", "EUR 0.02", 3);
        return (await meeting.buy(await meeting.purchase(held, three, { amount: euro("0.04") }))).reason;
      },
    ],
    [
      "a price in another currency",
      "price-mismatch",
      async () => {
        const held = spendingOf(await hand.holding(news.uid));
        return (await meeting.buy(await meeting.purchase(held, orderFor("article", "USD 0.02")))).reason;
      },
    ],
    [
      "a metered purchase of what has a price",
      "price-mismatch",
      async () => {
        const held = spendingOf(await hand.holding(news.uid));
        return (await meeting.buy(await meeting.purchase(held, order, { metered: true }))).reason;
      },
    ],
    [
      "less scrip than the price",
      "insufficient",
      async () => {
        const held = spendingOf(await hand.holding(news.uid));
        const six = orderFor("article", "EUR 0.02", 6);
        return (await meeting.buy(await meeting.purchase(held, six, { amount: euro("0.12") }))).reason;
      },
    ],
  ];

  test.each(refusals)("a merchant refuses %s with %s and delivers nothing", async (_name, code, attack) => {
    expect(await attack()).toBe(code);
    expect(delivered).toEqual([]);
    const { sold, liveVendorScrip, expired } = await news.books("EUR");
    expect([sold, liveVendorScrip + expired]).toEqual([0n, 100_000n]);
  });

  test("an amount of 0 is malformed", async () => {
    const held = spendingOf(await hand.holding(news.uid));
    const message = await meeting.purchase(held, order, {
      alterSpend: (spend) => {
        spend.set(4, ["EUR", 0]);
      },
    });
    expect((await meeting.buy(message)).error).toBe("malformed");
  });

  test("a full outbox is busy: nothing is sold that could not be reported", async () => {
    await fillOutbox(shelf);
    const full = await world.merchant(NEWS, { store: shelf, catalogue });
    const there = await hand.greet(full.visit());
    const message = await there.purchase(spendingOf(await hand.holding(news.uid)), order);
    expect((await there.buy(message)).error).toBe("busy");
    expect(delivered).toEqual([]);
    expect(await live()).toBe(100_000n);
  });
});

describe("figure 8 at the merchant", () => {
  const obtained = async (sealed: Uint8Array): Promise<string> => {
    const { error, replies } = await meeting.send(sealed);
    if (error !== undefined) return error;
    const answer = orThrow(await meeting.open(replies[0], vendorscripResponse));
    return answer.payload.reason ?? "done";
  };
  const reserved = async (): Promise<bigint> => (await news.books("EUR")).reservedVendorScrip;

  test("an honest request made by hand is granted, and the same one again gets the same V0", async () => {
    const { sealed } = await meeting.obtain(euro("0.50"), await hand.purse());
    const first = await meeting.send(sealed);
    const again = await meeting.send(sealed);
    expect(first.error).toBeUndefined();
    expect(again.replies[0]).toEqual(first.replies[0]);
    expect(creditOf(world, news.uid)).toBe(600_000n);
    expect(await live()).toBe(600_000n);
  });

  test("another request under the same transaction is a conflict", async () => {
    const purse = await hand.purse();
    const txn = hand.newTxn();
    expect(await obtained((await meeting.obtain(euro("0.50"), purse, txn)).sealed)).toBe("done");
    expect(await obtained((await meeting.obtain(euro("0.60"), purse, txn)).sealed)).toBe("conflict");
    expect(creditOf(world, news.uid)).toBe(600_000n);
  });

  test("BrokerScrip that was spent before is refused, and M learns only that", async () => {
    const purse = await hand.purse();
    await meeting.obtain(euro("0.50"), purse).then(({ sealed }) => obtained(sealed));
    expect(await obtained((await meeting.obtain(euro("0.50"), purse)).sealed)).toBe("refused");
    expect(creditOf(world, news.uid)).toBe(600_000n);
    expect(await live()).toBe(600_000n);
    expect(await reserved()).toBe(0n);
  });

  test("more than the BrokerScrip is worth is refused", async () => {
    expect(await obtained((await meeting.obtain(euro("5.00"), await hand.purse())).sealed)).toBe("refused");
    expect(await reserved()).toBe(0n);
  });

  test("another peer's BrokerScrip is refused", async () => {
    const thief = await (await another()).hand.greet(news.visit());
    const { sealed } = await thief.obtain(euro("0.50"), await hand.purse());
    const { replies } = await thief.send(sealed);
    expect(orThrow(await thief.open(replies[0], vendorscripResponse)).payload.reason).toBe("refused");
    expect(world.books().conserved).toBe(true);
  });

  test("a part for B that was sealed for another merchant is worth nothing here", async () => {
    const radio = await world.merchant(RADIO, { catalogue });
    const txn = hand.newTxn();
    const part = await hand.part(radio.uid, txn, euro("0.50"), await hand.purse());
    const request = await forward(part.sealed, txn);
    expect(await obtained(request)).toBe("refused");
    expect(creditOf(world, news.uid)).toBe(100_000n);
    // The customer's own transaction is not touched: the right merchant may still be paid.
    const there = await hand.greet(radio.visit());
    const { sealed } = await there.obtain(euro("0.50"), await hand.purse());
    expect((await there.send(sealed)).error).toBeUndefined();
    expect(creditOf(world, radio.uid)).toBe(500_000n);
  });

  test("a part for B that is not the one that was named is wrong-reference", async () => {
    const { request } = await meeting.obtain(euro("0.50"), await hand.purse());
    const other = await hand.part(news.uid, hand.newTxn(), euro("0.50"), await hand.purse());
    expect(await obtained(await meeting.seal(request, { attachments: [other.sealed] }))).toBe(
      "wrong-reference",
    );
    expect(await obtained(await meeting.seal(request))).toBe("malformed");
    expect(await reserved()).toBe(0n);
  });

  test("a request in another currency, an expired one, and one that asks for a longer life are refused", async () => {
    const purse = await hand.purse();
    const usd = { currency: "USD", value: 1n };
    expect(await obtained((await meeting.obtain(usd, purse)).sealed)).toBe("wrong-currency");
    const now = world.runtime.now();
    const late = await meeting.obtain(euro("0.50"), purse, hand.newTxn(), {
      issuedAt: now - 2,
      expiresAt: now,
    });
    expect(await obtained(late.sealed)).toBe("expired");
    const long = await meeting.obtain(euro("0.50"), purse, hand.newTxn(), {
      minimumExpiry: now + 31 * 24 * HOUR,
    });
    expect(await obtained(long.sealed)).toBe("scrip-expired");
    expect(await reserved()).toBe(0n);
  });

  test("a merchant that dies between reserving V0 and M4 ends it when it opens again", async () => {
    const shelves = memoryPeerStore();
    const probe = mortalStore(shelves);
    const before = await world.merchant(RADIO, { store: probe, catalogue });
    const dying = mortalStore(shelves, { at: 1, when: "after" });
    const radio = await world.merchant(RADIO, { store: laterDying(dying), catalogue });
    expect(radio.uid).toBe(before.uid);
    const there = await hand.greet(radio.visit());
    const { sealed } = await there.obtain(euro("0.50"), await hand.purse());
    expect((await there.send(sealed)).error).toBe("internal");
    expect(creditOf(world, radio.uid)).toBe(0n);
    const states = async () => (await merchantTables(shelves).scrip.list()).map(([, { state }]) => state);
    expect(await states()).toEqual(["reserved"]);
    const again = await world.merchant(RADIO, { store: shelves, catalogue });
    expect(await states()).toEqual(["live"]);
    expect(creditOf(world, radio.uid)).toBe(500_000n);
    expect((await again.books("EUR")).liveVendorScrip).toBe(500_000n);

    /** Opens alive; the first commit that reserves scrip is the last. */
    function laterDying(doomed: PeerStore): PeerStore {
      return {
        ...probe,
        commit: (changes) =>
          changes.some(({ key }) => key.startsWith("scrip/"))
            ? doomed.commit(changes)
            : probe.commit(changes),
      };
    }
  });

  test("a merchant long offline, whose M2 has expired, has the broker end it and keeps nothing", async () => {
    const line = newLine();
    const shelves = memoryPeerStore();
    const options = { store: shelves, catalogue, transport: lossyTransport(world.transport, line) };
    const radio = await world.merchant(RADIO, options);
    const there = await hand.greet(radio.visit());
    line.fault = { at: line.count + 1, kind: "cut-request" };
    const { sealed } = await there.obtain(euro("0.50"), await hand.purse());
    expect((await there.send(sealed)).error).toBe("pending");
    line.fault = undefined;
    for (let day = 0; day < 4; day += 1) {
      world.runtime.advance(24 * HOUR - 1);
      await world.rotate();
    }
    await world.merchant(RADIO, options);
    expect(await merchantTables(shelves).scrip.list()).toEqual([]);
    expect(creditOf(world, radio.uid)).toBe(0n);
  });

  test("V0 whose M4 was lost is live when the customer shows it", async () => {
    const line = newLine();
    const shelves = memoryPeerStore();
    const radio = await world.merchant(RADIO, {
      store: shelves,
      catalogue,
      transport: lossyTransport(world.transport, line),
    });
    await wallet.offers(RADIO);
    line.fault = { at: line.count + 1, kind: "cut-response" };
    // The broker has decided; the merchant does not hear it, the wallet asks the broker itself.
    await wallet.obtain(RADIO, "EUR 0.10");
    expect((await radio.books("EUR")).reservedVendorScrip).toBe(100_000n);
    // The merchant is still cut off: the customer brings M4.
    await wallet.buy(RADIO, "article", { max: "EUR 0.02" });
    line.fault = undefined;
    expect((await radio.books("EUR")).reservedVendorScrip).toBe(0n);
    await expectSettled(
      world,
      [{ uid: wallet.uid, store }],
      [
        { uid: news.uid, store: shelf },
        { uid: radio.uid, store: shelves },
      ],
    );
  });

  test("a purchase under the transaction of its own VendorScrip does not hang the merchant", async () => {
    const line = newLine();
    const radio = await world.merchant(RADIO, {
      catalogue,
      transport: lossyTransport(world.transport, line),
    });
    await wallet.offers(RADIO);
    line.fault = { at: line.count + 1, kind: "cut-response" };
    await wallet.obtain(RADIO, "EUR 0.10");
    line.fault = undefined;
    const there = await hand.greet(radio.visit());
    const entry = given(
      (await wallet.history()).find((each) => each.kind === "vendorscrip" && each.merchant === radio.uid),
    );
    const message = await there.purchase(
      spendingOf(await hand.holding(radio.uid)),
      orderFor("article", "EUR 0.02"),
      {
        fields: { txn: entry.txn },
      },
    );
    let answered: string | undefined;
    const asking = there.buy(message).then(({ ok, reason }) => {
      answered = ok ? "done" : reason;
    });
    // Everything here is immediate: a hundred turns of the event loop are more than any answer takes.
    for (let turn = 0; turn < 1000 && answered === undefined; turn += 1) await world.runtime.sleep(0);
    expect(answered).toBe("done");
    await asking;
  });

  function forward(part: Uint8Array, txn: string): Promise<Uint8Array> {
    return forwardTo(meeting, part, txn);
  }
});

describe("notices", () => {
  const order = orderFor("article", "EUR 0.02");
  const pairs = () => world.table.items().filter(({ key }) => key.pk.startsWith("PAIR#"));

  test("both sides' notices match at the broker, in batches, whoever is first", async () => {
    for (let i = 0; i < 5; i += 1) await wallet.buy(NEWS, "article", { max: "EUR 0.02" });
    await news.flushNotices();
    expect(pairs().map(({ item }) => item.state)).toEqual(Array.from({ length: 5 }, () => "one-sided"));
    await wallet.flushNotices();
    expect(pairs().map(({ item }) => item.state)).toEqual(Array.from({ length: 5 }, () => "matched"));
    expect(await shelf.list("outbox/")).toEqual([]);
  });

  test("a refused purchase is reported with a charge of 0", async () => {
    await codeOf(wallet.buy(NEWS, "broken", { max: "EUR 0.02" }));
    await Promise.all([news.flushNotices(), wallet.flushNotices()]);
    expect(pairs().map(({ item }) => item.state)).toEqual(["matched"]);
  });

  test("purchases go on while the broker is away; afterwards all notices arrive, in their order", async () => {
    const line = newLine();
    const shelves = memoryPeerStore();
    const radio = await world.merchant(RADIO, {
      store: shelves,
      catalogue,
      transport: lossyTransport(world.transport, line),
    });
    await wallet.obtain(RADIO, "EUR 0.20");
    line.fault = { at: line.count + 1, kind: "cut-request" };
    for (let i = 0; i < 10; i += 1) await wallet.buy(RADIO, "article", { max: "EUR 0.02" });
    expect(await codeOf(radio.flushNotices())).toBe("unreachable");
    expect(await shelves.list("outbox/")).toHaveLength(10);
    line.fault = undefined;
    // Also after the merchant opened again.
    const again = await world.merchant(RADIO, { store: shelves, catalogue });
    await again.flushNotices();
    await wallet.flushNotices();
    expect(pairs().map(({ item }) => item.state)).toEqual(Array.from({ length: 10 }, () => "matched"));
  });

  test("a batch that arrives twice does no harm", async () => {
    const line = newLine();
    const shelves = memoryPeerStore();
    const radio = await world.merchant(RADIO, {
      store: shelves,
      catalogue,
      transport: lossyTransport(world.transport, line),
    });
    await wallet.buy(RADIO, "article", { max: "EUR 0.02" });
    line.fault = { at: line.count + 1, kind: "duplicate" };
    await radio.flushNotices();
    line.fault = undefined;
    await wallet.buy(RADIO, "article", { max: "EUR 0.02" });
    line.fault = { at: line.count + 1, kind: "lost-response" };
    await radio.flushNotices();
    await wallet.flushNotices();
    expect(pairs().map(({ item }) => item.state)).toEqual(["matched", "matched"]);
    expect(await shelves.list("outbox/")).toEqual([]);
  });

  test("more notices than one batch takes go in several", async () => {
    const one = given((await soldNotice())[1], "notice");
    const count = limits.outboxBatch * 2 + 1;
    await shelf.commit(
      Array.from({ length: count }, (_, i) => ({ key: `outbox/${String(i).padStart(15, "0")}`, value: one })),
    );
    let batches = 0;
    const again = await world.merchant(NEWS, {
      store: shelf,
      catalogue,
      transport: (method, url, body) => {
        if (url.endsWith("/notices")) batches += 1;
        return world.transport(method, url, body);
      },
    });
    await again.flushNotices();
    expect(batches).toBe(3);
    expect(await shelf.list("outbox/")).toEqual([]);
  });

  test("nothing is dropped for an acknowledgement of something else", async () => {
    const shelves = memoryPeerStore();
    let earlier: Awaited<ReturnType<typeof world.transport>> | undefined;
    let isReplaying = false;
    const radio = await world.merchant(RADIO, {
      store: shelves,
      catalogue,
      transport: async (method, url, body) => {
        if (!url.endsWith("/notices")) return world.transport(method, url, body);
        if (isReplaying && earlier !== undefined) return earlier;
        earlier = await world.transport(method, url, body);
        return earlier;
      },
    });
    await wallet.buy(RADIO, "article", { max: "EUR 0.02" });
    await radio.flushNotices();
    await wallet.buy(RADIO, "article", { max: "EUR 0.02" });
    isReplaying = true;
    expect(await codeOf(radio.flushNotices())).toBe("unreachable");
    expect(await shelves.list("outbox/")).toHaveLength(1);
    isReplaying = false;
    await radio.flushNotices();
  });

  test("what a merchant reports falsely differs at the broker", async () => {
    const message = await meeting.purchase(spendingOf(await hand.holding(news.uid)), order);
    await meeting.buy(message);
    await news.flushNotices();
    // The customer's own M0 names another amount than the merchant's M3.
    const notice = await hand.sign(purchaseNotice, {
      to: world.network,
      txn: txnOf(await news.sales()),
      merchant: news.uid,
      amount: euro("0.03"),
      metered: false,
      order: new Uint8Array(32),
      purchase: message.digest,
    });
    const batch = await hand.sign(noticeBatch, { to: world.network, entries: [notice.bytes] });
    const answer = await world.call("/notices", await hand.sealToBroker(batch));
    expect(answer.status).toBe(200);
    const read = orThrow(await meeting.open(answer.body, acknowledgement));
    expect(read.payload.refused).toEqual([]);
    expect(pairs().map(({ item }) => item.state)).toEqual(["differs"]);
  });

  const txnOf = (sales: Awaited<ReturnType<Merchant["sales"]>>): string => given(sales[0]).txn;

  async function soldNotice(): Promise<readonly [string, Uint8Array] | readonly []> {
    await wallet.buy(NEWS, "article", { max: "EUR 0.02" });
    return (await shelf.list("outbox/"))[0] ?? [];
  }
});

describe("the merchant's books", () => {
  test("sales and books tell what was sold, to whom, for how much", async () => {
    await wallet.buy(NEWS, "article", { max: "EUR 0.10", quantity: 2 });
    expect(await news.sales()).toMatchObject([
      { customer: wallet.uid, sku: "article", quantity: 2, ok: true, charged: "EUR 0.04" },
    ]);
    expect(await news.books("EUR")).toEqual({
      liveVendorScrip: 60_000n,
      reservedVendorScrip: 0n,
      expired: 0n,
      sold: 40_000n,
      refunded: 0n,
    });
    expect((await news.books("USD")).sold).toBe(0n);
  });

  test("an M2 names the amount, the spent scrip and a change worth the rest", async () => {
    const held = await hand.holding(news.uid);
    const { payload } = await meeting.buy(
      await meeting.purchase(spendingOf(held), orderFor("article", "EUR 0.02")),
    );
    const { spent, grant, charged } = given(payload);
    expect(spent).toBe(orThrow(readScrip(held.grant.body)).id);
    const change = orThrow(decodeAs(scripBodyCodec, given(grant).body));
    expect(sameAmount(change.value, euro("0.08"))).toBe(true);
    expect(sameAmount(charged, euro("0.02"))).toBe(true);
    expect(change.parent).toBe(spent);
  });
});

/** A request for VendorScrip that forwards this part for B. */
async function forwardTo(to: Meeting, part: Uint8Array, txn: string): Promise<Uint8Array> {
  const request = await to.hand.sign(vendorscripRequest, {
    to: to.merchant.uid,
    txn,
    amount: euro("0.50"),
    minimumExpiry: to.hand.party.runtime.now() + MINUTE,
    part: toText(sha256(part)),
  });
  return to.seal(request, { attachments: [part] });
}

/** As many notices as an outbox may hold; what they say does not matter. */
async function fillOutbox(of: PeerStore): Promise<void> {
  const value = encodeCbor(utf8("a notice"));
  await of.commit(
    Array.from({ length: limits.outbox }, (_, i) => ({
      key: `outbox/${String(i).padStart(15, "0")}`,
      value,
    })),
  );
}
