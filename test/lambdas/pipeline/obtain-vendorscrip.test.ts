import { brokerBooks, keys } from "@lepta/lambdas";
import {
  amountOf,
  authorizationResponse,
  brokerscripChange,
  checkGrant,
  type ErrorCode,
  encodeAs,
  isRefusal,
  mint,
  type Or,
  openMessage,
  orThrow,
  readMessage,
  refuse,
  scripBodyCodec,
  sha256,
  utf8,
  vendorscripIntent,
} from "@lepta/protocol";
import { beforeEach, describe, expect, test } from "vitest";
import { type BrokerUnderTest, dynoxideBroker, memoryBroker } from "../../support/broker.ts";
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
  type Sale,
  type SaleOptions,
  type TestPeer,
  tell,
} from "../../support/peer.ts";

interface Scene {
  readonly broker: BrokerUnderTest;
  readonly alice: TestPeer;
  readonly shop: TestPeer;
  readonly held: Held;
  sale(options?: Partial<SaleOptions>): Promise<Sale>;
  buy(options?: Partial<SaleOptions>): Promise<Authorised>;
  ask(sale: Sale): Promise<Authorised>;
}

/** A customer with EUR 1.00 and a merchant, both enrolled. */
async function scene(broker: BrokerUnderTest): Promise<Scene> {
  const alice = await enrolledPeer(broker, "alice");
  const shop = await enrolledPeer(broker, "shop");
  const held = await alice.fund(euro("1.00"));
  const sale = (options: Partial<SaleOptions> = {}) =>
    makeSale(alice, shop, broker.runtime.now(), { amount: euro("0.30"), held, ...options });
  const ask = async (made: Sale) => orThrow(await authorise(broker, made));
  return { broker, alice, shop, held, sale, ask, buy: async (options) => ask(await sale(options)) };
}

let at: Scene;

beforeEach(async () => {
  at = await scene(await memoryBroker());
});

const books = () => at.broker.books();
const notAsPaid = { liveBrokerScrip: 1_000_000n, owedToMerchants: 0n, conserved: true };

/** What a decision says, without when it was last signed. */
const decisionOf = (answer: { readonly payload: object } | undefined) => ({
  ...answer?.payload,
  issuedAt: 0,
});

