import { keys, noticeItem, type Store, variable } from "@lepta/lambdas";
import { waitingItem } from "@lepta/lambdas/broker/items";
import {
  brokerscripResponse,
  limits,
  orThrow,
  purchaseNotice,
  readMessage,
  refuse,
  saleNotice,
  sha256,
  toText,
  vendorscripIntent,
} from "@lepta/protocol";
import { beforeEach, describe, expect, test } from "vitest";
import { type BrokerUnderTest, memoryBroker } from "../../support/broker.ts";
import {
  authorise,
  DAY,
  enrolledPeer,
  euro,
  HOUR,
  heldOf,
  MINUTE,
  makeSale,
  type Overrides,
  type TestPeer,
  tell,
} from "../../support/peer.ts";
import { START } from "../../support/runtime.ts";

let broker: BrokerUnderTest;
let alice: TestPeer;
let shop: TestPeer;

beforeEach(async () => {
  broker = await memoryBroker();
  alice = await enrolledPeer(broker, "alice");
  shop = await enrolledPeer(broker, "shop");
});

const openItems = async () => (await broker.items()).filter(({ key }) => key.pk.startsWith("OPEN#"));
const waitingItems = async () => (await broker.items()).filter(({ key }) => key.pk.startsWith("WAITING#"));
const stateOf = async (txn: string) => orThrow(await alice.query(alice.uid, txn)).payload.state;

describe("an intent", () => {
  const intend = async (overrides: Overrides = {}) => {
    const txn = alice.newTxn();
    const own = { merchant: shop.uid, amount: euro("0.30") };
    const intent = await alice.sign(vendorscripIntent, own, { txn, ...overrides });
    orThrow(await tell(alice, "POST /intent", await alice.seal(intent)));
    return txn;
  };

  test("that nothing came of is refused as expired once no clock can bring anything any more", async () => {
    const txn = await intend();
    broker.runtime.advance(HOUR + limits.clockSkew - 1);
    expect(await broker.finish()).toEqual({ seen: 1, decided: 0, failed: 0 });
    expect(await stateOf(txn)).toBe("open");
    broker.runtime.advance(1);
    expect(await broker.finish()).toEqual({ seen: 1, decided: 1, failed: 0 });
    expect(await stateOf(txn)).toBe("refused");
    expect(await broker.finish()).toEqual({ seen: 0, decided: 0, failed: 0 });
  });

  test("that was ended makes an authorization that comes after it void, and moves no money", async () => {
    const held = await alice.fund(euro("1.00"));
    const txn = await intend();
    broker.runtime.advance(HOUR + limits.clockSkew);
    await broker.finish();
    const sale = await makeSale(alice, shop, broker.runtime.now(), { amount: euro("0.30"), held, txn });
    const { m4, m3 } = orThrow(await authorise(broker, sale));
    expect([m4.payload.ok, m3]).toEqual([false, undefined]);
    expect(await broker.books()).toMatchObject({
      liveBrokerScrip: 1_000_000n,
      owedToMerchants: 0n,
      conserved: true,
    });
  });

  test("that was decided or aborted leaves nothing for the schedule", async () => {
    const held = await alice.fund(euro("1.00"));
    const [used, aborted] = [await intend(), await intend()];
    const sale = await makeSale(alice, shop, broker.runtime.now(), { amount: euro("0.30"), held, txn: used });
    expect(orThrow(await authorise(broker, sale)).m4.payload.ok).toBe(true);
    orThrow(await alice.abort(alice.uid, aborted));
    expect(await openItems()).toEqual([]);
  });
});

