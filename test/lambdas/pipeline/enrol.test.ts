import { credentialItem, keys } from "@lepta/lambdas";
import {
  type Credential,
  defaultSuite,
  encodeCredential,
  isRefusal,
  type Or,
  orThrow,
  possessionContext,
  query,
  readEncrypt,
  refuse,
  verifyCredential,
} from "@lepta/protocol";
import { beforeEach, describe, expect, test } from "vitest";
import { type BrokerUnderTest, memoryBroker } from "../../support/broker.ts";
import { enrolledPeer, HOUR, type TestPeer, testPeer } from "../../support/peer.ts";

let broker: BrokerUnderTest;
let alice: TestPeer;

beforeEach(async () => {
  broker = await memoryBroker();
  alice = await testPeer(broker, "alice");
});

/** The credential that an enrolment makes, checked as another peer would. */
async function credentialOf(
  peer: TestPeer,
  enrolled: Awaited<ReturnType<TestPeer["enrol"]>>,
  statement = peer.statement.bytes,
): Promise<Or<Credential>> {
  const { payload, attachments } = orThrow(enrolled);
  const parts = { enrolment: payload.enrolment ?? new Uint8Array(0), sealingKey: statement };
  const [certificate = new Uint8Array(0)] = attachments;
  const { trust } = await broker.keys();
  return verifyCredential(encodeCredential({ ...parts, certificate }), trust, broker.runtime.now());
}

describe("enrolment", () => {
  test("gives a peer a credential that holds under the root key alone", async () => {
    const enrolled = await alice.enrol();
    expect(orThrow(enrolled).payload).toMatchObject({ ok: true, record: [1, expect.any(Uint8Array)] });
    expect(orThrow(await credentialOf(alice, enrolled))).toMatchObject({ uid: alice.uid });
  });

  test("of the same bytes twice gives the same decision and writes once", async () => {
    const sealed = await alice.seal(await alice.enrolRequest());
    await broker.call("POST /enrol", sealed);
    const before = await broker.items();
    expect((await broker.call("POST /enrol", sealed)).status).toBe(200);
    expect(await broker.items()).toEqual(before);
  });

  test("twice, each time with a transaction of its own, is said yes to and writes once", async () => {
    await alice.enrol();
    const before = await broker.items();
    const again = await alice.enrol();
    expect(orThrow(again).payload.ok).toBe(true);
    expect(orThrow(await credentialOf(alice, again)).uid).toBe(alice.uid);
    expect(await broker.items()).toEqual(before);
  });

  test("of an enrolled peer with another account is a conflict", async () => {
    await alice.enrol();
    const before = await broker.items();
    expect(orThrow(await alice.enrol({ account: "other" })).payload).toMatchObject({
      ok: false,
      reason: "conflict",
    });
    expect(await broker.items()).toEqual(before);
  });

  test("of an account that another peer has is refused", async () => {
    await alice.enrol();
    const before = await broker.items();
    const mallory = await testPeer(broker, "mallory");
    const answer = orThrow(await mallory.enrol({ account: "alice" }));
    expect(answer.payload).toMatchObject({ ok: false, reason: "account-taken" });
    expect(answer.payload.enrolment).toBeUndefined();
    expect(await broker.items()).toEqual(before);
  });

  test("of one account by many peers at once is granted to one", async () => {
    const peers = await Promise.all(Array.from({ length: 8 }, (_, i) => testPeer(broker, `p${i}`)));
    const answers = await Promise.all(peers.map((peer) => peer.enrol({ account: "shared" })));
    const reasons = answers.map((answer) => orThrow(answer).payload.reason ?? "ok").sort();
    expect(reasons).toEqual([...Array<string>(7).fill("account-taken"), "ok"]);
  });

  test.each([
    ["a mandate that the rail does not accept", { mandate: "forged" }],
    ["no mandate", { mandate: undefined }],
    ["an account that the rail does not know", { account: "no such account!" }],
  ])("with %s is refused", async (_, options) => {
    const before = await broker.items();
    expect(orThrow(await alice.enrol(options)).payload).toMatchObject({
      ok: false,
      reason: "account-refused",
    });
    expect(await broker.items()).toEqual(before);
  });

  test("without an account is bad input from a peer that is not enrolled", async () => {
    expect(await alice.enrol({ account: undefined, mandate: undefined })).toEqual(refuse("unknown-peer"));
  });

  test("past its end is refused unless it was decided before", async () => {
    const request = await alice.enrolRequest();
    const sealed = await alice.seal(request);
    await broker.call("POST /enrol", sealed);
    broker.runtime.advance(2 * HOUR);
    expect((await broker.call("POST /enrol", sealed)).status).toBe(200);
    const late = await testPeer(broker, "late");
    const options = { issuedAt: broker.runtime.now() - 2 * HOUR, expiresAt: broker.runtime.now() };
    expect(await late.enrol(options)).toEqual(refuse("expired"));
  });
});

