import {
  authorizationResponse,
  brokerscripResponse,
  type ErrorCode,
  isRefusal,
  orThrow,
  readMessage,
  redeemRequest,
  refundAuthorization,
  refundChange,
  refuse,
  sha256,
  utf8,
} from "@lepta/protocol";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type BrokerUnderTest, memoryBroker } from "../../support/broker.ts";
import { type Crashing, crashingStore } from "../../support/crashing.ts";
import {
  authorise,
  enrolledPeer,
  euro,
  type Held,
  HOUR,
  heldOf,
  makeSale,
  type Sale,
  type TestPeer,
} from "../../support/peer.ts";
import {
  letCreditsFree,
  makeRedemption,
  makeRefund,
  makeReversal,
  makeSettlement,
  type Refund,
  type Refunded,
  type RefundOptions,
  redeem,
  refund,
  returnSpend,
  reverse,
  settle,
} from "../../support/returns.ts";

let broker: BrokerUnderTest;
let alice: TestPeer;
let shop: TestPeer;
let sale: Sale;
/** What the customer has left after the sale. */
let held: Held;

/** A customer that bought VendorScrip for EUR 0.30 out of EUR 1.00. */
async function open(around?: Crashing["around"]): Promise<void> {
  broker = await memoryBroker(around === undefined ? {} : { around });
  alice = await enrolledPeer(broker, "alice");
  shop = await enrolledPeer(broker, "shop");
  sale = await makeSale(alice, shop, broker.runtime.now(), {
    amount: euro("0.30"),
    held: await alice.fund(euro("1.00")),
  });
  const { m3 } = orThrow(await authorise(broker, sale));
  if (m3 === undefined) throw new Error("no M3");
  held = heldOf(m3);
}
beforeEach(() => open());

const books = () => broker.books();
const asSold = { liveBrokerScrip: 700_000n, owedToMerchants: 300_000n, conserved: true };
const make = (options: Partial<RefundOptions> = {}) =>
  makeRefund(alice, shop, { amount: euro("0.20"), credit: sale.txn, ...options });
const send = async (made: Refund): Promise<Refunded> => orThrow(await refund(broker, made));
const told = (answer: { readonly payload: object } | undefined) => ({ ...answer?.payload, issuedAt: 0 });
const ofAlice = async () => (await broker.items()).filter(({ key }) => key.pk === `PEER#${alice.uid}`);

