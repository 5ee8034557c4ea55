import {
  type Draft,
  defaultSuite,
  type ErrorCode,
  encodeCredential,
  enrolment,
  isRefusal,
  keyCertificate,
  limits,
  orThrow,
  possessionContext,
  type SigningKey,
  sealingKeyStatement,
  sealMessage,
  signMessage,
  type Uid,
  utf8,
  verifyCertificate,
  verifyCredential,
  verifySealingKey,
} from "@lepta/protocol";
import { describe, expect, test } from "vitest";
import {
  certificateDraft,
  customer,
  DAY,
  decideKey,
  enrolKey,
  enrolmentDraft,
  HOUR,
  merchant,
  network,
  now,
  party,
  plain,
  repeatable,
  root,
  sealingKeyDraft,
  sealKey,
  stranger,
  trust,
} from "../vectors/parties.ts";

interface By {
  readonly by?: SigningKey;
  readonly kid?: Uid;
}

const certificateOf = async (change: Partial<Draft<typeof keyCertificate>> = {}, { by, kid }: By = {}) => {
  const draft = { ...certificateDraft("enrol", enrolKey.signing.publicKey), ...change };
  return (await signMessage(keyCertificate, draft, by ?? root.signing, kid)).bytes;
};
const enrolmentOf = async (change: Partial<Draft<typeof enrolment>> = {}, { by, kid }: By = {}) => {
  const draft = { ...enrolmentDraft(customer), ...change };
  return (await signMessage(enrolment, draft, by ?? enrolKey.signing, kid)).bytes;
};
const sealingKeyOf = async (
  change: Partial<Draft<typeof sealingKeyStatement>> = {},
  { by, kid }: By = {},
) => {
  const draft = { ...sealingKeyDraft(customer), ...change };
  return (await signMessage(sealingKeyStatement, draft, by ?? customer.signing, kid)).bytes;
};

const good = {
  certificate: await certificateOf(),
  enrolment: await enrolmentOf(),
  sealingKey: await sealingKeyOf(),
};
const verify = (parts: Partial<typeof good>, at = now) =>
  verifyCredential(encodeCredential({ ...good, ...parts }), trust, at);

describe("a credential", () => {
  test("holds where the root, the broker's enrolling key and the peer each signed their part", async () => {
    const credential = orThrow(await verify({}));
    expect(credential).toMatchObject({ uid: customer.uid, bytes: encodeCredential(good) });
    expect(credential.verifyingKey.id).toBe(customer.uid);
    expect(credential.sealingKey.id).toBe(customer.opening.id);
  });

  test("is checked against the root key alone: another root knows nobody", async () => {
    const other = { ...trust, rootKey: stranger.verifying };
    expect(await verifyCredential(encodeCredential(good), other, now)).toMatchObject({ code: "unauthentic" });
  });

  test("ends when the first of its parts does, and needs renewal then", async () => {
    expect(orThrow(await verify({})).notAfter).toBe(now + 23 * HOUR);
    const short = await sealingKeyOf({ notAfter: now + HOUR });
    expect(orThrow(await verify({ sealingKey: short })).notAfter).toBe(now + HOUR);
    expect(isRefusal(await verify({}, now + 23 * HOUR - 1))).toBe(false);
    expect(await verify({}, now + 23 * HOUR)).toMatchObject({ code: "unknown-peer" });
  });

  test("travels with no part missing, and none of another shape", async () => {
    const bytes = encodeCredential(good);
    expect(await verifyCredential(bytes.subarray(1), trust, now)).toMatchObject({ code: "malformed" });
    expect(await verifyCredential(new Uint8Array(0), trust, now)).toMatchObject({ code: "malformed" });
    const swapped = { ...good, enrolment: good.sealingKey, sealingKey: good.enrolment };
    expect(await verify(swapped)).toMatchObject({ code: "wrong-type" });
    expect(await verify({ certificate: utf8("no certificate") })).toMatchObject({ code: "malformed" });
    expect(await verify({ certificate: good.enrolment })).toMatchObject({ code: "wrong-type" });
  });

  test("of one peer does not hold with any part of another's", async () => {
    const theirs = {
      enrolment: await enrolmentOf(enrolmentDraft(stranger)),
      sealingKey: await sealingKeyOf(sealingKeyDraft(stranger), { by: stranger.signing }),
    };
    expect(orThrow(await verify(theirs)).uid).toBe(stranger.uid);
    expect(await verify({ enrolment: theirs.enrolment })).toMatchObject({ code: "unauthentic" });
    expect(await verify({ sealingKey: theirs.sealingKey })).toMatchObject({ code: "unauthentic" });
  });
});

