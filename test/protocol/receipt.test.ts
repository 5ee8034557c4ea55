import {
  chainAfter,
  defaultSuite,
  digestOf,
  type ErrorCode,
  encodeAs,
  encodePayload,
  encodeReceipt,
  laneBuy,
  laneElement,
  laneOrigin,
  lanePurchase,
  laneSold,
  limits,
  orThrow,
  purchaseResponse,
  type Recorded,
  readMessage,
  type Suite,
  signMessage,
  signStatement,
  statement,
  toText,
  verifyReceipt,
} from "@lepta/protocol";
import { describe, expect, test } from "vitest";
import {
  acknowledgeKey,
  customer,
  DAY,
  enrolKey,
  euro,
  fixed,
  HOUR,
  merchant,
  network,
  now,
  stranger,
  txnOf,
} from "../vectors/parties.ts";
import {
  certify,
  credentialOf,
  goods,
  laneRun,
  order,
  type Parts,
  recordedAs,
  signedPurchase,
  units,
} from "./receipts.ts";

const story = await laneRun();
const onLane = story.receiptOf(3);
const recorded = {
  ...onLane,
  run: { ...onLane.run, recorded: await recordedAs(story.payload, merchant, 3) },
};
const signed = await signedPurchase();

/** The default suite, which imports each key once: a receipt with one bit altered has the same keys as it had before. */
const remembering: Suite = {
  ...defaultSuite,
  verifyingKey: once(defaultSuite.verifyingKey),
  sealingKey: once(defaultSuite.sealingKey),
};

const verify = (parts: Parts) => verifyReceipt(encodeReceipt(parts), network);

