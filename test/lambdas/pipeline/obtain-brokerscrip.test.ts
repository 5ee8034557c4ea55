import { openPartitions, type Store, variable } from "@lepta/lambdas";
import {
  brokerscripRequest,
  brokerscripResponse,
  checkGrant,
  isRefusal,
  orThrow,
  refuse,
  type Signed,
} from "@lepta/protocol";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type BrokerUnderTest, memoryBroker } from "../../support/broker.ts";
import { enrolledPeer, euro, HOUR, heldOf, MINUTE, type TestPeer, testPeer } from "../../support/peer.ts";

let broker: BrokerUnderTest;

beforeEach(async () => {
  broker = await memoryBroker();
});

const send = (peer: TestPeer, sealed: Uint8Array) =>
  peer.post("POST /brokerscrip", sealed, brokerscripResponse, "decide");

/** A request and its sealed bytes, to be sent more than once. */
async function prepare(
  peer: TestPeer,
  amount = "5.00",
): Promise<{ request: Signed<typeof brokerscripRequest>; sealed: Uint8Array; txn: string }> {
  const txn = peer.newTxn();
  const request = await peer.sign(brokerscripRequest, { amount: euro(amount) }, { txn });
  return { request, sealed: await peer.seal(request), txn };
}

describe("figure 6", () => {
  test("a customer obtains one BrokerScrip of what was charged, with its CustomerSecret beside it", async () => {
    const alice = await enrolledPeer(broker, "alice");
    const { sealed, request } = await prepare(alice);
    const answer = orThrow(await send(alice, sealed));
    const { grant, secret } = heldOf(answer);
    expect(answer.payload).toMatchObject({
      ok: true,
      request: request.digest,
      amount: euro("5.00"),
      reference: expect.stringContaining("sandbox-"),
    });
    const expected = {
      kind: "broker",
      network: broker.network,
      issuer: broker.network,
      owner: alice.uid,
    } as const;
    expect(isRefusal(checkGrant(grant, secret, { ...expected, value: euro("5.00") }))).toBe(false);
    expect(await broker.books()).toMatchObject({
      moneyIn: 5_000_000n,
      liveBrokerScrip: 5_000_000n,
      conserved: true,
    });
  });

  test("the same bytes twice give the same decision and charge once", async () => {
    const alice = await enrolledPeer(broker, "alice");
    const { sealed } = await prepare(alice);
    const first = orThrow(await send(alice, sealed));
    const before = await broker.items();
    broker.runtime.advance(MINUTE);
    const again = orThrow(await send(alice, sealed));
    expect({ ...again.payload, issuedAt: 0 }).toEqual({ ...first.payload, issuedAt: 0 });
    expect(again.payload.issuedAt).toBe(first.payload.issuedAt + MINUTE);
    expect(again.secrets).toEqual(first.secrets);
    expect(await broker.items()).toEqual(before);
  });

  test("a request that was decided is answered after it expired", async () => {
    const alice = await enrolledPeer(broker, "alice");
    const { sealed } = await prepare(alice);
    await send(alice, sealed);
    broker.runtime.advance(2 * HOUR);
    expect(orThrow(await send(alice, sealed)).payload.ok).toBe(true);
  });

  test("another request under the same transaction is a signed conflict that ends nothing", async () => {
    const alice = await enrolledPeer(broker, "alice");
    const { sealed, txn } = await prepare(alice);
    const first = orThrow(await send(alice, sealed));
    const before = await broker.items();
    const other = orThrow(await alice.topUp(euro("6.00"), { txn }));
    expect(other.payload).toMatchObject({ ok: false, reason: "conflict" });
    expect(await broker.items()).toEqual(before);
    expect(orThrow(await send(alice, sealed)).payload.grant).toEqual(first.payload.grant);
  });

  test("a second top-up makes one scrip of the sum in the place of the live one, whose secret is told no more", async () => {
    const alice = await enrolledPeer(broker, "alice");
    const { sealed } = await prepare(alice);
    const first = heldOf(orThrow(await send(alice, sealed)));
    const second = orThrow(await alice.topUp(euro("2.50")));
    expect(second.payload.replaced).toBe(first.body.id);
    expect(heldOf(second).body).toMatchObject({ value: euro("7.50"), parent: first.body.id });

    const again = orThrow(await send(alice, sealed));
    expect(again.secrets).toEqual([{ scrip: first.body.id, spentBy: [alice.uid, second.payload.txn] }]);
    expect(await broker.books()).toMatchObject({ liveBrokerScrip: 7_500_000n, conserved: true });
  });

  test("concurrent top-ups lose nothing", async () => {
    const alice = await enrolledPeer(broker, "alice");
    const answers = await Promise.all(Array.from({ length: 8 }, () => alice.topUp(euro("1.00"))));
    expect(answers.map((answer) => orThrow(answer).payload.ok)).toEqual(Array<boolean>(8).fill(true));
    expect(await broker.books()).toMatchObject({ liveBrokerScrip: 8_000_000n, conserved: true });
  });

  test("a peer that is not enrolled obtains nothing", async () => {
    const stranger = await testPeer(broker, "stranger");
    expect(await stranger.topUp(euro("1.00"))).toEqual(refuse("unknown-peer"));
  });

  test("an authentic request past its end is recorded as refused, and charges nothing", async () => {
    const alice = await enrolledPeer(broker, "alice");
    const late = { issuedAt: broker.runtime.now() - HOUR, expiresAt: broker.runtime.now() };
    const answer = orThrow(await alice.topUp(euro("1.00"), late));
    expect(answer.payload).toMatchObject({ ok: false, reason: "expired" });
    expect((await broker.items()).some(({ key }) => key.pk.startsWith("BANK"))).toBe(false);
    expect(orThrow(await alice.query(alice.uid, answer.payload.txn)).payload.state).toBe("refused");
  });
});