describe("a notice", () => {
  const PATIENCE = 6 * HOUR;
  beforeEach(async () => {
    broker = await memoryBroker({ variables: { [variable.noticePatience]: String(PATIENCE) } });
    alice = await enrolledPeer(broker, "alice");
    shop = await enrolledPeer(broker, "shop");
  });
  const order = sha256();
  const purchase = Buffer.from(sha256(order)).toString("base64url");
  const bought = async (txn: string) => {
    const own = { merchant: shop.uid, amount: euro("0.02"), metered: false, order, purchase };
    orThrow(
      await tell(alice, "POST /notices", await alice.seal(await alice.sign(purchaseNotice, own, { txn }))),
    );
  };
  const sold = async (txn: string) => {
    const own = { customer: alice.uid, charged: euro("0.02"), order, purchase, response: purchase };
    orThrow(await tell(shop, "POST /notices", await shop.seal(await shop.sign(saleNotice, own, { txn }))));
  };
  const pair = async () => (await broker.items()).filter(({ key }) => key.pk.startsWith("PAIR#"));

  test.each([
    ["the customer", bought],
    ["the merchant", sold],
  ])("of %s alone is flagged when its time is over, once", async (_, tellOne) => {
    await tellOne(alice.newTxn());
    broker.runtime.advance(PATIENCE - 1);
    // What is not due is not even looked at.
    expect(await broker.finish()).toEqual({ seen: 0, decided: 0, failed: 0 });
    expect((await pair()).map(({ item }) => item.flaggedAt)).toEqual([undefined]);
    broker.runtime.advance(1);
    const now = broker.runtime.now();
    expect(await broker.finish()).toEqual({ seen: 1, decided: 1, failed: 0 });
    expect((await pair()).map(({ item }) => [item.state, item.flaggedAt])).toEqual([["one-sided", now]]);
    expect(await broker.finish()).toEqual({ seen: 0, decided: 0, failed: 0 });
  });

  test("whose other side came is never flagged, and waits no more", async () => {
    const txn = alice.newTxn();
    await sold(txn);
    expect(await waitingItems()).toHaveLength(1);
    await bought(txn);
    expect(await waitingItems()).toEqual([]);
    broker.runtime.advance(PATIENCE);
    await broker.finish();
    expect((await pair()).map(({ item }) => [item.state, item.flaggedAt])).toEqual([["matched", undefined]]);
  });

  test("that was flagged may still meet its other side", async () => {
    const txn = alice.newTxn();
    await bought(txn);
    broker.runtime.advance(PATIENCE);
    await broker.finish();
    await sold(txn);
    expect((await pair()).map(({ item }) => item.state)).toEqual(["matched"]);
    expect(await waitingItems()).toEqual([]);
  });

  test("whose other side comes as another one stops waiting leaves that one alone", async () => {
    const [one, other] = [alice.newTxn(), alice.newTxn()];
    await bought(one);
    await bought(other);
    await sold(one);
    expect((await waitingItems()).map(({ item }) => item.txn)).toEqual([other]);
  });
});

describe("the sweep of notices", () => {
  /** A notice that waits in one partition, due at a moment; the store notes what is flagged, in its order. */
  const sweep = async (dues: readonly number[], around?: (store: Store) => Store) => {
    const flagged: number[] = [];
    let read = 0;
    const noting = (store: Store): Store => ({
      ...store,
      list: async (pk, options) => {
        const page = await store.list(pk, options);
        if (pk === PARTITION) read += page.items.length;
        return page;
      },
      commit: async (writes) => {
        const outcome = await store.commit(writes);
        for (const { at } of writes) if (at.pk === PARTITION) flagged.push(Number(at.sk.split("#")[0]));
        return outcome;
      },
    });
    let inner: Store | undefined;
    broker = await memoryBroker({
      around: (store) => {
        inner = store;
        return (around ?? ((same) => same))(noting(store));
      },
    });
    for (const [i, due] of dues.entries()) {
      // All in one partition; the order of their ids is that in which they came.
      const txn = toText(Uint8Array.of(0, ...new Array<number>(13).fill(1), i >> 8, i & 0xff));
      const notice = { state: "one-sided", firstAt: due, lastAt: due, ttl: 0 };
      const place = keys.notice("customer", "merchant", `TXN#${txn}`);
      const waiting = { customer: "customer", merchant: "merchant", txn, due };
      await inner?.commit([
        { put: noticeItem.toItem(notice), at: place, expect: "absent" },
        {
          put: waitingItem.toItem(waiting),
          at: keys.waiting(due, "customer", "merchant", txn),
          expect: "absent",
        },
      ]);
    }
    return { finish: () => broker.finish(), flagged, read: () => read };
  };
  const PARTITION = "WAITING#A";

  test("goes in the order in which notices are due, whoever told them first, and not past now", async () => {
    const { finish, flagged } = await sweep([START + 1, START, START - DAY, START - 1]);
    expect(await finish()).toEqual({ seen: 3, decided: 3, failed: 0 });
    expect(flagged).toEqual([START - DAY, START - 1, START]);
    expect((await waitingItems()).map(({ item }) => item.due)).toEqual([START + 1]);
    broker.runtime.advance(1);
    expect(await finish()).toEqual({ seen: 1, decided: 1, failed: 0 });
  });

  test.each([99, 100, 101, 200, 250])("of %d that are due takes them all in one turn", async (count) => {
    const due = Array.from({ length: count }, (_, i) => START - DAY + i);
    const later = Array.from({ length: 150 }, (_, i) => START + DAY + i);
    const { finish, flagged, read } = await sweep([...later, ...due]);
    expect(await finish()).toEqual({ seen: count, decided: count, failed: 0 });
    expect(flagged).toEqual(due);
    expect(await waitingItems()).toHaveLength(later.length);
    // Of those that are not due it reads no more than the rest of its pages.
    expect(read()).toBeLessThanOrEqual(count + 2 * 100);
    expect(await finish()).toEqual({ seen: 0, decided: 0, failed: 0 });
  });

  test("goes on with the others where some cannot be worked on, and takes those up at the next turn", async () => {
    let isDown = true;
    const isStuck = (at: string): boolean => isDown && Number(at.split("#")[0]) < START - DAY + 3;
    const { finish, flagged } = await sweep(
      Array.from({ length: 130 }, (_, i) => START - DAY + i),
      (store) => ({
        ...store,
        commit: (writes) =>
          writes.some(({ at }) => at.pk === PARTITION && isStuck(at.sk))
            ? Promise.reject(new Error("down"))
            : store.commit(writes),
      }),
    );
    expect(await finish()).toEqual({ seen: 130, decided: 127, failed: 3 });
    expect(await waitingItems()).toHaveLength(3);
    isDown = false;
    expect(await finish()).toEqual({ seen: 3, decided: 3, failed: 0 });
    expect(flagged).toHaveLength(130);
  });
});

