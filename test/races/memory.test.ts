/** Rule 5 on the memory store, whose calls are let through in an order that a seed decides. */

import { brokerBooks } from "@lepta/lambdas";
import { memoryStore } from "@lepta/lambdas/memory/store";
import { describe, expect, test } from "vitest";
import { memoryBroker } from "../support/broker.ts";
import { enrolledPeer } from "../support/peer.ts";
import { testRuntime } from "../support/runtime.ts";
import { standInSuite } from "../support/stand-in-suite.ts";
import { accountsOf, expectChain } from "./support/chain.ts";
import {
  expectOneWinner,
  HANDLERS,
  hold,
  type Kind,
  merchantsOf,
  prepareContest,
  withKeptKeys,
} from "./support/contest.ts";
import { AMOUNT, type DecisionContest, decide, prepareDecisions, tableOver } from "./support/decisions.ts";
import { holdMelee, prepareMelee } from "./support/melee.ts";
import { shuffled } from "./support/shuffle.ts";

const KINDS: readonly Kind[] = ["transactions", "merchants", "deliveries", "one-txn"];

/** From "nearly every decision is overtaken" to "handlers seldom meet". */
const HASTE = [0, 128, 224, 250] as const;

describe("64 whole handlers at one scrip, in shuffled order", () => {
  test.each(KINDS)("one of them wins: %s", async (kind) => {
    for (const latestFirst of HASTE) {
      const broker = await withKeptKeys(
        await memoryBroker({
          suite: standInSuite(),
          around: (store) => shuffled(store, { seed: `${kind} ${latestFirst}`, latestFirst }).store,
        }),
      );
      const merchants = await merchantsOf(broker);
      for (let i = 0; i < 4; i += 1) {
        const contest = await prepareContest(broker, kind, `${kind}-${i}`, merchants);
        expectOneWinner(contest, await hold(broker, contest));
        const account = accountsOf(await broker.items()).get(contest.customer.uid);
        if (account === undefined) throw new Error("a customer is gone");
        expect(account.held.map(({ value }) => value)).toEqual([contest.amount.value]);
        expectChain(broker.network, contest.customer.uid, account);
      }
      expect((await broker.books()).conserved).toBe(true);
    }
  });

  test("minting, spending and aborting at once lose nothing, in 120 orders", async () => {
    let spends = 0;
    let aborts = 0;
    for (const [n, latestFirst] of HASTE.entries()) {
      const broker = await withKeptKeys(
        await memoryBroker({
          suite: standInSuite(),
          runtime: testRuntime(undefined, { seed: `melee ${n}` }),
          around: (store) => shuffled(store, { seed: `melee ${n}`, latestFirst }).store,
        }),
      );
      const merchant = await enrolledPeer(broker, "merchant");
      for (let i = 0; i < 30; i += 1) {
        const outcome = await holdMelee(broker, await prepareMelee(broker, `melee-${i}`, merchant));
        spends += outcome.spends;
        aborts += outcome.aborts;
      }
      expect((await broker.books()).conserved).toBe(true);
    }
    // The orders differ enough for every outcome to come about.
    expect(spends).toBeGreaterThan(10);
    expect(spends).toBeLessThan(110);
    expect(aborts).toBeGreaterThan(100);
  });
});

const SCRIPS = 10_000;
const BATCH = 500;
/**
 * Of twenty-one scrips one, of every kind in its turn, is wanted by 64 requests, the others by four that come sixteen times each: a decision that comes
 * again costs a tenth of one that is made, and is as much of a chance to decide twice.
 */
const requestsOf = (scrip: number): number =>
  KINDS[scrip % KINDS.length] === "deliveries" ? 1 : scrip % 21 === 0 ? HANDLERS : 4;
/** Contests that go on at once. */
const AT_ONCE = 4;

test("64 decisions at each of 10,000 scrips have one winner each", { timeout: 600_000 }, async () => {
  const { wiring, network } = await memoryBroker({ suite: standInSuite() });
  let decisions = 0;
  let overtaken = 0;
  for (let first = 0; first < SCRIPS; first += BATCH) {
    const inner = memoryStore();
    const seed = `batch ${first}`;
    const shuffle = shuffled(inner, { seed, latestFirst: first === 0 ? HASTE[1] : HASTE[3] });
    const table = await tableOver(wiring, shuffle.store);
    const contests: DecisionContest[] = [];
    for (let i = first; i < first + BATCH; i += 1)
      contests.push(
        await prepareDecisions(
          table,
          inner,
          KINDS[i % KINDS.length] ?? "merchants",
          `customer ${i}`,
          requestsOf(i),
        ),
      );
    for (let i = 0; i < contests.length; i += AT_ONCE)
      await Promise.all(
        contests.slice(i, i + AT_ONCE).map(async (contest) => {
          const outcomes = await Promise.all(contest.tasks.map((task) => decide(table, contest, task)));
          const won = outcomes.filter((each) => each.step === "decided" && each.credit.state === "held");
          expect(won).toHaveLength(HANDLERS / contest.requests);
          decisions += outcomes.length;
        }),
      );
    overtaken += shuffle.overtaken();
    const items = inner.items();
    const accounts = accountsOf(items);
    for (const [i, { requests, customer, scrip }] of contests.entries()) {
      const account = accounts.get(customer);
      if (account === undefined) throw new Error("a customer is gone");
      if (account.held.length !== 1 || account.held[0]?.value !== AMOUNT.value)
        expect.fail(`${account.held.length} credits for one scrip`);
      if (account.voids.length !== requests - 1) expect.fail(`${account.voids.length} voids`);
      expect(account.tombstones).toEqual([scrip]);
      if (i % HASHED === 0) expectChain(network, customer, account);
    }
    expect(brokerBooks(items, "EUR", wiring.runtime.now())).toMatchObject({
      moneyIn: BigInt(BATCH) * 5_000_000n,
      owedToMerchants: BigInt(BATCH) * AMOUNT.value,
      conserved: true,
    });
  }
  expect(decisions).toBe(SCRIPS * HANDLERS);
  // The handlers were in each other's way.
  expect(overtaken).toBeGreaterThan(BATCH);
});

/** Of so many chains one is hashed again, record by record. */
const HASHED = 20;
