/** A table with every flow in every state that it can rest in, and what a test needs to damage it. */
import { variable } from "@lepta/lambdas";
import {
  brokerscripRequest,
  brokerscripResponse,
  isRefusal,
  limits,
  noticeBatch,
  orThrow,
  purchaseNotice,
  saleNotice,
  sha256,
  toText,
  vendorscripIntent,
} from "@lepta/protocol";
import { type BrokerOptions, type BrokerUnderTest, memoryBroker } from "./broker.ts";
import {
  authorise,
  DAY,
  enrolledPeer,
  euro,
  type Held,
  HOUR,
  heldOf,
  makeSale,
  type Sale,
  type TestPeer,
  tell,
} from "./peer.ts";
import {
  claim,
  letCreditsFree,
  makeClaim,
  makeEvidence,
  makeRedemption,
  makeRefund,
  makeRenewal,
  makeReversal,
  makeSettlement,
  redeem,
  refund,
  renew,
  reverse,
  settle,
} from "./returns.ts";
import { makeStatement } from "./statements.ts";

export interface BusyTable {
  readonly broker: BrokerUnderTest;
  readonly alice: TestPeer;
  readonly shop: TestPeer;
  /** Transactions by what became of them. */
  readonly txns: Readonly<Record<string, string>>;
  /** Spends from alice's purse once more. */
  readonly buy: (amount: string) => Promise<Sale>;
  /** Tops alice's purse up, whatever it holds. */
  readonly topUp: (amount: string) => Promise<void>;
}

const RECALLABLE = "5000000";

