import { keys } from "@lepta/lambdas";
import {
  type Amount,
  type ErrorCode,
  makeScripId,
  mint,
  orThrow,
  readMessage,
  refuse,
  reversal,
  scripOf,
  sha256,
} from "@lepta/protocol";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type BrokerUnderTest, memoryBroker } from "../../support/broker.ts";
import { type Crashing, crashingStore } from "../../support/crashing.ts";
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
  account,
  claim,
  letCreditsFree,
  makeClaim,
  makeEvidence,
  makeRefund,
  makeReversal,
  makeSettlement,
  nothing,
  refund,
  reverse,
  settle,
} from "../../support/returns.ts";
import { makeStatement } from "../../support/statements.ts";

let broker: BrokerUnderTest;
let alice: TestPeer;
let shop: TestPeer;
let sale: Sale;
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
const openItems = async () => (await broker.items()).filter(({ key }) => key.pk.startsWith("OPEN#"));
const request = () => makeReversal(alice, shop.uid, sale.txn);
/** The customer asks, and waits. */
async function dispute() {
  const made = await request();
  expect(await reverse(alice, made)).toEqual(refuse("pending"));
  return made;
}
const claimOf = async (claimed: Amount, evidence?: Uint8Array) =>
  makeClaim(shop, {
    customer: alice.uid,
    subject: sale.txn,
    claimed,
    ...(evidence === undefined ? {} : { evidence }),
  });
const proof = async (amount = euro("0.20")) => (await makeEvidence(alice, shop, sale, amount)).bytes;
/** A statement that leaves EUR 0.10 of V0. */
const stated = async (
  signers: Parameters<typeof makeStatement>[2] = { merchant: shop, customer: alice },
  own: Parameters<typeof makeStatement>[1] = {},
) => {
  const lane = { network: broker.network, merchant: shop, customer: alice, scrip: sale.v0.body.id };
  return (await makeStatement(lane, { remaining: euro("0.10"), ...own }, signers)).bytes;
};
const told = (answer: { readonly payload: object }) => ({ ...answer.payload, issuedAt: 0 });

async function pass(milliseconds: number): Promise<void> {
  broker.runtime.advance(milliseconds);
  await broker.rotate();
}

