/** Rule 5 where the way to the table is bad: conflicts, throttling, and commits whose answer is lost. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type BrokerUnderTest, dynoxideBroker } from "../support/broker.ts";
import { enrolledPeer, type TestPeer } from "../support/peer.ts";
import { accountsOf, expectChain } from "./support/chain.ts";
import {
  expectOneWinner,
  hold,
  type Kind,
  merchantsOf,
  prepareContest,
  withKeptKeys,
} from "./support/contest.ts";
import { type Fault, type Faults, faultyClient, retryAtOnce, seededPlan } from "./support/faults.ts";
import { holdMelee, prepareMelee } from "./support/melee.ts";
import { patientRuntime } from "./support/patience.ts";

let plan: () => Fault = () => "none";
let faults: Faults;
let broker: BrokerUnderTest;
let merchants: readonly TestPeer[];

beforeAll(async () => {
  faults = faultyClient(() => plan());
  const { onClient } = faults;
  const options = { runtime: patientRuntime("faults"), onClient, client: { retryStrategy: retryAtOnce } };
  broker = await withKeptKeys(await dynoxideBroker(options));
  merchants = await merchantsOf(broker);
});
afterAll(() => broker.close());

describe("with conflicts, throttling and lost answers", () => {
  const contests: readonly (readonly [Kind, number])[] = [
    ["transactions", 3],
    ["merchants", 2],
    ["deliveries", 2],
    ["one-txn", 1],
  ];

  test.each(contests)("64 handlers at one scrip have one winner: %s", async (kind, count) => {
    for (let i = 0; i < count; i += 1) {
      plan = () => "none";
      const contest = await prepareContest(broker, kind, `${kind}-${i}`, merchants);
      plan = seededPlan(`${kind} ${i}`);
      expectOneWinner(contest, await hold(broker, contest));
      plan = () => "none";
      const { customer, amount } = contest;
      const account = accountsOf(await broker.items()).get(customer.uid);
      if (account === undefined) throw new Error("a customer is gone");
      expect(account.held.map(({ value }) => value)).toEqual([amount.value]);
      expectChain(broker.network, customer.uid, account);
    }
    expect((await broker.books()).conserved).toBe(true);
  });

  test("minting, spending and aborting at once lose nothing", async () => {
    for (let i = 0; i < 6; i += 1) {
      plan = () => "none";
      const melee = await prepareMelee(broker, `melee-${i}`, merchants[i] as TestPeer);
      plan = seededPlan(`melee ${i}`);
      await holdMelee(broker, melee);
    }
    plan = () => "none";
    expect((await broker.books()).conserved).toBe(true);
  });

  test("every fault was met, and what the client sent again under its token was done once", () => {
    const { counts, repeated } = faults;
    expect(Math.min(counts.lost, counts.conflict, counts.throttled)).toBeGreaterThan(100);
    expect(repeated.length).toBeGreaterThan(20);
    expect(new Set(repeated)).toEqual(new Set([200]));
  });

  test("one whose answers are all lost is not known to be decided, and the same bytes find the decision", async () => {
    const [merchant] = merchants;
    if (merchant === undefined) throw new Error("there is a merchant");
    const contest = await prepareContest(broker, "deliveries", "unlucky", [merchant]);
    const [sale] = contest.sales;
    if (sale === undefined) throw new Error("there is a sale");
    plan = () => "lost";
    const { code } = await broker.call("POST /authorise", sale.sealed);
    plan = () => "none";
    expect(code).toBe("busy");
    expectOneWinner(contest, await hold(broker, contest));
    await enrolledPeer(broker, "somebody-else");
    expect((await broker.books()).conserved).toBe(true);
  });
});