describe("a refund", () => {
  test("gives the customer what the merchant is owed no more; each is told its own side", async () => {
    const made = await make();
    const { answer, change } = await send(made);
    expect(answer.payload).toMatchObject({
      ok: true,
      request: made.message.digest,
      customer: alice.uid,
      amount: euro("0.20"),
    });
    expect(answer.secrets).toEqual([]);
    expect(change?.payload).toMatchObject({
      ok: true,
      request: made.order.digest,
      replaced: held.body.id,
      amount: euro("0.20"),
      merchant: shop.uid,
    });
    if (change === undefined) throw new Error("nothing for the customer");
    expect(heldOf(change).body.value).toEqual(euro("0.90"));
    expect(await books()).toMatchObject({
      liveBrokerScrip: 900_000n,
      owedToMerchants: 100_000n,
      conserved: true,
    });
    // The rest of the credit is settled later, and no more than that.
    await letCreditsFree(broker);
    expect(orThrow(await settle(shop, await makeSettlement(shop))).payload.paid).toEqual(euro("0.10"));
    expect(await books()).toMatchObject({ moneyOut: 100_000n, owedToMerchants: 0n, conserved: true });
  });

  test("can come out of one credit in parts, until nothing is owed", async () => {
    for (const amount of [euro("0.10"), euro("0.15"), euro("0.05")])
      expect((await send(await make({ amount }))).answer.payload.ok).toBe(true);
    const { answer, change } = await send(await make({ amount: euro("0.01") }));
    expect([answer.payload.ok, change]).toEqual([false, undefined]);
    expect(await books()).toMatchObject({
      liveBrokerScrip: 1_000_000n,
      owedToMerchants: 0n,
      conserved: true,
    });
  });

  test("sent twice gives the same decision to both sides, even long after, and writes once", async () => {
    const made = await make();
    const first = await send(made);
    const before = await broker.items();
    broker.runtime.advance(2 * HOUR);
    const again = await send(made);
    expect([told(again.answer), told(again.change)]).toEqual([told(first.answer), told(first.change)]);
    expect(again.change?.secrets).toEqual(first.change?.secrets);
    expect(await broker.items()).toEqual(before);
  });

  test("another under the same transaction is a signed conflict that ends nothing", async () => {
    const made = await make();
    await send(made);
    const before = await broker.items();
    const { answer, change } = await send(await make({ txn: made.txn, amount: euro("0.05") }));
    expect([answer.payload.ok, answer.payload.reason, change]).toEqual([false, "conflict", undefined]);
    // Nor is the transaction of figure 8 one that a refund can have.
    const same = await send(await make({ txn: sale.txn }));
    expect([same.answer.payload.reason, same.change]).toEqual(["conflict", undefined]);
    expect(await broker.items()).toEqual(before);
  });

  test("sixteen at once of one credit give back no more than is owed", async () => {
    const refunds = await Promise.all(Array.from({ length: 16 }, () => make({ amount: euro("0.10") })));
    const answers = await Promise.all(refunds.map(send));
    expect(answers.filter(({ answer }) => answer.payload.ok)).toHaveLength(3);
    expect(await books()).toMatchObject({
      liveBrokerScrip: 1_000_000n,
      owedToMerchants: 0n,
      conserved: true,
    });
  });

  test("is still possible when the credit is free, and no more when it was settled", async () => {
    await letCreditsFree(broker);
    expect((await send(await make({ amount: euro("0.10") }))).answer.payload.ok).toBe(true);
    expect(orThrow(await settle(shop, await makeSettlement(shop))).payload.paid).toEqual(euro("0.20"));
    const { answer, change } = await send(await make({ amount: euro("0.10") }));
    expect([answer.payload.reason, change?.payload.reason]).toEqual(["refused", "paid-out"]);
    expect(await books()).toMatchObject({ moneyOut: 200_000n, liveBrokerScrip: 800_000n, conserved: true });
  });

  test("to a customer without any scrip mints it alone", async () => {
    orThrow(await redeem(alice, await makeRedemption(alice, held, euro("0.70"))));
    const { change } = await send(await make());
    if (change === undefined) throw new Error("nothing for the customer");
    expect(heldOf(change).body).toMatchObject({ value: euro("0.20") });
    expect([heldOf(change).body.parent, change.payload.replaced]).toEqual([undefined, undefined]);
  });
});

describe("what the broker refuses ends the customer's transaction, and the merchant is not told why", () => {
  test.each<[what: string, code: ErrorCode, options: () => Promise<Partial<RefundOptions>>]>([
    [
      "a settled credit",
      "paid-out",
      async () => {
        await letCreditsFree(broker);
        orThrow(await settle(shop, await makeSettlement(shop)));
        return {};
      },
    ],
    ["a part past its end", "expired", async () => ({ part: { expiresAt: broker.runtime.now() } })],
  ])("%s: %s", async (_, code, prepare) => {
    const options = await prepare();
    const money = await books();
    const made = await make(options);
    const { answer, change } = await send(made);
    expect([answer.payload.ok, answer.payload.reason]).toEqual([false, "refused"]);
    expect(change?.payload).toMatchObject({ ok: false, reason: code, request: made.order.digest });
    expect([change?.payload.grant, change?.secrets]).toEqual([undefined, []]);
    expect(await books()).toEqual(money);
    expect(orThrow(await alice.query(alice.uid, made.txn)).payload.state).toBe("refused");
    expect(told((await send(made)).change)).toEqual(told(change));
  });
});