describe("figure 8", () => {
  test("the customer gets the change and the escrow, the merchant gets its credit", async () => {
    const sale = await at.sale();
    const { m4, m3 } = await at.ask(sale);
    expect(m4.payload).toMatchObject({
      ok: true,
      request: sale.request.digest,
      customer: at.alice.uid,
      amount: euro("0.30"),
      txn: sale.txn,
    });
    if (m3 === undefined) throw new Error("no M3");
    expect(m3.payload).toMatchObject({
      ok: true,
      request: sale.order.digest,
      spent: at.held.body.id,
      merchant: at.shop.uid,
      amount: euro("0.30"),
      escrow: sale.escrow,
    });
    const change = heldOf(m3);
    const { network } = at.broker;
    const owner = at.alice.uid;
    const expected = { kind: "broker", network, issuer: network, owner, value: euro("0.70") } as const;
    expect(isRefusal(checkGrant(change.grant, change.secret, expected))).toBe(false);
    expect(change.body).toMatchObject({ parent: at.held.body.id, expiresAt: at.held.body.expiresAt });
    // M4 travels inside M3 as well, so that the customer can show it.
    const inside = orThrow(readMessage(m3.payload.authorization, [authorizationResponse]));
    expect(inside.digest).toBe(m4.digest);
    expect(await books()).toMatchObject({
      liveBrokerScrip: 700_000n,
      owedToMerchants: 300_000n,
      conserved: true,
    });
  });

  test("a scrip that is spent whole gives no change, and the next top-up begins anew", async () => {
    const { m3 } = await at.buy({ amount: euro("1.00") });
    expect(m3?.payload).toMatchObject({ ok: true });
    expect(m3?.payload.grant).toBeUndefined();
    expect(m3?.secrets).toEqual([]);
    expect((await at.alice.fund(euro("2.00"))).body.parent).toBeUndefined();
  });

  test("change is spent down to the last unit", async () => {
    let held = at.held;
    for (const amount of [euro("0.50"), euro("0.30"), euro("0.199999")]) {
      const { m3 } = await at.buy({ held, amount });
      if (m3 === undefined) throw new Error("no M3");
      held = heldOf(m3);
    }
    expect(held.body.value).toEqual(amountOf("EUR", 1n));
    expect((await at.buy({ held, amount: amountOf("EUR", 1n) })).m3?.payload.ok).toBe(true);
    expect(await books()).toMatchObject({
      liveBrokerScrip: 0n,
      owedToMerchants: 1_000_000n,
      conserved: true,
    });
  });

  test("the same M2 twice gives the same decision to both sides, even long after, and writes once", async () => {
    const sale = await at.sale();
    const first = await at.ask(sale);
    const before = await at.broker.items();
    at.broker.runtime.advance(2 * HOUR);
    const again = await at.ask(sale);
    expect([decisionOf(again.m4), again.m3?.secrets]).toEqual([decisionOf(first.m4), first.m3?.secrets]);
    const { authorization: _a, ...m3 } = decisionOf(again.m3) as Record<string, unknown>;
    const { authorization: _b, ...m3Before } = decisionOf(first.m3) as Record<string, unknown>;
    expect(m3).toEqual(m3Before);
    expect(await at.broker.items()).toEqual(before);
  });

  test("another M2 under the same transaction is a signed conflict that ends nothing", async () => {
    const sale = await at.sale();
    await at.ask(sale);
    const before = await at.broker.items();
    const other = await at.sale({ txn: sale.txn, amount: euro("0.10") });
    const { m4, m3 } = await at.ask(other);
    expect(m4.payload).toMatchObject({ ok: false, reason: "conflict", request: other.request.digest });
    expect(m3).toBeUndefined();
    expect(await at.broker.items()).toEqual(before);
    expect((await at.ask(sale)).m4.payload.ok).toBe(true);
  });

  const tellIntent = async (txn: string) => {
    const own = { merchant: at.shop.uid, amount: euro("0.30") };
    const intent = await at.alice.sign(vendorscripIntent, own, { txn });
    return orThrow(await tell(at.alice, "POST /intent", await at.alice.seal(intent))).payload;
  };

  test("an intent that agrees goes with it, and is acknowledged again when it is sent again", async () => {
    const sale = await at.sale();
    expect(await tellIntent(sale.txn)).toMatchObject({ count: 1, refused: [] });
    expect(await tellIntent(sale.txn)).toMatchObject({ count: 1, refused: [] });
    expect((await at.ask(sale)).m4.payload.ok).toBe(true);
  });

  test("an intent that was kept is acknowledged after the decision as well: its acknowledgement may have been lost", async () => {
    const sale = await at.sale();
    await tellIntent(sale.txn);
    await at.ask(sale);
    expect((await tellIntent(sale.txn)).refused).toEqual([]);
  });

  test("an intent that comes after the decision changes nothing", async () => {
    const sale = await at.sale();
    await at.ask(sale);
    const before = await at.broker.items();
    expect((await tellIntent(sale.txn)).count).toBe(1);
    expect(await at.broker.items()).toEqual(before);
  });

  test("a customer that became a merchant sells to its merchant", async () => {
    const wares = await at.shop.fund(euro("1.00"));
    const sale = await makeSale(at.shop, at.alice, at.broker.runtime.now(), {
      amount: euro("0.10"),
      held: wares,
    });
    expect((await at.ask(sale)).m4.payload.ok).toBe(true);
  });
});

