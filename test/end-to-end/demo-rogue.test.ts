/** The demo's attacks prove something only if their messages are sound: the same ones, made honestly, are accepted. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EmbeddedCloud, startEmbeddedCloud } from "@lepta/local";
import { Merchant, memoryPeerStore, type PeerStore, Wallet } from "@lepta/peer-sdk";
import {
  brokerSpendCodec,
  defaultSuite,
  encodeAs,
  parseAmount,
  proveSpend,
  vendorscripOrder,
} from "@lepta/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readPurse, readVendorScrip } from "../../examples/demo/src/records.ts";
import { Rogue, randomId, soon } from "../../examples/demo/src/rogue.ts";
import { asIs, buyWith, collectWith, obtainWith } from "../../examples/demo/src/tricks.ts";

const ACCEPTED = { ok: true, code: "accepted", signed: true };
const price = parseAmount("EUR 0.02");

let dir: string;
let cloud: EmbeddedCloud;
let merchant: Merchant;
let wallet: Wallet;
let store: PeerStore;
let merchantStore: PeerStore;
let url: string;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "lepta-test-rogue-"));
  cloud = await startEmbeddedCloud({ dir });
  const broker = cloud.pinnedUrl;
  merchantStore = memoryPeerStore();
  store = memoryPeerStore();
  const catalogue = { item: { price: "EUR 0.02", description: "An item", deliver: () => "goods" } };
  merchant = await Merchant.open({ store: merchantStore, broker, catalogue });
  ({ url } = await merchant.serve());
  wallet = await Wallet.open({ store, broker });
  await wallet.topUp("EUR 1.00");
  await wallet.obtain(url, "EUR 0.10");
});

afterEach(async () => {
  await wallet.close();
  await merchant.close();
  await cloud.close();
  rmSync(dir, { recursive: true, force: true });
});

test("a purchase written by hand with honest scrip is accepted", async () => {
  const rogue = await Rogue.open(store, cloud.url, defaultSuite);
  const shop = await rogue.meet(url);
  const [held] = await readVendorScrip(store);
  if (held === undefined) throw new Error("no VendorScrip");
  const order = { sku: "item", description: "An item", unitPrice: price, quantity: 1 };
  expect(await buyWith(rogue, shop, asIs(held), order)).toEqual(ACCEPTED);
  shop.channel.close();
});

test("VendorScrip obtained by hand with honest BrokerScrip is granted, by the merchant and by the broker", async () => {
  const rogue = await Rogue.open(store, cloud.url, defaultSuite);
  const shop = await rogue.meet(url);
  const held = await readPurse(store);
  if (held === undefined) throw new Error("no BrokerScrip");
  const granted = await obtainWith(rogue, shop, asIs(held), price);
  expect(granted).toEqual({ fromMerchant: ACCEPTED, fromBroker: ACCEPTED });
  shop.channel.close();
});

test("an authorization written by hand with a part that was made for it is accepted", async () => {
  const customer = await Rogue.open(store, cloud.url, defaultSuite);
  const seller = await Rogue.open(merchantStore, cloud.url, defaultSuite);
  const held = await readPurse(store);
  if (held === undefined) throw new Error("no BrokerScrip");
  const { scrip, secret } = asIs(held);
  const txn = randomId();
  const body = encodeAs(brokerSpendCodec, { scrip, amount: price, minimumExpiry: soon() });
  const order = await customer.sign(vendorscripOrder, {
    to: customer.network,
    txn,
    expiresAt: soon(),
    merchant: seller.uid,
    spend: proveSpend(secret, body),
  });
  const part = await customer.sealToBroker(order);
  expect(await collectWith(seller, part, { txn, customer: customer.uid, amount: price })).toEqual(ACCEPTED);
});
