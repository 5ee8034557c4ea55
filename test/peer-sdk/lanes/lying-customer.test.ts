/** Customers that say what they like in a session: the merchant gives nothing for it, loses nothing, and serves on. */
import { type Merchant, memoryPeerStore, type PeerStore } from "@lepta/peer-sdk";
import {
  chainAfter,
  decodeAs,
  encodeAs,
  laneClose,
  laneOpened,
  laneRefused,
  limits,
  orThrow,
  proveResumption,
  signStatement,
  statementProposal,
  statementSigned,
} from "@lepta/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type ByHandLane, CustomerByHand, quiet } from "../support/by-hand.ts";
import { Hand, orderFor, spendingOf } from "../support/hand.ts";
import { createWorld, type World } from "../support/world.ts";

const SHOP = "ws://shop.example/pay";

let world: World;
let merchant: Merchant;
let hand: Hand;
/** Goods that were made, and those that wait until a test lets them be made. */
let made: string[];
let slow: (() => void)[];

beforeEach(async () => {
  world = await createWorld({ sessions: true });
  made = [];
  slow = [];
  merchant = await world.merchant(SHOP, {
    catalogue: {
      page: {
        price: "EUR 0.01",
        deliver: ({ id }) => {
          made.push(id);
          return "page";
        },
      },
      song: {
        price: "EUR 0.04",
        deliver: ({ id }) =>
          new Promise((resolve) => {
            slow.push(() => {
              made.push(id);
              resolve("song");
            });
          }),
      },
      film: { price: "EUR 0.05", deliver: () => "film" },
      book: {
        price: "EUR 0.0001",
        deliver: ({ id }) => {
          made.push(id);
          return new Uint8Array(1_000_000);
        },
      },
    },
  });
  hand = await customer(1);
});
afterEach(async () => {
  for (const make of slow) make();
  await quiet();
  expect(world.faults).toEqual([]);
  await world.close();
});

/** An enrolled customer with so many scrips of EUR 1, to be driven by hand. */
async function customer(scrips: number): Promise<Hand> {
  const store = memoryPeerStore();
  const wallet = await world.wallet({ store });
  await wallet.topUp("EUR 20.00");
  for (let i = 0; i < scrips; i += 1) await wallet.obtain(SHOP, "EUR 1.00");
  await wallet.close();
  return byHand(store);
}

const byHand = (store: PeerStore): Promise<Hand> => {
  const { broker, runtime, transport } = world;
  return Hand.open({ broker, runtime, transport, store });
};

const visit = () => merchant.visit();

async function opened(session?: CustomerByHand): Promise<{ by: CustomerByHand; lane: ByHandLane }> {
  const by = session ?? (await CustomerByHand.open(hand, visit()));
  const lane = by.openLane(1, await hand.holding(merchant.uid));
  await by.items.next(2);
  return { by, lane };
}

const refusal = async ({ items }: CustomerByHand): Promise<string> =>
  orThrow(decodeAs(laneRefused, await items.next(5)))[3];

describe("a lane is not opened", () => {
  test("under another pop", async () => {
    const by = await CustomerByHand.open(hand, visit());
    by.openLane(1, await hand.holding(merchant.uid), new Uint8Array(32));
    expect(await by.items.fault()).toBe("bad-proof");
  });

  test("under a pop that was made for another session", async () => {
    const first = await CustomerByHand.open(hand, visit());
    const held = await hand.holding(merchant.uid);
    const item = first.openLane(1, held);
    await first.items.next(2);
    const other = await CustomerByHand.open(hand, visit());
    other.openLane(2, held, item.origin);
    expect(await other.items.fault()).toBe("in-use");
  });

  test("on another customer's scrip", async () => {
    const by = await CustomerByHand.open(await customer(0), visit());
    by.openLane(1, await hand.holding(merchant.uid));
    expect(await by.items.fault()).toBe("not-owner");
  });

  test("under the number 0, which is no lane's", async () => {
    const by = await CustomerByHand.open(hand, visit());
    by.openLane(0, await hand.holding(merchant.uid));
    expect(await by.items.fault()).toBe("busy");
  });

  test("twice under one number at the same moment: one of the scrips stays free", async () => {
    const two = await customer(2);
    const [first, second] = await two.holdings(merchant.uid);
    if (first === undefined || second === undefined) throw new Error("two scrips are needed");
    const [a, b] = [await CustomerByHand.open(two, visit()), await CustomerByHand.open(two, visit())];
    a.openLane(1, first);
    b.openLane(1, second);
    await quiet();
    const ends = [...a.items.all, ...b.items.all].map((item) => item[1]).sort();
    expect(ends).toEqual([13, 2]);
    expect(await merchant.books("EUR")).toMatchObject({ liveVendorScrip: 3_000_000n });
  });

  test("beyond so many at once, however they are asked for", async () => {
    const many = await customer(1);
    for (const number of Array.from({ length: limits.lanes + 4 }, (_, i) => i + 1)) {
      const by = await CustomerByHand.open(many, visit());
      by.openLane(number, await many.holding(merchant.uid));
    }
    await quiet();
    expect(await merchant.books("EUR")).toMatchObject({ liveVendorScrip: 2_000_000n });
  });
});