type Case<D> = [string, ErrorCode, string | undefined, Partial<D>, By?];

/** A part that is wrong in one way gives its own reason: the code, and for people the detail. */
const expectReason = (result: unknown, code: ErrorCode, detail: string | undefined): void => {
  expect(result).toMatchObject(detail === undefined ? { code } : { code, detail });
};

const longTime = "a certificate that lives too long";
const outOfTime = "a certificate out of its time";

describe("the certificate of an operational key is refused where", () => {
  const cases: readonly Case<Draft<typeof keyCertificate>>[] = [
    [
      "another key signed it in the root's name",
      "unauthentic",
      "signature",
      {},
      { by: stranger.signing, kid: network },
    ],
    ["another key signed it", "unauthentic", "other signer", {}, { by: stranger.signing }],
    [
      "an operational key signed it, not the root",
      "unauthentic",
      "other signer",
      { from: enrolKey.uid },
      { by: enrolKey.signing },
    ],
    ["it is not from the root", "unauthentic", "other signer", { from: stranger.uid }],
    ["it is of another network", "wrong-network", undefined, { network: stranger.uid }],
    ["it is for somebody else", "wrong-recipient", undefined, { to: stranger.uid }],
    ["it is dated too far ahead", "future-dated", undefined, { issuedAt: now + limits.clockSkew + 1 }],
    ["it lives longer than a day", "unknown-peer", longTime, { notBefore: now, notAfter: now + DAY + 1 }],
    ["it has ended", "unknown-peer", outOfTime, { notAfter: now }],
    ["it has not begun", "unknown-peer", outOfTime, { notBefore: now + limits.clockSkew + 1 }],
    ["it ends before it begins", "unknown-peer", outOfTime, { notBefore: now, notAfter: now - 1 }],
  ];

  test.each(cases)("%s: %s", async (_, code, detail, change, by) => {
    const bytes = await certificateOf(change, by);
    expectReason(await verifyCertificate(bytes, trust, now), code, detail);
    expectReason(await verify({ certificate: bytes }), code, detail);
  });

  test("it is for another purpose than to enrol", async () => {
    for (const purpose of ["decide", "acknowledge", "seal"] as const) {
      const certificate = await certificateOf({ purpose });
      expect(isRefusal(await verifyCertificate(certificate, trust, now))).toBe(false);
      expectReason(await verify({ certificate }), "unknown-peer", "the certificate is for another purpose");
    }
  });

  test("the key in it is none that signs", async () => {
    const publicKey = sealKey.opening.publicKey;
    expectReason(
      await verify({ certificate: await certificateOf({ publicKey }) }),
      "malformed",
      "not a P-256 key",
    );
  });
});

describe("the certificate of an operational key is accepted", () => {
  test("for exactly a day, and from as much before its time as clocks may differ", async () => {
    const day = await certificateOf({
      notBefore: now + limits.clockSkew,
      notAfter: now + limits.clockSkew + DAY,
    });
    const key = orThrow(await verifyCertificate(day, trust, now));
    expect(key).toMatchObject({ id: enrolKey.uid, purpose: "enrol", certificate: day });
    expect(key.publicKey).toEqual(enrolKey.signing.publicKey);
  });
});

describe("an enrolment is refused where", () => {
  const cases: readonly Case<Draft<typeof enrolment>>[] = [
    [
      "another key signed it in the broker's name",
      "unauthentic",
      "signature",
      {},
      { by: stranger.signing, kid: enrolKey.uid },
    ],
    ["another of the broker's keys signed it", "unauthentic", "other signer", {}, { by: decideKey.signing }],
    [
      "the peer signed it itself",
      "unauthentic",
      "other signer",
      { from: customer.uid },
      { by: customer.signing },
    ],
    ["it is not from the broker", "unauthentic", "other signer", { from: stranger.uid }],
    ["it is of another network", "wrong-network", undefined, { network: stranger.uid }],
    ["it is dated too far ahead", "future-dated", undefined, { issuedAt: now + limits.clockSkew + 1 }],
    ["it is for another key", "unknown-peer", "the enrolment is for another key", { to: stranger.uid }],
    [
      "it holds another key",
      "unknown-peer",
      "the enrolment is for another key",
      { publicKey: stranger.signing.publicKey },
    ],
    ["it holds a key to seal", "malformed", "not a P-256 key", { publicKey: customer.opening.publicKey }],
    ["it holds no key", "malformed", undefined, { publicKey: utf8("no key") }],
  ];

  test.each(cases)("%s: %s", async (_, code, detail, change, by) => {
    expectReason(await verify({ enrolment: await enrolmentOf(change, by) }), code, detail);
  });
});

