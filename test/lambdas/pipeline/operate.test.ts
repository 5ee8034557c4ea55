import { operatedFunctions, type Store } from "@lepta/lambdas";
import { keys as itemKeys } from "@lepta/lambdas/broker/items";
import { enrolResponse, isRefusal, orThrow, refuse } from "@lepta/protocol";
import { beforeEach, describe, expect, test } from "vitest";
import { type BrokerUnderTest, memoryBroker } from "../../support/broker.ts";
import {
  type Authorised,
  authorise,
  DAY,
  enrolledPeer,
  euro,
  type Held,
  HOUR,
  heldOf,
  makeSale,
  type TestPeer,
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

let broker: BrokerUnderTest;
let alice: TestPeer;
let shop: TestPeer;
let held: Held;
/** Runs once, between what the next commit's decision saw and the commit. */
let meanwhile: (() => Promise<unknown>) | undefined;

beforeEach(async () => {
  meanwhile = undefined;
  const around = (store: Store): Store => ({
    ...store,
    commit: async (writes) => {
      const run = meanwhile;
      meanwhile = undefined;
      await run?.();
      return store.commit(writes);
    },
  });
  broker = await memoryBroker({ around });
  alice = await enrolledPeer(broker, "alice");
  shop = await enrolledPeer(broker, "shop");
  held = await alice.fund(euro("1.00"));
});

const operate = (event: unknown) => operatedFunctions.operate(broker.wiring)(event);
const freeze = ({ uid }: TestPeer, reason?: string) =>
  operate({ operation: "freeze", uid, ...(reason === undefined ? {} : { reason }) });
const unfreeze = ({ uid }: TestPeer) => operate({ operation: "unfreeze", uid });
const sale = (amount = euro("0.30")) => makeSale(alice, shop, broker.runtime.now(), { amount, held });
const told = async (answering: Promise<unknown>) => {
  const answer = await answering;
  if (isRefusal(answer)) return answer.code;
  const { ok, reason } = (answer as { readonly payload: { readonly ok: boolean; readonly reason?: string } })
    .payload;
  return ok ? "ok" : reason;
};
const changeOf = ({ m3 }: Authorised) => {
  if (m3 === undefined) throw new Error("nothing was attached to M4");
  return m3;
};
const isConserved = async () => (await broker.books()).conserved;

describe("the function operate", () => {
  test("freezes and unfreezes a peer once, and tells how it stands in the operator's words", async () => {
    const now = broker.runtime.now();
    const enrolled = { uid: shop.uid, enrolledAt: now };
    expect(await operate({ operation: "standing", uid: shop.uid })).toEqual({
      outcome: "unchanged",
      peer: enrolled,
    });
    const frozen = { ...enrolled, frozenAt: now, frozenFor: "sells nothing" };
    expect(await freeze(shop, "sells nothing")).toEqual({ outcome: "changed", peer: frozen });
    broker.runtime.advance(1000);
    expect(await freeze(shop, "another reason")).toEqual({ outcome: "unchanged", peer: frozen });
    expect(await unfreeze(shop)).toEqual({ outcome: "changed", peer: enrolled });
    expect(await unfreeze(shop)).toEqual({ outcome: "unchanged", peer: enrolled });
  });

  test("knows no peer that is not enrolled", async () => {
    expect(await operate({ operation: "freeze", uid: broker.network })).toEqual({ outcome: "unknown-peer" });
  });

  test.each([
    [undefined],
    [{ operation: "freeze" }],
    [{ operation: "freeze", uid: "shop" }],
    [{ operation: "melt", uid: "A".repeat(43) }],
    [{ operation: "unfreeze", uid: "A".repeat(43), reason: "none is taken" }],
    [{ operation: "freeze", uid: "A".repeat(43), reason: "x".repeat(501) }],
    [{ operation: "freeze", uid: "A".repeat(43), until: 5 }],
  ])("takes no other event: %j", async (event) => {
    await expect(operate(event)).rejects.toThrow("the event");
  });
});

describe("a frozen merchant", () => {
  test("sells nothing: the customer is told frozen and keeps its scrip, the merchant is told refused", async () => {
    await freeze(shop, "the operator's words");
    const { m4, m3 } = orThrow(await authorise(broker, await sale()));
    expect(m4.payload).toMatchObject({ ok: false, reason: "refused" });
    expect(m3?.payload).toMatchObject({ ok: false, reason: "frozen" });
    expect(await broker.books()).toMatchObject({
      liveBrokerScrip: 1_000_000n,
      owedToMerchants: 0n,
      conserved: true,
    });
    await unfreeze(shop);
    expect(orThrow(await authorise(broker, await sale())).m3?.payload.ok).toBe(true);
  });

  test("is told again what was decided before it was frozen", async () => {
    const before = await sale();
    orThrow(await authorise(broker, before));
    await freeze(shop);
    expect(orThrow(await authorise(broker, before)).m4.payload.ok).toBe(true);
  });

  test("is paid nothing, and nothing is written; the same request is paid when it is unfrozen", async () => {
    orThrow(await authorise(broker, await sale()));
    await letCreditsFree(broker);
    const request = await makeSettlement(shop);
    await freeze(shop);
    const items = await broker.items();
    expect(await settle(shop, request)).toEqual(refuse("frozen"));
    expect(await broker.items()).toEqual(items);
    await unfreeze(shop);
    expect(orThrow(await settle(shop, request)).payload).toMatchObject({ ok: true, paid: euro("0.30") });
  });

  test("is paid by another request when the first has expired meanwhile", async () => {
    orThrow(await authorise(broker, await sale()));
    await letCreditsFree(broker);
    const request = await makeSettlement(shop);
    await freeze(shop);
    expect(await settle(shop, request)).toEqual(refuse("frozen"));
    broker.runtime.advance(2 * HOUR);
    await unfreeze(shop);
    expect(await settle(shop, request)).toEqual(refuse("expired"));
    expect(orThrow(await settle(shop, await makeSettlement(shop))).payload.paid).toEqual(euro("0.30"));
    expect(await isConserved()).toBe(true);
  });

  test("gets the credential that it has renewed no more, by no request, until it is unfrozen", async () => {
    const first = await shop.seal(await shop.enrolRequest({ account: undefined, mandate: undefined }));
    expect((await broker.call("POST /enrol", first)).status).toBe(200);
    await freeze(shop);
    expect(orThrow(await shop.enrol({ account: undefined })).payload).toMatchObject({
      ok: false,
      reason: "frozen",
    });
    const statement = await shop.restate(2);
    const changed = orThrow(await shop.enrol({ account: undefined, statement })).payload;
    expect(changed).toMatchObject({ ok: false, reason: "frozen" });
    expect(changed.enrolment).toBeUndefined();
    await unfreeze(shop);
    expect(orThrow(await shop.enrol({ account: undefined, statement })).payload.ok).toBe(true);
  });

  test("has an enrolment that was answered before certified no more", async () => {
    const request = await shop.enrolRequest({ account: undefined, statement: await shop.restate(2) });
    const again = async () => shop.post("POST /enrol", await shop.seal(request), enrolResponse, "enrol");
    expect(orThrow(await again()).payload.ok).toBe(true);
    await freeze(shop);
    expect(orThrow(await again()).payload).toMatchObject({ ok: false, reason: "frozen" });
  });

  test("still gives refunds, and its customers' reversals and queries go on", async () => {
    const first = await sale();
    held = heldOf(changeOf(orThrow(await authorise(broker, first))));
    const second = await sale(euro("0.20"));
    orThrow(await authorise(broker, second));
    await freeze(shop);
    const made = await makeRefund(alice, shop, { amount: euro("0.10"), credit: first.txn });
    expect(orThrow(await refund(broker, made)).change?.payload.ok).toBe(true);
    const request = await makeReversal(alice, shop.uid, second.txn);
    expect(await reverse(alice, request)).toEqual(refuse("pending"));
    broker.runtime.advance(DAY);
    await broker.rotate();
    await broker.finish();
    expect(orThrow(await reverse(alice, request)).payload.ok).toBe(true);
    expect(orThrow(await alice.query(alice.uid, second.txn)).payload.state).toBe("done");
    expect(await broker.books()).toMatchObject({ liveBrokerScrip: 800_000n, conserved: true });
  });
});

describe("a frozen customer", () => {
  test("neither charges its account, nor redeems, nor buys VendorScrip, and has its scrip afterwards", async () => {
    await freeze(alice);
    expect(await told(alice.topUp(euro("1.00")))).toBe("frozen");
    expect(await told(redeem(alice, await makeRedemption(alice, held, euro("0.50"))))).toBe("frozen");
    const { m4, m3 } = orThrow(await authorise(broker, await sale()));
    expect([m4.payload.reason, m3?.payload.reason]).toEqual(["refused", "frozen"]);
    expect(await broker.books()).toMatchObject({ moneyIn: 1_000_000n, liveBrokerScrip: 1_000_000n });
    await unfreeze(alice);
    expect(await told(redeem(alice, await makeRedemption(alice, held, euro("0.50"))))).toBe("ok");
    expect(await isConserved()).toBe(true);
  });

  test("renews what would expire meanwhile", async () => {
    await freeze(alice);
    expect(await told(renew(alice, await makeRenewal(alice, held)))).toBe("ok");
  });
});

describe("a freeze that races", () => {
  test("an authorisation comes wholly after it: this one stands, the next is refused", async () => {
    meanwhile = () => freeze(shop);
    const first = orThrow(await authorise(broker, await sale()));
    expect([first.m4.payload.ok, first.m3?.payload.ok]).toEqual([true, true]);
    held = heldOf(changeOf(first));
    const second = orThrow(await authorise(broker, await sale(euro("0.10"))));
    expect([second.m4.payload.ok, second.m3?.payload.reason]).toEqual([false, "frozen"]);
    expect(await broker.books()).toMatchObject({ owedToMerchants: 300_000n, conserved: true });
  });

  test("a renewal of the credential is not undone by it", async () => {
    meanwhile = () => freeze(shop);
    const statement = await shop.restate(2);
    expect(await told(shop.enrol({ account: undefined, statement }))).toBe("frozen");
    const [credential] = await broker.wiring.store.get([itemKeys.credential(shop.uid)]);
    expect(credential).toMatchObject({ serial: 1, frozenAt: broker.runtime.now() });
  });

  test("a renewal that is first leaves the peer frozen with its new key", async () => {
    const statement = await shop.restate(2);
    meanwhile = () => shop.enrol({ account: undefined, statement });
    expect((await freeze(shop)).outcome).toBe("changed");
    const [credential] = await broker.wiring.store.get([itemKeys.credential(shop.uid)]);
    expect(credential).toMatchObject({ serial: 2, frozenAt: broker.runtime.now() });
  });
});