describe("a purchase is not sold", () => {
  test.each([
    { lie: "out of its turn", code: "wrong-reference", sequence: 2 },
    { lie: "under the sequence of none", code: "conflict", sequence: 0 },
  ])("$lie", async ({ code, sequence }) => {
    const { by, lane } = await opened();
    by.buy(lane, sequence, "page", "EUR 0.01");
    expect(await by.items.fault()).toBe(code);
    expect(made).toEqual([]);
  });

  test("on a lane that is not open", async () => {
    const { by, lane } = await opened();
    by.buy({ ...lane, number: 7 }, 1, "page", "EUR 0.01");
    expect(await by.items.fault()).toBe("wrong-reference");
  });

  test("twice: the same item gets the same answer, another under its number none", async () => {
    const { by, lane } = await opened();
    const item = by.buy(lane, 1, "page", "EUR 0.01");
    const first = await by.items.next(4);
    by.session.send(item);
    expect(await by.items.next(4)).toEqual(first);
    by.buy(lane, 1, "page", "EUR 0.01", 2);
    expect(await by.items.fault()).toBe("conflict");
    expect(made).toHaveLength(1);
  });

  test.each([
    { lie: "for less than it costs", sku: "page", price: "EUR 0.001", quantity: 1, code: "price-mismatch" },
    {
      lie: "that is not in the catalogue",
      sku: "pages",
      price: "EUR 0.01",
      quantity: 1,
      code: "unknown-item",
    },
    {
      lie: "that must be signed by itself",
      sku: "film",
      price: "EUR 0.05",
      quantity: 1,
      code: "signature-needed",
    },
    {
      lie: "that many make too dear for a lane",
      sku: "page",
      price: "EUR 0.01",
      quantity: 5,
      code: "signature-needed",
    },
  ])("$lie: it counts, and charges nothing", async ({ sku, price, quantity, code }) => {
    const { by, lane } = await opened();
    by.buy(lane, 1, sku, price, quantity);
    expect(await refusal(by)).toBe(code);
    expect(await merchant.books("EUR")).toMatchObject({ sold: 0n, liveVendorScrip: 1_000_000n });
  });

  test("in a session of another customer that knows its lane", async () => {
    const { lane } = await opened();
    const thief = await CustomerByHand.open(await customer(0), visit());
    thief.resume(lane, 0, lane.origin);
    expect(await thief.items.fault()).toBe("wrong-reference");
    thief.buy(lane, 1, "page", "EUR 0.01");
    expect(await thief.items.fault()).toBe("wrong-reference");
    expect(made).toEqual([]);
  });

  test("in a second session that resumes nothing, while the first stands", async () => {
    const { lane } = await opened();
    const second = await CustomerByHand.open(hand, visit());
    second.resume(lane, 0, lane.origin);
    expect(await second.items.fault()).toBe("in-use");
  });

  test.each([
    { whose: "of another secret", secret: () => new Uint8Array(32), opening: (next: Uint8Array) => next },
    { whose: "of the session before", secret: (own: Uint8Array) => own, opening: undefined },
  ])("in a session that resumes the first with a proof $whose", async ({ secret, opening }) => {
    const { by, lane } = await opened();
    const next = await CustomerByHand.open(hand, visit(), by.session.opening);
    const proven = opening?.(next.session.opening) ?? by.session.opening;
    const pop = proveResumption(secret(lane.secret), lane.origin, proven);
    next.resume(lane, 0, chainAfter(lane.origin, []), pop);
    expect(await next.items.fault()).toBe("bad-proof");
    next.buy(lane, 1, "page", "EUR 0.01");
    expect(await next.items.fault()).toBe("wrong-reference");
    expect(made).toEqual([]);
    next.resume(lane, 0, chainAfter(lane.origin, []));
    await next.items.next(2);
    next.buy(lane, 1, "page", "EUR 0.01");
    await next.items.next(4);
  });

  test("with the lane's scrip by itself", async () => {
    await opened();
    const meeting = await hand.greet(visit());
    const { grant, secret } = await hand.holding(merchant.uid);
    const answer = await meeting.buy(
      await meeting.purchase(spendingOf({ grant, secret }), orderFor("film", "EUR 0.05")),
    );
    expect(answer).toMatchObject({ ok: false, reason: "in-use" });
  });

  test("where the lane stands elsewhere than its customer says", async () => {
    const { by, lane } = await opened();
    by.buy(lane, 1, "page", "EUR 0.01");
    await by.items.next(4);
    const next = await CustomerByHand.open(hand, visit(), by.session.opening);
    next.resume(lane, 1, lane.origin);
    expect(await next.items.fault()).toBe("conflict");
    next.resume(lane, 7, lane.origin);
    expect(await next.items.fault()).toBe("conflict");
  });
});