describe("a reversal", () => {
  test("is pending while the merchant has its time; the credit is nobody's until then", async () => {
    const made = await dispute();
    expect(await books()).toMatchObject({
      liveBrokerScrip: 700_000n,
      owedToMerchants: 300_000n,
      conserved: true,
    });
    expect(await reverse(alice, made)).toEqual(refuse("pending"));
    const standing = orThrow(await alice.query(alice.uid, made.txn));
    expect([standing.payload.state, standing.attachments]).toEqual(["disputed", []]);
    // It can neither be aborted nor settled nor refunded.
    expect(orThrow(await alice.abort(alice.uid, made.txn)).payload.state).toBe("disputed");
    await pass(DAY - 1);
    expect(await broker.finish()).toEqual({ seen: 1, decided: 0, failed: 0 });
    expect(orThrow(await settle(shop, await makeSettlement(shop))).payload.credits).toEqual([]);
    const back = await makeRefund(alice, shop, { amount: euro("0.10"), credit: sale.txn });
    expect(orThrow(await refund(broker, back)).answer.payload.ok).toBe(false);
  });

  test("gives everything back when the merchant stays silent, by the schedule or when the customer asks again", async () => {
    for (const by of ["schedule", "request"] as const) {
      await open();
      const made = await dispute();
      await pass(DAY);
      if (by === "schedule") expect(await broker.finish()).toEqual({ seen: 1, decided: 1, failed: 0 });
      const answer = orThrow(await reverse(alice, made));
      expect(answer.payload).toMatchObject({
        ok: true,
        request: made.message.digest,
        customer: alice.uid,
        merchant: shop.uid,
        subject: sale.txn,
        amount: euro("0.30"),
        replaced: held.body.id,
      });
      expect(heldOf(answer).body.value).toEqual(euro("1.00"));
      expect(await books()).toMatchObject({
        liveBrokerScrip: 1_000_000n,
        owedToMerchants: 0n,
        conserved: true,
      });
      expect(await openItems()).toEqual([]);
    }
  });

  test("leaves the merchant what the customer's own signature bears out, and each is told", async () => {
    const made = await dispute();
    const answer = orThrow(await claim(shop, await claimOf(euro("0.20"), await proof())));
    expect(answer.payload).toMatchObject({
      ok: true,
      amount: euro("0.10"),
      subject: sale.txn,
      customer: alice.uid,
    });
    // The merchant learns nothing about the customer's purse.
    expect([answer.payload.grant, answer.payload.replaced, answer.payload.record, answer.secrets]).toEqual([
      undefined,
      undefined,
      undefined,
      [],
    ]);
    const toAlice = orThrow(await reverse(alice, made));
    expect(heldOf(toAlice).body.value).toEqual(euro("0.80"));
    expect(await books()).toMatchObject({
      liveBrokerScrip: 800_000n,
      owedToMerchants: 200_000n,
      conserved: true,
    });
    await letCreditsFree(broker);
    expect(orThrow(await settle(shop, await makeSettlement(shop))).payload.paid).toEqual(euro("0.20"));
    expect(await books()).toMatchObject({ moneyOut: 200_000n, owedToMerchants: 0n, conserved: true });
  });

  test.each<[what: string, claimed: Amount, evidence: () => Promise<Uint8Array | undefined>, kept: Amount]>([
    ["more than its evidence, the first time,", euro("0.30"), () => proof(), euro("0.30")],
    ["more than its evidence by more than A", euro("0.30"), () => proof(euro("0.000001")), euro("0.250001")],
    ["with a statement of both", euro("0.30"), () => stated(), euro("0.30")],
    [
      "what a statement of the customer bears out",
      euro("0.20"),
      () => stated({ customer: alice }),
      euro("0.20"),
    ],
    ["with a statement that it signed alone", euro("0.30"), () => stated({ merchant: shop }), nothing],
    [
      "with a statement that it signed for both",
      euro("0.30"),
      () => stated({ merchant: shop, customer: { uid: alice.uid, signing: shop.signing } }),
      nothing,
    ],
    [
      "with a statement under a signature of its own that does not hold",
      euro("0.30"),
      () => stated({ merchant: { uid: shop.uid, signing: alice.signing }, customer: alice }),
      nothing,
    ],
    [
      "with a statement of a lane on another V0",
      euro("0.30"),
      () => stated(undefined, { scrip: makeScripId(1, sha256().slice(0, 12)) }),
      nothing,
    ],
    [
      "with a statement of another network",
      euro("0.30"),
      () => stated(undefined, { network: shop.uid }),
      nothing,
    ],
    [
      "with a statement of another merchant's",
      euro("0.30"),
      async () => {
        const other = await enrolledPeer(broker, "other");
        return stated({ merchant: other, customer: alice }, { from: other.uid });
      },
      nothing,
    ],
    ["less than its evidence", euro("0.05"), () => proof(), euro("0.05")],
    ["nothing", nothing, () => proof(), nothing],
    ["without evidence", euro("0.30"), async () => undefined, nothing],
    ["with nonsense", euro("0.30"), async () => sha256(), nothing],
    [
      "with a purchase that it signed itself",
      euro("0.30"),
      async () => (await makeEvidence(shop, shop, sale, euro("0.30"))).bytes,
      nothing,
    ],
    [
      "with a purchase at another merchant",
      euro("0.30"),
      async () => (await makeEvidence(alice, await enrolledPeer(broker, "other"), sale, euro("0.30"))).bytes,
      nothing,
    ],
    [
      "with a purchase whose signature does not hold",
      euro("0.30"),
      async () => {
        const bytes = (await proof(euro("0.30"))).slice();
        bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1;
        return bytes;
      },
      nothing,
    ],
    [
      "with a purchase under the V0 of another sale",
      euro("0.30"),
      async () => {
        const second = await makeSale(alice, shop, broker.runtime.now(), { amount: euro("0.30"), held });
        return (await makeEvidence(alice, shop, second, euro("0.30"))).bytes;
      },
      nothing,
    ],
  ])("a merchant that claims %s keeps what is right", async (_, claimed, evidence, kept) => {
    await dispute();
    const { payload } = orThrow(await claim(shop, await claimOf(claimed, await evidence())));
    expect(payload.amount.value).toBe(300_000n - kept.value);
    expect(await books()).toMatchObject({ owedToMerchants: kept.value, conserved: true });
  });

  test("a merchant is left more than its evidence once for each customer, also where it answers twice at once", async () => {
    const second = await makeSale(alice, shop, broker.runtime.now(), { amount: euro("0.30"), held });
    orThrow(await authorise(broker, second));
    await dispute();
    expect(await reverse(alice, await makeReversal(alice, shop.uid, second.txn))).toEqual(refuse("pending"));
    const claims = await Promise.all(
      [sale, second].map(async ({ txn: subject, v0 }) => {
        const evidence = (await makeEvidence(alice, shop, { v0 }, euro("0.10"))).bytes;
        return makeClaim(shop, { customer: alice.uid, subject, claimed: euro("0.30"), evidence });
      }),
    );
    const answers = await Promise.all(claims.map(async (each) => orThrow(await claim(shop, each)).payload));
    expect(answers.map(({ amount }) => amount.value).sort()).toEqual([0n, 200_000n]);
    expect(await books()).toMatchObject({ owedToMerchants: 400_000n, conserved: true });
    const marks = (await broker.items()).filter(({ key }) => key.sk === "EXCESS");
    expect(marks.map(({ item }) => item.value)).toEqual([200_000n]);
    // What was decided is told again, and grants nothing again.
    for (const [i, each] of claims.entries())
      expect(orThrow(await claim(shop, each)).payload.amount).toEqual(answers[i]?.amount);
    expect((await broker.items()).filter(({ key }) => key.sk === "EXCESS")).toEqual(marks);
  });

  // Customer and merchant are one person with two enrolments: the body of the scrip in the evidence is only their word,
  // and no more of it is believed than that V0 was worth what the credit says.
  test("two peers in league get no more back than what was owed", async () => {
    const made = await dispute();
    const { body } = sale.v0;
    const rich = mint({ epochRoot: sha256(), salt: sha256() }, { ...body, value: euro("1000.00") });
    const evidence = await makeEvidence(alice, shop, sale, euro("0.01"), { scrip: scripOf(rich.grant) });
    orThrow(await claim(shop, await claimOf(nothing, evidence.bytes)));
    expect(heldOf(orThrow(await reverse(alice, made))).body.value).toEqual(euro("1.00"));
  });

  test("once for one credit", async () => {
    await dispute();
    orThrow(await claim(shop, await claimOf(euro("0.20"), await proof())));
    const second = orThrow(await reverse(alice, await request())).payload;
    expect([second.ok, second.reason]).toEqual([false, "wrong-reference"]);
    expect((await books()).conserved).toBe(true);
  });

  test("of what was refunded in part is about the rest", async () => {
    const back = await makeRefund(alice, shop, { amount: euro("0.20"), credit: sale.txn });
    expect(orThrow(await refund(broker, back)).answer.payload.ok).toBe(true);
    await dispute();
    await pass(DAY);
    await broker.finish();
    expect(await books()).toMatchObject({
      liveBrokerScrip: 1_000_000n,
      owedToMerchants: 0n,
      conserved: true,
    });
  });

  test.each<[what: string, code: ErrorCode, make: () => ReturnType<typeof makeReversal>]>([
    ["a transaction that never was", "wrong-reference", () => makeReversal(alice, shop.uid, alice.newTxn())],
    [
      "at another merchant",
      "wrong-reference",
      async () => makeReversal(alice, (await enrolledPeer(broker, "other")).uid, sale.txn),
    ],
    [
      "when the credit is free",
      "too-late",
      async () => {
        await letCreditsFree(broker);
        return request();
      },
    ],
    [
      "when the merchant was paid",
      "paid-out",
      async () => {
        await letCreditsFree(broker);
        orThrow(await settle(shop, await makeSettlement(shop)));
        return request();
      },
    ],
    [
      "past its end",
      "expired",
      () => makeReversal(alice, shop.uid, sale.txn, { expiresAt: broker.runtime.now() }),
    ],
  ])("of %s is refused with %s", async (_, code, make) => {
    const made = await make();
    const { owedToMerchants } = await books();
    const answer = orThrow(await reverse(alice, made));
    expect(answer.payload).toMatchObject({ ok: false, reason: code });
    expect(answer.payload.amount.value).toBe(0n);
    expect(await books()).toMatchObject({ owedToMerchants, conserved: true });
  });

  test("by somebody else is about a credit that this one has not", async () => {
    const bob = await enrolledPeer(broker, "bob");
    const answer = orThrow(await reverse(bob, await makeReversal(bob, shop.uid, sale.txn)));
    expect(answer.payload).toMatchObject({ ok: false, reason: "wrong-reference" });
  });

  test("under the id of its sale, or of another reversal, is a signed conflict that ends nothing", async () => {
    const made = await dispute();
    const before = await broker.items();
    for (const txn of [sale.txn, made.txn]) {
      const other = await makeReversal(alice, shop.uid, alice.newTxn(), { txn });
      expect(orThrow(await reverse(alice, other)).payload).toMatchObject({ ok: false, reason: "conflict" });
    }
    expect(await broker.items()).toEqual(before);
  });

  test("asked for four times at once is one dispute", async () => {
    const made = await Promise.all(Array.from({ length: 4 }, request));
    const answers = await Promise.all(made.map((each) => reverse(alice, each)));
    const pending = answers.filter((answer) => "code" in answer);
    expect(pending).toEqual([refuse("pending")]);
    await pass(DAY);
    await broker.finish();
    expect(await books()).toMatchObject({
      liveBrokerScrip: 1_000_000n,
      owedToMerchants: 0n,
      conserved: true,
    });
  });
});

