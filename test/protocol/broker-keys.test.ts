import {
  authorizationResponse,
  type BrokerKeys,
  brokerKeysCodec,
  type Cbor,
  type Draft,
  decodeAs,
  decodeCbor,
  defaultSuite,
  encodeAs,
  encodeCbor,
  isRefusal,
  keyCertificate,
  keyRevocation,
  limits,
  orThrow,
  type Purpose,
  readMessage,
  readRevocations,
  readRootKey,
  type SigningKey,
  signMessage,
  type Uid,
  utf8,
  type Value,
  verifyAnswer,
  verifyBrokerKeys,
  verifyCertificate,
} from "@lepta/protocol";
import { describe, expect, test } from "vitest";
import {
  acknowledgeKey,
  certificateDraft,
  customer,
  decideKey,
  enrolKey,
  euro,
  HOUR,
  merchant,
  network,
  now,
  party,
  plain,
  root,
  sealKey,
  stranger,
} from "../vectors/parties.ts";

type Change = Partial<Draft<typeof keyCertificate>>;

const certify = async (
  purpose: Purpose,
  publicKey: Uint8Array,
  change: Change = {},
  by: SigningKey = root.signing,
  kid: Uid = network,
) =>
  (await signMessage(keyCertificate, { ...certificateDraft(purpose, publicKey), ...change }, by, kid)).bytes;

const seal = (change: Change = {}) => certify("seal", sealKey.opening.publicKey, change);
const all = [
  await certify("enrol", enrolKey.signing.publicKey),
  await certify("decide", decideKey.signing.publicKey),
  await certify("acknowledge", acknowledgeKey.signing.publicKey),
  await seal(),
];

type List = Value<typeof brokerKeysCodec>;
const list: List = {
  version: 1,
  type: "broker-keys",
  rootKey: root.signing.publicKey,
  certificates: all,
  suite: "default",
  currency: "EUR",
  rail: "sandbox",
  unit: 10_000,
};
const answer = (change: Partial<List> = {}): Uint8Array => encodeAs(brokerKeysCodec, { ...list, ...change });
const verify = (change: Partial<List> = {}, at = now) =>
  verifyBrokerKeys(answer(change), network, defaultSuite, at);

describe("the broker's list of keys", () => {
  test("is taken where its root is the pinned one, with each key that the root certified", async () => {
    const keys = orThrow(await verify());
    expect(keys).toMatchObject({
      network,
      currency: "EUR",
      rail: "sandbox",
      sealingKeyNotAfter: now + 23 * HOUR,
    });
    expect(keys.sealingKey.id).toBe(sealKey.opening.id);
    expect(keys.trust.rootKey.id).toBe(network);
    expect([...keys.keys].map(([id, { purpose }]) => [id, purpose])).toEqual([
      [enrolKey.uid, "enrol"],
      [decideKey.uid, "decide"],
      [acknowledgeKey.uid, "acknowledge"],
      [sealKey.opening.id, "seal"],
    ]);
  });

  test("shows its root key to whoever has no pin yet", () => {
    expect(readRootKey(answer())).toEqual({ id: network, publicKey: root.signing.publicKey });
    expect(readRootKey(utf8("no list"))).toMatchObject({ code: "malformed" });
  });

  test("is refused where its root is not the pinned one", async () => {
    expect(await verify({ rootKey: stranger.signing.publicKey })).toMatchObject({ code: "wrong-root" });
    expect(await verifyBrokerKeys(answer(), stranger.uid, defaultSuite, now)).toMatchObject({
      code: "wrong-root",
    });
  });

  test("is refused where the broker uses another suite", async () => {
    expect(await verify({ suite: "figure-4" })).toMatchObject({ code: "wrong-network" });
  });

  test("is refused where the pinned root is no key that signs", async () => {
    const { publicKey: rootKey, id } = root.opening;
    expect(await verifyBrokerKeys(answer({ rootKey }), id, defaultSuite, now)).toMatchObject({
      code: "malformed",
    });
  });

  test("is refused where it is none", async () => {
    const bytes = answer();
    for (const wrong of [new Uint8Array(0), bytes.subarray(1), bytes.subarray(0, -1), utf8("no list")])
      expect(await verifyBrokerKeys(wrong, network, defaultSuite, now)).toMatchObject({ code: "malformed" });
  });

  test("has a bounded number of certificates", async () => {
    const certificates = (count: number) => ({
      certificates: Array.from({ length: count }, () => all[3] ?? answer()),
    });
    expect(isRefusal(decodeAs(brokerKeysCodec, answer(certificates(limits.certificates))))).toBe(false);
    const map = new Map(decodeCbor(answer()) as ReadonlyMap<number, Cbor>);
    const tooMany = map.set(11, [...certificates(limits.certificates + 1).certificates]);
    expect(decodeAs(brokerKeysCodec, encodeCbor(tooMany))).toMatchObject({ code: "malformed" });
    expect(() => answer(certificates(limits.certificates + 1))).toThrow();
  });
});

