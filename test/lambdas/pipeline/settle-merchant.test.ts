import type { Item, Store } from "@lepta/lambdas";
import {
  type Amount,
  isRefusal,
  limits,
  orThrow,
  readMessage,
  refuse,
  settlementStatement,
  sha256,
} from "@lepta/protocol";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type BrokerUnderTest, memoryBroker } from "../../support/broker.ts";
import { crashingStore, crashPoints } from "../../support/crashing.ts";
import {
  authorise,
  DAY,
  enrolledPeer,
  euro,
  type Held,
  heldOf,
  makeSale,
  type Sale,
  type TestPeer,
} from "../../support/peer.ts";
import {
  letCreditsFree,
  makeRefund,
  makeReversal,
  makeSettlement,
  nothing,
  refund,
  reverse,
  settle,
} from "../../support/returns.ts";

let broker: BrokerUnderTest;
let alice: TestPeer;
let shop: TestPeer;
let held: Held;

/** A customer with EUR 1.00 and a merchant whose account behaves as its name says. */
async function open(account = "shop", around?: (store: Store) => Store): Promise<void> {
  broker = await memoryBroker(around === undefined ? {} : { around });
  alice = await enrolledPeer(broker, "alice");
  shop = await enrolledPeer(broker, account);
  held = await alice.fund(euro("1.00"));
}
beforeEach(() => open());

/** Sells VendorScrip, whose credit is held from now on. */
async function sell(amount: Amount): Promise<Sale> {
  const sale = await makeSale(alice, shop, broker.runtime.now(), { amount, held });
  const { m3 } = orThrow(await authorise(broker, sale));
  if (m3 === undefined || !m3.payload.ok) throw new Error("nothing was sold");
  if (m3.payload.grant !== undefined) held = heldOf(m3);
  return sale;
}
const books = () => broker.books();
const told = (answer: { readonly payload: object }) => ({ ...answer.payload, issuedAt: 0 });
const openItems = async () => (await broker.items()).filter(({ key }) => key.pk.startsWith("OPEN#"));
const payouts = async () =>
  (await broker.items()).filter(({ key, item }) => key.pk.startsWith("BANKPAYOUT#") && item.state === "paid");

/** The bank claims to have paid something else under the key than it was asked to. */
async function falsify(change: Item): Promise<void> {
  const [payout] = await payouts();
  if (payout === undefined) throw new Error("nothing was paid");
  await broker.wiring.store.commit([
    { put: { ...payout.item, ...change }, at: payout.key, expect: "present" },
  ]);
}

