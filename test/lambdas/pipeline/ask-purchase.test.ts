import {
  type Draft,
  lanePurchase,
  noticeBatch,
  orThrow,
  purchaseNotice,
  query,
  refuse,
  saleNotice,
  sha256,
  type statement,
  toText,
  transactionResponse,
} from "@lepta/protocol";
import { beforeEach, describe, expect, test } from "vitest";
import { type BrokerUnderTest, memoryBroker } from "../../support/broker.ts";
import { enrolledPeer, euro, type TestPeer, tell } from "../../support/peer.ts";
import { type MadeStatement, makeStatement } from "../../support/statements.ts";

let broker: BrokerUnderTest;
let alice: TestPeer;
let shop: TestPeer;
let other: TestPeer;

beforeEach(async () => {
  broker = await memoryBroker();
  alice = await enrolledPeer(broker, "alice");
  shop = await enrolledPeer(broker, "shop");
  other = await enrolledPeer(broker, "other");
});

const stated = (
  own: Partial<Draft<typeof statement>> = {},
  signers: Parameters<typeof makeStatement>[2] = { merchant: shop, customer: alice },
): Promise<MadeStatement> =>
  makeStatement({ network: broker.network, merchant: shop, customer: alice }, own, signers);

async function post(...entries: readonly Uint8Array[]) {
  const message = await shop.sign(noticeBatch, { entries });
  return orThrow(await tell(shop, "POST /notices", await shop.seal(message)));
}

/** What the customer and the merchant are told. */
async function askedByBoth(txn: string) {
  const [toAlice, toShop] = [await alice.query(alice.uid, txn, shop.uid), await shop.query(alice.uid, txn)];
  const answers = [toAlice, toShop].map((answer) => {
    const { payload, attachments } = orThrow(answer);
    expect(payload).toMatchObject({ initiator: alice.uid, subject: txn });
    expect([payload.decidedAt, payload.record]).toEqual([undefined, undefined]);
    return { state: payload.state, attachments };
  });
  expect(answers[0]).toEqual(answers[1]);
  return answers[0];
}

const nothing = { state: "unknown", attachments: [] };

describe("a query about a purchase on a lane", () => {
  test("shows both parties the statement that covers it, as both have signed it", async () => {
    const [first, second] = [await stated(), await stated({ first: 129, last: 256 })];
    await post(first.bytes, second.bytes);
    for (const sequence of [1, 77, 128])
      expect(await askedByBoth(first.purchase(sequence))).toEqual({
        state: "matched",
        attachments: [first.bytes],
      });
    expect(await askedByBoth(first.purchase(129))).toEqual({ state: "matched", attachments: [second.bytes] });
  });

  test("knows nothing where no statement covers it", async () => {
    const made = await stated({ first: 10, last: 20 });
    await post(made.bytes);
    for (const sequence of [0, 9, 21, Number.MAX_SAFE_INTEGER])
      expect(await askedByBoth(made.purchase(sequence))).toEqual(nothing);
    expect(await askedByBoth(lanePurchase(sha256(), 15))).toEqual(nothing);
    // A sequence that no number holds.
    expect(await askedByBoth(toText(new Uint8Array(16).fill(0xff)))).toEqual(nothing);
  });

  test("says which side alone has told, and shows what it has signed", async () => {
    const one = await stated({}, { merchant: shop });
    await post(one.bytes);
    expect(await askedByBoth(one.purchase(5))).toEqual({ state: "one-sided", attachments: [one.bytes] });
  });

  test("shows both versions where the sides differ, also about where a run ends, what both have signed first", async () => {
    const [merchants, customers] = [
      await stated({ total: euro("2.00") }, { merchant: shop }),
      await stated({}, { customer: alice }),
    ];
    await post(merchants.bytes, customers.bytes);
    expect(await askedByBoth(merchants.purchase(5))).toEqual({
      state: "differs",
      attachments: [merchants.bytes, customers.bytes],
    });
    const longer = await stated({ last: 130 });
    await post(longer.bytes);
    expect(await askedByBoth(merchants.purchase(5))).toEqual({
      state: "differs",
      attachments: [longer.bytes, merchants.bytes, customers.bytes],
    });
  });

  test("finds what both have signed behind all that one side has put before it", async () => {
    const junk: Uint8Array[] = [];
    for (let last = 10; last < 100; last += 1) junk.push((await stated({ last }, { merchant: shop })).bytes);
    const both = await stated();
    await post(...junk, both.bytes);
    const { state, attachments = [] } = (await askedByBoth(both.purchase(10))) ?? {};
    expect([state, attachments[0], attachments.length]).toEqual(["differs", both.bytes, 4]);
  });

  test("is not taken up by a statement that only closes the lane at the purchase before", async () => {
    const [run, closing] = [await stated(), await stated({ first: 129, last: 128, closes: 1 })];
    await post(closing.bytes, run.bytes);
    expect(await askedByBoth(run.purchase(128))).toEqual({ state: "matched", attachments: [run.bytes] });
    expect(await askedByBoth(run.purchase(129))).toEqual(nothing);
  });

  test("tells nobody else anything, whoever they say that the merchant or the customer is", async () => {
    const made = await stated();
    await post(made.bytes);
    const txn = made.purchase(5);
    for (const answer of [
      await other.query(alice.uid, txn),
      await other.query(alice.uid, txn, shop.uid),
      await other.query(alice.uid, txn, other.uid),
      await other.query(other.uid, txn, shop.uid),
      await shop.query(other.uid, txn),
      await shop.query(alice.uid, txn, other.uid),
      await shop.query(shop.uid, txn, shop.uid),
      await alice.query(alice.uid, txn, other.uid),
      await alice.query(alice.uid, txn, alice.uid),
    ]) {
      const { payload, attachments } = orThrow(answer);
      expect([payload.state, attachments]).toEqual(["unknown", []]);
    }
  });

  test("that has expired is told nothing", async () => {
    const made = await stated();
    await post(made.bytes);
    const own = { initiator: alice.uid, subject: made.purchase(5), merchant: shop.uid };
    const late = await alice.sign(query, own, { expiresAt: broker.runtime.now() });
    const answer = await alice.post("POST /query", await alice.seal(late), transactionResponse, "decide");
    expect(answer).toEqual(refuse("expired"));
  });
});

describe("a query about a purchase of figure 7", () => {
  const digest = toText(sha256());
  const order = sha256();

  test("shows both parties the notices that there are", async () => {
    const txn = alice.newTxn();
    expect(await askedByBoth(txn)).toEqual(nothing);
    const m0 = await alice.sign(
      purchaseNotice,
      { merchant: shop.uid, amount: euro("0.05"), metered: false, order, purchase: digest },
      { txn },
    );
    await post(m0.bytes);
    expect(await askedByBoth(txn)).toEqual({ state: "one-sided", attachments: [m0.bytes] });
    const m3 = await shop.sign(
      saleNotice,
      { customer: alice.uid, charged: euro("0.05"), order, purchase: digest, response: digest },
      { txn },
    );
    await post(m3.bytes);
    expect(await askedByBoth(txn)).toEqual({ state: "matched", attachments: [m0.bytes, m3.bytes] });
    const { payload, attachments } = orThrow(await other.query(alice.uid, txn, shop.uid));
    expect([payload.state, attachments]).toEqual(["unknown", []]);
    // Without a merchant the customer asks about a transaction with the broker.
    expect(orThrow(await alice.query(alice.uid, txn)).payload.state).toBe("unknown");
  });
});