describe("a receipt of a purchase on a lane", () => {
  test("says who bought what from whom, for how much, what came and when it was stated", async () => {
    expect(orThrow(await verify(onLane))).toEqual({
      network,
      customer: customer.uid,
      merchant: merchant.uid,
      txn: lanePurchase(story.origin, 3),
      order,
      amount: euro("0.02"),
      metered: false,
      ok: true,
      reason: undefined,
      charged: euro("0.02"),
      goods,
      goodsType: "text/plain",
      at: now,
      place: { session: toText(story.session), lane: 3, sequence: 3, statement: digestOf(story.payload) },
      recordedAt: undefined,
    });
  });

  test("can be made of each purchase of the run, before and after the opening of a resumed session", async () => {
    for (const sequence of [1, 2, 3] as const) {
      const receipt = orThrow(await verify(story.receiptOf(sequence)));
      expect(receipt).toMatchObject({ txn: lanePurchase(story.origin, sequence), place: { sequence } });
    }
  });

  test("says of a refused purchase why it was refused, and that nothing was charged", async () => {
    expect(orThrow(await verify(story.receiptOf(2)))).toMatchObject({
      ok: false,
      reason: "unknown-item",
      charged: euro("0.00"),
      goods: undefined,
    });
  });

  test("of a later run names the statement before, and begins at the h that it ended with", async () => {
    const later = await laneRun({ change: { previous: digestOf(fixed("the one before")) } });
    expect(orThrow(await verify(later.receiptOf(1)))).toMatchObject({ ok: true });
  });

  test("says when the broker recorded it, where it holds the acknowledgement", async () => {
    expect(orThrow(await verify(recorded))).toMatchObject({ recordedAt: now + 1000 });
    const own = { ...onLane.run, recorded: await recordedAs(story.payload, customer, 0) };
    expect(orThrow(await verify({ ...onLane, run: own }))).toMatchObject({ recordedAt: now + 1000 });
  });

  const refusals: readonly [string, ErrorCode, () => unknown][] = [
    ["one side has not signed", "unauthentic", () => without("customer")],
    ["the other side has not signed", "unauthentic", () => without("merchant")],
    [
      "the two signatures changed places",
      "unauthentic",
      () => withStatement({ merchant: story.signed.customer, customer: story.signed.merchant }),
    ],
    ["it names another sequence", "wrong-reference", () => ({ request: asked(3, 2) })],
    ["the answer is another's", "wrong-reference", () => ({ response: story.receiptOf(1).response })],
    ["M1 is of another lane", "wrong-reference", () => ({ request: asked(4, 3), response: answered(4, 3) })],
    [
      "it stands outside the run",
      "wrong-reference",
      () => ({ request: asked(3, 4), response: answered(3, 4) }),
    ],
    [
      "elements before it are missing",
      "wrong-reference",
      () => ({ run: { ...onLane.run, earlier: onLane.run.earlier.slice(2) } }),
    ],
    [
      "elements after it are missing",
      "wrong-reference",
      () => ({ ...story.receiptOf(1), run: { ...story.receiptOf(1).run, later: [] } }),
    ],
    [
      "an element is missing and another came in",
      "unauthentic",
      () => ({ run: { ...onLane.run, earlier: onLane.run.earlier.with(1, fixed("another")) } }),
    ],
    ["M1 was altered", "unauthentic", () => ({ request: asked(3, 3, { ...order, description: "another" }) })],
    ["M2 was altered", "unauthentic", () => ({ response: answered(3, 3) })],
    [
      "the lane begins with another h",
      "wrong-reference",
      () => ({ run: { ...onLane.run, before: fixed("another") } }),
    ],
  ];
  test.each(refusals)("is refused where %s", async (_, code, change) => {
    expect(await verify({ ...onLane, ...(change() as object) })).toMatchObject({ code });
  });

  test("is refused where both have signed sums or amounts that cannot be", async () => {
    const wrong: readonly [ErrorCode, Parameters<typeof laneRun>[0]][] = [
      ["price-mismatch", { change: { total: euro("0.01") } }],
      ["price-mismatch", { change: { remaining: euro("0.97") } }],
      ["price-mismatch", { change: { remaining: euro("0.95") } }],
      ["wrong-currency", { change: { total: { currency: "USD", value: 40_000n } } }],
      ["wrong-currency", { change: { remaining: { currency: "USD", value: 960_000n } } }],
      ["wrong-reference", { change: { first: 2 } }],
      ["wrong-reference", { change: { last: 2 } }],
    ];
    for (const [code, lane] of wrong) {
      const parts = (await laneRun(lane)).receiptOf(3);
      expect(
        await verify(parts),
        JSON.stringify(lane, (_, value) => String(value)),
      ).toMatchObject({ code });
    }
  });

  test("is refused where more was charged than was offered, or another price than the order's", async () => {
    expect(await verify(await resigned(answered(3, 3, "0.03"), order))).toMatchObject({
      code: "price-mismatch",
    });
    expect(await verify(await resigned(answered(3, 3, "0.01"), order))).toMatchObject({
      code: "price-mismatch",
    });
    const two = { ...order, quantity: 2 };
    expect(await verify(await resigned(answered(3, 3, "0.02"), two))).toMatchObject({
      code: "price-mismatch",
    });
    expect(orThrow(await verify(await resigned(answered(3, 3, "0.02"), order)))).toMatchObject({
      ok: true,
    });
  });

  test("of metered goods holds up to the maximum", async () => {
    expect(orThrow(await verify(await resigned(answered(3, 3, "0.01"), order, 1)))).toMatchObject({
      metered: true,
      charged: euro("0.01"),
    });
    expect(await verify(await resigned(answered(3, 3, "0.03"), order, 1))).toMatchObject({
      code: "price-mismatch",
    });
  });

  const unrecorded: readonly [string, ErrorCode, () => Promise<Recorded>][] = [
    [
      "the broker refused its entry",
      "wrong-reference",
      () => recordedAs(story.payload, merchant, 3, { refused: [[3, "conflict"]] }),
    ],
    ["another statement was recorded", "wrong-reference", () => recordedAs(fixed("another"), merchant, 3)],
    ["it stands at another place", "wrong-reference", async () => ({ ...recorded.run.recorded, index: 2 })],
    ["it was acknowledged to somebody else", "wrong-recipient", () => recordedAs(story.payload, stranger, 3)],
    [
      "the key that acknowledged is for another purpose",
      "unauthentic",
      async () => ({ ...recorded.run.recorded, certificate: await certify("decide", acknowledgeKey) }),
    ],
    [
      "the key that acknowledged had ended",
      "unknown-peer",
      async () => ({
        ...recorded.run.recorded,
        certificate: await certify("acknowledge", acknowledgeKey, { notAfter: now }),
      }),
    ],
    [
      "the key that acknowledged is another one",
      "unauthentic",
      async () => ({ ...recorded.run.recorded, certificate: await certify("acknowledge", enrolKey) }),
    ],
  ];
  test.each(unrecorded)("is refused where it says that it was recorded and %s", async (_, code, made) => {
    const run = { ...onLane.run, recorded: await made() };
    expect(await verify({ ...onLane, run })).toMatchObject({ code });
  });
});

