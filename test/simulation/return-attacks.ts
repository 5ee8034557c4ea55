/** What adversaries do to money's way back by hand, customer and merchant in league where it needs two. */
import { LeptaError } from "@lepta/peer-sdk";
import { customerTables, merchantTables } from "@lepta/peer-sdk/records";
import {
  type Amount,
  accountQuery,
  accountResponse,
  encodeAs,
  type Grant,
  isRefusal,
  type MessageType,
  makeScripId,
  mint,
  orThrow,
  proveSpend,
  purchaseRequest,
  purchaseSpendCodec,
  readScrip,
  redeemRequest,
  refundAuthorization,
  refundOrder,
  returnSpendCodec,
  reversalClaim,
  reversalRequest,
  type Signed,
  scripOf,
  sha256,
  toText,
} from "@lepta/protocol";
import { type Hand, orderFor } from "../peer-sdk/support/hand.ts";
import type { Action, Stage } from "./actions.ts";
import type { MerchantSide } from "./peers.ts";

export const returnAttacks: readonly Action[] = [
  {
    name: "a merchant claims what it did not sell",
    weight: 8,
    run: (stage) => inLeague(stage, claimTooMuch),
  },
  {
    name: "evidence under a scrip of their own making",
    weight: 5,
    run: (stage) => inLeague(stage, forgeEvidence),
  },
  { name: "another's refund order", weight: 8, run: (stage) => inLeague(stage, spliceRefund) },
  { name: "redeems under a name that is taken", weight: 3, run: redeemTwice },
  { name: "asks a reversal of what is another's", weight: 2, run: reverseAnothers },
];

/** What a hand-made message needs and is not there: the turn is over. */
function given<T>(value: T | undefined): T {
  if (value === undefined) throw new LeptaError("insufficient-funds", "nothing to attack with");
  return value;
}

const euro = (value: bigint): Amount => ({ currency: "EUR", value });

/** Works with an adversarial merchant for as long as that lives. */
async function inLeague(
  stage: Stage,
  work: (stage: Stage, merchant: MerchantSide) => Promise<void>,
): Promise<void> {
  const all = stage.merchants.filter(({ options, isOpen }) => !options.isHonest && isOpen);
  const merchant = given(all[0] && stage.draws.pick(all));
  await merchant.life.outlive(work(stage, merchant));
}

async function send(stage: Stage, path: string, hand: Hand, message: Signed<MessageType>): Promise<void> {
  await stage.customer.around.broker.call("POST", path, await hand.sealToBroker(message));
}

/** Asks whose complaint waits, and claims all of the credit: with nothing, with another line's M1, or another customer's. */
async function claimTooMuch(stage: Stage, merchant: MerchantSide): Promise<void> {
  const { draws } = stage;
  const hand = await merchant.hand();
  const { lines, authorizations } = merchantTables(merchant.disk);
  const all = await lines.list();
  for (const [customer, subject] of await disputesOf(hand)) {
    const authorization = await authorizations.get(`${customer}/${subject}`);
    const others = all.filter(([id, line]) => line.credit !== subject && id.startsWith(`${customer}/`));
    const source = draws.pick([all, others, []]);
    const evidence = source.length === 0 ? undefined : draws.pick(source)[1].latest;
    const claimed = authorization?.amount ?? euro(1_000_000n);
    await claim(stage, hand, customer, subject, claimed, evidence);
  }
}

async function disputesOf(hand: Hand) {
  const { link, identity } = hand.party;
  const txn = hand.newTxn();
  const query = await hand.sign(accountQuery, { to: link.network, txn });
  const answer = await link.ask("/account", await hand.sealToBroker(query), {
    accepted: [accountResponse],
    purpose: "decide",
    to: identity.uid,
    opening: identity.opening,
    txn,
    digest: query.digest,
  });
  return isRefusal(answer) ? [] : answer.payload.disputes;
}

async function claim(
  stage: Stage,
  hand: Hand,
  customer: string,
  subject: string,
  claimed: Amount,
  evidence: Uint8Array | undefined,
): Promise<void> {
  const message = await hand.sign(reversalClaim, {
    to: hand.party.link.network,
    customer,
    subject,
    claimed,
    ...(evidence === undefined ? {} : { evidence }),
  });
  await send(stage, "/claim", hand, message);
}