describe("a settlement", () => {
  test("pays what is free, names each credit, and leaves what is still held", async () => {
    const first = await sell(euro("0.30"));
    broker.runtime.advance(DAY);
    await broker.rotate();
    await sell(euro("0.20"));
    broker.runtime.advance(2 * DAY);
    await broker.rotate();
    const request = await makeSettlement(shop);
    const { payload } = orThrow(await settle(shop, request));
    expect(payload).toMatchObject({
      ok: true,
      request: request.message.digest,
      credits: [[alice.uid, first.txn, euro("0.30")]],
      brought: nothing,
      paid: euro("0.30"),
      carried: nothing,
      more: false,
    });
    expect(await books()).toMatchObject({ moneyOut: 300_000n, owedToMerchants: 200_000n, conserved: true });
    expect((await payouts()).map(({ item }) => [item.account, item.value])).toEqual([["shop", 300_000n]]);
  });

  test("pays nothing a moment before the credit is free", async () => {
    await sell(euro("0.30"));
    broker.runtime.advance(3 * DAY - 1);
    await broker.rotate();
    expect(orThrow(await settle(shop, await makeSettlement(shop))).payload).toMatchObject({
      credits: [],
      paid: nothing,
    });
    broker.runtime.advance(1);
    expect(orThrow(await settle(shop, await makeSettlement(shop))).payload.paid).toEqual(euro("0.30"));
  });

  test("carries dust over three settlements until it makes a coin", async () => {
    for (const [amount, paid, carried] of [
      ["0.004", 0n, 4_000n],
      ["0.005", 0n, 9_000n],
      ["0.0035", 10_000n, 2_500n],
    ] as const) {
      await sell(euro(amount));
      await letCreditsFree(broker);
      const { payload } = orThrow(await settle(shop, await makeSettlement(shop)));
      expect([payload.paid.value, payload.carried.value]).toEqual([paid, carried]);
      expect(payload.brought.value + euro(amount).value).toBe(paid + carried);
      expect(await books()).toMatchObject({ owedToMerchants: carried, conserved: true });
    }
    expect(await payouts()).toHaveLength(1);
  });

  test("sent twice pays once and says the same, and another under its id is a conflict", async () => {
    await sell(euro("0.30"));
    await letCreditsFree(broker);
    const request = await makeSettlement(shop);
    const first = orThrow(await settle(shop, request));
    await sell(euro("0.20"));
    await letCreditsFree(broker);
    const before = await broker.items();
    expect(told(orThrow(await settle(shop, request)))).toEqual(told(first));
    const other = orThrow(await settle(shop, await makeSettlement(shop, { txn: request.txn }))).payload;
    expect([other.ok, other.reason, other.paid]).toEqual([false, "conflict", nothing]);
    expect(await broker.items()).toEqual(before);
  });

  test("two at once, and eight of the same: every credit is paid once", async () => {
    await sell(euro("0.30"));
    await sell(euro("0.20"));
    await letCreditsFree(broker);
    const requests = [await makeSettlement(shop), await makeSettlement(shop)];
    const answers = await Promise.all(
      requests.flatMap((request) => Array.from({ length: 4 }, () => settle(shop, request))),
    );
    const paid = requests.map((_, i) => orThrow(answers[4 * i] ?? refuse("internal")).payload.paid.value);
    expect(paid.sort()).toEqual([0n, 500_000n]);
    expect(await payouts()).toHaveLength(1);
    expect(await books()).toMatchObject({ moneyOut: 500_000n, owedToMerchants: 0n, conserved: true });
  });

  test(`of more than ${limits.settlementCredits} credits goes in two`, async () => {
    const count = limits.settlementCredits + 1;
    for (let i = 0; i < count; i += 1) await sell(euro("0.01"));
    await letCreditsFree(broker);
    const first = orThrow(await settle(shop, await makeSettlement(shop))).payload;
    expect([first.credits.length, first.paid, first.more]).toEqual([45, euro("0.45"), true]);
    const second = orThrow(await settle(shop, await makeSettlement(shop))).payload;
    expect([second.credits.length, second.paid, second.more]).toEqual([1, euro("0.01"), false]);
    const named = [...first.credits, ...second.credits].map(([, txn]) => txn);
    expect(new Set(named).size).toBe(count);
    expect(await books()).toMatchObject({ moneyOut: 460_000n, owedToMerchants: 0n, conserved: true });
  });

  test("that the rail declines is refused, and everything is owed again, dust included", async () => {
    await open("shop+closed");
    await sell(euro("0.004"));
    await letCreditsFree(broker);
    orThrow(await settle(shop, await makeSettlement(shop)));
    const sale = await sell(euro("0.30"));
    await letCreditsFree(broker);
    for (let turn = 0; turn < 2; turn += 1) {
      const { payload } = orThrow(await settle(shop, await makeSettlement(shop)));
      expect(payload).toMatchObject({
        ok: false,
        reason: "declined",
        credits: [],
        paid: nothing,
        brought: euro("0.004"),
        carried: euro("0.004"),
      });
      expect(await books()).toMatchObject({ moneyOut: 0n, owedToMerchants: 304_000n, conserved: true });
    }
    // What is owed again can be given back.
    const back = await makeRefund(alice, shop, { amount: euro("0.30"), credit: sale.txn });
    expect(orThrow(await refund(broker, back)).answer.payload.ok).toBe(true);
    expect(await books()).toMatchObject({ owedToMerchants: 4_000n, conserved: true });
    expect(await openItems()).toEqual([]);
  });

  test.each<[what: string, forge: (item: Item) => Item]>([
    ["more than its credits", (item) => ({ ...item, paid: 1_000_000_000n })],
    ["what it says to have brought", (item) => ({ ...item, paid: 900_000_000n, brought: 899_700_000n })],
    ["without any credit", ({ credits: _, ...item }) => item],
  ])("that pays %s is not paid, whoever wrote it into the table", async (_, forge) => {
    await open("shop+lost");
    await sell(euro("0.30"));
    await letCreditsFree(broker);
    const request = await makeSettlement(shop);
    expect(await settle(shop, request)).toEqual(refuse("pending"));
    const written = (await broker.items()).find(
      ({ item }) => item.kind === "settlement" && item.state === "paying",
    );
    if (written === undefined) throw new Error("nothing is under way");
    const write = (item: Item) =>
      broker.wiring.store.commit([{ put: item, at: written.key, expect: "present" }]);
    await write(forge(written.item));
    expect(await broker.finish()).toEqual({ seen: 1, decided: 0, failed: 1 });
    expect(await payouts()).toEqual([]);
    await write(written.item);
    expect(await broker.finish()).toEqual({ seen: 1, decided: 1, failed: 0 });
    expect(await payouts()).toHaveLength(1);
  });

  test.each(["shop+unknown", "shop+lost"])(
    "to %s is pending; the schedule or the same request ends it",
    async (account) => {
      for (const by of ["schedule", "request"] as const) {
        await open(account);
        await sell(euro("0.30"));
        await letCreditsFree(broker);
        const request = await makeSettlement(shop);
        expect(await settle(shop, request)).toEqual(refuse("pending"));
        expect(await books()).toMatchObject({ moneyOut: 0n, owedToMerchants: 300_000n, conserved: true });
        expect(orThrow(await shop.query(shop.uid, request.txn)).payload.state).toBe("paying");
        expect(orThrow(await shop.abort(shop.uid, request.txn)).payload.state).toBe("paying");
        // Another settlement in between finds nothing to take.
        expect(orThrow(await settle(shop, await makeSettlement(shop))).payload.paid).toEqual(nothing);
        if (by === "schedule") expect(await broker.finish()).toEqual({ seen: 1, decided: 1, failed: 0 });
        expect(orThrow(await settle(shop, request)).payload).toMatchObject({ ok: true, paid: euro("0.30") });
        expect(await payouts()).toHaveLength(1);
        expect(await books()).toMatchObject({ moneyOut: 300_000n, owedToMerchants: 0n, conserved: true });
        expect(await openItems()).toEqual([]);
      }
    },
  );

  test.each<[what: string, change: Item]>([
    ["a coin more", { value: 310_000n }],
    ["to another account", { account: "thief" }],
  ])("stays on its way where the rail says that it paid %s", async (_, change) => {
    await open("shop+unknown");
    await sell(euro("0.30"));
    await letCreditsFree(broker);
    const request = await makeSettlement(shop);
    expect(await settle(shop, request)).toEqual(refuse("pending"));
    await falsify(change);
    expect(await broker.finish()).toEqual({ seen: 1, decided: 0, failed: 1 });
    expect(orThrow(await shop.query(shop.uid, request.txn)).payload.state).toBe("paying");
    expect(await books()).toMatchObject({ moneyOut: 0n, owedToMerchants: 300_000n, conserved: true });
    // Somebody has looked into it, and the bank says what is so.
    await falsify({ value: 300_000n, account: "shop+unknown" });
    expect(await broker.finish()).toEqual({ seen: 1, decided: 1, failed: 0 });
    expect(await books()).toMatchObject({ moneyOut: 300_000n, owedToMerchants: 0n, conserved: true });
  });

  test("while one is on its way, the dust of another is not lost", async () => {
    await open("shop+unknown");
    await sell(euro("0.303"));
    await letCreditsFree(broker);
    const request = await makeSettlement(shop);
    expect(await settle(shop, request)).toEqual(refuse("pending"));
    await sell(euro("0.004"));
    await letCreditsFree(broker);
    expect(orThrow(await settle(shop, await makeSettlement(shop))).payload.carried).toEqual(euro("0.004"));
    await broker.finish();
    expect(await books()).toMatchObject({ moneyOut: 300_000n, owedToMerchants: 7_000n, conserved: true });
  });

  test("past its end writes nothing, and aborted before it came it pays nothing", async () => {
    await sell(euro("0.30"));
    await letCreditsFree(broker);
    const now = broker.runtime.now();
    expect(await settle(shop, await makeSettlement(shop, { expiresAt: now }))).toEqual(refuse("expired"));
    const request = await makeSettlement(shop);
    orThrow(await shop.abort(shop.uid, request.txn));
    expect(orThrow(await settle(shop, request)).payload).toMatchObject({
      ok: false,
      reason: "aborted",
      paid: nothing,
    });
    expect(await books()).toMatchObject({ owedToMerchants: 300_000n, conserved: true });
  });

  test("of whoever sold nothing pays nothing, and takes nothing that is another's", async () => {
    await sell(euro("0.30"));
    await letCreditsFree(broker);
    for (const peer of [alice, await enrolledPeer(broker, "thief")])
      expect(orThrow(await settle(peer, await makeSettlement(peer))).payload).toMatchObject({
        ok: true,
        paid: nothing,
      });
    expect(await books()).toMatchObject({ owedToMerchants: 300_000n, conserved: true });
  });
});