describe("what is between the merchant and its customer leaves the customer's transaction as it was", () => {
  const untouched = async (made: Refund) => {
    const before = await ofAlice();
    const { answer, change } = await send(made);
    expect([answer.payload.ok, answer.payload.reason, change]).toEqual([false, "refused", undefined]);
    expect(await ofAlice()).toEqual(before);
    expect(await books()).toMatchObject(asSold);
  };

  test.each<[what: string, options: () => Partial<RefundOptions>]>([
    ["a part that names another merchant", () => ({ part: { merchant: alice.uid } })],
    ["a part for another transaction", () => ({ part: { txn: alice.newTxn() } })],
    ["a part for another network", () => ({ part: { network: alice.uid } })],
    ["a part for another recipient", () => ({ part: { to: shop.uid } })],
    ["a part from the future", () => ({ part: { issuedAt: broker.runtime.now() + HOUR } })],
    ["another amount than the part's", () => ({ m2: { amount: euro("0.21") } })],
    ["another customer's name", () => ({ m2: { customer: broker.network } })],
    ["a request past its end", () => ({ m2: { expiresAt: broker.runtime.now() } })],
    ["the digest of another part", () => ({ m2: { part: held.body.id.padEnd(43, "A") } })],
    ["no part at all", () => ({ attached: [] })],
    ["something else in the part's place", () => ({ attached: [utf8("nonsense")] })],
  ])("%s", async (_, options) => {
    await untouched(await make(options()));
  });

  test.each<[what: string, options: () => Promise<Partial<RefundOptions>>]>([
    ["more than is owed", async () => ({ amount: euro("0.300001") })],
    ["a credit that never was", async () => ({ credit: alice.newTxn() })],
    [
      "a void credit",

      async () => {
        const txn = alice.newTxn();
        orThrow(
          await shop.abort(alice.uid, txn, { authorization: sale.request.digest, amount: euro("0.30") }),
        );
        return { credit: txn };
      },
    ],
    [
      "a credit of another merchant",

      async () => {
        const other = await enrolledPeer(broker, "other");
        const there = await makeSale(alice, other, broker.runtime.now(), { amount: euro("0.30"), held });
        orThrow(await authorise(broker, there));
        return { credit: there.txn };
      },
    ],
    [
      "a disputed credit",

      async () => {
        expect(await reverse(alice, await makeReversal(alice, shop.uid, sale.txn))).toEqual(
          refuse("pending"),
        );
        return {};
      },
    ],
  ])("%s: only the merchant named the credit", async (_, prepare) => {
    const options = await prepare();
    const money = await books();
    const made = await make(options);
    const before = await ofAlice();
    const { answer, change } = await send(made);
    expect([answer.payload.ok, answer.payload.reason, change]).toEqual([false, "refused", undefined]);
    expect([await ofAlice(), await books()]).toEqual([before, money]);
    // The merchant's record is void for good, and the customer's transaction is free for another refund.
    expect((await send(made)).answer.payload.ok).toBe(false);
    expect(orThrow(await alice.query(alice.uid, made.txn)).payload.state).toBe("unknown");
  });

  test("two parts, or the part of another refund", async () => {
    const [one, two] = [await make(), await make()];
    const sealWith = (attachments: readonly Uint8Array[]) => shop.seal(one.message, { attachments });
    await untouched({ ...one, sealed: await sealWith([one.part, one.part]) });
    const three = await make();
    await untouched({ ...three, sealed: await shop.seal(three.message, { attachments: [two.part] }) });
  });

  test("a part that another merchant was given", async () => {
    const thief = await enrolledPeer(broker, "thief");
    const theirs = await makeSale(alice, thief, broker.runtime.now(), { amount: euro("0.10"), held });
    orThrow(await authorise(broker, theirs));
    const before = await ofAlice();
    // The thief splices the shop's part into its own request, under the same transaction.
    const { part, txn } = await make({ amount: euro("0.10") });
    const own = {
      customer: alice.uid,
      amount: euro("0.10"),
      part: Buffer.from(sha256(part)).toString("base64url"),
      credit: theirs.txn,
    };
    const message = await thief.sign(refundAuthorization, own, { txn });
    const sealed = await thief.seal(message, { attachments: [part] });
    const answer = orThrow(await thief.post("POST /refund", sealed, authorizationResponse, "decide"));
    expect([answer.payload.ok, answer.attachments]).toEqual([false, []]);
    expect(await ofAlice()).toEqual(before);
  });

  test("a part for figure 8 in a refund's place, and a refund's part in figure 8's", async () => {
    const bought = await makeSale(alice, shop, broker.runtime.now(), { amount: euro("0.20"), held });
    await untouched(
      await make({ txn: bought.txn, attached: [bought.part], m2: { part: digestOf(bought.part) } }),
    );
    const given = await make();
    const asM2 = await makeSale(alice, shop, broker.runtime.now(), {
      amount: euro("0.20"),
      held,
      txn: given.txn,
      m2: { part: digestOf(given.part) },
      attached: [given.part],
    });
    const { m4, m3 } = orThrow(await authorise(broker, asM2));
    expect([m4.payload.ok, m3]).toEqual([false, undefined]);
    expect(await books()).toMatchObject(asSold);
  });

  test("a transaction that the customer aborted before", async () => {
    const made = await make();
    expect(orThrow(await alice.abort(alice.uid, made.txn)).payload.state).toBe("aborted");
    await untouched(made);
  });

  test("a refund that the merchant aborted before: it is void for good", async () => {
    const made = await make();
    const more = { authorization: made.message.digest, amount: euro("0.20") };
    expect(orThrow(await shop.abort(alice.uid, made.txn, more)).payload.state).toBe("refused");
    await untouched(made);
    expect(orThrow(await alice.query(alice.uid, made.txn)).payload.state).toBe("unknown");
  });

  // Were it written over, the payout would be in nobody's books.
  test("a redemption that the rail is still paying", async () => {
    const rich = await enrolledPeer(broker, "rich+unknown");
    const txn = rich.newTxn();
    await rich.topUp(euro("1.00"), { txn });
    await broker.finish();
    const asked = orThrow(await rich.query(rich.uid, txn));
    const { payload } = orThrow(readMessage(asked.attachments[0] ?? sha256(), [brokerscripResponse]));
    const purse = heldOf({ payload, secrets: asked.secrets });
    const there = await makeSale(rich, shop, broker.runtime.now(), { amount: euro("0.30"), held: purse });
    const { m3 } = orThrow(await authorise(broker, there));
    if (m3 === undefined) throw new Error("no M3");
    const redemption = await rich.sign(redeemRequest, { spend: returnSpend(heldOf(m3), euro("0.50")) });
    const { payload: asPaid } = orThrow(readMessage(redemption.bytes, [redeemRequest]));
    expect(await redeem(rich, { sealed: await rich.seal(redemption) })).toEqual(refuse("pending"));
    const made = await makeRefund(rich, shop, { amount: euro("0.30"), credit: there.txn, txn: asPaid.txn });
    orThrow(await refund(broker, made));
    await broker.finish();
    expect((await books()).conserved).toBe(true);
    expect(orThrow(await rich.query(rich.uid, asPaid.txn)).payload.state).toBe("done");
  });
});