describe("what is refused for the customer's reasons ends its transaction, and the merchant is not told why", () => {
  const raised = (held: Held): Held => {
    const body = { ...held.body, value: euro("1000.00") };
    return { ...held, grant: { ...held.grant, body: encodeAs(scripBodyCodec, body) } };
  };

  test.each<[what: string, code: ErrorCode, options: () => Promise<Partial<SaleOptions>>]>([
    ["more than the scrip is worth", "insufficient", async () => ({ amount: amountOf("EUR", 1_000_001n) })],
    [
      "scrip that was spent",
      "scrip-spent",
      async () => {
        await at.buy();
        return {};
      },
    ],
    ["scrip with its value raised", "scrip-forged", async () => ({ shown: raised(at.held) })],
    [
      "another peer's scrip",
      "not-owner",
      async () => ({ shown: await (await enrolledPeer(at.broker, "bob")).fund(euro("1.00")) }),
    ],
    ["VendorScrip", "wrong-issuer", async () => ({ shown: { grant: (await at.sale()).v0.grant } })],
    ["a proof without the secret", "bad-proof", async () => ({ shown: { secret: sha256(utf8("guess")) } })],
    [
      "scrip past its end",
      "scrip-expired",
      async () => {
        at.broker.runtime.set(at.held.body.expiresAt);
        await at.broker.rotate();
        return {};
      },
    ],
    ["a part past its end", "expired", async () => ({ part: { expiresAt: at.broker.runtime.now() } })],
    [
      "another amount than the intent's",
      "intent-mismatch",
      async () => {
        const txn = at.alice.newTxn();
        const own = { merchant: at.shop.uid, amount: euro("0.29") };
        const intent = await at.alice.sign(vendorscripIntent, own, { txn });
        orThrow(await tell(at.alice, "POST /intent", await at.alice.seal(intent)));
        return { txn };
      },
    ],
  ])("%s: %s", async (_, code, prepare) => {
    const options = await prepare();
    const before = await at.broker.items();
    const money = await books();
    const sale = await at.sale(options);
    const { m4, m3 } = await at.ask(sale);
    expect(m4.payload).toMatchObject({ ok: false, reason: "refused" });
    expect(m3?.payload).toMatchObject({ ok: false, reason: code, request: sale.order.digest });
    expect([m3?.payload.grant, m3?.payload.escrow, m3?.secrets]).toEqual([undefined, undefined, []]);
    // A refusal is final: the same M2 is refused again for the same reason.
    expect(decisionOf((await at.ask(sale)).m4)).toEqual(decisionOf(m4));
    expect(orThrow(await at.alice.query(at.alice.uid, sale.txn)).payload.state).toBe("refused");
    const { liveBrokerScrip, owedToMerchants, expired, conserved } = await books();
    expect({ liveBrokerScrip, owedToMerchants, expired, conserved }).toMatchObject({
      liveBrokerScrip: money.liveBrokerScrip,
      owedToMerchants: money.owedToMerchants,
      expired: money.expired,
      conserved: true,
    });
    // Only the chain, the record and the void credit are new.
    expect((await at.broker.items()).length - before.length).toBeLessThanOrEqual(2);
  });
});