describe("bounds of what no statement covers", () => {
  const most = Number(limits.unstatedAmount / 10_000n);

  test("hold on one lane: no more goods until a signature comes", async () => {
    const { by, lane } = await opened();
    for (let i = 1; i <= most + 10; i += 1) by.buy(lane, i, "page", "EUR 0.01");
    await quiet();
    expect(made).toHaveLength(most);
  });

  test("hold for bytes: who buys megabytes for next to nothing fills nobody's memory", async () => {
    const { by, lane } = await opened();
    for (let i = 1; i <= 40; i += 1) by.buy(lane, i, "book", "EUR 0.0001");
    await quiet();
    expect(made).toHaveLength(Math.ceil(limits.unstatedBytes / 1_000_000));
  });

  test("hold over all lanes and sessions, also while goods are being made", async () => {
    const many = await customer(8);
    for (const [i, held] of (await many.holdings(merchant.uid)).entries()) {
      const by = await CustomerByHand.open(many, visit());
      const lane = by.openLane(i + 1, held);
      await by.items.next(2);
      by.buy(lane, 1, "song", "EUR 0.04");
    }
    await quiet();
    // Six at EUR 0.04 are within EUR 0.25.
    expect(slow).toHaveLength(6);
    for (const make of slow) make();
    await quiet();
    expect(slow).toHaveLength(6);
    expect(await merchant.books("EUR")).toMatchObject({ sold: 240_000n });
  });

  test("make room again on every lane that waits when one is signed", async () => {
    const two = await customer(2);
    const [first, second] = await two.holdings(merchant.uid);
    if (first === undefined || second === undefined) throw new Error("two scrips are needed");
    const by = await CustomerByHand.open(two, visit());
    const [a, b] = [by.openLane(1, first), by.openLane(2, second)];
    await by.items.next(2);
    await by.items.next(2);
    for (let i = 1; i <= most; i += 1) by.buy(a, i, "page", "EUR 0.01");
    await quiet();
    by.buy(b, 1, "page", "EUR 0.01");
    await quiet();
    expect(made).toHaveLength(most);
    await sign(by, two);
    await quiet();
    expect(made).toHaveLength(most + 1);
  });

  test("stay when the merchant starts anew", async () => {
    const store = memoryPeerStore();
    const url = "ws://other.example/pay";
    const catalogue = { page: { price: "EUR 0.01", deliver: () => "page" } };
    const first = await world.merchant(url, { store: { ...store, close: async () => {} }, catalogue });
    const disk = memoryPeerStore();
    const wallet = await world.wallet({ store: disk });
    await wallet.topUp("EUR 5.00");
    await wallet.obtain(url, "EUR 1.00");
    await wallet.close();
    const by = await CustomerByHand.open(await byHand(disk), first.visit());
    const other = await byHand(disk);
    const lane = by.openLane(1, await other.holding(first.uid));
    await by.items.next(2);
    for (let i = 1; i <= most; i += 1) by.buy(lane, i, "page", "EUR 0.01");
    await quiet();
    await first.close();
    const again = await world.merchant(url, { store, catalogue });
    const next = await CustomerByHand.open(other, again.visit(), by.session.opening);
    next.resume(lane, 0, chainAfter(lane.origin, []));
    await next.items.next(2);
    next.buy(lane, most + 1, "page", "EUR 0.01");
    await quiet();
    expect(await again.books("EUR")).toMatchObject({ sold: limits.unstatedAmount });
  });

  /** Signs what was proposed last. */
  async function sign(by: CustomerByHand, who: Hand): Promise<void> {
    for (;;) {
      const [, number, payload] = orThrow(decodeAs(statementProposal, await by.items.next(14)));
      by.send(statementSigned, [15, number, await signStatement(payload, who.party.identity.signing)]);
      await quiet();
      if (!by.items.all.some((item) => item[1] === 14)) return;
    }
  }
});

