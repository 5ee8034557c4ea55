import { type Item, keys, type Variables, variable } from "@lepta/lambdas";
import {
  brokerscripResponse,
  checkGrant,
  type ErrorCode,
  isRefusal,
  orThrow,
  readMessage,
  redeemResponse,
  refuse,
  renewalResponse,
  sha256,
} from "@lepta/protocol";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type BrokerUnderTest, memoryBroker } from "../../support/broker.ts";
import { type Crashing, crashingStore, crashPoints } from "../../support/crashing.ts";
import {
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
import { makeRedemption, makeRenewal, redeem, renew, returnSpend } from "../../support/returns.ts";

let broker: BrokerUnderTest;
let alice: TestPeer;
let held: Held;

/** A customer with EUR 1.00 at an account that behaves as its name says. */
async function open(
  account = "alice",
  variables: Variables = {},
  around?: Crashing["around"],
): Promise<void> {
  broker = await memoryBroker({ variables, ...(around === undefined ? {} : { around }) });
  alice = await enrolledPeer(broker, account);
  const txn = alice.newTxn();
  const first = await alice.topUp(euro("1.00"), { txn });
  // Some accounts answer only when they are asked again.
  held = heldOf(orThrow(isRefusal(first) ? await query(txn) : first));
}

async function query(txn: string) {
  await broker.finish();
  const answer = orThrow(await alice.query(alice.uid, txn));
  const { payload } = orThrow(readMessage(answer.attachments[0] ?? sha256(), [brokerscripResponse]));
  return { payload, secrets: answer.secrets };
}
beforeEach(() => open());

const told = (answer: { readonly payload: object }) => ({ ...answer.payload, issuedAt: 0 });
const books = () => broker.books();
const openItems = async () => (await broker.items()).filter(({ key }) => key.pk.startsWith("OPEN#"));
/** What the sandbox bank has paid out. */
const payouts = async () => (await broker.items()).filter(({ key }) => key.pk.startsWith("BANKPAYOUT#"));
/** The bank claims to have paid something else under the key than it was asked to. */
async function falsify(change: Item): Promise<void> {
  const [payout] = await payouts();
  if (payout === undefined) throw new Error("nothing was paid");
  await broker.wiring.store.commit([
    { put: { ...payout.item, ...change }, at: payout.key, expect: "present" },
  ]);
}

async function pass(milliseconds: number): Promise<void> {
  broker.runtime.advance(milliseconds);
  await broker.rotate();
}

describe("a renewal", () => {
  test("gives the same value a new life, names what it replaces, and can be spent", async () => {
    await pass(30 * DAY);
    const request = await makeRenewal(alice, held);
    const answer = orThrow(await renew(alice, request));
    expect(answer.payload).toMatchObject({ ok: true, request: request.message.digest, spent: held.body.id });
    const fresh = heldOf(answer);
    const { network } = broker;
    const expected = {
      kind: "broker",
      network,
      issuer: network,
      owner: alice.uid,
      value: euro("1.00"),
    } as const;
    expect(isRefusal(checkGrant(fresh.grant, fresh.secret, expected))).toBe(false);
    expect(fresh.body.expiresAt).toBe(held.body.expiresAt + 30 * DAY);
    expect(await books()).toMatchObject({
      moneyIn: 1_000_000n,
      liveBrokerScrip: 1_000_000n,
      conserved: true,
    });
    const shop = await enrolledPeer(broker, "shop");
    const now = broker.runtime.now();
    const old = await makeSale(alice, shop, now, { amount: euro("0.10"), held });
    expect(orThrow(await authorise(broker, old)).m3?.payload.reason).toBe("scrip-spent");
    const sale = await makeSale(alice, shop, now, { amount: euro("0.10"), held: fresh });
    expect(orThrow(await authorise(broker, sale)).m4.payload.ok).toBe(true);
  });

  test.each([
    [-1, true],
    [0, false],
  ])(
    "%d ms after the grace period is in time: %s; the books know what is expired",
    async (offset, isInTime) => {
      broker.runtime.set(held.body.expiresAt + 90 * DAY + offset);
      await broker.rotate();
      expect(await books()).toMatchObject({ expired: 1_000_000n, liveBrokerScrip: 0n, conserved: true });
      const { ok, reason } = orThrow(await renew(alice, await makeRenewal(alice, held))).payload;
      expect([ok, reason]).toEqual([isInTime, isInTime ? undefined : "scrip-expired"]);
      const [expired, liveBrokerScrip] = isInTime ? [0n, 1_000_000n] : [1_000_000n, 0n];
      expect(await books()).toMatchObject({ expired, liveBrokerScrip, conserved: true });
    },
  );

  test("sent twice gives the same answer with the same secret and writes once, even long after", async () => {
    const request = await makeRenewal(alice, held);
    const first = orThrow(await renew(alice, request));
    const before = await broker.items();
    broker.runtime.advance(2 * HOUR);
    const again = orThrow(await renew(alice, request));
    expect([told(again), again.secrets]).toEqual([told(first), first.secrets]);
    expect(await broker.items()).toEqual(before);
  });

  test("under the id of another is a signed conflict that ends nothing", async () => {
    const first = await makeRenewal(alice, held);
    const fresh = heldOf(orThrow(await renew(alice, first)));
    const before = await broker.items();
    const other = await makeRenewal(alice, fresh, { txn: first.txn });
    expect(orThrow(await renew(alice, other)).payload).toMatchObject({ ok: false, reason: "conflict" });
    const redemption = await makeRedemption(alice, fresh, euro("0.10"), { txn: first.txn });
    expect(orThrow(await redeem(alice, redemption)).payload).toMatchObject({ ok: false, reason: "conflict" });
    expect(await broker.items()).toEqual(before);
  });

  test("many at once: one wins, the others are refused, and there is one scrip", async () => {
    const requests = await Promise.all(Array.from({ length: 8 }, () => makeRenewal(alice, held)));
    const answers = await Promise.all(requests.map((request) => renew(alice, request)));
    const reasons = answers.map((answer) => orThrow(answer).payload.reason ?? "ok").sort();
    expect(reasons).toEqual(["ok", ...Array<string>(7).fill("scrip-spent")]);
    expect(await books()).toMatchObject({ liveBrokerScrip: 1_000_000n, conserved: true });
  });

  test("of another peer's scrip is refused, even with its secret", async () => {
    const bob = await enrolledPeer(broker, "bob");
    const answer = orThrow(await renew(bob, await makeRenewal(bob, held)));
    expect(answer.payload).toMatchObject({ ok: false, reason: "not-owner" });
  });

  test("crashing at its commit is done once or not at all, and the same request ends it", async () => {
    vi.spyOn(process.stderr, "write").mockReturnValue(true);
    for (const moment of ["before", "after"] as const) {
      const crash = crashingStore();
      await open("alice", {}, crash.around);
      const request = await makeRenewal(alice, held);
      crash.arm(1, moment);
      expect(await renew(alice, request)).toEqual(refuse("internal"));
      expect(crash.reached()).toBe(true);
      crash.disarm();
      expect(await books()).toMatchObject({ liveBrokerScrip: 1_000_000n, conserved: true });
      const answer = orThrow(await renew(alice, request));
      expect([answer.payload.ok, heldOf(answer).body.value]).toEqual([true, euro("1.00")]);
    }
    vi.restoreAllMocks();
  });
});

describe("a redemption", () => {
  test("pays the account, gives change, and the books say so", async () => {
    const request = await makeRedemption(alice, held, euro("0.40"));
    const answer = orThrow(await redeem(alice, request));
    expect(answer.payload).toMatchObject({
      ok: true,
      request: request.message.digest,
      spent: held.body.id,
      amount: euro("0.40"),
    });
    expect(answer.payload.reference).toMatch(/^sandbox-payout-/);
    expect(heldOf(answer).body).toMatchObject({ value: euro("0.60"), expiresAt: held.body.expiresAt });
    expect(await books()).toMatchObject({
      moneyIn: 1_000_000n,
      moneyOut: 400_000n,
      liveBrokerScrip: 600_000n,
      redeemedNotPaid: 0n,
      conserved: true,
    });
    expect(await openItems()).toEqual([]);
    expect((await payouts()).map(({ item }) => [item.state, item.account, item.value])).toEqual([
      ["paid", "alice", 400_000n],
    ]);
  });

  test("of everything leaves no scrip; the next top-up begins anew", async () => {
    const answer = orThrow(await redeem(alice, await makeRedemption(alice, held, euro("1.00"))));
    expect([answer.payload.ok, answer.payload.grant, answer.secrets]).toEqual([true, undefined, []]);
    expect((await alice.fund(euro("0.50"))).body.parent).toBeUndefined();
    expect(await books()).toMatchObject({ moneyIn: 1_500_000n, moneyOut: 1_000_000n, conserved: true });
  });

  test("sent twice pays once and answers the same", async () => {
    const request = await makeRedemption(alice, held, euro("0.40"));
    const first = orThrow(await redeem(alice, request));
    const before = await broker.items();
    broker.runtime.advance(2 * HOUR);
    const again = orThrow(await redeem(alice, request));
    expect([told(again), again.secrets]).toEqual([told(first), first.secrets]);
    expect(await broker.items()).toEqual(before);
  });

  test("sent eight times at once pays once", async () => {
    const request = await makeRedemption(alice, held, euro("0.40"));
    const answers = await Promise.all(Array.from({ length: 8 }, () => redeem(alice, request)));
    for (const answer of answers) expect(orThrow(answer).payload.ok).toBe(true);
    expect(await payouts()).toHaveLength(1);
    expect(await books()).toMatchObject({ moneyOut: 400_000n, conserved: true });
  });

  test("of less than a coin is bad input", async () => {
    expect(await redeem(alice, await makeRedemption(alice, held, euro("0.405")))).toEqual(
      refuse("bad-amount"),
    );
    expect(await payouts()).toEqual([]);
  });

  test.each<[what: string, code: ErrorCode, make: () => ReturnType<typeof makeRedemption>]>([
    ["more than there is", "insufficient", () => makeRedemption(alice, held, euro("1.01"))],
    [
      "another peer's scrip",
      "not-owner",
      async () =>
        makeRedemption(alice, await (await enrolledPeer(broker, "bob")).fund(euro("1.00")), euro("0.40")),
    ],
    [
      "a guessed secret",
      "bad-proof",
      () => makeRedemption(alice, { ...held, secret: sha256() }, euro("0.40")),
    ],
    [
      "a request past its end",
      "expired",
      () => makeRedemption(alice, held, euro("0.40"), { expiresAt: broker.runtime.now() }),
    ],
  ])("of %s is refused with %s and pays nothing", async (_, code, make) => {
    const request = await make();
    const answer = orThrow(await redeem(alice, request));
    expect(answer.payload).toMatchObject({ ok: false, reason: code });
    expect(await payouts()).toEqual([]);
    expect((await books()).conserved).toBe(true);
    expect(orThrow(await alice.query(alice.uid, request.txn)).payload.state).toBe("refused");
  });

  test("that the rail declines gives everything back in one scrip", async () => {
    await open("alice+closed");
    const request = await makeRedemption(alice, held, euro("0.40"));
    const answer = orThrow(await redeem(alice, request));
    expect(answer.payload).toMatchObject({ ok: false, reason: "declined", spent: held.body.id });
    expect(heldOf(answer).body.value).toEqual(euro("1.00"));
    expect(await books()).toMatchObject({ moneyOut: 0n, liveBrokerScrip: 1_000_000n, conserved: true });
    expect(await openItems()).toEqual([]);
    // What came back can be spent.
    expect(orThrow(await renew(alice, await makeRenewal(alice, heldOf(answer)))).payload.ok).toBe(true);
  });

  test.each(["alice+unknown", "alice+lost"])(
    "at %s is pending; the schedule and the same request end it",
    async (account) => {
      for (const by of ["schedule", "request"] as const) {
        await open(account);
        const request = await makeRedemption(alice, held, euro("0.40"));
        expect(await redeem(alice, request)).toEqual(refuse("pending"));
        expect(await books()).toMatchObject({ moneyOut: 0n, redeemedNotPaid: 400_000n, conserved: true });
        const standing = orThrow(await alice.query(alice.uid, request.txn));
        expect([standing.payload.state, standing.attachments]).toEqual(["paying", []]);
        // It cannot be aborted any more.
        expect(orThrow(await alice.abort(alice.uid, request.txn)).payload.state).toBe("paying");
        if (by === "schedule") expect(await broker.finish()).toEqual({ seen: 1, decided: 1, failed: 0 });
        const answer = orThrow(await redeem(alice, request));
        expect([answer.payload.ok, heldOf(answer).body.value]).toEqual([true, euro("0.60")]);
        expect(await books()).toMatchObject({ moneyOut: 400_000n, redeemedNotPaid: 0n, conserved: true });
        expect(await payouts()).toHaveLength(1);
        expect(await openItems()).toEqual([]);
      }
    },
  );

  test.each<[what: string, change: Item]>([
    ["a coin less", { value: 390_000n }],
    ["in another currency", { currency: "USD" }],
    ["to another account", { account: "bob" }],
  ])("stays on its way where the rail says that it paid %s", async (_, change) => {
    await open("alice+unknown");
    const request = await makeRedemption(alice, held, euro("0.40"));
    expect(await redeem(alice, request)).toEqual(refuse("pending"));
    await falsify(change);
    expect(await broker.finish()).toEqual({ seen: 1, decided: 0, failed: 1 });
    expect(orThrow(await alice.query(alice.uid, request.txn)).payload.state).toBe("paying");
    expect(await books()).toMatchObject({ moneyOut: 0n, redeemedNotPaid: 400_000n, conserved: true });
  });

  test("aborted before it came is refused and pays nothing", async () => {
    const request = await makeRedemption(alice, held, euro("0.40"));
    expect(orThrow(await alice.abort(alice.uid, request.txn)).payload.state).toBe("aborted");
    expect(orThrow(await redeem(alice, request)).payload).toMatchObject({ ok: false, reason: "aborted" });
    expect(await payouts()).toEqual([]);
    expect(await books()).toMatchObject({ liveBrokerScrip: 1_000_000n, conserved: true });
  });

  test("at once with a renewal and a sale of the same scrip: one of them wins", async () => {
    const shop = await enrolledPeer(broker, "shop");
    const [redemption, renewal, sale] = [
      await makeRedemption(alice, held, euro("0.40")),
      await makeRenewal(alice, held),
      await makeSale(alice, shop, broker.runtime.now(), { amount: euro("0.30"), held }),
    ];
    const [paid, renewed, sold] = await Promise.all([
      redeem(alice, redemption),
      renew(alice, renewal),
      authorise(broker, sale),
    ]);
    const wins = [orThrow(paid).payload.ok, orThrow(renewed).payload.ok, orThrow(sold).m4.payload.ok];
    expect(wins.filter((won) => won)).toHaveLength(1);
    expect((await books()).conserved).toBe(true);
  });

  test.each([
    [-1, true],
    [0, false],
  ])("of scrip %d ms after the grace period that the operator sets is paid: %s", async (offset, isPaid) => {
    await open("alice", { [variable.grace]: String(DAY) });
    broker.runtime.set(held.body.expiresAt + DAY + offset);
    await broker.rotate();
    const answer = orThrow(await redeem(alice, await makeRedemption(alice, held, euro("0.40"))));
    expect(answer.payload.reason).toBe(isPaid ? undefined : "scrip-expired");
    const [moneyOut, expired] = isPaid ? [400_000n, 600_000n] : [0n, 1_000_000n];
    expect(await books()).toMatchObject({ moneyOut, expired, conserved: true });
  });

  describe("crashing at any of its commits", () => {
    beforeEach(() => {
      vi.spyOn(process.stderr, "write").mockReturnValue(true);
    });
    afterEach(() => {
      vi.restoreAllMocks();
    });

    test.each(["alice", "alice+unknown", "alice+lost", "alice+closed"])(
      "ends %s's once, by the schedule or by the same request",
      async (account) => {
        let crashes = 0;
        for (const [at, moment] of crashPoints)
          for (const by of ["schedule", "request"] as const) {
            const crash = crashingStore();
            await open(account, {}, crash.around);
            const request = await makeRedemption(alice, held, euro("0.40"));
            crash.arm(at, moment);
            await redeem(alice, request);
            if (crash.reached()) crashes += 1;
            crash.disarm();
            expect((await books()).conserved).toBe(true);
            if (by === "schedule") for (let turn = 0; turn < 3; turn += 1) await broker.finish();
            let answer = await redeem(alice, request);
            for (let turn = 0; turn < 2 && isRefusal(answer); turn += 1)
              answer = await redeem(alice, request);
            const isPaid = account !== "alice+closed";
            expect(orThrow(answer).payload.ok).toBe(isPaid);
            expect(heldOf(orThrow(answer)).body.value).toEqual(isPaid ? euro("0.60") : euro("1.00"));
            expect(await books()).toMatchObject({
              moneyOut: isPaid ? 400_000n : 0n,
              redeemedNotPaid: 0n,
              conserved: true,
            });
            expect((await payouts()).filter(({ item }) => item.state === "paid")).toHaveLength(
              isPaid ? 1 : 0,
            );
            expect(await openItems()).toEqual([]);
          }
        expect(crashes).toBeGreaterThanOrEqual(8);
      },
    );
  });
});

describe("asking afterwards", () => {
  test("brings the answer again, with the secret while its scrip lives and the spender's name after that", async () => {
    const renewal = await makeRenewal(alice, held);
    const fresh = heldOf(orThrow(await renew(alice, renewal)));
    const asked = orThrow(await alice.query(alice.uid, renewal.txn));
    const first = orThrow(readMessage(asked.attachments[0] ?? sha256(), [renewalResponse]));
    expect(heldOf({ payload: first.payload, secrets: asked.secrets }).secret).toEqual(fresh.secret);

    const redemption = await makeRedemption(alice, fresh, euro("0.40"));
    const change = heldOf(orThrow(await redeem(alice, redemption)));
    const spent = orThrow(await alice.query(alice.uid, renewal.txn));
    expect(spent.secrets).toEqual([{ scrip: fresh.body.id, spentBy: [alice.uid, redemption.txn] }]);
    const second = orThrow(await alice.query(alice.uid, redemption.txn));
    const paid = orThrow(readMessage(second.attachments[0] ?? sha256(), [redeemResponse]));
    expect(paid.payload).toMatchObject({ ok: true, amount: euro("0.40"), grant: change.grant });
    expect(orThrow(await alice.abort(alice.uid, redemption.txn)).payload.state).toBe("done");
  });

  test("is for the one whose money it is: others read that nothing is known", async () => {
    const bob = await enrolledPeer(broker, "bob");
    const renewal = await makeRenewal(alice, held);
    const fresh = heldOf(orThrow(await renew(alice, renewal)));
    const redemption = await makeRedemption(alice, fresh, euro("0.40"));
    orThrow(await redeem(alice, redemption));
    for (const { txn } of [renewal, redemption]) {
      const answer = orThrow(await bob.query(alice.uid, txn));
      expect([answer.payload.state, answer.payload.decidedAt, answer.attachments]).toEqual([
        "unknown",
        undefined,
        [],
      ]);
    }
  });

  test("the salt of what was given back is gone from the table", async () => {
    const salt = (await broker.items()).find(
      ({ key }) => key.sk === keys.purse(alice.uid).sk && key.pk === keys.purse(alice.uid).pk,
    )?.item.salt;
    if (!(salt instanceof Uint8Array)) throw new Error("no salt");
    const fresh = heldOf(orThrow(await renew(alice, await makeRenewal(alice, held))));
    orThrow(await redeem(alice, await makeRedemption(alice, fresh, euro("1.00"))));
    for (const { item } of await broker.items())
      for (const value of Object.values(item))
        if (value instanceof Uint8Array) expect(Buffer.from(value).includes(Buffer.from(salt))).toBe(false);
  });
});

test("a spend for a renewal proves nothing about scrip that somebody else signs for", async () => {
  const bob = await enrolledPeer(broker, "bob");
  const stolen = await makeRenewal(bob, held, {}, returnSpend(held));
  expect(orThrow(await renew(bob, stolen)).payload.reason).toBe("not-owner");
  expect(await books()).toMatchObject({ liveBrokerScrip: 1_000_000n, conserved: true });
});
