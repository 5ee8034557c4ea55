/** Many handlers at one scrip: what is sent, and what must hold of the answers. */
import { type Amount, isRefusal, LeptaError } from "@lepta/protocol";
import { expect } from "vitest";
import type { BrokerUnderTest } from "../../support/broker.ts";
import {
  type Authorised,
  authorise,
  enrolledPeer,
  euro,
  type Held,
  makeSale,
  type Sale,
  type TestPeer,
} from "../../support/peer.ts";

/** Handlers of one contest. */
export const HANDLERS = 64;

/** In which way the handlers of one contest differ. */
export type Kind =
  /** 64 transactions of one customer at a few merchants. */
  | "transactions"
  /** 64 transactions, each at a merchant of its own. */
  | "merchants"
  /** One M2, delivered 64 times. */
  | "deliveries"
  /** One `txn`, used at 64 merchants. */
  | "one-txn";

export interface Contest {
  readonly kind: Kind;
  readonly customer: TestPeer;
  readonly held: Held;
  readonly amount: Amount;
  readonly sales: readonly Sale[];
}

/** The same broker with its keys read once: reading them for every seal would be most of the work. */
export async function withKeptKeys(broker: BrokerUnderTest): Promise<BrokerUnderTest> {
  const kept = await broker.keys();
  return { ...broker, keys: async () => kept };
}

export const merchantsOf = (broker: BrokerUnderTest): Promise<readonly TestPeer[]> =>
  Promise.all(Array.from({ length: HANDLERS }, (_, i) => enrolledPeer(broker, `merchant-${i}`)));

/** A customer with one scrip, and the messages that all want it. */
export async function prepareContest(
  broker: BrokerUnderTest,
  kind: Kind,
  name: string,
  merchants: readonly TestPeer[],
): Promise<Contest> {
  const customer = await enrolledPeer(broker, name);
  const held = await customer.fund(euro("5"));
  const amount = euro("2");
  const now = broker.runtime.now();
  const txn = customer.newTxn();
  const sales: Sale[] = [];
  const wanted = kind === "deliveries" ? 1 : HANDLERS;
  for (let i = 0; i < wanted; i += 1) {
    const merchant = merchants[kind === "transactions" ? i % FEW : i % merchants.length];
    if (merchant === undefined) throw new Error("a contest needs merchants");
    sales.push(
      await makeSale(customer, merchant, now, { amount, held, ...(kind === "one-txn" ? { txn } : {}) }),
    );
  }
  const [first] = sales;
  return {
    kind,
    customer,
    held,
    amount,
    sales: kind === "deliveries" && first ? Array.from({ length: HANDLERS }, () => first) : sales,
  };
}

const FEW = 4;

/** All at once; what a peer does with an answer that says `internal` or `busy`: it sends the same bytes again. */
export const hold = (broker: BrokerUnderTest, { sales }: Contest): Promise<readonly Authorised[]> =>
  Promise.all(sales.map((sale) => untilDecided(broker, sale)));

/** Sends M2, and again where nothing is known to be decided. */
export async function untilDecided(broker: BrokerUnderTest, sale: Sale): Promise<Authorised> {
  for (let attempt = 1; ; attempt += 1) {
    const answer = await authorise(broker, sale);
    if (!isRefusal(answer)) return answer;
    const mayComeAgain = answer.code === "internal" || answer.code === "busy";
    if (!mayComeAgain || attempt === DELIVERIES) throw new LeptaError(answer.code, answer.detail);
  }
}

const DELIVERIES = 8;

/** What the decision says: all but the latest signing. */
export const decisionOf = ({ m4, m3 }: Authorised): unknown => {
  const { issuedAt: _m4, ...merchants } = m4.payload;
  if (m3 === undefined) return { merchants };
  // M4 is signed anew each time, so its bytes inside M3 differ and say the same.
  const { issuedAt: _m3, authorization: _bytes, ...customers } = m3.payload;
  return { merchants, customers, secrets: m3.secrets };
};

/** One winner; the others refused, the merchant without a reason and the customer with the only one there is. */
export function expectOneWinner({ kind, sales, held }: Contest, answers: readonly Authorised[]): void {
  expect(answers).toHaveLength(HANDLERS);
  const won = answers.filter(({ m4 }) => m4.payload.ok);
  if (kind === "deliveries") {
    expect(won).toHaveLength(HANDLERS);
    for (const answer of answers) expect(decisionOf(answer)).toEqual(decisionOf(answers[0] as Authorised));
    expect(answers[0]?.m3?.payload.spent).toBe(held.body.id);
    return;
  }
  expect(won).toHaveLength(1);
  expect(won[0]?.m3?.payload).toMatchObject({ ok: true, spent: held.body.id });
  for (const [i, { m4, m3 }] of answers.entries()) {
    expect(m4.payload.txn).toBe(sales[i]?.txn);
    if (m4.payload.ok) continue;
    expect(m4.payload.reason).toBe("refused");
    // A transaction that was used at another merchant is that merchant's: this one's credit is void, and no more.
    if (kind === "one-txn") expect(m3).toBeUndefined();
    else expect(m3?.payload).toMatchObject({ ok: false, reason: "scrip-spent" });
  }
}