describe("what is refused for the merchant's reasons leaves the customer's transaction as it was", () => {
  const untouched = async (sale: Sale) => {
    const purseAndTransaction = async () =>
      (await at.broker.items()).filter(({ key }) => key.pk === `PEER#${at.alice.uid}`);
    const before = await purseAndTransaction();
    const { m4, m3 } = await at.ask(sale);
    expect(m4.payload).toMatchObject({ ok: false, reason: "refused", request: sale.request.digest });
    expect(m3).toBeUndefined();
    expect(await purseAndTransaction()).toEqual(before);
    expect(await books()).toMatchObject(notAsPaid);
  };
  const vendorMint = (draft: object) =>
    mint(
      { epochRoot: sha256(), salt: sha256() },
      {
        kind: "vendor",
        network: at.broker.network,
        issuer: at.shop.uid,
        owner: at.alice.uid,
        id: at.held.body.id,
        value: euro("0.30"),
        expiresAt: at.broker.runtime.now() + DAY,
        ...draft,
      },
    ).grant.body;

  test.each<[what: string, options: () => Partial<SaleOptions>]>([
    ["a part that names another merchant", () => ({ part: { merchant: at.alice.uid } })],
    ["a part signed for another transaction", () => ({ part: { txn: at.alice.newTxn() } })],
    ["a part for another network", () => ({ part: { network: at.alice.uid } })],
    ["a part for another recipient", () => ({ part: { to: at.shop.uid } })],
    ["a part from the future", () => ({ part: { issuedAt: at.broker.runtime.now() + HOUR } })],
    ["M2 for another amount", () => ({ part: { amount: euro("0.29") } })],
    ["M2 in another peer's name", () => ({ m2: { customer: at.broker.network } })],
    ["M2 past its end", () => ({ m2: { expiresAt: at.broker.runtime.now() } })],
    ["the digest of another part", () => ({ m2: { part: at.held.body.id.padEnd(43, "A") } })],
    ["V0 that is no scrip", () => ({ v0Bytes: utf8("nonsense") })],
    ["V0 of another kind", () => ({ v0Bytes: vendorMint({ kind: "broker" }) })],
    ["V0 of another network", () => ({ v0Bytes: vendorMint({ network: at.shop.uid }) })],
    ["V0 of another issuer", () => ({ v0Bytes: vendorMint({ issuer: at.alice.uid }) })],
    ["V0 for another owner", () => ({ v0Bytes: vendorMint({ owner: at.shop.uid }) })],
    ["V0 of another value", () => ({ v0Bytes: vendorMint({ value: euro("0.29") }) })],
    ["V0 in another currency", () => ({ v0Bytes: vendorMint({ value: amountOf("USD", 300_000n) }) })],
    [
      "V0 that ends before the customer's minimum",
      () => ({ v0Bytes: vendorMint({ expiresAt: at.broker.runtime.now() + 1 }) }),
    ],
    ["no part at all", () => ({ attached: [] })],
    ["something else in the part's place", () => ({ attached: [utf8("nonsense")] })],
  ])("%s", async (_, options) => {
    await untouched(await at.sale(options()));
  });

  test("a part of which one bit is altered", async () => {
    const sale = await at.sale();
    const altered = sale.part.slice();
    altered[altered.length - 1] = (altered[altered.length - 1] ?? 0) ^ 1;
    const sealed = await at.shop.seal(sale.request, { attachments: [altered] });
    await untouched({ ...sale, sealed });
  });

  test("two parts where one belongs", async () => {
    const sale = await at.sale();
    await untouched({
      ...sale,
      sealed: await at.shop.seal(sale.request, { attachments: [sale.part, sale.part] }),
    });
  });

  test("the part of another sale", async () => {
    const [one, two] = [await at.sale(), await at.sale()];
    await untouched({ ...one, sealed: await at.shop.seal(one.request, { attachments: [two.part] }) });
  });

  test("the customer may use its transaction at the right merchant afterwards", async () => {
    const stolen = await at.sale();
    const thief = await enrolledPeer(at.broker, "thief");
    const txn = stolen.txn;
    // The thief collects on a part that names the shop.
    const theft = await makeSale(at.alice, thief, at.broker.runtime.now(), {
      amount: euro("0.30"),
      held: at.held,
      txn,
      part: { merchant: at.shop.uid },
    });
    expect((await at.ask(theft)).m4.payload.ok).toBe(false);
    expect((await at.ask(stolen)).m4.payload.ok).toBe(true);
  });

  test("a transaction that was used at one merchant is refused at another", async () => {
    const sale = await at.sale();
    await at.ask(sale);
    const other = await enrolledPeer(at.broker, "other");
    const second = await makeSale(at.alice, other, at.broker.runtime.now(), {
      amount: euro("0.10"),
      held: at.held,
      txn: sale.txn,
    });
    const { m4, m3 } = await at.ask(second);
    expect([m4.payload.ok, m3]).toEqual([false, undefined]);
    expect(await books()).toMatchObject({ owedToMerchants: 300_000n, conserved: true });
  });

  test("a merchant that is its own customer is bad input", async () => {
    const held = await at.shop.fund(euro("1.00"));
    const now = at.broker.runtime.now();
    const sale = await makeSale(at.shop, at.shop, now, { amount: euro("0.10"), held });
    const before = await at.broker.items();
    expect(await authorise(at.broker, sale)).toEqual(refuse("same-party"));
    expect(await at.broker.items()).toEqual(before);
  });
});

