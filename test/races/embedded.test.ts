/** Rule 5 of the design's section 6 on the embedded DynamoDB: the real client, the real adapter, the real handlers. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type BrokerUnderTest, dynoxideBroker } from "../support/broker.ts";
import type { TestPeer } from "../support/peer.ts";
import { standInSuite } from "../support/stand-in-suite.ts";
import { accountsOf, expectChain } from "./support/chain.ts";
import {
  type Contest,
  expectOneWinner,
  HANDLERS,
  hold,
  type Kind,
  merchantsOf,
  prepareContest,
  withKeptKeys,
} from "./support/contest.ts";
import { leanClient } from "./support/lean-client.ts";
import { patientRuntime } from "./support/patience.ts";

/**
 * How many of the hundred scrips are fought over in which way. Where each refusal is a record in the customer's chain, 64
 * commits come one after the other and a contest costs the client four times as much as one that decides once.
 */
const CONTESTS: Readonly<Record<Kind, number>> = {
  transactions: 20,
  merchants: 15,
  deliveries: 40,
  "one-txn": 25,
};

describe("64 handlers at each of 100 scrips", () => {
  let broker: BrokerUnderTest;
  let merchants: readonly TestPeer[];

  beforeAll(async () => {
    broker = await withKeptKeys(
      await dynoxideBroker({
        runtime: patientRuntime(),
        suite: standInSuite(),
        client: leanClient(HANDLERS),
      }),
    );
    merchants = await merchantsOf(broker);
  });
  afterAll(() => broker.close());

  test("one of them wins each, every other is refused, and nothing is lost", {
    timeout: 600_000,
  }, async () => {
    const contests: Contest[] = [];
    for (const [kind, count] of Object.entries(CONTESTS))
      for (let i = 0; i < count; i += 1)
        contests.push(await prepareContest(broker, kind as Kind, `${kind}-${i}`, merchants));
    expect(contests).toHaveLength(100);

    for (const contest of contests) expectOneWinner(contest, await hold(broker, contest));

    const items = await broker.items();
    const accounts = accountsOf(items);
    for (const { kind, customer, held, amount } of contests) {
      const account = accounts.get(customer.uid);
      if (account === undefined) throw new Error("a customer is gone");
      expect(account.held.map(({ value }) => value)).toEqual([amount.value]);
      expect(account.voids).toHaveLength(kind === "deliveries" ? 0 : 63);
      expect(account.tombstones).toEqual([held.body.id]);
      expect(account.purse?.value).toBe(held.body.value.value - amount.value);
      // Enrolment, the top-up, and one record for each transaction.
      expect(account.purse?.sequence).toBe(2 + (kind === "transactions" || kind === "merchants" ? 64 : 1));
      expectChain(broker.network, customer.uid, account);
    }
    const books = await broker.books();
    expect(books).toMatchObject({
      moneyIn: 500_000_000n,
      owedToMerchants: 200_000_000n,
      liveBrokerScrip: 300_000_000n,
      conserved: true,
    });
  });
});
