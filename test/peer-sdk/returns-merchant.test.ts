/** Findings at the merchant: each test states the rule, and fails as the code stands. */
import {
  type BrokerTransport,
  LeptaError,
  type Merchant,
  memoryPeerStore,
  type PeerStore,
  type Wallet,
} from "@lepta/peer-sdk";
import {
  decodeCbor,
  encodeAs,
  encodeCbor,
  orThrow,
  proveSpend,
  refundOrder,
  refundRequest,
  returnSpendCodec,
  scripOf,
  sha256,
  toText,
} from "@lepta/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { bodyOf } from "../../peer-sdk/src/customer/records.ts";
import { merchantTables } from "../../peer-sdk/src/merchant/records.ts";
import { Hand, type Meeting, orderFor, spendingOf } from "./support/hand.ts";
import { codeOf, createWorld, DAY, HOUR, type World } from "./support/world.ts";

const NEWS = "ws://news.example/pay";
const catalogue = {
  article: { price: "EUR 0.02", deliver: () => "text" },
  yacht: { price: "EUR 500.00", deliver: () => "a yacht" },
};

let world: World;
let store: PeerStore;
let shelf: PeerStore;
let wallet: Wallet;
let merchant: Merchant;
/** Paths of the broker whose answers do not reach the merchant; those in `away` are not even asked. */
let lost: Set<string>;
let away: Set<string>;

beforeEach(async () => {
  world = await createWorld({ seed: "review-merchant" });
  store = memoryPeerStore();
  shelf = memoryPeerStore();
  lost = new Set();
  away = new Set();
  const transport: BrokerTransport = async (method, url, body) => {
    const { pathname } = new URL(url);
    if (away.has(pathname)) throw new LeptaError("unreachable", pathname);
    const answer = await world.transport(method, url, body);
    if (lost.has(pathname)) throw new LeptaError("unreachable", pathname);
    return answer;
  };
  merchant = await world.merchant(NEWS, { catalogue, store: shelf, transport });
  wallet = await world.wallet({ store });
  await wallet.topUp("EUR 5.00");
});
afterEach(() => world.close());

const handOf = () =>
  Hand.open({ broker: world.broker, runtime: world.runtime, transport: world.transport, store });

/** Asks the merchant for a refund of a holding, under a transaction, and tells what it says. */
async function askRefund(hand: Hand, meeting: Meeting, txn: string) {
  const held = await hand.holding(merchant.uid);
  const { id: scrip, value: amount } = bodyOf(held);
  const order = await hand.sign(refundOrder, {
    to: world.network,
    txn,
    merchant: merchant.uid,
    amount,
    scrip,
  });
  const part = await hand.sealToBroker(order);
  const body = encodeAs(returnSpendCodec, { scrip: scripOf(held.grant), amount });
  const request = await hand.sign(refundRequest, {
    to: merchant.uid,
    txn,
    spend: proveSpend(held.secret, body),
    part: toText(sha256(part)),
  });
  return meeting.send(await meeting.seal(request, { attachments: [part] }));
}

test("scrip that was set aside for a refund does not live again after a reversal, still less unproven", async () => {
  await wallet.obtain(NEWS, "EUR 0.02");
  const hand = await handOf();
  const meeting = await hand.greet(merchant.visit());
  const held = await hand.holding(merchant.uid);
  away = new Set(["/refund", "/abort"]);
  expect((await askRefund(hand, meeting, hand.newTxn())).error).toBe("pending");
  expect(await codeOf(wallet.reclaim(merchant.uid))).toBe("pending");
  // The merchant is told of the reversal while its refund is not decided; then the broker refuses the refund.
  await merchant.tend();
  away = new Set();
  await merchant.tend();
  // The same scrip, of any worth.
  const { scrip, secret } = spendingOf(held);
  const body = orThrow(decodeCbor(scrip[0])) as Map<number, never> | readonly never[];
  const forged = forge(body);
  const sold = await meeting.buy(
    await meeting.purchase({ scrip: [forged, scrip[1]], secret }, orderFor("yacht", "EUR 500.00")),
  );
  expect(sold.ok).toBe(false);
});

/** The body with EUR 1,000.00 as its value: whatever holds the old number holds the new one. */
function forge(body: unknown): Uint8Array {
  const swap = (each: unknown): unknown => {
    if (each instanceof Map) return new Map([...each].map(([key, value]) => [key, swap(value)]));
    if (Array.isArray(each)) return each.map(swap);
    return each === 20_000n || each === 20_000
      ? typeof each === "bigint"
        ? 1_000_000_000n
        : 1_000_000_000
      : each;
  };
  return encodeCbor(swap(body) as never);
}

test("V0 of a credit that was reversed buys nothing, also where M4 comes after the reversal", async () => {
  lost = new Set(["/authorise"]);
  away = new Set(["/abort"]);
  // The wallet gets M3 and V0 from the broker itself.
  await wallet.obtain(NEWS, "EUR 1.00").catch(() => undefined);
  const hand = await handOf();
  const held = await hand.holding(merchant.uid);
  expect(await codeOf(wallet.reclaim(merchant.uid))).toBe("pending");
  await merchant.tend();
  lost = new Set();
  away = new Set();
  await merchant.tend();
  await wallet.resume();
  expect((await wallet.balance()).brokerScrip).toBe("EUR 5.00");
  const meeting = await hand.greet(merchant.visit());
  const sold = await meeting.buy(await meeting.purchase(spendingOf(held), orderFor("article", "EUR 0.02")));
  expect(sold.ok).toBe(false);
});

test("a merchant answers all reversals within the claim time, however many come at once", async () => {
  const count = 40;
  for (let i = 0; i < count; i += 1) {
    await wallet.obtain(NEWS, "EUR 0.02");
    await wallet.buy(NEWS, "article", { max: "EUR 0.02" });
  }
  const subjects = (await wallet.history())
    .filter(({ kind }) => kind === "vendorscrip")
    .map(({ txn }) => txn);
  for (const subject of subjects) await codeOf(wallet.reclaim(merchant.uid, subject));
  await merchant.tend();
  await wallet.resume();
  // One turn has answered all; 32 are an hour's work as it stands, 768 a day's.
  expect(await wallet.pending()).toEqual([]);
});

test("one customer's transaction that never ends does not hold up the merchant's others", async () => {
  await wallet.obtain(NEWS, "EUR 1.00");
  const hand = await handOf();
  const meeting = await hand.greet(merchant.visit());
  // Refunds under ids that another figure 8 has used: sorted in front, for ever `sent`.
  const used = (await wallet.history()).find(({ kind }) => kind === "vendorscrip")?.txn ?? "";
  await askRefund(hand, meeting, used);
  for (let i = 0; i < 3; i += 1) {
    world.runtime.advance(HOUR);
    await merchant.tend();
  }
  world.runtime.advance(DAY);
  await world.rotate();
  await merchant.tend();
  expect((await merchantTables(shelf).returning.list()).length).toBe(0);
});