describe("abort and query", () => {
  test("an abort before M2 makes M2 refused; the scrip is as it was", async () => {
    const sale = await at.sale();
    expect(orThrow(await at.alice.abort(at.alice.uid, sale.txn)).payload.state).toBe("aborted");
    const { m4, m3 } = await at.ask(sale);
    expect([m4.payload.ok, m3]).toEqual([false, undefined]);
    expect(await books()).toMatchObject(notAsPaid);
    expect((await at.buy()).m4.payload.ok).toBe(true);
  });

  test("an abort after M2 brings M3 instead", async () => {
    const sale = await at.sale();
    const { m3 } = await at.ask(sale);
    const answer = orThrow(await at.alice.abort(at.alice.uid, sale.txn));
    expect(answer.payload.state).toBe("done");
    const again = orThrow(readMessage(answer.attachments[0] ?? sha256(), [brokerscripChange]));
    expect(again.payload).toMatchObject({ ok: true, request: sale.order.digest, grant: m3?.payload.grant });
    expect(answer.secrets).toEqual(m3?.secrets);
  });

  test.each([0, 1, 2, 3, 4, 5])("abort and M2 at once: one of them wins (%i)", async (round) => {
    const sale = await at.sale();
    const turns = Array.from({ length: round }, () => Promise.resolve());
    const aborting = (async () => {
      for (const turn of turns) await turn;
      return at.alice.abort(at.alice.uid, sale.txn);
    })();
    const [aborted, asked] = await Promise.all([aborting, at.ask(sale)]);
    expect(orThrow(aborted).payload.state).toBe(asked.m4.payload.ok ? "done" : "aborted");
    expect((await books()).conserved).toBe(true);
  });

  test("a merchant's abort makes its M2 refused for good and leaves the customer's transaction open", async () => {
    const sale = await at.sale();
    const more = { authorization: sale.request.digest, amount: euro("0.30") };
    const answer = orThrow(await at.shop.abort(at.alice.uid, sale.txn, more));
    expect(answer.payload.state).toBe("refused");
    const m4 = orThrow(readMessage(answer.attachments[0] ?? sha256(), [authorizationResponse]));
    expect(m4.payload).toMatchObject({ ok: false, reason: "refused", request: sale.request.digest });
    expect((await at.ask(sale)).m4.payload.ok).toBe(false);
    expect(orThrow(await at.alice.query(at.alice.uid, sale.txn)).payload.state).toBe("unknown");
    expect(await books()).toMatchObject(notAsPaid);
  });

  test("a merchant's abort after M2 brings M4 instead", async () => {
    const sale = await at.sale();
    const { m4 } = await at.ask(sale);
    const answer = orThrow(await at.shop.abort(at.alice.uid, sale.txn));
    expect(answer.payload.state).toBe("done");
    const again = orThrow(readMessage(answer.attachments[0] ?? sha256(), [authorizationResponse]));
    expect(again.digest).toBe(m4.digest);
  });

  test("a merchant's abort that names no M2 is bad input", async () => {
    expect(await at.shop.abort(at.alice.uid, at.alice.newTxn())).toEqual(refuse("wrong-reference"));
  });

  test("the customer asks and gets M3 with the secret and the escrow; the merchant asks and gets M4", async () => {
    const sale = await at.sale();
    const { m3, m4 } = await at.ask(sale);
    const toAlice = orThrow(await at.alice.query(at.alice.uid, sale.txn));
    expect(toAlice.payload).toMatchObject({ state: "done", record: m3?.payload.record });
    expect(toAlice.secrets).toEqual(m3?.secrets);
    const change = orThrow(readMessage(toAlice.attachments[0] ?? sha256(), [brokerscripChange]));
    expect(change.payload.escrow).toEqual(sale.escrow);

    const toShop = orThrow(await at.shop.query(at.alice.uid, sale.txn));
    expect([toShop.payload.state, toShop.payload.record, toShop.secrets]).toEqual(["done", undefined, []]);
    expect(orThrow(readMessage(toShop.attachments[0] ?? sha256(), [authorizationResponse])).digest).toBe(
      m4.digest,
    );
  });

  test("a stranger learns nothing of a transaction, not even that there is one", async () => {
    const sale = await at.sale();
    await at.ask(sale);
    const stranger = await enrolledPeer(at.broker, "stranger");
    const [real, made] = [
      orThrow(await stranger.query(at.alice.uid, sale.txn)),
      orThrow(await stranger.query(at.alice.uid, at.alice.newTxn())),
    ];
    for (const answer of [real, made]) {
      expect(answer.payload).toMatchObject({ state: "unknown" });
      expect([answer.payload.decidedAt, answer.payload.record, answer.attachments]).toEqual([
        undefined,
        undefined,
        [],
      ]);
    }
  });
});

