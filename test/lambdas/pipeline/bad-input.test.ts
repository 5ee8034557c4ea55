import { errorResponse, routes, SEALED_MEDIA_TYPE } from "@lepta/lambdas";
import {
  abort,
  accountQuery,
  amountOf,
  authorizationRequest,
  brokerscripRequest,
  decodeAs,
  ERROR_MEDIA_TYPE,
  type ErrorCode,
  encodeCbor,
  encodePayload,
  enrolRequest,
  errorCodec,
  errors,
  isErrorCode,
  limits,
  noticeBatch,
  orThrow,
  purchaseNotice,
  query,
  readSign1,
  refundAuthorization,
  reversalClaim,
  sealMessage,
  sha256,
  Tagged,
  utf8,
  vendorscripIntent,
} from "@lepta/protocol";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { apiEvent } from "../../support/api-event.ts";
import { type BrokerUnderTest, type HttpAnswer, memoryBroker } from "../../support/broker.ts";
import {
  enrolledPeer,
  euro,
  type Held,
  HOUR,
  makeSale,
  type Overrides,
  respell,
  sealPayload,
  type TestPeer,
  testPeer,
} from "../../support/peer.ts";
import {
  makeClaim,
  makeRedemption,
  makeRenewal,
  makeReversal,
  makeSettlement,
} from "../../support/returns.ts";

let broker: BrokerUnderTest;
let alice: TestPeer;
let shop: TestPeer;
let held: Held;
let stranger: TestPeer;
let before: Awaited<ReturnType<BrokerUnderTest["items"]>>;

beforeAll(async () => {
  broker = await memoryBroker();
  alice = await enrolledPeer(broker, "alice");
  shop = await enrolledPeer(broker, "shop");
  stranger = await testPeer(broker, "stranger");
  held = await alice.fund(euro("1.00"));
});

beforeEach(async () => {
  before = await broker.items();
});

/** A typed error in the one shape, and not a byte written. */
async function expectError(answer: HttpAnswer, ...codes: readonly ErrorCode[]): Promise<void> {
  const { status, contentType, body } = answer;
  expect(contentType).toBe(ERROR_MEDIA_TYPE);
  const error = orThrow(decodeAs(errorCodec, body));
  expect(Object.keys(error).sort()).toEqual(["code", "type", "version"]);
  if (!isErrorCode(error.code)) throw new Error(`not in the table: ${error.code}`);
  expect(status).toBe(errors[error.code].status);
  if (codes.length > 0) expect(codes).toContain(error.code);
  expect(await broker.items()).toEqual(before);
}

const doors = routes.filter(({ method }) => method === "POST");

/** A sealed message that each door would take, from this peer; `overrides` spoil its common fields. */
const makers: Readonly<Record<string, (peer: TestPeer, overrides: Overrides) => Promise<Uint8Array>>> = {
  "/enrol": async (peer, overrides) => peer.seal(await peer.enrolRequest(overrides)),
  "/brokerscrip": async (peer, overrides) =>
    peer.seal(await peer.sign(brokerscripRequest, { amount: euro("1.00") }, overrides)),
  "/authorise": async (peer, overrides) =>
    peer.seal(
      await peer.sign(
        authorizationRequest,
        { customer: alice.uid, amount: euro("0.10"), part: shop.uid, scrip: utf8("x"), escrow: utf8("x") },
        overrides,
      ),
    ),
  "/abort": async (peer, overrides) =>
    peer.seal(await peer.sign(abort, { initiator: peer.uid, subject: peer.newTxn() }, overrides)),
  "/intent": async (peer, overrides) =>
    peer.seal(await peer.sign(vendorscripIntent, { merchant: shop.uid, amount: euro("0.10") }, overrides)),
  "/notices": async (peer, overrides) =>
    peer.seal(
      await peer.sign(
        purchaseNotice,
        { merchant: shop.uid, amount: euro("0.10"), metered: false, order: sha256(), purchase: shop.uid },
        overrides,
      ),
    ),
  "/renew": async (peer, overrides) => (await makeRenewal(peer, held, overrides)).sealed,
  "/redeem": async (peer, overrides) => (await makeRedemption(peer, held, euro("0.10"), overrides)).sealed,
  "/refund": async (peer, overrides) => {
    const own = { customer: alice.uid, amount: euro("0.10"), part: shop.uid, credit: peer.newTxn() };
    return peer.seal(await peer.sign(refundAuthorization, own, overrides));
  },
  "/reversal": async (peer, overrides) =>
    (await makeReversal(peer, shop.uid, peer.newTxn(), overrides)).sealed,
  "/claim": async (peer, overrides) => {
    const subject = peer.newTxn();
    return (await makeClaim(peer, { customer: alice.uid, subject, claimed: euro("0.10") }, overrides)).sealed;
  },
  "/account": async (peer, overrides) => peer.seal(await peer.sign(accountQuery, {}, overrides)),
  "/settle": async (peer, overrides) => (await makeSettlement(peer, overrides)).sealed,
  "/query": async (peer, overrides) =>
    peer.seal(await peer.sign(query, { initiator: peer.uid, subject: peer.newTxn() }, overrides)),
};
const make = (path: string, peer: TestPeer, overrides: Overrides = {}): Promise<Uint8Array> => {
  const maker = makers[path];
  if (maker === undefined) throw new Error(`no message for ${path}`);
  return maker(peer, overrides);
};
/** A peer whose message a door would take but for what is spoilt: an enrolment comes from one that is not enrolled. */
const senderAt = (path: string): TestPeer => (path === "/enrol" ? stranger : alice);