describe("a settlement that meets another decision about the same credit", () => {
  /** Lets something else be committed after the settlement has read and before it writes. */
  function between() {
    let intrude: (() => Promise<void>) | undefined;
    const around = (store: Store): Store => ({
      ...store,
      commit: async (writes) => {
        const other = intrude;
        const isSettling = writes.some((write) => "put" in write && write.put.kind === "settlement");
        if (other === undefined || !isSettling) return store.commit(writes);
        intrude = undefined;
        await other();
        return store.commit(writes);
      },
    });
    return {
      around,
      put: (other: () => Promise<void>) => {
        intrude = other;
      },
    };
  }

  test("loses against a refund that was first, and pays the rest", async () => {
    const gap = between();
    await open("shop", gap.around);
    const sale = await sell(euro("0.30"));
    await letCreditsFree(broker);
    const back = await makeRefund(alice, shop, { amount: euro("0.10"), credit: sale.txn });
    gap.put(async () => {
      expect(orThrow(await refund(broker, back)).answer.payload.ok).toBe(true);
    });
    expect(orThrow(await settle(shop, await makeSettlement(shop))).payload.paid).toEqual(euro("0.20"));
    expect(await books()).toMatchObject({ moneyOut: 200_000n, liveBrokerScrip: 800_000n, conserved: true });
  });

  test("loses against a refund of everything, and pays nothing", async () => {
    const gap = between();
    await open("shop", gap.around);
    const sale = await sell(euro("0.30"));
    await letCreditsFree(broker);
    const back = await makeRefund(alice, shop, { amount: euro("0.30"), credit: sale.txn });
    gap.put(async () => {
      orThrow(await refund(broker, back));
    });
    expect(orThrow(await settle(shop, await makeSettlement(shop))).payload).toMatchObject({
      credits: [],
      paid: nothing,
    });
    expect(await payouts()).toEqual([]);
    expect(await books()).toMatchObject({
      liveBrokerScrip: 1_000_000n,
      owedToMerchants: 0n,
      conserved: true,
    });
  });

  test("and a reversal at the moment when the one ends and the other begins: never both", async () => {
    for (const offset of [-1, 0]) {
      const gap = between();
      await open("shop", gap.around);
      const sale = await sell(euro("0.30"));
      broker.runtime.advance(3 * DAY + offset);
      await broker.rotate();
      let reason: string | undefined;
      const made = await makeReversal(alice, shop.uid, sale.txn);
      gap.put(async () => {
        const answer = await reverse(alice, made);
        reason = isRefusal(answer) ? answer.code : answer.payload.reason;
      });
      const { paid } = orThrow(await settle(shop, await makeSettlement(shop))).payload;
      expect([reason, paid]).toEqual(offset < 0 ? ["pending", nothing] : ["too-late", euro("0.30")]);
      expect((await books()).conserved).toBe(true);
    }
  });
});

