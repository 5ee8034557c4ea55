import type { Store } from "@lepta/lambdas";
import { type MemoryObserver, memoryObserver } from "@lepta/lambdas/memory/observer";
import {
  type Amount,
  brokerscripRequest,
  noticeBatch,
  orThrow,
  purchaseNotice,
  sha256,
  toText,
  vendorscripIntent,
} from "@lepta/protocol";
import { beforeEach, describe, expect, test } from "vitest";
import { type BrokerUnderTest, memoryBroker } from "../../support/broker.ts";
import { crashingStore, crashPoints } from "../../support/crashing.ts";
import {
  authorise,
  enrolledPeer,
  euro,
  type Held,
  HOUR,
  makeSale,
  type Sale,
  type TestPeer,
  tell,
  testPeer,
} from "../../support/peer.ts";
import {
  letCreditsFree,
  makeRedemption,
  makeRefund,
  makeRenewal,
  makeReversal,
  makeSettlement,
  redeem,
  refund,
  renew,
  reverse,
  settle,
} from "../../support/returns.ts";

let observer: MemoryObserver;
let broker: BrokerUnderTest;
let alice: TestPeer;
let shop: TestPeer;
let held: Held;

async function open(around: (store: Store) => Store = (store) => store): Promise<void> {
  observer = memoryObserver();
  broker = await memoryBroker({ observer, around });
  alice = await enrolledPeer(broker, "alice");
  shop = await enrolledPeer(broker, "shop");
  held = await alice.fund(euro("1.00"));
  observer.clear();
}
beforeEach(() => open());

const sale = (amount: Amount, more: Partial<Parameters<typeof makeSale>[3]> = {}): Promise<Sale> =>
  makeSale(alice, shop, broker.runtime.now(), { amount, held, ...more });

const moneyMetrics = ["issued", "redeemed", "paidOut", "authorised"] as const;
/** All money that was told, by metric. */
const money = () =>
  Object.fromEntries(
    moneyMetrics.flatMap((name) => {
      const sum = observer.sum(name);
      return sum === undefined ? [] : [[name, sum]];
    }),
  );

/** Sends the same bytes three times through a door. */
async function thrice(route: string, sealed: Uint8Array): Promise<void> {
  for (let i = 0; i < 3; i += 1) expect((await broker.call(route, sealed)).status).toBe(200);
}

describe("money is told once, however often the same request comes", () => {
  test("what is issued", async () => {
    const txn = alice.newTxn();
    for (let i = 0; i < 3; i += 1)
      orThrow(await alice.topUp(euro("0.25"), { txn, issuedAt: broker.runtime.now() }));
    expect(money()).toEqual({ issued: euro("0.25") });
    expect(observer.refusals).toEqual([]);
  });

  test("what is authorised", async () => {
    await thrice("POST /authorise", (await sale(euro("0.30"))).sealed);
    expect(money()).toEqual({ authorised: euro("0.30") });
  });

  test("what is redeemed", async () => {
    await thrice("POST /redeem", (await makeRedemption(alice, held, euro("0.40"))).sealed);
    expect(money()).toEqual({ redeemed: euro("0.40") });
  });

  test("what is paid out", async () => {
    orThrow(await authorise(broker, await sale(euro("0.30"))));
    await letCreditsFree(broker);
    observer.clear();
    await thrice("POST /settle", (await makeSettlement(shop)).sealed);
    expect(money()).toEqual({ paidOut: euro("0.30") });
  });

  test("a settlement that only carries over pays nothing out", async () => {
    orThrow(await authorise(broker, await sale({ currency: "EUR", value: 20n })));
    await letCreditsFree(broker);
    observer.clear();
    orThrow(await settle(shop, await makeSettlement(shop)));
    expect(money()).toEqual({});
  });

  test("a renewal, a refund and a reversal move none of it", async () => {
    const sold = await sale(euro("0.30"));
    const { m3 } = orThrow(await authorise(broker, sold));
    if (m3 === undefined) throw new Error("nothing was sold");
    observer.clear();
    orThrow(await refund(broker, await makeRefund(alice, shop, { amount: euro("0.10"), credit: sold.txn })));
    await reverse(alice, await makeReversal(alice, shop.uid, sold.txn));
    expect(money()).toEqual({});
    expect(observer.refusals).toEqual(["pending"]);
  });
});

