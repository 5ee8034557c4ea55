/** Rule 5 on money's way back: 64 handlers at one scrip or one credit, on the memory store, in an order that a seed decides. */
import {
  type Amount,
  authorizationResponse,
  encodeAs,
  isRefusal,
  LeptaError,
  type Or,
  orThrow,
  proveSpend,
  redeemRequest,
  redeemResponse,
  refundAuthorization,
  refundOrder,
  renewalRequest,
  renewalResponse,
  returnSpendCodec,
  reversal,
  reversalRequest,
  scripOf,
  settlementStatement,
  settleRequest,
  sha256,
  toText,
} from "@lepta/protocol";
import { describe, expect, test } from "vitest";
import { type BrokerUnderTest, memoryBroker } from "../support/broker.ts";
import { authorise, DAY, enrolledPeer, euro, type Held, makeSale, type TestPeer } from "../support/peer.ts";
import { testRuntime } from "../support/runtime.ts";
import { standInSuite } from "../support/stand-in-suite.ts";
import { HANDLERS } from "./support/contest.ts";
import { shuffled } from "./support/shuffle.ts";

/** From "nearly every decision is overtaken" to "handlers seldom meet". */
const HASTE = [0, 128, 224, 250] as const;

const brokerIn = (seed: string, latestFirst: number): Promise<BrokerUnderTest> =>
  memoryBroker({
    suite: standInSuite(),
    runtime: testRuntime(undefined, { seed }),
    around: (store) => shuffled(store, { seed, latestFirst }).store,
  });

const spendOf = (held: Held, amount: Amount) =>
  proveSpend(held.secret, encodeAs(returnSpendCodec, { scrip: scripOf(held.grant), amount }));

describe.each(HASTE)("64 handlers in shuffled order, %d of 256 draws for the latest", (latestFirst) => {
  test("of 64 redemptions of one BrokerScrip one is paid", async () => {
    const broker = await brokerIn(`redeem ${latestFirst}`, latestFirst);
    const customer = await enrolledPeer(broker, "customer");
    const held = await customer.fund(euro("5"));
    const asked = await times(() => customer.sign(redeemRequest, { spend: spendOf(held, euro("2")) }));
    const answers = await atOnce(asked, async (each) =>
      customer.post("POST /redeem", await customer.seal(each), redeemResponse, "decide"),
    );
    expectOne(answers.map(({ payload }) => payload));
    expect(await broker.books()).toMatchObject({
      moneyOut: 2_000_000n,
      liveBrokerScrip: 3_000_000n,
      conserved: true,
    });
  });

  test("of 64 renewals of one BrokerScrip one is granted", async () => {
    const broker = await brokerIn(`renew ${latestFirst}`, latestFirst);
    const customer = await enrolledPeer(broker, "customer");
    const held = await customer.fund(euro("5"));
    const asked = await times(() => customer.sign(renewalRequest, { spend: spendOf(held, euro("5")) }));
    const answers = await atOnce(asked, async (each) =>
      customer.post("POST /renew", await customer.seal(each), renewalResponse, "decide"),
    );
    expectOne(answers.map(({ payload }) => payload));
    expect(await broker.books()).toMatchObject({ liveBrokerScrip: 5_000_000n, conserved: true });
  });

  test("of 64 refunds out of one credit one is minted, and of one refund that comes 64 times too", async () => {
    const broker = await brokerIn(`refund ${latestFirst}`, latestFirst);
    const { customer, merchant, txn } = await creditIn(broker);
    const asked = await times(() => refundOf(customer, merchant, txn, euro("2")));
    const answers = await atOnce(asked, (sealed) => askRefund(merchant, sealed));
    expect(answers.filter(({ payload }) => payload.ok)).toHaveLength(1);
    const winner = asked[answers.findIndex(({ payload }) => payload.ok)] as Uint8Array;
    const again = await atOnce(
      asked.map(() => winner),
      (sealed) => askRefund(merchant, sealed),
    );
    expect(again.every(({ payload }) => payload.ok)).toBe(true);
    expect(await broker.books()).toMatchObject({
      liveBrokerScrip: 5_000_000n,
      owedToMerchants: 0n,
      conserved: true,
    });
  });

  test("of 64 settlements one pays a credit", async () => {
    const broker = await brokerIn(`settle ${latestFirst}`, latestFirst);
    const { merchant } = await creditIn(broker);
    broker.runtime.advance(3 * DAY);
    await broker.rotate();
    const asked = await times(() => merchant.sign(settleRequest, {}));
    const answers = await atOnce(asked, async (each) => askSettlement(merchant, await merchant.seal(each)));
    expect(answers.filter(({ payload }) => payload.paid.value > 0n)).toHaveLength(1);
    expect(await broker.books()).toMatchObject({
      moneyOut: 2_000_000n,
      owedToMerchants: 0n,
      conserved: true,
    });
  });

  test("a credit is settled, refunded or reversed, and never two of these", async () => {
    const broker = await brokerIn(`melee ${latestFirst}`, latestFirst);
    for (const due of [false, true]) {
      const { customer, merchant, txn } = await creditIn(broker, due ? "late" : "early");
      if (due) broker.runtime.advance(3 * DAY);
      if (due) await broker.rotate();
      const reversals = await many(FEW, () =>
        customer.sign(reversalRequest, { merchant: merchant.uid, subject: txn }),
      );
      const refunds = await many(FEW, () => refundOf(customer, merchant, txn, euro("2")));
      const settlements = await many(FEW, () => merchant.sign(settleRequest, {}));
      const [, refunded, settled] = await Promise.all([
        Promise.all(
          reversals.map(async (each) =>
            customer.post("POST /reversal", await customer.seal(each), reversal, "decide"),
          ),
        ),
        atOnce(refunds, (sealed) => askRefund(merchant, sealed)),
        atOnce(settlements, async (each) => askSettlement(merchant, await merchant.seal(each))),
      ]);
      const won = refunded.filter(({ payload }) => payload.ok).length;
      const paid = settled.filter(({ payload }) => payload.paid.value > 0n).length;
      const items = await broker.items();
      const disputed = items.filter(
        ({ item }) => item.kind === "reversal" && item.state === "disputed",
      ).length;
      expect(won + paid + (due ? 0 : disputed)).toBe(1);
      if (!due) expect(paid).toBe(0);
      expect((await broker.books()).conserved).toBe(true);
    }
  });
});

