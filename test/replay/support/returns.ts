/** Money's way back, as full runs for the record: renewed, redeemed, refunded, reversed, settled, asked for, restored. */
import { LeptaError, memoryPeerStore, Wallet } from "@lepta/peer-sdk";
import {
  type Amount,
  encodeAs,
  proveSpend,
  redeemRequest,
  refundOrder,
  refundRequest,
  renewalRequest,
  returnSpendCodec,
  scripOf,
  sha256,
  toText,
} from "@lepta/protocol";
import { bodyOf, type Holding } from "../../../peer-sdk/src/customer/records.ts";
import { given, type Hand } from "../../peer-sdk/support/hand.ts";
import { CLAIM_TIME, type Customer, HOLD_TIME, meet, PRICE, post, type Seller, type Stage } from "./stage.ts";

/** In their order: time passes between them, so that credits become free and disputes end. */
export const returnFlows: Readonly<Record<string, (stage: Stage) => Promise<void>>> = {
  renewals: async ({ customers }) => {
    for (const { wallet } of customers) await wallet.renew();
  },
  "refused returns": async (stage) => {
    for (const customer of stage.customers) {
      const { hand } = customer;
      const forged = { ...(await hand.purse()), secret: new Uint8Array(32) };
      const spend = spendOf(forged, bodyOf(forged).value);
      const to = stage.world.network;
      await post(hand, "/renew", await hand.sign(renewalRequest, { to, spend }));
      await post(hand, "/redeem", await hand.sign(redeemRequest, { to, spend }));
      for (const seller of stage.sellers) await askWithoutProof(stage, customer, seller);
    }
  },
  "purchases given back": async ({ customers, sellers }) => {
    for (const [i, { wallet }] of customers.entries()) {
      const { merchant, url } = given(sellers[i % sellers.length]);
      // What a lane has sold is given back when a statement covers it: this one is signed by itself.
      const { receipt } = await wallet.buy(url, "page", { max: PRICE, signature: "each" });
      await merchant.refund(wallet.uid, receipt.txn);
      await wallet.collect(url);
    }
  },
  redemptions: async ({ customers }) => {
    const [ann, ben, cat] = three(customers);
    await ann.wallet.redeem("EUR 1.00");
    await ben.wallet.redeem("EUR 0.50");
    await expectCode(cat.wallet.redeem("EUR 1.00"), "declined");
  },
  refunds: async ({ world, customers, sellers }) => {
    const [ann, ben, cat] = three(customers);
    const [inn, joy] = two(sellers);
    await ann.wallet.refund(inn.url);
    // The answer to this one is lost, and the broker tells; that merchant is gone, and the broker ends it.
    ben.line.fault = { at: ben.line.count + 1, kind: "lost-response" };
    await ben.wallet.refund(inn.url);
    ben.line.fault = undefined;
    const home = given(world.places.get(joy.url));
    world.places.set(joy.url, () => async () => {
      throw new LeptaError("unreachable", "the test took the merchant away");
    });
    await expectCode(cat.wallet.refund(joy.url), "unreachable");
    world.places.set(joy.url, home);
  },
  reversals: async ({ world, customers, sellers }) => {
    const [ann, ben, cat] = three(customers);
    const [inn, joy] = two(sellers);
    const ofAnn = await obtainedOf(ann.hand, joy);
    const ofBen = await obtainedOf(ben.hand, joy);
    await expectCode(ann.wallet.reclaim(joy.merchant.uid, ofAnn), "pending");
    await joy.merchant.tend();
    await ann.wallet.resume();
    await expectCode(ben.wallet.reclaim(joy.merchant.uid, ofBen), "pending");
    world.runtime.advance(CLAIM_TIME + 1);
    await world.finish();
    await ben.wallet.resume();
    await joy.merchant.tend();
    world.runtime.advance(HOLD_TIME);
    await expectCode(cat.wallet.reclaim(inn.merchant.uid, await obtainedOf(cat.hand, inn)), "too-late");
  },
  settlements: async ({ world, customers, sellers }) => {
    const [ann, , cat] = three(customers);
    const [inn, joy] = two(sellers);
    await inn.merchant.settle();
    await expectCode(joy.merchant.settle(), "declined");
    await expectCode(cat.wallet.refund(inn.url), "paid-out");
    await ann.wallet.obtain(inn.url, "EUR 0.003");
    world.runtime.advance(HOLD_TIME + 1);
    await inn.merchant.settle();
  },
  "accounts and holdings": async ({ customers }) => {
    for (const { wallet } of customers) await wallet.recover();
  },
  "a wallet from its phrase": async ({ world, recorder, customers }) => {
    const [ann] = three(customers);
    world.runtime.advance(1);
    const { broker, runtime } = world;
    const { wallet } = await Wallet.restore({
      broker,
      runtime,
      store: memoryPeerStore(),
      phrase: await ann.wallet.recoveryPhrase(),
      transport: recorder.transport(ann.name, world.transport),
      connect: recorder.connect(ann.name, world.connect),
    });
    await wallet.close();
  },
  "all of it once more": async ({ customers, sellers }) => {
    for (const { wallet } of customers)
      for (const { url } of sellers) {
        await wallet.obtain(url, "EUR 0.20");
        await wallet.buy(url, "page", { max: PRICE });
      }
  },
};

/** What spends a scrip whole or in part to give it back. */
export const spendOf = (held: Holding, amount: Amount) =>
  proveSpend(held.secret, encodeAs(returnSpendCodec, { scrip: scripOf(held.grant), amount }));

async function askWithoutProof(stage: Stage, customer: Customer, seller: Seller): Promise<void> {
  const { hand } = customer;
  const meeting = await meet(stage, customer, seller);
  const held = await hand.holding(seller.merchant.uid);
  const { id, value } = bodyOf(held);
  const spend = spendOf({ ...held, secret: new Uint8Array(32) }, value);
  const to = seller.merchant.uid;
  await meeting.send(await meeting.seal(await hand.sign(renewalRequest, { to, spend })));
  const txn = hand.newTxn();
  const order = await hand.sign(refundOrder, {
    to: stage.world.network,
    txn,
    merchant: to,
    amount: value,
    scrip: id,
  });
  const part = await hand.sealToBroker(order);
  const request = await hand.sign(refundRequest, { to, txn, spend, part: toText(sha256(part)) });
  await meeting.send(await meeting.seal(request, { attachments: [part] }));
}

/** The transaction of figure 8 that what is held of a merchant came from. */
async function obtainedOf(hand: Hand, { merchant }: Seller): Promise<string> {
  return given((await hand.holding(merchant.uid)).obtained, "transaction of figure 8");
}

async function expectCode(work: Promise<unknown>, code: string): Promise<void> {
  const error = await work.catch((thrown: unknown) => thrown);
  if (!(error instanceof LeptaError) || error.code !== code) throw new Error(`not ${code}: ${String(error)}`);
}

const two = ([one, other]: readonly Seller[]): readonly [Seller, Seller] => [given(one), given(other)];
const three = ([a, b, c]: readonly Customer[]): readonly [Customer, Customer, Customer] => [
  given(a),
  given(b),
  given(c),
];