describe("the merchant", () => {
  test("finds in its account who waits for its answer and until when, until it has answered", async () => {
    expect(orThrow(await account(shop)).payload.disputes).toEqual([]);
    const answerBy = broker.runtime.now() + DAY;
    await dispute();
    const waiting = [[alice.uid, sale.txn, answerBy]];
    expect(orThrow(await account(shop)).payload.disputes).toEqual(waiting);
    expect(orThrow(await account(alice)).payload.disputes).toEqual([]);
    // A merchant that was away still has to be told that V0 has ended.
    await pass(DAY);
    await broker.finish();
    expect(orThrow(await account(shop)).payload.disputes).toEqual(waiting);
    const late = orThrow(await claim(shop, await claimOf(euro("0.20"), await proof())));
    expect(late.payload).toMatchObject({ ok: true, amount: euro("0.30") });
    expect(orThrow(await account(shop)).payload.disputes).toEqual([]);
    expect(await books()).toMatchObject({
      liveBrokerScrip: 1_000_000n,
      owedToMerchants: 0n,
      conserved: true,
    });
  });

  test("gets the same answer however often it claims, and no more by claiming more", async () => {
    await dispute();
    const made = await claimOf(euro("0.20"), await proof());
    const first = orThrow(await claim(shop, made));
    const before = await broker.items();
    expect(told(orThrow(await claim(shop, made)))).toEqual(told(first));
    const more = orThrow(await claim(shop, await claimOf(euro("0.30"), await proof(euro("0.30")))));
    expect(more.payload.amount).toEqual(euro("0.10"));
    expect(await broker.items()).toEqual(before);
  });

  test("cannot claim what nobody disputes, nor what another merchant sold", async () => {
    const early = await claimOf(euro("0.20"), await proof());
    expect(await claim(shop, early)).toEqual(refuse("wrong-reference"));
    await dispute();
    const thief = await enrolledPeer(broker, "thief");
    const theirs = await makeClaim(thief, { customer: alice.uid, subject: sale.txn, claimed: euro("0.30") });
    expect(await claim(thief, theirs)).toEqual(refuse("wrong-reference"));
  });

  test("cannot claim with a request past its end", async () => {
    await dispute();
    const now = broker.runtime.now();
    const own = { customer: alice.uid, subject: sale.txn, claimed: nothing };
    const stale = await makeClaim(shop, own, { issuedAt: now - DAY, expiresAt: now - DAY + 1 });
    const before = await broker.items();
    expect(await claim(shop, stale)).toEqual(refuse("expired"));
    expect(await broker.items()).toEqual(before);
    // What was caught on its way does not stand in the way of the merchant's own.
    const { payload } = orThrow(await claim(shop, await claimOf(euro("0.20"), await proof())));
    expect(payload.amount).toEqual(euro("0.10"));
  });

  test("is told how it ended by the claim that it made in time, also when that comes again past its end", async () => {
    await dispute();
    const made = await claimOf(euro("0.20"), await proof());
    const first = orThrow(await claim(shop, made));
    await pass(2 * DAY);
    expect(told(orThrow(await claim(shop, made)))).toEqual(told(first));
  });

  // The schedule has not come by yet: its time is over all the same.
  test("cannot claim any more in the first moment after its time", async () => {
    await dispute();
    await pass(DAY);
    const { payload } = orThrow(await claim(shop, await claimOf(euro("0.20"), await proof())));
    expect(payload.amount).toEqual(euro("0.30"));
  });
});