describe("a broker that crashes at any of a settlement's commits", () => {
  beforeEach(() => {
    vi.spyOn(process.stderr, "write").mockReturnValue(true);
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });

  test.each(["shop", "shop+unknown", "shop+lost", "shop+closed"])(
    "ends %s's once, by the schedule or by the same request",
    async (account) => {
      let crashes = 0;
      for (const [at, moment] of crashPoints)
        for (const by of ["schedule", "request"] as const) {
          const crash = crashingStore();
          await open(account, crash.around);
          await sell(euro("0.304"));
          await letCreditsFree(broker);
          const request = await makeSettlement(shop);
          crash.arm(at, moment);
          await settle(shop, request);
          if (crash.reached()) crashes += 1;
          crash.disarm();
          expect((await books()).conserved).toBe(true);
          if (by === "schedule") for (let turn = 0; turn < 3; turn += 1) await broker.finish();
          let answer = await settle(shop, request);
          for (let turn = 0; turn < 2 && isRefusal(answer); turn += 1) answer = await settle(shop, request);
          const isPaid = account !== "shop+closed";
          expect(orThrow(answer).payload.ok).toBe(isPaid);
          const [moneyOut, owedToMerchants] = isPaid ? [300_000n, 4_000n] : [0n, 304_000n];
          expect(await books()).toMatchObject({ moneyOut, owedToMerchants, conserved: true });
          expect(await payouts()).toHaveLength(isPaid ? 1 : 0);
          expect(await openItems()).toEqual([]);
        }
      expect(crashes).toBeGreaterThanOrEqual(8);
    },
  );
});

test("its merchant alone gets the statement again", async () => {
  await sell(euro("0.30"));
  await letCreditsFree(broker);
  const request = await makeSettlement(shop);
  const statement = orThrow(await settle(shop, request));
  const asked = orThrow(await shop.query(shop.uid, request.txn));
  expect(asked.payload.state).toBe("done");
  const again = orThrow(readMessage(asked.attachments[0] ?? sha256(), [settlementStatement]));
  expect(told(again)).toEqual(told(statement));
  const other = orThrow(await alice.query(shop.uid, request.txn));
  expect([other.payload.state, other.attachments]).toEqual(["unknown", []]);
});