describe("a receipt of a signed purchase", () => {
  test("says who bought what from whom, for how much, what came and when", async () => {
    expect(orThrow(await verify(signed))).toEqual({
      network,
      customer: customer.uid,
      merchant: merchant.uid,
      txn: txnOf("buy"),
      order,
      amount: euro("0.02"),
      metered: false,
      ok: true,
      reason: undefined,
      charged: euro("0.02"),
      goods,
      goodsType: "text/plain",
      at: now,
      place: undefined,
      recordedAt: undefined,
    });
  });

  test("says of a refused purchase why it was refused", async () => {
    const refused = { ok: false, reason: "scrip-spent", charged: euro("0.00") };
    expect(orThrow(await verify(await signedPurchase({ answered: refused })))).toMatchObject(refused);
  });

  const wrong: readonly [string, ErrorCode, Parameters<typeof signedPurchase>[0]][] = [
    ["M2 answers another M1", "wrong-reference", { answered: { request: digestOf(fixed("another")) } }],
    ["M2 is of another transaction", "wrong-reference", { answered: { txn: txnOf("another") } }],
    ["M2 charges more", "price-mismatch", { answered: { charged: euro("0.03") } }],
    ["M2 charges less", "price-mismatch", { answered: { charged: euro("0.01") } }],
    [
      "a metered one charges more than the maximum",
      "price-mismatch",
      { spend: { metered: true }, answered: { charged: euro("0.03") } },
    ],
    [
      "M2 charges in another currency",
      "wrong-currency",
      { answered: { charged: { currency: "USD", value: 20_000n } } },
    ],
    ["a refusal charges", "price-mismatch", { answered: { ok: false, reason: "refused" } }],
    [
      "the amount is not the order's price",
      "price-mismatch",
      { spend: { order: { ...order, quantity: 3 } } },
    ],
    ["another scrip was spent", "scrip-mismatch", { answered: { spent: txnOf("another") } }],
    ["M1 is for somebody else", "scrip-mismatch", { asked: { to: stranger.uid } }],
    ["M2 is for somebody else", "wrong-recipient", { answered: { to: stranger.uid } }],
    ["M1 is of another network", "scrip-mismatch", { asked: { network: stranger.uid } }],
    ["M2 is of another network", "wrong-network", { answered: { network: stranger.uid } }],
    [
      "M1 is younger than its answer",
      "future-dated",
      { asked: { issuedAt: now + limits.clockSkew + 1, expiresAt: now + HOUR } },
    ],
    ["the same peer sold and bought", "same-party", { seller: customer }],
  ];
  test.each(wrong)("is refused where %s", async (_, code, change) => {
    expect(await verify(await signedPurchase(change))).toMatchObject({ code });
  });

  test("is refused where a part is of another type", async () => {
    expect(await verify({ ...signed, request: signed.response })).toMatchObject({ code: "wrong-type" });
    expect(await verify({ ...signed, response: signed.request })).toMatchObject({ code: "wrong-type" });
    expect(await verify({ ...signed, run: onLane.run })).toMatchObject({ code: "malformed" });
    expect(await verify({ ...signed, request: onLane.request })).toMatchObject({ code: "malformed" });
    const { run: _, ...laneless } = onLane;
    expect(await verify(laneless)).toMatchObject({ code: "malformed" });
  });
});