describe("of the keys in the list", () => {
  test.each<[string, () => Promise<Uint8Array>]>([
    ["that has ended", () => certify("decide", decideKey.signing.publicKey, { notAfter: now })],
    ["that has not begun", () => certify("decide", decideKey.signing.publicKey, { notBefore: now + HOUR })],
    [
      "that another root certified",
      () => certify("decide", decideKey.signing.publicKey, {}, stranger.signing),
    ],
    [
      "that an operational key certified",
      () => certify("decide", decideKey.signing.publicKey, {}, enrolKey.signing, enrolKey.uid),
    ],
    ["of another network", () => certify("decide", decideKey.signing.publicKey, { network: stranger.uid })],
    ["that is no certificate", async () => utf8("no certificate")],
  ])("one %s is left out, and the others are taken", async (_, make) => {
    const { keys } = orThrow(await verify({ certificates: [await make(), await seal()] }));
    expect([...keys.keys()]).toEqual([sealKey.opening.id]);
  });

  test("the one to seal to that lasts longest is sealed to", async () => {
    const next = await party(9);
    const longer = await certify("seal", next.opening.publicKey, {
      notBefore: now,
      notAfter: now + 23 * HOUR + 1,
    });
    for (const certificates of [
      [longer, await seal()],
      [await seal(), longer],
    ]) {
      const keys = orThrow(await verify({ certificates }));
      expect(keys.sealingKey.id).toBe(next.opening.id);
      expect(keys.sealingKeyNotAfter).toBe(now + 23 * HOUR + 1);
    }
  });

  test("at least one to seal to is valid, or the list is of no use", async () => {
    expect(await verify({ certificates: all.slice(0, 3) })).toMatchObject({ code: "unknown-peer" });
    expect(await verify({ certificates: [await seal({ notAfter: now })] })).toMatchObject({
      code: "unknown-peer",
    });
    expect(await verify({ certificates: [] })).toMatchObject({ code: "unknown-peer" });
    expect(await verify({}, now + 23 * HOUR)).toMatchObject({ code: "unknown-peer" });
  });

  test("one to seal to can be sealed to", async () => {
    const wrong = await certify("seal", decideKey.signing.publicKey);
    expect(await verify({ certificates: [wrong] })).toMatchObject({ code: "unknown-peer" });
    expect(isRefusal(await verify({ certificates: [wrong, ...all] }))).toBe(false);
  });
});

describe("an answer of the broker", () => {
  const draft: Draft<typeof authorizationResponse> = {
    ...plain(network, merchant.uid, "vendor"),
    request: customer.uid,
    ok: true,
    decidedAt: now,
    customer: customer.uid,
    amount: euro("1.00"),
  };
  const judge = async (
    { by = decideKey.signing, kid }: { by?: SigningKey; kid?: Uid } = {},
    { purpose = "decide", to = merchant.uid, at = now }: { purpose?: Purpose; to?: Uid; at?: number } = {},
    keys?: BrokerKeys,
  ) => {
    const { bytes } = await signMessage(authorizationResponse, draft, by, kid);
    const opened = orThrow(readMessage(bytes, [authorizationResponse]));
    return verifyAnswer(opened, keys ?? orThrow(await verify()), purpose, to, at);
  };

  test("holds under a key that the root certified for this purpose", async () => {
    expect(await judge()).toMatchObject({ stage: "verified" });
  });

  test("does not hold under the broker's key for another purpose", async () => {
    for (const by of [enrolKey.signing, acknowledgeKey.signing, root.signing])
      expect(await judge({ by })).toMatchObject({ code: "unauthentic" });
    expect(await judge({}, { purpose: "acknowledge" })).toMatchObject({ code: "unauthentic" });
    expect(await judge({ kid: sealKey.opening.id }, { purpose: "seal" })).toMatchObject({
      code: expect.any(String),
    });
  });

  test("does not hold under a key that is not in the list, nor under its name", async () => {
    expect(await judge({ by: stranger.signing })).toMatchObject({ code: "unauthentic" });
    expect(await judge({ by: stranger.signing, kid: decideKey.uid })).toMatchObject({ code: "unauthentic" });
  });

  test("is acted on only while its key is valid at receipt", async () => {
    expect(await judge({}, { at: now + 23 * HOUR - 1 })).toMatchObject({ stage: "verified" });
    expect(await judge({}, { at: now + 23 * HOUR })).toMatchObject({ code: "unauthentic" });
  });

  test("to somebody else is not ours", async () => {
    expect(await judge({}, { to: customer.uid })).toMatchObject({ code: "wrong-recipient" });
  });

  test("of another broker is not ours, even under a key of ours", async () => {
    const keys = orThrow(await verify());
    expect(await judge({}, {}, { ...keys, network: stranger.uid })).toMatchObject({ code: "unauthentic" });
  });

  test("in the name of a peer is none", async () => {
    const asPeer = await signMessage(
      authorizationResponse,
      { ...draft, from: customer.uid },
      decideKey.signing,
    );
    const opened = orThrow(readMessage(asPeer.bytes, [authorizationResponse]));
    expect(await verifyAnswer(opened, orThrow(await verify()), "decide", merchant.uid, now)).toMatchObject({
      code: "unauthentic",
    });
  });
});