describe("money is told once, whatever happens on the way", () => {
  test("where every state moved once and was decided again", async () => {
    let moves = 0;
    await open((store) => {
      const seen = new Set<string>();
      return {
        ...store,
        commit: async (writes) => {
          const name = writes.map(({ at }) => `${at.pk} ${at.sk}`).join();
          if (seen.has(name)) return store.commit(writes);
          seen.add(name);
          moves += 1;
          return "moved";
        },
      };
    });
    moves = 0;
    orThrow(await alice.topUp(euro("0.25")));
    expect(money()).toEqual({ issued: euro("0.25") });
    expect(moves).toBeGreaterThan(2);
  });

  test.each(crashPoints)(
    "never twice, and never before the commit, when commit %d dies %s it",
    async (at, moment) => {
      const crash = crashingStore();
      await open(crash.around);
      const { sealed } = await makeRedemption(alice, held, euro("0.40"));
      crash.arm(at, moment);
      await broker.call("POST /redeem", sealed);
      const isHit = crash.reached();
      crash.disarm();
      const { moneyOut } = await broker.books();
      const before = observer.sum("redeemed")?.value ?? 0n;
      expect(before).toBeLessThanOrEqual(moneyOut);
      await thrice("POST /redeem", sealed);
      await broker.finish();
      expect((await broker.books()).moneyOut).toBe(400_000n);
      // Only what died between the commit that decided it and the telling stays untold.
      const isUntold = isHit && moment === "after" && at === LAST_COMMIT;
      expect(observer.sum("redeemed")?.value ?? 0n).toBe(isUntold ? 0n : 400_000n);
      expect(observer.counted("faults") ?? 0).toBe(isHit ? 1 : 0);
    },
  );

  test("where the rail knows only later, by the schedule", async () => {
    const late = await enrolledPeer(broker, "late+unknown");
    observer.clear();
    await late.topUp(euro("0.50"));
    expect(money()).toEqual({});
    expect(observer.refusals).toEqual(["pending"]);
    await broker.finish();
    await broker.finish();
    expect(money()).toEqual({ issued: euro("0.50") });
    expect(observer.counted("leftOpen")).toBe(0);
  });
});