describe("the CustomerSecret", () => {
  test("is in no item of the table and in no signed bytes", async () => {
    const sale = await at.sale();
    const { m3, m4 } = await at.ask(sale);
    if (m3 === undefined) throw new Error("no M3");
    const change = heldOf(m3);
    const secrets = [at.held.secret, change.secret, sale.v0.customerSecret].map((secret) =>
      Buffer.from(secret),
    );
    const spelled = secrets.flatMap((secret) => [
      secret,
      ...(["hex", "base64", "base64url"] as const).map((way) => Buffer.from(secret.toString(way))),
    ]);
    for (const { key, item } of await at.broker.items()) {
      const held = [key.pk, key.sk, ...Object.values(item)];
      const whole = Buffer.concat(
        held.map((value) => (value instanceof Uint8Array ? Buffer.from(value) : Buffer.from(String(value)))),
      );
      for (const secret of spelled) expect(whole.includes(secret)).toBe(false);
    }
    for (const signed of [m3.signed, m4.signed, m3.payload.authorization])
      for (const secret of spelled) expect(Buffer.from(signed).includes(secret)).toBe(false);
  });

  test("no longer travels once its scrip is spent: the spender's name does, and the signed bytes say the same", async () => {
    const first = await at.sale();
    const { m3 } = await at.ask(first);
    if (m3 === undefined) throw new Error("no M3");
    const second = await at.sale({ held: heldOf(m3) });
    await at.ask(second);
    const again = await at.ask(first);
    expect(again.m3?.secrets).toEqual([{ scrip: heldOf(m3).body.id, spentBy: [at.alice.uid, second.txn] }]);
    const { authorization: _a, ...now } = decisionOf(again.m3) as Record<string, unknown>;
    const { authorization: _b, ...then } = decisionOf(m3) as Record<string, unknown>;
    expect(now).toEqual(then);
  });

  test("cannot be made again from the table: the salt of a spent scrip is gone", async () => {
    const { pk, sk } = keys.purse(at.alice.uid);
    const purse = async () =>
      (await at.broker.items()).find(({ key }) => key.pk === pk && key.sk === sk)?.item;
    const salt = (await purse())?.salt;
    if (!(salt instanceof Uint8Array)) throw new Error("no salt");
    await at.buy({ amount: euro("1.00") });
    for (const { item } of await at.broker.items())
      for (const value of Object.values(item))
        if (value instanceof Uint8Array) expect(Buffer.from(value).includes(Buffer.from(salt))).toBe(false);
  });
});

describe("64 concurrent spends of one BrokerScrip", () => {
  test.each([
    ["memory", memoryBroker],
    ["DynamoDB on Dynoxide", dynoxideBroker],
  ] as const)("over %s: one wins, 63 get signed refusals, and money is conserved", async (_, open) => {
    const broker = await open();
    try {
      const there = await scene(broker);
      const sales = await Promise.all(Array.from({ length: 64 }, () => there.sale()));
      const outcomes: Or<Authorised>[] = await Promise.all(sales.map((sale) => authorise(broker, sale)));
      const reasons = outcomes.map((outcome) => orThrow(outcome).m3?.payload.reason ?? "ok").sort();
      expect(reasons).toEqual(["ok", ...Array<string>(63).fill("scrip-spent")]);
      const credits = outcomes.filter((outcome) => orThrow(outcome).m4.payload.ok);
      expect(credits).toHaveLength(1);
      expect(brokerBooks(await broker.items(), "EUR", broker.runtime.now())).toMatchObject({
        liveBrokerScrip: 700_000n,
        owedToMerchants: 300_000n,
        conserved: true,
      });
    } finally {
      await broker.close();
    }
  });

  test("one M2 sent 16 times at once is decided once, and every answer brings both sides' messages", async () => {
    const sale = await at.sale();
    const outcomes = await Promise.all(Array.from({ length: 16 }, () => at.ask(sale)));
    for (const { m4, m3 } of outcomes) expect([m4.payload.ok, m3?.payload.ok]).toEqual([true, true]);
    expect(await books()).toMatchObject({ owedToMerchants: 300_000n, conserved: true });
  });
});

/**
 * BatchGetItem reads each item strongly consistently, but not all of them at one moment: another function's commit may
 * fall between two items of one read. These stores read one item, let that commit happen, and then read the others.
 */
test("M3 and M4 are sealed to their own recipient and to nobody else", async () => {
  const sale = await at.sale();
  const answer = await at.broker.call("POST /authorise", sale.sealed);
  expect(isRefusal(await at.alice.open(answer.body, [authorizationResponse]))).toBe(true);
  const m4 = orThrow(await at.shop.open(answer.body, [authorizationResponse]));
  const [m3 = new Uint8Array(0)] = m4.attachments;
  expect(isRefusal(await openMessage(m3, [brokerscripChange], () => at.shop.opening))).toBe(true);
  expect(isRefusal(await at.alice.open(m3, [brokerscripChange]))).toBe(false);
});