describe("the sandbox bank", () => {
  test("+declined: refused, nothing charged", async () => {
    const alice = await enrolledPeer(broker, "alice+declined");
    expect(orThrow(await alice.topUp(euro("1.00"))).payload).toMatchObject({ ok: false, reason: "declined" });
    expect(await broker.books()).toMatchObject({ moneyIn: 0n, conserved: true });
    expect(await broker.finish()).toEqual({ seen: 0, decided: 0, failed: 0 });
  });

  test("an account that has too little is declined", async () => {
    const alice = await enrolledPeer(broker, "alice");
    expect(orThrow(await alice.topUp(euro("1000.000001"))).payload).toMatchObject({
      ok: false,
      reason: "declined",
    });
    expect(orThrow(await alice.topUp(euro("1000.00"))).payload.ok).toBe(true);
    expect(orThrow(await alice.topUp(euro("0.000001"))).payload).toMatchObject({
      ok: false,
      reason: "declined",
    });
  });

  test("+unknown: pending at first; the same request finds out that it was charged, and mints", async () => {
    const alice = await enrolledPeer(broker, "alice+unknown");
    const { sealed } = await prepare(alice);
    expect(await send(alice, sealed)).toEqual(refuse("pending"));
    expect(orThrow(await send(alice, sealed)).payload.ok).toBe(true);
    expect(await broker.books()).toMatchObject({
      moneyIn: 5_000_000n,
      liveBrokerScrip: 5_000_000n,
      conserved: true,
    });
  });

  test("+unknown: the schedule finds it out as well, even after the request has expired", async () => {
    const alice = await enrolledPeer(broker, "alice+unknown");
    const { sealed } = await prepare(alice);
    await send(alice, sealed);
    broker.runtime.advance(2 * HOUR);
    expect(await broker.finish()).toEqual({ seen: 1, decided: 1, failed: 0 });
    expect(orThrow(await send(alice, sealed)).payload.ok).toBe(true);
    expect(await broker.finish()).toEqual({ seen: 0, decided: 0, failed: 0 });
  });

  test("+lost: what never reached the rail is charged again under the same key", async () => {
    const alice = await enrolledPeer(broker, "alice+lost");
    const { sealed } = await prepare(alice);
    expect(await send(alice, sealed)).toEqual(refuse("pending"));
    expect(orThrow(await send(alice, sealed)).payload.ok).toBe(true);
    expect(await broker.books()).toMatchObject({ moneyIn: 5_000_000n, conserved: true });
  });

  test("+lost: once the request has expired the rail's cancellation makes it refused, and nothing is ever charged", async () => {
    const alice = await enrolledPeer(broker, "alice+lost");
    const { sealed } = await prepare(alice);
    await send(alice, sealed);
    broker.runtime.advance(HOUR);
    expect(await broker.finish()).toEqual({ seen: 1, decided: 1, failed: 0 });
    expect(orThrow(await send(alice, sealed)).payload).toMatchObject({ ok: false, reason: "expired" });
    const states = (await broker.items())
      .filter(({ key }) => key.sk === "CHARGE")
      .map(({ item }) => item.state);
    expect(states).toEqual(["cancelled"]);
    expect(await broker.books()).toMatchObject({ moneyIn: 0n, conserved: true });
  });

  test("+lost: a millisecond before the end it is still charged", async () => {
    const alice = await enrolledPeer(broker, "alice+lost");
    const { sealed } = await prepare(alice);
    await send(alice, sealed);
    broker.runtime.advance(HOUR - 1);
    expect(await broker.finish()).toEqual({ seen: 1, decided: 1, failed: 0 });
    expect(orThrow(await send(alice, sealed)).payload.ok).toBe(true);
  });

  test("+recallable: charged and not minted until the money is final", async () => {
    const alice = await enrolledPeer(broker, "alice+recallable");
    const { sealed, txn } = await prepare(alice);
    expect(await send(alice, sealed)).toEqual(refuse("pending"));
    expect(orThrow(await alice.query(alice.uid, txn)).payload.state).toBe("charged");
    expect(await broker.books()).toMatchObject({
      chargedNotMinted: 5_000_000n,
      liveBrokerScrip: 0n,
      conserved: true,
    });

    broker.runtime.advance(MINUTE - 1);
    expect(await broker.finish()).toEqual({ seen: 1, decided: 0, failed: 0 });
    broker.runtime.advance(1);
    expect(await broker.finish()).toEqual({ seen: 1, decided: 1, failed: 0 });
    expect(orThrow(await send(alice, sealed)).payload.ok).toBe(true);
    expect(await broker.books()).toMatchObject({
      chargedNotMinted: 0n,
      liveBrokerScrip: 5_000_000n,
      conserved: true,
    });
  });

  test("+recallable: within the operator's limit for all of it together it is minted at once", async () => {
    const lenient = await memoryBroker({ variables: { [variable.recallableLimit]: "5000000" } });
    const [alice, bob] = [
      await enrolledPeer(lenient, "alice+recallable"),
      await enrolledPeer(lenient, "bob+recallable"),
    ];
    expect(orThrow(await alice.topUp(euro("3.00"))).payload.ok).toBe(true);
    const { sealed } = await prepare(bob, "2.000001");
    expect(await send(bob, sealed)).toEqual(refuse("pending"));
    expect(orThrow(await bob.topUp(euro("2.00"))).payload.ok).toBe(true);
    expect(await lenient.books()).toMatchObject({
      liveBrokerScrip: 5_000_000n,
      chargedNotMinted: 2_000_001n,
    });

    // Once it is final it counts no more, and what had to wait is minted.
    lenient.runtime.advance(MINUTE);
    await lenient.finish();
    expect(orThrow(await send(bob, sealed)).payload.ok).toBe(true);
    expect(await lenient.finish()).toEqual({ seen: 0, decided: 0, failed: 0 });
    expect(orThrow(await alice.topUp(euro("5.00"))).payload.ok).toBe(true);
    expect(await alice.topUp(euro("0.01"))).toEqual(refuse("pending"));
    expect(await lenient.books()).toMatchObject({ chargedNotMinted: 10_000n, conserved: true });
  });

  test("+recallable: top-ups of many at once do not pass the limit together", async () => {
    const lenient = await memoryBroker({ variables: { [variable.recallableLimit]: "3000000" } });
    const peers = [];
    for (let i = 0; i < 8; i += 1) peers.push(await enrolledPeer(lenient, `p${i}+recallable`));
    const answers = await Promise.all(peers.map((peer) => peer.topUp(euro("1.00"))));
    expect(answers.filter((answer) => !isRefusal(answer))).toHaveLength(3);
    expect(await lenient.books()).toMatchObject({
      liveBrokerScrip: 3_000_000n,
      chargedNotMinted: 5_000_000n,
    });
  });

  test("a charge that is under way cannot be aborted", async () => {
    const alice = await enrolledPeer(broker, "alice+unknown");
    const { sealed, txn } = await prepare(alice);
    await send(alice, sealed);
    expect(orThrow(await alice.abort(alice.uid, txn)).payload.state).toBe("charging");
    expect(orThrow(await send(alice, sealed)).payload.ok).toBe(true);
  });

  test("a transaction that was aborted before it came is refused as aborted and charges nothing", async () => {
    const alice = await enrolledPeer(broker, "alice");
    const { sealed, txn } = await prepare(alice);
    expect(orThrow(await alice.abort(alice.uid, txn)).payload.state).toBe("aborted");
    expect(orThrow(await send(alice, sealed)).payload).toMatchObject({ ok: false, reason: "aborted" });
    expect(await broker.books()).toMatchObject({ moneyIn: 0n, conserved: true });
  });

  test("one transaction that cannot be finished does not keep the schedule from the others", async () => {
    const failing = new Set<string>();
    const around = (store: Store): Store => ({
      ...store,
      get: (wanted) =>
        wanted.some(({ pk }) => failing.has(pk)) ? Promise.reject(new Error("damaged")) : store.get(wanted),
    });
    const damaged = await memoryBroker({ around });
    for (let i = 0; i < 4; i += 1) {
      const peer = await enrolledPeer(damaged, `peer${i}+unknown`);
      await send(peer, (await prepare(peer)).sealed);
    }
    // The one that the schedule comes to first: open partitions go by the alphabet of base64url.
    const open = (await damaged.items()).filter(({ key }) => key.pk.startsWith("OPEN#"));
    const first = open.sort((a, b) => openPartitions.indexOf(a.key.pk) - openPartitions.indexOf(b.key.pk))[0];
    failing.add(`PEER#${first?.item.uid}`);
    expect(await damaged.finish()).toEqual({ seen: 4, decided: 3, failed: 1 });
    failing.clear();
    const done = (await damaged.items()).filter(
      ({ item }) => item.kind === "brokerscrip" && item.state === "done",
    );
    expect(done).toHaveLength(3);
  });
});