describe("asking afterwards", () => {
  test("the customer gets its change again, the merchant its answer, others nothing", async () => {
    const made = await make();
    const { answer, change } = await send(made);
    const toAlice = orThrow(await alice.query(alice.uid, made.txn));
    expect([toAlice.payload.state, toAlice.secrets]).toEqual(["done", change?.secrets]);
    const again = orThrow(readMessage(toAlice.attachments[0] ?? sha256(), [refundChange]));
    expect(told(again)).toEqual(told(change));
    const toShop = orThrow(await shop.query(alice.uid, made.txn));
    expect([toShop.payload.state, toShop.payload.record, toShop.secrets]).toEqual(["done", undefined, []]);
    expect(told(orThrow(readMessage(toShop.attachments[0] ?? sha256(), [authorizationResponse])))).toEqual(
      told(answer),
    );
    const stranger = await enrolledPeer(broker, "stranger");
    const toNobody = orThrow(await stranger.query(alice.uid, made.txn));
    expect([toNobody.payload.state, toNobody.attachments]).toEqual(["unknown", []]);
    expect(orThrow(await alice.abort(alice.uid, made.txn)).payload.state).toBe("done");
    expect(orThrow(await shop.abort(alice.uid, made.txn)).payload.state).toBe("done");
  });

  test("what the customer is told cannot be opened by the merchant", async () => {
    const made = await make();
    const { body } = await broker.call("POST /refund", made.sealed);
    const opened = orThrow(await shop.open(body, [authorizationResponse]));
    expect(isRefusal(await shop.open(opened.attachments[0] ?? sha256(), [refundChange]))).toBe(true);
  });
});

describe("a broker that crashes at the commit", () => {
  beforeEach(() => {
    vi.spyOn(process.stderr, "write").mockReturnValue(true);
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });

  test.each(["before", "after"] as const)("%s it: the same request is decided once", async (moment) => {
    const crash = crashingStore();
    await open(crash.around);
    const made = await make();
    crash.arm(1, moment);
    expect(await refund(broker, made)).toEqual(refuse("internal"));
    expect(crash.reached()).toBe(true);
    crash.disarm();
    expect((await books()).conserved).toBe(true);
    const { answer, change } = await send(made);
    expect([answer.payload.ok, change?.payload.ok]).toEqual([true, true]);
    expect(await books()).toMatchObject({
      liveBrokerScrip: 900_000n,
      owedToMerchants: 100_000n,
      conserved: true,
    });
  });
});

const digestOf = (bytes: Uint8Array): string => Buffer.from(sha256(bytes)).toString("base64url");