describe("a statement", () => {
  test("is not signed by anybody else's key", async () => {
    const { by, lane } = await opened();
    by.buy(lane, 1, "page", "EUR 0.01");
    await by.items.next(4);
    by.send(laneClose, [7, 1]);
    const [, number, payload] = orThrow(decodeAs(statementProposal, await by.items.next(14)));
    const other = await customer(0);
    const { signing } = other.party.identity;
    by.send(statementSigned, [15, number, await signStatement(payload, signing)]);
    expect(await by.items.fault()).toBe("unauthentic");
    by.send(statementSigned, [15, number, await signStatement(payload, signing, hand.uid)]);
    expect(await by.items.fault()).toBe("unauthentic");
    expect(await merchant.books("EUR")).toMatchObject({ sold: 10_000n, liveVendorScrip: 990_000n });
  });

  test("that closes is signed twice at once, and its change is granted once", async () => {
    const { by, lane } = await opened();
    by.buy(lane, 1, "page", "EUR 0.01");
    await by.items.next(4);
    by.send(laneClose, [7, 1]);
    const [, number, payload] = orThrow(decodeAs(statementProposal, await by.items.next(14)));
    const signature = await signStatement(payload, hand.party.identity.signing);
    by.send(statementSigned, [15, number, signature]);
    by.send(statementSigned, [15, number, signature]);
    by.buy(lane, 2, "page", "EUR 0.01");
    await by.items.next(7);
    await quiet();
    expect(made).toHaveLength(1);
    expect(await merchant.books("EUR")).toMatchObject({ sold: 10_000n, liveVendorScrip: 990_000n });
  });
});

describe("what makes no sense", () => {
  const nonsense: readonly (readonly [what: string, bytes: Uint8Array])[] = [
    ["a single byte", new Uint8Array([0x80])],
    ["an item of no number", new Uint8Array([0x81, 0x17])],
    ["a number that is none", new Uint8Array([0x81, 0xff])],
    [
      "an item that only the merchant sends",
      encodeAs(laneOpened, [2, 1, 0, { currency: "EUR", value: 1n }, new Uint8Array(32)]),
    ],
    ["a cut item 1", new Uint8Array([0x85, 0x01, 0x01])],
    ["a cut item 3", new Uint8Array([0x87, 0x03, 0x01, 0x01])],
    ["an item 11 of another shape", new Uint8Array([0x84, 0x0b, 0x01, 0x01, 0x40])],
    ["an item 15 without a signature", new Uint8Array([0x83, 0x0f, 0x01, 0x40])],
    ["an item 6 that is empty", new Uint8Array([0x83, 0x06, 0x01, 0x40])],
    ["a text", new TextEncoder().encode("GET / HTTP/1.1")],
  ];

  test.each(nonsense)("ends the session, and no other: %s", async (_what, bytes) => {
    const { by } = await opened();
    const other = await CustomerByHand.open(hand, visit());
    by.session.send(bytes);
    await by.items.ended();
    expect(other.session.isOpen).toBe(true);
  });

  test("is an error message in an item 6 whose content is none", async () => {
    const by = await CustomerByHand.open(hand, visit());
    by.session.send(new Uint8Array([0x83, 0x06, 0x01, 0x41, 0xff]));
    expect((await by.items.next(6)).length).toBeGreaterThan(4);
    expect(by.session.isOpen).toBe(true);
  });
});