describe("refusals are told by their code", () => {
  test("a plain one, each time", async () => {
    const stranger = await testPeer(broker, "stranger");
    await stranger.topUp(euro("1.00"));
    await stranger.topUp(euro("1.00"));
    await broker.call("POST /redeem", sha256());
    await broker.call("POST /redeem", sha256(), "text/plain");
    expect(observer.refusals).toEqual(["unknown-peer", "unknown-peer", "malformed", "unsupported-media"]);
  });

  test("a signed one by its reason, once for one request", async () => {
    const poor = await enrolledPeer(broker, "poor+declined");
    observer.clear();
    const txn = poor.newTxn();
    const options = { txn, issuedAt: broker.runtime.now() };
    for (let i = 0; i < 2; i += 1)
      expect(orThrow(await poor.topUp(euro("1.00"), options)).payload.ok).toBe(false);
    expect(observer.refusals).toEqual(["declined"]);
  });

  test("the customer's reason and not the merchant's, where figure 8 is refused", async () => {
    const more = await sale(euro("2.00"));
    await thrice("POST /authorise", more.sealed);
    expect(observer.refusals).toEqual(["insufficient"]);
    expect(money()).toEqual({});
  });

  test("a void that leaves the customer alone is told as the merchant is told it", async () => {
    const mismatched = await sale(euro("0.20"), { v0: { value: euro("0.10") } });
    await thrice("POST /authorise", mismatched.sealed);
    expect(observer.refusals).toEqual(["refused"]);
  });

  test("a conflict, an enrolment, a renewal and a redemption", async () => {
    const txn = alice.newTxn();
    orThrow(await alice.topUp(euro("0.10"), { txn }));
    orThrow(await alice.topUp(euro("0.20"), { txn }));
    const twin = await testPeer(broker, "alice");
    orThrow(await twin.enrol());
    const expiresAt = broker.runtime.now() - HOUR;
    orThrow(await renew(alice, await makeRenewal(alice, held, { issuedAt: expiresAt - HOUR, expiresAt })));
    orThrow(await redeem(alice, await makeRedemption(alice, held, euro("9.00"))));
    // The scrip was replaced by the first request's.
    expect(observer.refusals).toEqual(["conflict", "account-taken", "expired", "scrip-spent"]);
  });

  const doors: Readonly<Record<string, (txn: string) => Promise<Uint8Array>>> = {
    "POST /brokerscrip": async (txn) =>
      alice.seal(await alice.sign(brokerscripRequest, { amount: euro("0.10") }, { txn })),
    "POST /renew": async (txn) => (await makeRenewal(alice, held, { txn })).sealed,
    "POST /redeem": async (txn) => (await makeRedemption(alice, held, euro("0.10"), { txn })).sealed,
    "POST /settle": async (txn) => (await makeSettlement(shop, { txn })).sealed,
    "POST /reversal": async (txn) => (await makeReversal(alice, shop.uid, alice.newTxn(), { txn })).sealed,
    "POST /authorise": async (txn) => (await sale(euro("0.10"), { txn })).sealed,
    "POST /refund": async (txn) =>
      (await makeRefund(alice, shop, { amount: euro("0.10"), credit: alice.newTxn(), txn })).sealed,
    "POST /intent": async (txn) =>
      alice.seal(
        await alice.sign(
          vendorscripIntent,
          { merchant: shop.uid, amount: euro("0.10") },
          {
            txn,
          },
        ),
      ),
  };

  test.each(Object.keys(doors))("a conflict at %s, each time", async (route) => {
    const txn = alice.newTxn();
    const make = doors[route];
    if (make === undefined) throw new Error("no such door");
    const first = await make(txn);
    broker.runtime.advance(1);
    const second = await make(txn);
    await broker.call(route, first);
    observer.clear();
    await broker.call(route, second);
    await broker.call(route, second);
    expect(observer.refusals).toEqual(["conflict", "conflict"]);
    expect(money()).toEqual({});
  });

  test("each notice of a batch that is refused", async () => {
    const stranger = await testPeer(broker, "stranger");
    const digest = toText(sha256());
    const own = {
      merchant: shop.uid,
      order: sha256(),
      purchase: digest,
      amount: euro("0.01"),
      metered: false,
    };
    const entries = [sha256(), (await stranger.sign(purchaseNotice, own)).bytes];
    const batch = await alice.sign(noticeBatch, { entries });
    const answer = orThrow(await tell(alice, "POST /notices", await alice.seal(batch)));
    expect(answer.payload.refused).toHaveLength(2);
    expect(observer.refusals).toEqual(["malformed", "unknown-peer"]);
  });
});

test("spent scrip that is shown again is an attempt to spend it twice", async () => {
  orThrow(await authorise(broker, await sale(euro("0.30"))));
  expect(observer.counted("doubleSpends")).toBeUndefined();
  const again = await sale(euro("0.30"));
  await thrice("POST /authorise", again.sealed);
  await thrice("POST /redeem", (await makeRedemption(alice, held, euro("0.10"))).sealed);
  expect(observer.refusals).toEqual(["scrip-spent", "scrip-spent"]);
  expect(observer.counted("doubleSpends")).toBe(2);
  expect(money()).toEqual({ authorised: euro("0.30") });
});