describe("a broker that crashes at any of its calls to the table", () => {
  // Each crash is one line in the log; they would bury what a failing test has to say.
  beforeEach(() => {
    vi.spyOn(process.stderr, "write").mockReturnValue(true);
  });

  afterEach(() => {
    vi.restoreAllMocks();
  });

  /** Throws at the n-th call, before or after it has been done; both are what a crash looks like from outside. */
  function crashing(at: number, moment: "before" | "after") {
    let calls = 0;
    let armed = false;
    const around = (store: Store): Store => {
      const guard = async <R>(call: () => Promise<R>): Promise<R> => {
        if (!armed) return call();
        calls += 1;
        if (calls === at && moment === "before") throw new Error("crashed before the call");
        const result = await call();
        if (calls === at) throw new Error("crashed after the call");
        return result;
      };
      return {
        get: (wanted) => guard(() => store.get(wanted)),
        list: (pk, options) => guard(() => store.list(pk, options)),
        commit: (writes) => guard(() => store.commit(writes)),
      };
    };
    return {
      around,
      arm: () => {
        armed = true;
      },
      disarm: () => {
        armed = false;
      },
      reached: () => calls >= at,
    };
  }

  const points = Array.from({ length: 14 }, (_, i) => i + 1);
  const accounts = ["alice", "alice+unknown", "alice+lost", "alice+declined"];

  test.each(accounts)("ends %s's top-up with money conserved, by the schedule alone", async (account) => {
    let crashes = 0;
    for (const at of points)
      for (const moment of ["before", "after"] as const) {
        const crash = crashing(at, moment);
        const fragile = await memoryBroker({ around: crash.around });
        const alice = await enrolledPeer(fragile, account);
        const { sealed, txn } = await prepare(alice);
        crash.arm();
        await fragile.call("POST /brokerscrip", sealed);
        crash.disarm();
        if (crash.reached()) crashes += 1;
        expect(await fragile.books()).toMatchObject({ conserved: true });

        // The rail itself may leave the first run in the dark.
        await fragile.finish();
        await fragile.finish();
        const open = (await fragile.items()).filter(({ key }) => key.pk.startsWith("OPEN#"));
        expect(open).toEqual([]);
        const state = orThrow(await alice.query(alice.uid, txn)).payload.state;
        const expected = account === "alice+declined" ? "refused" : "done";
        // Where the crash came before anything was written, the broker has never seen the request.
        expect(["unknown", expected]).toContain(state);

        const answer = await send(alice, sealed);
        const final = isRefusal(answer) ? await send(alice, sealed) : answer;
        expect(orThrow(final).payload.ok).toBe(expected === "done");
        const charged = (await fragile.items()).filter(({ item }) => item.state === "charged");
        expect(charged).toHaveLength(expected === "done" ? 1 : 0);
        const liveBrokerScrip = expected === "done" ? 5_000_000n : 0n;
        expect(await fragile.books()).toMatchObject({
          moneyIn: liveBrokerScrip,
          liveBrokerScrip,
          chargedNotMinted: 0n,
          conserved: true,
        });
      }
    expect(crashes).toBeGreaterThan(points.length / 2);
  });
});