/** A reversal, and at once the merchant's claim, borne out by a purchase under a body that they have made up. */
async function forgeEvidence(stage: Stage, merchant: MerchantSide): Promise<void> {
  const { customer, draws } = stage;
  const [hand, shop] = [await customer.hand(), await merchant.hand()];
  const held = (await customerTables(customer.disk).vendorscrip.list({ under: `${merchant.uid}/` })).map(
    ([, each]) => each,
  );
  const { grant, obtained, secret } = given(held[0]);
  const subject = given(obtained);
  const { identity, link } = hand.party;
  await send(
    stage,
    "/reversal",
    hand,
    await hand.sign(reversalRequest, { to: link.network, merchant: merchant.uid, subject }),
  );
  const body = orThrow(readScrip(grant.body));
  const origin = body.origin ?? body.id;
  const value = euro(draws.pick([body.value.value, 100_000_000n, 1n]));
  const forged: Grant = mint(
    { epochRoot: draws.bytes(32), salt: draws.bytes(32) },
    {
      kind: "vendor",
      network: link.network,
      issuer: merchant.uid,
      owner: identity.uid,
      id: draws.chance(0.5) ? origin : makeScripId(1, draws.bytes(12)),
      value,
      expiresAt: body.expiresAt,
      origin,
    },
  ).grant;
  const spend = encodeAs(purchaseSpendCodec, {
    scrip: scripOf(forged),
    order: orderFor("item at EUR 0.01", "EUR 0.01"),
    salt: draws.bytes(16),
    amount: draws.chance(0.5) ? value : euro(1n),
    metered: false,
  });
  const evidence = await hand.sign(purchaseRequest, { to: merchant.uid, spend: proveSpend(secret, spend) });
  await claim(stage, shop, identity.uid, subject, euro(draws.pick([1n, 100_000_000n])), evidence.bytes);
}

/** A part for B that its customer signed, in a request for more, out of another credit, or for another merchant. */
async function spliceRefund(stage: Stage, merchant: MerchantSide): Promise<void> {
  const { customer, draws, merchants } = stage;
  const [hand, shop] = [await customer.hand(), await merchant.hand()];
  const { link } = hand.party;
  const all = await customerTables(customer.disk).vendorscrip.list();
  const own = all.filter(([id]) => id.startsWith(`${merchant.uid}/`));
  const held = (own.length > 0 ? own : all).map(([, each]) => each);
  const one = given(held[0] && draws.pick(held));
  const body = orThrow(readScrip(one.grant.body));
  const txn = hand.newTxn();
  const lie = draws.below(5);
  const order = await hand.sign(refundOrder, {
    to: link.network,
    txn,
    merchant: lie === 0 ? draws.pick(merchants).uid || merchant.uid : merchant.uid,
    amount: lie === 1 ? euro(1n) : body.value,
    scrip: body.id,
  });
  const part = await link.seal(order);
  const credits = held.flatMap(({ obtained }) => (obtained === undefined ? [] : [obtained]));
  const ask = async (amount: Amount): Promise<void> => {
    const request = await shop.sign(refundAuthorization, {
      to: link.network,
      txn,
      customer: lie === 2 ? shop.uid : hand.uid,
      amount,
      part: toText(sha256(part)),
      credit: lie === 3 ? txn : draws.pick(credits.length > 0 ? credits : [txn]),
    });
    const sealed = await shop.sealToBroker(request, { attachments: lie === 4 ? [part, part] : [part] });
    const { broker } = customer.around;
    await Promise.allSettled([
      broker.call("POST", "/refund", sealed),
      broker.call("POST", "/refund", sealed),
    ]);
  };
  await ask(body.value);
  // The same order again, in another request, out of another credit.
  await ask(draws.chance(0.5) ? body.value : euro(body.value.value * 2n));
}

/** Two redemptions under one name, and one of more than there is. */
async function redeemTwice(stage: Stage): Promise<void> {
  const { customer, draws } = stage;
  const hand = await customer.hand();
  const { link } = hand.party;
  const purse = given(await customerTables(customer.disk).purse.get("live"));
  const txn = hand.newTxn();
  for (const value of [10_000n, 20_000n, 999_000_000n]) {
    const body = encodeAs(returnSpendCodec, { scrip: scripOf(purse.grant), amount: euro(value) });
    const name = draws.chance(0.7) ? txn : hand.newTxn();
    const message = await hand.sign(redeemRequest, {
      to: link.network,
      txn: name,
      spend: proveSpend(purse.secret, body),
    });
    await send(stage, "/redeem", hand, message);
  }
}

async function reverseAnothers(stage: Stage): Promise<void> {
  const { customer, draws, scene } = stage;
  const hand = await customer.hand();
  const victim = draws.pick(scene.customers.filter(({ options }) => options.isHonest));
  const [[id, held] = []] = await customerTables(victim.disk).vendorscrip.list();
  const subject = given(held?.obtained);
  const [merchant = ""] = given(id).split("/");
  const message = await hand.sign(reversalRequest, { to: hand.party.link.network, merchant, subject });
  await send(stage, "/reversal", hand, message);
}