const FEW = 20;

/** A merchant with credit of EUR 2 out of a customer's EUR 5. */
async function creditIn(broker: BrokerUnderTest, name = "") {
  const customer = await enrolledPeer(broker, `customer${name}`);
  const merchant = await enrolledPeer(broker, `merchant${name}`);
  const held = await customer.fund(euro("5"));
  const sale = await makeSale(customer, merchant, broker.runtime.now(), { amount: euro("2"), held });
  expect(orThrow(await authorise(broker, sale)).m4.payload.ok).toBe(true);
  return { customer, merchant, txn: sale.txn };
}

/** A merchant's request for a refund out of a credit, with its customer's part, sealed. */
async function refundOf(
  customer: TestPeer,
  merchant: TestPeer,
  credit: string,
  amount: Amount,
): Promise<Uint8Array> {
  const txn = customer.newTxn();
  const scrip = toText(new Uint8Array(16));
  const order = await customer.sign(refundOrder, { merchant: merchant.uid, amount, scrip }, { txn });
  const part = await customer.seal(order);
  const own = { customer: customer.uid, amount, part: toText(sha256(part)), credit };
  return merchant.seal(await merchant.sign(refundAuthorization, own, { txn }), { attachments: [part] });
}

const askRefund = (merchant: TestPeer, sealed: Uint8Array) =>
  merchant.post("POST /refund", sealed, authorizationResponse, "decide");

const askSettlement = (merchant: TestPeer, sealed: Uint8Array) =>
  merchant.post("POST /settle", sealed, settlementStatement, "decide");

async function many<T>(count: number, make: () => Promise<T>): Promise<readonly T[]> {
  const made: T[] = [];
  for (let i = 0; i < count; i += 1) made.push(await make());
  return made;
}
const times = <T>(make: () => Promise<T>): Promise<readonly T[]> => many(HANDLERS, make);

/** All at once; what is not known to be decided is asked again. */
const atOnce = <T, A>(asked: readonly T[], ask: (each: T) => Promise<Or<A>>): Promise<readonly A[]> =>
  Promise.all(
    asked.map(async (each) => {
      for (let attempt = 1; ; attempt += 1) {
        const answer = await ask(each);
        if (!isRefusal(answer)) return answer as A;
        if (!AGAIN.has(answer.code) || attempt === ATTEMPTS) throw new LeptaError(answer.code, answer.detail);
      }
    }),
  );

const ATTEMPTS = 16;
const AGAIN: ReadonlySet<string> = new Set(["internal", "busy", "pending"]);

/** One is granted; the others are told that the scrip is spent. */
function expectOne(answers: readonly { readonly ok: boolean; readonly reason?: string }[]): void {
  expect(answers.filter(({ ok }) => ok)).toHaveLength(1);
  expect(answers.filter(({ reason }) => reason === "scrip-spent")).toHaveLength(HANDLERS - 1);
}