describe("stages", () => {
  test.each(["POST /authorise", "POST /redeem", "POST /enrol"])("of %s are all timed", async (route) => {
    const bodies: Readonly<Record<string, () => Promise<Uint8Array>>> = {
      "POST /authorise": async () => (await sale(euro("0.10"))).sealed,
      "POST /redeem": async () => (await makeRedemption(alice, held, euro("0.10"))).sealed,
      "POST /enrol": async () => {
        const peer = await testPeer(broker, "newcomer");
        return peer.seal(await peer.enrolRequest());
      },
    };
    const sealed = await bodies[route]?.();
    observer.clear();
    await broker.call(route, sealed);
    expect([...new Set(observer.stages)]).toEqual(["receive", "settle", "answer"]);
    expect(observer.invocations).toEqual([route]);
    expect(observer.entries).toEqual([]);
  });

  test("of a request that is refused at the door end there", async () => {
    await broker.call("POST /redeem", sha256());
    expect(observer.stages).toEqual(["receive"]);
  });
});

describe("a fault of our own", () => {
  const SECRET = "NL91ABNA0417164300";
  test("is told by kind and place and nothing of its message, with the request's id", async () => {
    let isBroken = false;
    await open((store) => ({
      ...store,
      get: async (at) => {
        if (isBroken && at.some(({ sk }) => sk.startsWith("SPENT#")))
          throw new TypeError(`${SECRET}\n    at ${SECRET} (x.ts:1:1)`);
        return store.get(at);
      },
    }));
    isBroken = true;
    const { code } = await broker.call(
      "POST /redeem",
      (await makeRedemption(alice, held, euro("0.10"))).sealed,
    );
    expect(code).toBe("internal");
    expect(observer.counted("faults")).toBe(1);
    expect(observer.refusals).toEqual([]);
    const [entry] = observer.entries;
    expect(entry).toMatchObject({
      route: "POST /redeem",
      outcome: "internal",
      requestId: "JKJaXmPLvHcESHA=",
    });
    expect(entry?.fault).toMatch(/^TypeError at .*observing\.test\.ts:\d+:\d+/);
    expect(JSON.stringify(observer.entries)).not.toContain(SECRET);
  });

  test("of a scheduled run is told and thrown on", async () => {
    let isBroken = false;
    await open((store) => ({
      ...store,
      list: async (pk, options) => {
        if (isBroken) throw new Error(SECRET);
        return store.list(pk, options);
      },
    }));
    isBroken = true;
    await expect(broker.rotate()).rejects.toThrow();
    expect(observer.counted("faults")).toBe(1);
    expect(observer.entries).toMatchObject([{ route: "rotate", outcome: "failed" }]);
    expect(JSON.stringify(observer.entries)).not.toContain(SECRET);
  });

  test("that keeps a transaction open is counted by the schedule", async () => {
    let isBroken = false;
    await open((store) => ({
      ...store,
      get: async (at) => {
        if (isBroken && at.some(({ sk }) => sk.startsWith("TXN#"))) throw new Error(SECRET);
        return store.get(at);
      },
    }));
    const late = await enrolledPeer(broker, "late+unknown");
    await late.topUp(euro("0.50"));
    isBroken = true;
    observer.clear();
    await broker.finish();
    expect(observer.counted("leftOpen")).toBe(1);
  });
});

test("key rotation tells how long the keys in use still live", async () => {
  await broker.rotate();
  const full = observer.measured("keyLifeLeft") ?? 0;
  expect(full).toBeGreaterThan(0);
  broker.runtime.advance(HOUR);
  await broker.rotate();
  expect(observer.measured("keyLifeLeft")).toBe(full - HOUR);
  broker.runtime.advance(full - HOUR);
  await broker.rotate();
  expect(observer.measured("keyLifeLeft")).toBe(full);
});

/** A redemption's commits: the scrip is spent, the bank has paid, the transaction is done. */
const LAST_COMMIT = 3;