describe("a peer's statement of its sealing key is refused where", () => {
  const outOfItsTime = "a sealing key out of its time";
  const cases: readonly Case<Draft<typeof sealingKeyStatement>>[] = [
    [
      "another key signed it in the peer's name",
      "unauthentic",
      "signature",
      {},
      { by: stranger.signing, kid: customer.uid },
    ],
    ["another peer signed it", "unauthentic", "other signer", {}, { by: stranger.signing }],
    ["the broker signed it", "unauthentic", "other signer", { from: network }, { by: enrolKey.signing }],
    ["it is not from the peer", "unauthentic", "other signer", { from: stranger.uid }],
    ["it is of another network", "wrong-network", undefined, { network: stranger.uid }],
    ["it is for somebody else", "wrong-recipient", undefined, { to: merchant.uid }],
    ["it is dated too far ahead", "future-dated", undefined, { issuedAt: now + limits.clockSkew + 1 }],
    ["it has ended", "unknown-peer", outOfItsTime, { notAfter: now }],
    ["it has not begun", "unknown-peer", outOfItsTime, { notBefore: now + limits.clockSkew + 1 }],
    [
      "it lives longer than a year and a day",
      "unknown-peer",
      outOfItsTime,
      { notBefore: now, notAfter: now + limits.sealingKeyLife + 1 },
    ],
    ["it holds a key to sign", "malformed", "not an X25519 key", { publicKey: customer.signing.publicKey }],
    ["it holds no key", "malformed", undefined, { publicKey: utf8("no key") }],
  ];

  test.each(cases)("%s: %s", async (_, code, detail, change, by) => {
    const bytes = await sealingKeyOf(change, by);
    expectReason(await verifySealingKey(bytes, customer.verifying, trust, now), code, detail);
    expectReason(await verify({ sealingKey: bytes }), code, detail);
  });

  test("nothing can be sealed to the key in it: a peer cannot make others throw", async () => {
    const publicKey = Uint8Array.from([...customer.opening.publicKey.slice(0, 8), ...new Uint8Array(32)]);
    expectReason(
      await verify({ sealingKey: await sealingKeyOf({ publicKey }) }),
      "malformed",
      "a point of low order",
    );
  });
});

describe("a peer's statement of its sealing key", () => {
  test("may live a year and a day", async () => {
    const bytes = await sealingKeyOf({ notBefore: now, notAfter: now + limits.sealingKeyLife });
    const { key, statement } = orThrow(await verifySealingKey(bytes, customer.verifying, trust, now));
    expect(key.id).toBe(customer.opening.id);
    expect(statement.payload.serial).toBe(1);
  });

  test("can be replaced by the peer without the broker, with another key and a higher serial", async () => {
    const next = await party(9);
    const bytes = await sealingKeyOf({ publicKey: next.opening.publicKey, serial: 2 });
    const { sealingKey } = orThrow(await verify({ sealingKey: bytes }));
    expect(sealingKey.id).toBe(next.opening.id);
    const signed = await signMessage(
      enrolment,
      { ...plain(network, customer.uid, "any"), publicKey: customer.signing.publicKey },
      enrolKey.signing,
    );
    expect(isRefusal(await sealMessage(signed, sealingKey, repeatable("any")))).toBe(false);
  });
});

test("a proof of possession is bound to the statement and to the enrolment that it is for", async () => {
  const { digest } = await signMessage(sealingKeyStatement, sealingKeyDraft(customer), customer.signing);
  const { txn } = plain(customer.uid, network, "enrol");
  const context = possessionContext(digest, txn);
  expect(context).toHaveLength(48);
  const proof = await customer.opening.provePossession(sealKey.sealing, context);
  const check = (of: Uint8Array) => sealKey.opening.checkPossession(customer.sealing, of, proof);
  expect(await check(context)).toBe(true);
  expect(await check(possessionContext(digest, plain(customer.uid, network, "again").txn))).toBe(false);
  expect(await check(possessionContext(stranger.uid, txn))).toBe(false);
});

test("the trust that these tests start from is the default suite's", () => {
  expect(trust.suite).toBe(defaultSuite);
});