describe("asking afterwards", () => {
  test("brings the customer its answer again, and others nothing", async () => {
    const made = await dispute();
    await pass(DAY);
    const answer = orThrow(await reverse(alice, made));
    const asked = orThrow(await alice.query(alice.uid, made.txn));
    expect([asked.payload.state, asked.secrets]).toEqual(["done", answer.secrets]);
    expect(told(orThrow(readMessage(asked.attachments[0] ?? sha256(), [reversal])))).toEqual(told(answer));
    for (const peer of [shop, await enrolledPeer(broker, "stranger")]) {
      const other = orThrow(await peer.query(alice.uid, made.txn));
      expect([other.payload.state, other.attachments]).toEqual(["unknown", []]);
    }
    expect(orThrow(await alice.abort(alice.uid, made.txn)).payload.state).toBe("done");
  });
});

describe("a broker that crashes at a commit", () => {
  beforeEach(() => {
    vi.spyOn(process.stderr, "write").mockReturnValue(true);
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });

  test.each(["before", "after"] as const)(
    "%s it: what was asked or claimed is decided once",
    async (moment) => {
      for (const what of ["request", "claim", "schedule"] as const) {
        const crash = crashingStore();
        await open(crash.around);
        const made = await request();
        const claimed = await claimOf(euro("0.20"), await proof());
        if (what !== "request") expect(await reverse(alice, made)).toEqual(refuse("pending"));
        if (what === "schedule") await pass(DAY);
        crash.arm(1, moment);
        if (what === "request") expect(await reverse(alice, made)).toEqual(refuse("internal"));
        if (what === "claim") expect(await claim(shop, claimed)).toEqual(refuse("internal"));
        if (what === "schedule") expect((await broker.finish()).failed).toBe(1);
        expect(crash.reached()).toBe(true);
        crash.disarm();
        expect((await books()).conserved).toBe(true);
        if (what === "request") expect(await reverse(alice, made)).toEqual(refuse("pending"));
        const isSilent = what === "schedule";
        if (isSilent) await broker.finish();
        else orThrow(await claim(shop, claimed));
        expect(heldOf(orThrow(await reverse(alice, made))).body.value).toEqual(
          euro(isSilent ? "1.00" : "0.80"),
        );
        expect(await books()).toMatchObject({ owedToMerchants: isSilent ? 0n : 200_000n, conserved: true });
        expect(await openItems()).toEqual([]);
      }
    },
  );
});

test("a dispute leaves nothing behind that becomes free by itself", async () => {
  await dispute();
  await pass(DAY);
  await broker.finish();
  const { pk } = keys.carry(shop.uid, "EUR");
  const left = (await broker.items()).filter(({ key }) => key.pk === pk && key.sk.startsWith("DUE#"));
  expect(left).toEqual([]);
});
