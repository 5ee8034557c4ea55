import { keys, type Store } from "@lepta/lambdas";
import { auditPeer } from "@lepta/lambdas/pipeline/audit-peer";
import type { PeerProgress } from "@lepta/lambdas/pipeline/reconcile-progress";
import { reconciliationOf } from "@lepta/lambdas/wiring";
import { orThrow } from "@lepta/protocol";
import { beforeAll, describe, expect, test } from "vitest";
import { type BrokerUnderTest, memoryBroker } from "../../support/broker.ts";
import { enrolledPeer, euro, type TestPeer } from "../../support/peer.ts";

let broker: BrokerUnderTest;
let alice: TestPeer;
let last: string;

// More records than a page holds.
beforeAll(async () => {
  broker = await memoryBroker();
  alice = await enrolledPeer(broker, "alice");
  await alice.fund(euro("1.00"));
  for (let i = 0; i < 210; i += 1) {
    last = alice.newTxn();
    orThrow(await alice.abort(alice.uid, last));
  }
});

/** Calls until it is done, each with what the one before answered in JSON and with no time beyond one page. */
async function audit(list?: Store["list"]) {
  const inner = reconciliationOf(broker.wiring);
  const ports = { ...inner, store: { ...inner.store, list: list ?? inner.store.list } };
  const past = broker.runtime.now() - 1;
  let calls = 0;
  let peer: PeerProgress = { uid: alice.uid, tries: 0 };
  for (;;) {
    calls += 1;
    const outcome = await auditPeer(ports, JSON.parse(JSON.stringify(peer)), broker.network, past);
    if (outcome.done) return { ...outcome, calls };
    peer = outcome.peer;
  }
}

describe("a chain of several pages", () => {
  test("is whole, read a page at a call", async () => {
    expect(await audit()).toEqual({ done: true, settled: true, findings: [], calls: 3 });
  });

  test.each([
    ["is broken where a record is gone", undefined],
    ["is broken where a record is there twice", "A".repeat(22)],
  ])("%s", async (_, twice) => {
    const at = keys.transaction(alice.uid, last);
    const [item] = await broker.wiring.store.get([at]);
    await broker.wiring.store.commit([
      twice === undefined
        ? { remove: true, at, expect: "present" }
        : { put: item ?? {}, at: keys.transaction(alice.uid, twice), expect: "absent" },
    ]);
    expect((await audit()).findings).toEqual([{ name: "chain-broken", key: keys.purse(alice.uid) }]);
    await broker.wiring.store.commit([
      twice === undefined
        ? { put: item ?? {}, at, expect: "absent" }
        : { remove: true, at: keys.transaction(alice.uid, twice), expect: "present" },
    ]);
  });

  test("is broken where its purse is one from before", async () => {
    const at = keys.purse(alice.uid);
    const [before] = await broker.wiring.store.get([at]);
    orThrow(await alice.abort(alice.uid, alice.newTxn()));
    const [after] = await broker.wiring.store.get([at]);
    await broker.wiring.store.commit([{ put: before ?? {}, at, expect: "present" }]);
    expect((await audit()).findings).toEqual([{ name: "chain-broken", key: at }]);
    await broker.wiring.store.commit([{ put: after ?? {}, at, expect: "present" }]);
  });

  test("is read again where its purse moves meanwhile, and left for another run where it always does", async () => {
    const { list } = broker.wiring.store;
    let moves = 0;
    const whileMoving =
      (most: number): Store["list"] =>
      async (...args) => {
        if (moves < most) orThrow(await alice.abort(alice.uid, alice.newTxn()));
        moves += 1;
        return list(...args);
      };
    expect(await audit(whileMoving(2))).toMatchObject({ settled: true, findings: [] });
    moves = 0;
    expect(await audit(whileMoving(1_000))).toMatchObject({ settled: false, findings: [] });
    moves = 0;
    const at = keys.transaction(alice.uid, last);
    await broker.wiring.store.commit([{ remove: true, at, expect: "present" }]);
    const broken = { settled: false, findings: [{ name: "chain-broken", key: keys.purse(alice.uid) }] };
    expect(await audit(whileMoving(1_000))).toMatchObject(broken);
  });
});
