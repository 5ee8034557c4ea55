/** Findings at the broker: each test states the rule, and fails as the code stands. */
import { creditItem, keys } from "@lepta/lambdas";
import { type Merchant, memoryPeerStore, type PeerStore, type Wallet } from "@lepta/peer-sdk";
import { abort, refundAuthorization, refundOrder, reversalRequest, sha256, toText } from "@lepta/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { euro, Hand } from "./support/hand.ts";
import { createWorld, type World } from "./support/world.ts";

const NEWS = "ws://news.example/pay";
const catalogue = { article: { price: "EUR 0.02", deliver: () => "text" } };

let world: World;
let store: PeerStore;
let wallet: Wallet;
let merchant: Merchant;
let customer: Hand;
let accomplice: Hand;

beforeEach(async () => {
  world = await createWorld({ seed: "review" });
  store = memoryPeerStore();
  merchant = await world.merchant(NEWS, { catalogue });
  wallet = await world.wallet({ store });
  await wallet.topUp("EUR 5.00");
  const common = { broker: world.broker, runtime: world.runtime, transport: world.transport };
  customer = await Hand.open({ ...common, store });
  accomplice = await Hand.open({ ...common, store: memoryPeerStore() });
});
afterEach(() => world.close());

/** The customer disputes a credit, and under the same transaction a merchant of its own asks for a refund. */
async function overwriteDispute(subject: string): Promise<void> {
  const txn = customer.newTxn();
  const request = await customer.sign(reversalRequest, {
    to: world.network,
    txn,
    merchant: merchant.uid,
    subject,
  });
  await world.call("/reversal", await customer.sealToBroker(request));
  const order = await customer.sign(refundOrder, {
    to: world.network,
    txn,
    merchant: accomplice.uid,
    amount: euro("1.00"),
    scrip: customer.newTxn(),
  });
  const part = await customer.sealToBroker(order);
  const authorization = await accomplice.sign(refundAuthorization, {
    to: world.network,
    txn,
    customer: customer.uid,
    amount: euro("1.00"),
    part: toText(sha256(part)),
    credit: customer.newTxn(),
  });
  await world.call("/refund", await accomplice.sealToBroker(authorization, { attachments: [part] }));
}

const creditOf = async (subject: string) =>
  creditItem.read((await world.table.get([keys.credit(merchant.uid, wallet.uid, subject)]))[0]);

test("a refund does not overwrite a reversal of the same transaction: the merchant is paid in the end", async () => {
  await wallet.obtain(NEWS, "EUR 0.02");
  const subject = (await wallet.history()).find(({ kind }) => kind === "vendorscrip")?.txn ?? "";
  await wallet.buy(NEWS, "article", { max: "EUR 0.02" });
  await overwriteDispute(subject);
  await merchant.tend();
  for (let day = 0; day < 10; day += 1) {
    world.runtime.advance(24 * 60 * 60 * 1000);
    await world.rotate();
    await world.finish();
    await merchant.tend();
  }
  expect((await creditOf(subject))?.state).not.toBe("disputed");
  expect(await merchant.settle()).toBe("EUR 0.02");
});

test("disputes that came to nothing do not keep a merchant from hearing of the next", async () => {
  for (let i = 0; i < 32; i += 1) await wallet.obtain(NEWS, "EUR 0.02");
  const subjects = (await wallet.history())
    .filter(({ kind }) => kind === "vendorscrip")
    .map(({ txn }) => txn);
  for (const subject of subjects) await overwriteDispute(subject);
  // An honest order of events from here on: another customer, whose UID may sort anywhere, disputes after a purchase.
  const sorted: { uid: string; reclaim: () => Promise<void> }[] = [];
  for (let i = 0; i < 6; i += 1) {
    const other = await world.wallet();
    await other.topUp("EUR 1.00");
    await other.buy(NEWS, "article", { max: "EUR 0.02", vendorScrip: "EUR 0.02" });
    await other.obtain(NEWS, "EUR 0.02");
    const txn = (await other.history()).find(({ kind }) => kind === "vendorscrip")?.txn;
    sorted.push({ uid: other.uid, reclaim: () => other.reclaim(merchant.uid, txn).catch(() => undefined) });
  }
  const behind = sorted.filter(({ uid }) => uid > wallet.uid);
  expect(behind.length).toBeGreaterThan(0);
  for (const each of behind) await each.reclaim();
  for (let i = 0; i < 5; i += 1) await merchant.tend();
  world.runtime.advance(24 * 60 * 60 * 1000 + 1);
  await world.rotate();
  await world.finish();
  // What was sold is still owed: EUR 0.02 for each of the others.
  const owed = world.table
    .items()
    .filter(({ key }) => key.pk === `MERCHANT#${merchant.uid}`)
    .filter(({ key }) => behind.some(({ uid }) => key.sk.startsWith(`CREDIT#${uid}`)))
    .map(({ item }) => creditItem.fromItem(item));
  expect(owed.filter(({ state }) => state === "ended").length).toBe(0);
});

test("a reversal that comes after its own abort is answered with a signed refusal", async () => {
  const txn = customer.newTxn();
  const ended = await customer.sign(abort, { to: world.network, initiator: customer.uid, subject: txn });
  expect((await world.call("/abort", await customer.sealToBroker(ended))).status).toBe(200);
  const request = await customer.sign(reversalRequest, {
    to: world.network,
    txn,
    merchant: merchant.uid,
    subject: customer.newTxn(),
  });
  expect((await world.call("/reversal", await customer.sealToBroker(request))).status).toBe(200);
});