describe("the credentials in a receipt", () => {
  test("are judged when the statement or M2 was signed, so that a receipt is good for ever", async () => {
    const years = 10 * 365 * DAY;
    for (const parts of [recorded, signed])
      expect(orThrow(await verifyReceipt(encodeReceipt(parts), network, { now: now + years })).at).toBe(now);
  });

  test("that had ended then, or had not begun, prove nothing", async () => {
    const ended = { notAfter: now };
    const early = { notBefore: now + limits.clockSkew + 1 };
    for (const parts of [onLane, signed])
      for (const change of [ended, early]) {
        const [C, M] = [await credentialOf(customer, change), await credentialOf(merchant, change)];
        expect(await verify({ ...parts, customer: C })).toMatchObject({ code: "unknown-peer" });
        expect(await verify({ ...parts, merchant: M })).toMatchObject({ code: "unknown-peer" });
      }
    // Clocks may differ: one that begins at most 2 min later holds.
    const soon = await credentialOf(customer, { notBefore: now + limits.clockSkew });
    expect(orThrow(await verify({ ...onLane, customer: soon }))).toMatchObject({ ok: true });
  });

  test("are the parties' own: those of others, or of the other side, prove nothing", async () => {
    const theirs = await credentialOf(stranger);
    // M1 names whom it is for: of a stranger it cannot be said.
    const cases = [
      [onLane, "unauthentic"],
      [signed, "wrong-recipient"],
    ] as const;
    for (const [parts, code] of cases) {
      expect(await verify({ ...parts, customer: theirs })).toMatchObject({ code: "unauthentic" });
      expect(await verify({ ...parts, merchant: theirs })).toMatchObject({ code });
      const exchanged = { ...parts, customer: parts.merchant, merchant: parts.customer };
      expect(await verify(exchanged)).toMatchObject({ code: "unauthentic" });
    }
  });

  test("that rest on a key that is known to be stolen prove nothing, whatever the date", async () => {
    const revoked = new Map([[enrolKey.uid, now + 30 * DAY]]).keys();
    expect(await verifyReceipt(encodeReceipt(onLane), network, { revoked })).toMatchObject({
      code: "unknown-peer",
    });
    const acknowledging = { revoked: [acknowledgeKey.uid] };
    expect(await verifyReceipt(encodeReceipt(recorded), network, acknowledging)).toMatchObject({
      code: "unknown-peer",
    });
    expect(orThrow(await verifyReceipt(encodeReceipt(onLane), network, acknowledging)).ok).toBe(true);
  });
});