test("there is a message for every door", () => {
  expect(Object.keys(makers).sort()).toEqual(doors.map(({ path }) => path).sort());
});

describe.each(doors)("the door POST $path", ({ path, bodyLimit }) => {
  const route = `POST ${path}`;
  const sent = async (overrides: Overrides) =>
    broker.call(route, await make(path, senderAt(path), overrides));

  test("refuses random bytes", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 600 }), async (bytes) => {
        await expectError(await broker.call(route, bytes), "malformed");
      }),
      { numRuns: 40, seed: 1 },
    );
  });

  test("refuses a good message cut short anywhere, and one that goes on", async () => {
    const good = await make(path, senderAt(path));
    for (let length = 0; length < good.length; length += 7)
      await expectError(await broker.call(route, good.slice(0, length)), "malformed");
    await expectError(await broker.call(route, Buffer.concat([good, Buffer.of(0)])), "malformed");
  });

  test("refuses a good message with one bit turned", async () => {
    const good = await make(path, senderAt(path));
    for (let bit = 0; bit < good.length * 8; bit += 61) {
      const altered = good.slice();
      altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      // `busy`: the altered key id may be of a key that was made since the function last looked.
      const codes = ["malformed", "unauthentic", "wrong-type", "busy"] as const;
      await expectError(await broker.call(route, altered), ...codes);
    }
  });

  test("refuses more bytes than it takes, of whatever kind", async () => {
    await expectError(await broker.call(route, new Uint8Array(bodyLimit + 1)), "too-large");
    await expectError(await broker.call(route, new Uint8Array(bodyLimit)), "malformed", "too-large");
  });

  test("refuses deep nesting without following it", async () => {
    const deep = (lead: number) => new Uint8Array(Math.min(bodyLimit, 20_000)).fill(lead);
    for (const lead of [0x81, 0xa1, 0xd8, 0xc1, 0x9f])
      await expectError(await broker.call(route, deep(lead)), "malformed");
  });

  test.each([
    ["", "unsupported-media"],
    ["text/plain", "unsupported-media"],
    ["application/json", "unsupported-media"],
    ["application/cose-other", "unsupported-media"],
    ["application/cbor", "unsupported-media"],
  ] as const)("refuses the content type %j", async (contentType, code) => {
    await expectError(await broker.call(route, await make(path, senderAt(path)), contentType), code);
  });

  test("refuses an event without headers of its own or without a body", async () => {
    const event = apiEvent(route);
    const { handlers } = broker;
    const capability = routes.find((each) => each.path === path)?.capability ?? "keys";
    const bare = await handlers[capability]({ ...event, headers: {} });
    expect(bare).toEqual(errorResponse("unsupported-media"));
    expect(await handlers[capability](event)).toEqual(errorResponse("malformed"));
  });

  test("refuses a peer that it does not know", async () => {
    if (path === "/enrol") return expectError(await sendRenewalOfNobody(), "unknown-peer");
    await expectError(await broker.call(route, await make(path, stranger)), "unknown-peer");
  });

  test("refuses a message in another peer's name", async () => {
    await expectError(await sent({ from: shop.uid }), "unauthentic");
  });

  test("refuses a message dated further ahead than clocks may differ, or that lives too long", async () => {
    const now = broker.runtime.now();
    await expectError(await sent({ issuedAt: now + limits.clockSkew + 1 }), "future-dated");
    if (path === "/notices") return;
    await expectError(await sent({ issuedAt: now, expiresAt: now + limits.requestLife + 1 }), "future-dated");
    await expectError(await sent({ issuedAt: now, expiresAt: now - 1 }), "future-dated");
  });

  test("refuses another network's message and one that was signed for somebody else", async () => {
    await expectError(await sent({ network: shop.uid }), "wrong-network");
    await expectError(await sent({ to: shop.uid }), "wrong-recipient");
  });

  test("refuses a message of another type", async () => {
    const other = path === "/query" ? "/abort" : "/query";
    await expectError(await broker.call(route, await make(other, alice)), "wrong-type");
  });

  test("refuses a message sealed to a key that is not the broker's", async () => {
    const message = await alice.sign(query, { initiator: alice.uid, subject: alice.newTxn() });
    const sealed = await sealMessage(message, alice.sealing, broker.runtime.random);
    broker.runtime.advance(1000);
    const isOwnType = path === "/query";
    await expectError(await broker.call(route, sealed), isOwnType ? "unauthentic" : "wrong-type");
    // At most once a second a function looks whether such a key was made.
    await expectError(await broker.call(route, sealed), isOwnType ? "busy" : "wrong-type");
  });

  test("refuses a message whose signature does not hold", async () => {
    const peer = senderAt(path);
    const seal: TestPeer["seal"] = (message, beside) => {
      const bytes = message.bytes.slice();
      bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1;
      return peer.seal({ ...message, bytes }, beside);
    };
    await expectError(await broker.call(route, await make(path, { ...peer, seal })), "unauthentic");
  });

  async function sendRenewalOfNobody(): Promise<HttpAnswer> {
    const renewal = await stranger.enrolRequest({ account: undefined, mandate: undefined });
    return broker.call(route, await stranger.seal(renewal));
  }
});