describe("proof of possession", () => {
  test("that is wrong is refused", async () => {
    const before = await broker.items();
    const wrong = new Uint8Array(32).fill(7);
    expect(await alice.enrol({ possession: wrong })).toEqual(refuse("bad-possession"));
    expect(await broker.items()).toEqual(before);
  });

  test("made with another sealing key than the one that is stated is refused", async () => {
    const other = await testPeer(broker, "other");
    const statement = await alice.restate(1, other.opening);
    expect(await alice.enrol({ statement })).toEqual(refuse("bad-possession"));
  });

  test("made for another enrolment is refused", async () => {
    const { sealingKey } = await broker.keys();
    const other = possessionContext(alice.statement.digest, alice.newTxn());
    const possession = await alice.opening.provePossession(sealingKey, other);
    expect(await alice.enrol({ possession })).toEqual(refuse("bad-possession"));
  });

  test("cannot stand in for another peer's statement of its sealing key", async () => {
    const mallory = await testPeer(broker, "mallory");
    expect(isRefusal(await mallory.enrol({ statement: alice.statement }))).toBe(true);
  });
});

describe("renewal", () => {
  beforeEach(async () => {
    orThrow(await alice.enrol());
  });

  const stored = async () => {
    const at = keys.credential(alice.uid);
    const found = (await broker.items()).find(({ key }) => key.pk === at.pk && key.sk === at.sk);
    return credentialItem.fromItem(found?.item ?? {});
  };

  test("without an account certifies the same peer under the newest operational key", async () => {
    broker.runtime.advance(13 * HOUR);
    await broker.rotate();
    // A warm function looks at the table again after five minutes.
    broker.runtime.advance(HOUR);
    const renewed = await alice.enrol({ account: undefined, mandate: undefined });
    const credential = orThrow(await credentialOf(alice, renewed));
    expect(credential.uid).toBe(alice.uid);
    expect(credential.notAfter).toBeGreaterThan(broker.runtime.now() + 12 * HOUR);
  });

  test("with a new sealing key under a higher serial replaces it, and answers go to the new one", async () => {
    const opening = await defaultSuite.openingKey(await defaultSuite.createSealingKey(broker.runtime.random));
    const statement = await alice.restate(2, opening);
    const txn = alice.newTxn();
    const { sealingKey } = await broker.keys();
    const possession = await opening.provePossession(sealingKey, possessionContext(statement.digest, txn));
    const request = await alice.enrolRequest({
      account: undefined,
      mandate: undefined,
      statement,
      possession,
      txn,
    });
    const { body, status } = await broker.call("POST /enrol", await alice.seal(request));
    expect([status, orThrow(readEncrypt(body)).kid]).toEqual([200, opening.id]);
    expect(await stored()).toMatchObject({ serial: 2, sealingKey: statement.bytes, account: "alice" });

    // A function that had the old key in memory seals to the new one as well.
    const answer = await broker.call("POST /query", await alice.seal(await queryOf(alice)));
    expect(orThrow(readEncrypt(answer.body)).kid).toBe(opening.id);
  });

  test("with an older serial, or another key under the same serial, is a conflict", async () => {
    for (const statement of [await alice.restate(0), await alice.restate(1)]) {
      // The clock moves so that the statement differs in more than its transaction.
      broker.runtime.advance(1);
      const answer = orThrow(await alice.enrol({ account: undefined, mandate: undefined, statement }));
      expect(answer.payload).toMatchObject({ ok: false, reason: "conflict" });
    }
    expect((await stored()).serial).toBe(1);
  });
});

test("two peers of two accounts are enrolled side by side", async () => {
  const [bob, carol] = [await enrolledPeer(broker, "bob"), await enrolledPeer(broker, "carol")];
  expect(bob.uid).not.toBe(carol.uid);
});

async function queryOf(peer: TestPeer) {
  return peer.sign(query, { initiator: peer.uid, subject: peer.newTxn() });
}