describe("a revoked key", () => {
  const FROM = now + 60_000;
  const revoke = async (key: Uid, by: SigningKey = root.signing, kid: Uid = network) => {
    const draft = { ...plain(network, network, "revocation"), key, revokedFrom: FROM };
    return (await signMessage(keyRevocation, draft, by, kid)).bytes;
  };
  const kinds = async (revocations: readonly Uint8Array[], at: number) =>
    [...orThrow(await verify({ revocations }, at)).keys.values()].map(({ purpose }) => purpose);

  test("is left out of the list from its moment on, and not before", async () => {
    const revocations = [await revoke(decideKey.uid)];
    expect(await kinds(revocations, FROM - 1)).toContain("decide");
    expect(await kinds(revocations, FROM)).toEqual(["enrol", "acknowledge", "seal"]);
  });

  test("signs no answer from its moment on, also for whoever read the list before", async () => {
    const keys = orThrow(await verify({ revocations: [await revoke(decideKey.uid)] }));
    const draft: Draft<typeof authorizationResponse> = {
      ...plain(network, merchant.uid, "vendor"),
      request: customer.uid,
      ok: true,
      decidedAt: now,
      customer: customer.uid,
      amount: euro("1.00"),
    };
    const { bytes } = await signMessage(authorizationResponse, draft, decideKey.signing);
    const opened = orThrow(readMessage(bytes, [authorizationResponse]));
    const judge = (at: number) => verifyAnswer(opened, keys, "decide", merchant.uid, at);
    expect(isRefusal(await judge(FROM - 1))).toBe(false);
    expect(await judge(FROM)).toMatchObject({ code: "unauthentic" });
  });

  test("certifies nobody: its certificate is refused with the list's trust", async () => {
    const { trust } = orThrow(await verify({ revocations: [await revoke(enrolKey.uid)] }));
    const [certificate = answer()] = all;
    expect(isRefusal(await verifyCertificate(certificate, trust, FROM - 1))).toBe(false);
    expect(await verifyCertificate(certificate, trust, FROM)).toMatchObject({ code: "unknown-peer" });
  });

  test("is not sealed to, even before its moment, where another is there", async () => {
    const next = await party(9);
    const certificates = [...all, await certify("seal", next.opening.publicKey, { notAfter: now + HOUR })];
    const keys = orThrow(await verify({ certificates, revocations: [await revoke(sealKey.opening.id)] }));
    expect(keys.sealingKey.id).toBe(next.opening.id);
  });

  test.each<[string, () => Promise<Uint8Array>]>([
    ["another root", () => revoke(decideKey.uid, stranger.signing)],
    ["an operational key", () => revoke(decideKey.uid, enrolKey.signing, enrolKey.uid)],
  ])("is not revoked by %s", async (_, make) => {
    expect(await kinds([await make()], FROM)).toContain("decide");
  });

  test("stays revoked where a later list leaves it out, for as long as its certificate could hold", async () => {
    const first = orThrow(await verify({ revocations: [await revoke(decideKey.uid)] }));
    const again = orThrow(await verifyBrokerKeys(answer(), network, defaultSuite, FROM, first.revocations));
    expect([...again.keys.values()].map(({ purpose }) => purpose)).not.toContain("decide");
    // What is remembered tells it too.
    const remembered = await readRevocations(again.list, network, FROM);
    expect([...remembered.keys()]).toEqual([decideKey.uid]);
    const end = FROM + limits.operationalKeyLife + limits.clockSkew;
    expect((await readRevocations(again.list, network, end - 1)).size).toBe(1);
    expect((await readRevocations(again.list, network, end)).size).toBe(0);
    expect((await readRevocations(again.list, stranger.uid, FROM)).size).toBe(0);
  });

  test("is one of a bounded number", async () => {
    const one = await revoke(decideKey.uid);
    const many = (count: number) => ({ revocations: Array.from({ length: count }, () => one) });
    expect(isRefusal(await verify(many(limits.revocations)))).toBe(false);
    expect(() => answer(many(limits.revocations + 1))).toThrow();
  });
});