describe("a request that came too late", () => {
  test.each(["/enrol", "/abort", "/intent", "/query", "/account", "/settle"])(
    "is refused at %s and writes nothing",
    async (path) => {
      const now = broker.runtime.now();
      const late = await make(path, senderAt(path), { issuedAt: now - HOUR, expiresAt: now });
      await expectError(await broker.call(`POST ${path}`, late), "expired");
    },
  );
});

describe("amounts made by hand", () => {
  const LARGEST = amountOf("EUR", limits.amount);
  const requestOf = (amount: typeof LARGEST) =>
    encodePayload(brokerscripRequest, {
      network: broker.network,
      from: alice.uid,
      to: broker.network,
      txn: alice.newTxn(),
      issuedAt: broker.runtime.now(),
      expiresAt: broker.runtime.now() + HOUR,
      amount,
    });
  /** Puts another encoding in the place of the largest amount's. */
  const withUnits = (encoded: Uint8Array): Uint8Array => {
    const payload = Buffer.from(requestOf(LARGEST));
    const largest = Buffer.from(encodeCbor(Number(limits.amount)));
    const at = payload.indexOf(largest);
    if (at < 0) throw new Error("the amount is not where it should be");
    return Buffer.concat([payload.subarray(0, at), encoded, payload.subarray(at + largest.length)]);
  };

  test.each<[what: string, encoded: Uint8Array]>([
    ["0", Uint8Array.of(0x00)],
    ["−1", Uint8Array.of(0x20)],
    ["2^53", Uint8Array.of(0x1b, 0, 0x20, 0, 0, 0, 0, 0, 0)],
    ["2^64−1", Uint8Array.of(0x1b, 255, 255, 255, 255, 255, 255, 255, 255)],
    ["1 in more bytes than it needs", Uint8Array.of(0x18, 0x01)],
    ["1.0 as a float", Uint8Array.of(0xf9, 0x3c, 0x00)],
    ["the text 1", Uint8Array.of(0x61, 0x31)],
    ["a bignum", Uint8Array.of(0xc2, 0x41, 0x01)],
    ["null", Uint8Array.of(0xf6)],
  ])("%s is malformed", async (_, encoded) => {
    const sealed = await sealPayload(alice, brokerscripRequest, withUnits(encoded));
    await expectError(await broker.call("POST /brokerscrip", sealed), "malformed");
  });

  const head = () => ({
    network: broker.network,
    from: alice.uid,
    to: broker.network,
    txn: alice.newTxn(),
    issuedAt: broker.runtime.now(),
  });
  const request = () => ({ ...head(), expiresAt: broker.runtime.now() + HOUR });
  test.each([0, -1, Number.MAX_SAFE_INTEGER + 1])(
    "the amount %d is malformed at every other door",
    async (units) => {
      const amount = euro("0.10");
      const merchant = shop.uid;
      const value = ["EUR", units > 0 ? new Tagged(2, Uint8Array.of(0x20, 0, 0, 0, 0, 0, 0)) : units];
      const intent = respell(encodePayload(vendorscripIntent, { ...request(), merchant, amount }), 11, value);
      const scrip = { part: shop.uid, scrip: utf8("x"), escrow: utf8("x") };
      const m2 = { ...request(), customer: merchant, amount, ...scrip };
      const told = { ...head(), merchant, amount, metered: false, order: sha256(), purchase: merchant };
      const ended = { ...request(), initiator: merchant, subject: alice.newTxn(), amount };
      const m2Payload = respell(encodePayload(authorizationRequest, m2), 11, value);
      const notice = respell(encodePayload(purchaseNotice, told), 11, value);
      const abortPayload = respell(encodePayload(abort, ended), 13, value);
      const given = { customer: merchant, amount, part: shop.uid, credit: alice.newTxn() };
      const refund = respell(encodePayload(refundAuthorization, { ...request(), ...given }), 11, value);
      const kept = { customer: merchant, subject: alice.newTxn(), claimed: amount };
      // Nothing may be claimed: only below nothing and beyond the largest amount it is malformed.
      const claimed = units === 0 ? ["EUR", "0"] : value;
      const claim = respell(encodePayload(reversalClaim, { ...request(), ...kept }), 12, claimed);
      const sent = [
        broker.call("POST /intent", await sealPayload(alice, vendorscripIntent, intent)),
        broker.call("POST /authorise", await sealPayload(alice, authorizationRequest, m2Payload)),
        broker.call("POST /notices", await sealPayload(alice, purchaseNotice, notice)),
        broker.call("POST /abort", await sealPayload(alice, abort, abortPayload)),
        broker.call("POST /refund", await sealPayload(alice, refundAuthorization, refund)),
        broker.call("POST /claim", await sealPayload(alice, reversalClaim, claim)),
      ];
      for (const answer of sent) await expectError(await answer, "malformed");
    },
  );

  test.each(["eur", "EURO", "EU", "€€€", ""])("the currency %j is malformed", async (currency) => {
    const sealed = await sealPayload(
      alice,
      brokerscripRequest,
      respell(requestOf(LARGEST), 10, [currency, 1]),
    );
    await expectError(await broker.call("POST /brokerscrip", sealed), "malformed");
  });

  test("another currency than the broker's is refused at every door that takes money", async () => {
    const amount = amountOf("USD", 100_000n);
    const ask = async (path: string, sealed: Promise<Uint8Array>) =>
      expectError(await broker.call(`POST ${path}`, await sealed), "wrong-currency");
    await ask(
      "/brokerscrip",
      alice.sign(brokerscripRequest, { amount }).then((message) => alice.seal(message)),
    );
    const intent = alice.sign(vendorscripIntent, { merchant: shop.uid, amount });
    await ask(
      "/intent",
      intent.then((message) => alice.seal(message)),
    );
    const scrip = { scrip: utf8("x"), escrow: utf8("x") };
    const m2 = shop.sign(authorizationRequest, { customer: alice.uid, amount, part: shop.uid, ...scrip });
    await ask(
      "/authorise",
      m2.then((message) => shop.seal(message)),
    );
    const given = { customer: alice.uid, amount, part: shop.uid, credit: shop.newTxn() };
    const refund = shop.sign(refundAuthorization, given);
    await ask(
      "/refund",
      refund.then((message) => shop.seal(message)),
    );
    await ask(
      "/redeem",
      makeRedemption(alice, held, amount).then(({ sealed }) => sealed),
    );
  });
});

