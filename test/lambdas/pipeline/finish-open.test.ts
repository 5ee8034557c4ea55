import { variable } from "@lepta/lambdas";
import {
  brokerscripResponse,
  limits,
  orThrow,
  purchaseNotice,
  readMessage,
  refuse,
  saleNotice,
  sha256,
  vendorscripIntent,
} from "@lepta/protocol";
import { beforeEach, describe, expect, test } from "vitest";
import { type BrokerUnderTest, memoryBroker } from "../../support/broker.ts";
import {
  authorise,
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

let broker: BrokerUnderTest;
let alice: TestPeer;
let shop: TestPeer;

beforeEach(async () => {
  broker = await memoryBroker();
  alice = await enrolledPeer(broker, "alice");
  shop = await enrolledPeer(broker, "shop");
});

const openItems = async () => (await broker.items()).filter(({ key }) => key.pk.startsWith("OPEN#"));
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
    expect(await broker.finish()).toEqual({ seen: 1, decided: 0, failed: 0 });
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
    await bought(txn);
    expect(await openItems()).toEqual([]);
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
    expect(await openItems()).toEqual([]);
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