describe("money that the bank takes back", () => {
  test("before anything was minted against it: the top-up is refused, and the books know of nothing", async () => {
    const eve = await enrolledPeer(broker, "eve+recalled");
    const txn = eve.newTxn();
    expect(await eve.topUp(euro("1.00"), { txn })).toEqual(refuse("pending"));
    expect(await broker.books()).toMatchObject({ chargedNotMinted: 1_000_000n, conserved: true });
    broker.runtime.advance(MINUTE);
    expect(await broker.finish()).toEqual({ seen: 1, decided: 1, failed: 0 });
    const asked = orThrow(await eve.query(eve.uid, txn));
    const { payload } = orThrow(readMessage(asked.attachments[0] ?? sha256(), [brokerscripResponse]));
    expect([payload.ok, payload.reason]).toEqual([false, "declined"]);
    expect(await broker.books()).toMatchObject({
      moneyIn: 0n,
      chargedNotMinted: 0n,
      operatorLoss: 0n,
      conserved: true,
    });
  });

  test("after it was minted against is the operator's loss, once, and counts against the limit no more", async () => {
    broker = await memoryBroker({ variables: { [variable.recallableLimit]: "1000000" } });
    const eve = await enrolledPeer(broker, "eve+recalled");
    const held = heldOf(orThrow(await eve.topUp(euro("1.00"))));
    expect(await eve.topUp(euro("0.01"))).toEqual(refuse("pending"));
    broker.runtime.advance(MINUTE);
    for (let turn = 0; turn < 3; turn += 1) await broker.finish();
    expect(await broker.books()).toMatchObject({
      moneyIn: 1_000_000n,
      moneyOut: 1_000_000n,
      liveBrokerScrip: 1_000_000n,
      operatorLoss: 1_000_000n,
      conserved: true,
    });
    const shop2 = await enrolledPeer(broker, "shop2");
    const sale = await makeSale(eve, shop2, broker.runtime.now(), { amount: euro("1.00"), held });
    expect(orThrow(await authorise(broker, sale)).m4.payload.ok).toBe(true);
    expect(await broker.books()).toMatchObject({
      owedToMerchants: 1_000_000n,
      operatorLoss: 1_000_000n,
      conserved: true,
    });
    expect(await openItems()).toEqual([]);
    expect(orThrow(await eve.topUp(euro("1.00"))).payload.ok).toBe(true);
  });
});