test("a batch of no notices is malformed", async () => {
  const good = await alice.sign(noticeBatch, { entries: [utf8("an entry")] });
  const { payload } = orThrow(readSign1(good.bytes));
  const sealed = await sealPayload(alice, noticeBatch, respell(payload, 10, []));
  await expectError(await broker.call("POST /notices", sealed), "malformed");
});

test("an enrolment whose sealing key statement, public key or proof is nonsense is refused", async () => {
  const now = broker.runtime.now();
  const nonsense = utf8("nonsense");
  const own = {
    publicKey: stranger.signing.publicKey,
    sealingKey: stranger.statement.bytes,
    possession: nonsense,
  };
  for (const spoilt of [
    { publicKey: nonsense },
    { sealingKey: nonsense },
    {},
    { publicKey: alice.signing.publicKey },
  ]) {
    const message = await stranger.sign(enrolRequest, { ...own, ...spoilt }, { issuedAt: now });
    await expectError(await broker.call("POST /enrol", await stranger.seal(message)));
  }
});

test("a route that the function does not serve is not found", async () => {
  const event = { ...apiEvent("POST /enrol"), routeKey: "POST /nowhere" };
  expect(await broker.handlers.enrol(event)).toEqual(errorResponse("not-found"));
  expect(await broker.handlers.enrol(apiEvent("POST /query"))).toEqual(errorResponse("not-found"));
});

test("the content type may be spelt in any case and with any parameter", async () => {
  const spoilt = Uint8Array.of(0xff);
  for (const contentType of [SEALED_MEDIA_TYPE, "Application/COSE", "application/cose;x=y"])
    await expectError(await broker.call("POST /query", spoilt, contentType), "malformed");
});

afterAll(async () => {
  // After everything that was thrown at it the broker still sells.
  const more = await alice.fund(euro("1.00"));
  const sale = await makeSale(alice, shop, broker.runtime.now(), { amount: euro("0.10"), held: more });
  expect((await broker.call("POST /authorise", sale.sealed)).status).toBe(200);
});