/** Enrolments, top-ups, sales, refunds, reversals, settlements, redemptions, renewals, intents and notices. */
export async function busyTable(
  open: (options: BrokerOptions) => Promise<BrokerUnderTest> = memoryBroker,
): Promise<BusyTable> {
  const variables = { [variable.recallableLimit]: RECALLABLE };
  const broker = await open({ variables });
  const now = () => broker.runtime.now();
  const alice = await enrolledPeer(broker, "alice");
  const shop = await enrolledPeer(broker, "shop");
  const stall = await enrolledPeer(broker, "stall+unknown");
  const closed = await enrolledPeer(broker, "closed+closed");
  const txns: Record<string, string> = {};
  let held = await alice.fund(euro("5.00"));
  held = await alice.fund(euro("1.00"));

  const sell = async (merchant: TestPeer, amount: string): Promise<Sale> => {
    const sale = await makeSale(alice, merchant, now(), { amount: euro(amount), held });
    const { m3 } = orThrow(await authorise(broker, sale));
    if (m3 === undefined || !m3.payload.ok) throw new Error(`nothing was sold: ${m3?.payload.reason}`);
    held = heldOf(m3);
    return sale;
  };
  const take = (answer: Parameters<typeof heldOf>[0]): Held => {
    held = heldOf(answer);
    return held;
  };

  // Settled with something carried over, then once more; one that the bank does not confirm; one that it declines.
  await sell(shop, "0.304");
  await letCreditsFree(broker);
  orThrow(await settle(shop, await makeSettlement(shop)));
  const paid = await sell(shop, "0.207");
  await sell(stall, "0.30");
  await sell(closed, "0.10");
  await letCreditsFree(broker);
  const settlement = await makeSettlement(shop);
  orThrow(await settle(shop, settlement));
  const paying = await makeSettlement(stall);
  await settle(stall, paying);
  await settle(closed, await makeSettlement(closed));
  Object.assign(txns, { settled: paid.txn, settlement: settlement.txn, paying: paying.txn });

  // Refunded in part and whole; reversed, claimed, and disputed still.
  const part = await sell(shop, "0.20");
  take(await refunded(broker, alice, shop, part, "0.05"));
  const whole = await sell(shop, "0.11");
  take(await refunded(broker, alice, shop, whole, "0.11"));
  const silent = await sell(shop, "0.12");
  await reverse(alice, await makeReversal(alice, shop.uid, silent.txn));
  const answered = await sell(shop, "0.13");
  await reverse(alice, await makeReversal(alice, shop.uid, answered.txn));
  const evidence = (await makeEvidence(alice, shop, answered, euro("0.04"))).bytes;
  // A cent more than the evidence, this once.
  const claimed = { customer: alice.uid, subject: answered.txn, claimed: euro("0.05"), evidence };
  orThrow(await claim(shop, await makeClaim(shop, claimed)));
  // The claim and the schedule have minted into the purse: alice asks for what she holds by renewing it.
  broker.runtime.advance(DAY);
  await broker.rotate();
  await broker.finish();
  held = await alice.fund(euro("0.50"));
  const disputed = await sell(shop, "0.14");
  await reverse(alice, await makeReversal(alice, shop.uid, disputed.txn));
  const sale = await sell(shop, "0.30");
  Object.assign(txns, {
    refundedInPart: part.txn,
    refunded: whole.txn,
    disputed: disputed.txn,
    sold: sale.txn,
  });

  // Renewed; redeemed; a refusal; a merchant's void.
  take(orThrow(await renew(alice, await makeRenewal(alice, held))));
  const redemption = await makeRedemption(alice, held, euro("0.20"));
  take(orThrow(await redeem(alice, redemption)));
  const tooMuch = await makeSale(alice, shop, now(), { amount: euro("500.00"), held });
  orThrow(await authorise(broker, tooMuch));
  const voided = await makeSale(alice, shop, now(), {
    amount: euro("0.01"),
    held,
    m2: { part: toText(sha256()) },
  });
  await authorise(broker, voided);
  Object.assign(txns, { redeemed: redemption.txn, refused: tooMuch.txn });

  // The bank declines, does not answer, or may take back what it gave; money out is confirmed late or never.
  const declined = await enrolledPeer(broker, "dora+declined");
  await declined.topUp(euro("1.00"));
  const lost = await enrolledPeer(broker, "lars+unknown");
  txns.charging = lost.newTxn();
  await lost.topUp(euro("1.00"), { txn: txns.charging });
  const rita = await enrolledPeer(broker, "rita+recallable");
  txns.recallable = rita.newTxn();
  orThrow(await rita.topUp(euro("3.00"), { txn: txns.recallable }));
  txns.charged = rita.newTxn();
  await rita.topUp(euro("4.00"), { txn: txns.charged });
  const ruth = await enrolledPeer(broker, "ruth+recalled");
  txns.lost = ruth.newTxn();
  orThrow(await ruth.topUp(euro("1.50"), { txn: txns.lost }));
  const cleo = await enrolledPeer(broker, "cleo+closed");
  const back = await makeRedemption(cleo, await cleo.fund(euro("1.00")), euro("0.40"));
  await redeem(cleo, back);
  const uwe = await enrolledPeer(broker, "uwe+unknown");
  const asked = await uwe.seal(await uwe.sign(brokerscripRequest, { amount: euro("1.00") }));
  const fund = () => uwe.post("POST /brokerscrip", asked, brokerscripResponse, "decide");
  await fund();
  const funded = heldOf(orThrow(await fund()));
  await broker.finish();

  // Intents that wait, were aborted or have expired; notices of one side and of both.
  const intend = async (): Promise<string> => {
    const txn = alice.newTxn();
    const own = { merchant: shop.uid, amount: euro("0.30") };
    const intent = await alice.sign(vendorscripIntent, own, { txn });
    orThrow(await tell(alice, "POST /intent", await alice.seal(intent)));
    return txn;
  };
  await intend();
  broker.runtime.advance(HOUR + limits.clockSkew);
  await broker.finish();
  orThrow(await alice.abort(alice.uid, await intend()));
  txns.intended = await intend();
  orThrow(await alice.abort(alice.uid, alice.newTxn()));
  const order = sha256();
  const purchase = toText(sha256(order));
  const bought = { merchant: shop.uid, amount: euro("0.02"), metered: false, order, purchase };
  const sold = { customer: alice.uid, charged: euro("0.02"), order, purchase, response: purchase };
  for (const both of [false, true]) {
    const txn = alice.newTxn();
    const m0 = await alice.sign(purchaseNotice, bought, { txn });
    orThrow(await tell(alice, "POST /notices", await alice.seal(m0)));
    if (!both) continue;
    const m3 = await shop.sign(saleNotice, sold, { txn });
    orThrow(await tell(shop, "POST /notices", await shop.seal(m3)));
  }
  const lane = { network: broker.network, merchant: shop, customer: alice };
  const entries = [
    await makeStatement(lane),
    await makeStatement(lane, { first: 129, last: 256 }, { merchant: shop }),
    await makeStatement(lane, { first: 257, last: 384 }, { merchant: shop }),
    await makeStatement(lane, { first: 257, last: 384, total: euro("0.50") }, { customer: alice }),
    await makeStatement(lane, { first: 385, last: 384, closes: 1 }),
  ].map(({ bytes }) => bytes);
  const stated = await shop.sign(noticeBatch, { entries });
  orThrow(await tell(shop, "POST /notices", await shop.seal(stated)));
  // What the bank has not said yet: charging, charged and paying stay as they are until a schedule runs.
  const late = await enrolledPeer(broker, "lena+unknown");
  txns.charging = late.newTxn();
  await late.topUp(euro("1.00"), { txn: txns.charging });
  await sell(stall, "0.25");
  await letCreditsFree(broker);
  const unconfirmed = await makeSettlement(stall);
  await settle(stall, unconfirmed);
  const redeeming = await makeRedemption(uwe, funded, euro("0.30"));
  await redeem(uwe, redeeming);
  Object.assign(txns, { unconfirmed: unconfirmed.txn, redeeming: redeeming.txn });
  txns.held = (await sell(shop, "0.15")).txn;
  const rest = await enrolledPeer(broker, "rolf+recallable");
  txns.recallable = rest.newTxn();
  orThrow(await rest.topUp(euro("2.00"), { txn: txns.recallable }));
  txns.charged = rest.newTxn();
  await rest.topUp(euro("4.00"), { txn: txns.charged });
  await broker.rotate();
  broker.runtime.advance(HOUR);
  return {
    broker,
    alice,
    shop,
    txns,
    buy: (amount) => sell(shop, amount),
    topUp: async (amount) => {
      held = await alice.fund(euro(amount));
    },
  };
}

async function refunded(
  broker: BrokerUnderTest,
  customer: TestPeer,
  merchant: TestPeer,
  sale: Sale,
  amount: string,
) {
  const made = await makeRefund(customer, merchant, { amount: euro(amount), credit: sale.txn });
  const outcome = await refund(broker, made);
  if (isRefusal(outcome) || outcome.change === undefined) throw new Error("nothing was refunded");
  return outcome.change;
}
