/** Everything at one purse at once: figure 6 mints, figure 8 spends, and both sides abort. */
import {
  type Amount,
  brokerscripRequest,
  brokerscripResponse,
  isRefusal,
  LeptaError,
  type Or,
} from "@lepta/protocol";
import { expect } from "vitest";
import type { BrokerUnderTest } from "../../support/broker.ts";
import type { StoredItem } from "../../support/dynoxide-table.ts";
import { enrolledPeer, euro, type Held, makeSale, type Sale, type TestPeer } from "../../support/peer.ts";
import { accountsOf, expectChain } from "./chain.ts";
import { untilDecided } from "./contest.ts";

export interface Melee {
  readonly customer: TestPeer;
  readonly held: Held;
  readonly sales: readonly Sale[];
  /** Figure 6's M0, sealed. */
  readonly topUps: readonly Uint8Array[];
}

const SPENDS = 8;
const TOP_UPS = 3;
const TOP_UP = euro("1");
const AMOUNT: Amount = euro("2");

export async function prepareMelee(
  broker: BrokerUnderTest,
  name: string,
  merchant: TestPeer,
): Promise<Melee> {
  const customer = await enrolledPeer(broker, name);
  const held = await customer.fund(euro("5"));
  const sales: Sale[] = [];
  for (let i = 0; i < SPENDS; i += 1)
    sales.push(await makeSale(customer, merchant, broker.runtime.now(), { amount: AMOUNT, held }));
  const topUps: Uint8Array[] = [];
  for (let i = 0; i < TOP_UPS; i += 1)
    topUps.push(await customer.seal(await customer.sign(brokerscripRequest, { amount: TOP_UP })));
  return { customer, held, sales, topUps };
}

/**
 * All at once. Of the spends, by their number: 0 and 4 are left alone, 1 and 5 are aborted by the customer, 2 and 6 by
 * the merchant, 3 and 7 by both. Tells how many spends won.
 */
export async function holdMelee(
  broker: BrokerUnderTest,
  { customer, held, sales, topUps }: Melee,
): Promise<{ readonly spends: number; readonly aborts: number }> {
  const [answers, customers, merchants, mints] = await Promise.all([
    Promise.all(sales.map((sale) => untilDecided(broker, sale))),
    Promise.all(
      sales.map(({ txn }, i) =>
        i % 2 === 1 ? untilAnswered(() => customer.abort(customer.uid, txn)) : undefined,
      ),
    ),
    Promise.all(
      sales.map(({ txn, merchant, request }, i) =>
        i % 4 >= 2
          ? untilAnswered(() =>
              merchant.abort(customer.uid, txn, { authorization: request.digest, amount: AMOUNT }),
            )
          : undefined,
      ),
    ),
    Promise.all(
      topUps.map((sealed) =>
        untilAnswered(() => customer.post("POST /brokerscrip", sealed, brokerscripResponse, "decide")),
      ),
    ),
  ]);

  for (const { payload } of mints) expect(payload.ok, "a top-up is never lost").toBe(true);
  const items = await broker.items();
  const account = accountsOf(items).get(customer.uid);
  if (account === undefined) throw new Error("the customer is gone");
  const records = new Map(account.transactions);
  const won = answers.filter(({ m4 }) => m4.payload.ok);
  expect(won.length, "at most one spends the scrip").toBeLessThanOrEqual(1);
  for (const [i, { m4, m3 }] of answers.entries()) {
    const { ok, txn } = m4.payload;
    const state = records.get(txn)?.state;
    expect(state === "done", "M4 says what became of the transaction").toBe(ok);
    if (m3 !== undefined) expect(m3.payload.ok).toBe(ok);
    const [byCustomer, byMerchant] = [customers[i]?.payload.state, merchants[i]?.payload.state];
    // The abort and the real decision race; whichever comes first is what both are told.
    if (byCustomer !== undefined) expect(byCustomer).toBe(state);
    if (byMerchant !== undefined) expect(byMerchant).toBe(ok ? "done" : "refused");
  }
  expectAccount(items, broker, { customer, held, won: won.length });
  return {
    spends: won.length,
    aborts: account.transactions.filter(([, { state }]) => state === "aborted").length,
  };
}

function expectAccount(
  items: readonly StoredItem[],
  broker: BrokerUnderTest,
  { customer, held, won }: { readonly customer: TestPeer; readonly held: Held; readonly won: number },
): void {
  const account = accountsOf(items).get(customer.uid);
  if (account === undefined) throw new Error("the customer is gone");
  expect(account.held).toHaveLength(won);
  const topped = BigInt(TOP_UPS) * TOP_UP.value;
  expect(account.purse?.value).toBe(held.body.value.value + topped - BigInt(won) * AMOUNT.value);
  expect(new Set(account.tombstones).size, "each scrip was replaced once").toBe(TOP_UPS + won);
  expectChain(broker.network, customer.uid, account);
}

async function untilAnswered<T>(work: () => Promise<Or<T>>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    const answer = await work();
    if (!isRefusal(answer)) return answer;
    if (!AGAIN.has(answer.code) || attempt === ATTEMPTS) throw new LeptaError(answer.code, answer.detail);
  }
}

const ATTEMPTS = 16;
const AGAIN: ReadonlySet<string> = new Set(["internal", "busy", "pending"]);