describe("a receipt", () => {
  test("is of one network: another root key is refused, in the file and as the pin", async () => {
    expect(await verifyReceipt(encodeReceipt(onLane), stranger.uid)).toMatchObject({ code: "wrong-root" });
    const theirs = { ...onLane, rootKey: stranger.signing.publicKey };
    expect(await verify(theirs)).toMatchObject({ code: "wrong-root" });
    expect(await verifyReceipt(encodeReceipt(theirs), stranger.uid)).toMatchObject({ code: "unauthentic" });
  });

  test("is refused where it is dated ahead of the reader's clock, should it have one", async () => {
    const at = { now: now - limits.clockSkew - 1 };
    for (const parts of [onLane, signed]) {
      expect(await verifyReceipt(encodeReceipt(parts), network, at)).toMatchObject({ code: "future-dated" });
      expect(
        orThrow(await verifyReceipt(encodeReceipt(parts), network, { now: now - limits.clockSkew })).at,
      ).toBe(now);
    }
    const late = await recordedAs(story.payload, merchant, 3, { issuedAt: now + 2 * HOUR });
    const parts = { ...onLane, run: { ...onLane.run, recorded: late } };
    expect(await verifyReceipt(encodeReceipt(parts), network, { now })).toMatchObject({
      code: "future-dated",
    });
    expect(orThrow(await verifyReceipt(encodeReceipt(parts), network, { now: now + 2 * HOUR })).ok).toBe(
      true,
    );
  });

  test("carries the largest goods, and nothing longer than its limit is read", async () => {
    const small = orThrow(readMessage(signed.response, [purchaseResponse])).payload;
    const draft = { ...small, goods: new Uint8Array(limits.deliveryBytes), goodsType: "video/mp4" };
    const response = (await signMessage(purchaseResponse, draft, merchant.signing)).bytes;
    const bytes = encodeReceipt({ ...signed, response });
    expect(bytes.length).toBeLessThan(limits.receiptBytes);
    expect(orThrow(await verifyReceipt(bytes, network)).goods?.length).toBe(limits.deliveryBytes);
    const tooLong = new Uint8Array(limits.receiptBytes + 1);
    expect(await verifyReceipt(tooLong, network)).toMatchObject({ code: "too-large" });
  });

  test("with any bit altered is refused", { timeout: 240_000 }, async () => {
    for (const parts of [recorded, signed]) {
      const bytes = encodeReceipt(parts);
      for (let bit = 0; bit < bytes.length * 8; bit += 1) {
        const altered = bytes.slice();
        altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const result = await verifyReceipt(altered, network, { suite: remembering });
        if (!("code" in result))
          expect.fail(`bit ${bit & 7} of byte ${bit >> 3} of ${bytes.length} may be altered`);
      }
    }
  });

  test("cut short anywhere, with anything behind it, or empty is refused", async () => {
    for (const parts of [recorded, signed]) {
      const bytes = encodeReceipt(parts);
      for (let length = 0; length < bytes.length; length += 1)
        expect(await verifyReceipt(bytes.subarray(0, length), network)).toMatchObject({ code: "malformed" });
      for (const more of [0, 1, 0xf6, 0xff]) {
        const extended = Uint8Array.of(...bytes, more);
        expect(await verifyReceipt(extended, network)).toMatchObject({ code: "malformed" });
      }
    }
  });

  test("with any part of another receipt in its place is refused", async () => {
    const others = [
      [onLane, (await laneRun({ buyer: stranger })).receiptOf(3), ["customer", "run"]],
      [onLane, (await laneRun({ seller: stranger })).receiptOf(3), ["merchant", "run"]],
      [onLane, (await laneRun({ lane: 4 })).receiptOf(3), ["request", "response", "run"]],
      [onLane, story.receiptOf(1), ["request", "response", "run"]],
      [signed, await signedPurchase({ label: "another" }), ["request", "response"]],
      [signed, await signedPurchase({ buyer: stranger }), ["customer", "request", "response"]],
      [signed, await signedPurchase({ seller: stranger }), ["merchant", "request", "response"]],
    ] as const;
    for (const [mine, theirs, names] of others) {
      expect(orThrow(await verify(theirs)).network).toBe(network);
      for (const name of names) {
        const mixed = { ...mine, [name]: (theirs as Parts)[name] } as Parts;
        expect("code" in (await verify(mixed)), name).toBe(true);
      }
    }
    const [mine, theirs] = [story.receiptOf(1), (await laneRun({ label: "another" })).receiptOf(1)];
    for (const name of ["before", "later", "statement"] as const) {
      const run = { ...mine.run, [name]: theirs.run[name] };
      expect("code" in (await verify({ ...mine, run })), name).toBe(true);
    }
    const ours = mine.run.statement;
    for (const side of ["statement", "merchant", "customer"] as const) {
      const mixed = { ...ours, [side]: theirs.run.statement[side] };
      expect("code" in (await verify({ ...mine, run: { ...mine.run, statement: mixed } })), side).toBe(true);
    }
  });
});

function without(side: "merchant" | "customer"): Partial<Parts> {
  const { [side]: _, ...rest } = story.signed;
  return { run: { ...onLane.run, statement: rest } };
}

const withStatement = (change: object): Partial<Parts> => ({
  run: { ...onLane.run, statement: { ...story.signed, ...change } },
});

/** An M1 that the statement does not know. */
const asked = (lane: number, sequence: number, of = order, metered = 0): Uint8Array =>
  encodeAs(laneBuy, [3, lane, sequence, euro("0.02"), metered, of]);

/** An M2 that the statement does not know. */
const answered = (lane: number, sequence: number, charged = "0.02"): Uint8Array =>
  encodeAs(laneSold, [4, lane, sequence, units(charged), units("0.96"), goods, "text/html"]);

/** The last purchase of the lane with this M2 and order, and a statement of both over it as it is. */
async function resigned(response: Uint8Array, of: typeof order, metered = 0): Promise<Parts> {
  const request = asked(3, 3, of, metered);
  const elements = story.elements.with(3, laneElement(request, response));
  const payload = encodePayload(statement, {
    ...story.draft,
    chain: chainAfter(laneOrigin(story.session, 3, story.scrip), elements),
  });
  const both = {
    statement: payload,
    merchant: await signStatement(payload, merchant.signing),
    customer: await signStatement(payload, customer.signing),
  };
  return { ...onLane, request, response, run: { ...onLane.run, statement: both } };
}

/** A function of bytes that remembers what it has answered. */
function once<T>(from: (bytes: Uint8Array) => T): (bytes: Uint8Array) => T {
  const known = new Map<string, T>();
  return (bytes) => {
    const name = toText(bytes);
    const value = known.get(name) ?? from(bytes);
    known.set(name, value);
    return value;
  };
}
