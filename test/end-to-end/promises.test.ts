/** What the paper's prose promises, each on the embedded cloud with real sockets, a database file and a KMS. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Attribute,
  type BrokerBooks,
  brokerBooks,
  creditItem,
  type Item,
  type Key,
  keys,
  noticeItem,
  openPartitions,
  purseItem,
  statementItem,
  transactionItem,
} from "@lepta/lambdas";
import { chainHead } from "@lepta/lambdas/broker/decision";
import { type EmbeddedCloud, startEmbeddedCloud } from "@lepta/local";
import {
  type BrokerTransport,
  type Catalogue,
  connectWebSocket,
  httpTransport,
  LeptaError,
  Merchant,
  memoryPeerStore,
  Peer,
  type PeerStore,
  type Serving,
  Wallet,
} from "@lepta/peer-sdk";
import {
  acknowledgement,
  brokerscripChange,
  encodeAs,
  isRefusal,
  laneOpen,
  laneOrigin,
  limits,
  noticeBatch,
  orThrow,
  proveLane,
  purchaseNotice,
  purchaseRequest,
  purchaseResponse,
  purchaseSpendCodec,
  query,
  readMessage,
  readScrip,
  readSpend,
  readStatement,
  scripBodyCodec,
  transactionResponse,
  verifyMessage,
  verifyReceipt,
} from "@lepta/protocol";
import { afterAll, beforeAll, expect, test } from "vitest";
import { merchantTables } from "../../peer-sdk/src/merchant/records.ts";
import { CustomerByHand } from "../peer-sdk/support/by-hand.ts";
import { euro, given, Hand, type Meeting, orderFor, spendingOf } from "../peer-sdk/support/hand.ts";
import { codeOf } from "../peer-sdk/support/world.ts";
import { makeStatement } from "../support/statements.ts";

let dir: string;
let cloud: EmbeddedCloud;
let news: Merchant;
let radio: Merchant;
let newsAt: Serving;
let radioAt: Serving;
const shelf = memoryPeerStore();
const closers: (() => Promise<void>)[] = [];
const peers: string[] = [];

const catalogue: Catalogue = {
  article: { price: "EUR 0.02", description: "An article", deliver: () => "the text" },
  drop: { price: "EUR 0.000001", deliver: () => "a drop" },
  car: { price: "EUR 900.00", deliver: () => "the keys" },
};
/** Notices wait until a test sends them. */
const noticeDelay = 2 ** 30;
/** Of what proves that its sender has the CustomerSecret: HMAC-SHA256. */
const MAC_LENGTH = 32;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "lepta-promises-"));
  cloud = await startEmbeddedCloud({ dir });
  news = await openMerchant(shelf);
  radio = await openMerchant();
  newsAt = await news.serve();
  radioAt = await radio.serve();
});
afterAll(async () => {
  for (const close of closers.reverse()) await close();
  await cloud.close();
  rmSync(dir, { recursive: true, force: true });
});

async function openMerchant(
  store: PeerStore = memoryPeerStore(),
  transport: BrokerTransport = httpTransport,
): Promise<Merchant> {
  const merchant = await Merchant.open({ store, broker: cloud.pinnedUrl, catalogue, transport, noticeDelay });
  closers.push(() => merchant.close());
  peers.push(merchant.uid);
  return merchant;
}

interface Customer {
  readonly wallet: Wallet;
  readonly store: PeerStore;
  readonly hand: Hand;
}

async function openCustomer(transport: BrokerTransport = httpTransport): Promise<Customer> {
  const store = memoryPeerStore();
  const wallet = await Wallet.open({ store, broker: cloud.pinnedUrl, transport, noticeDelay });
  closers.push(() => wallet.close());
  peers.push(wallet.uid);
  return { wallet, store, hand: await Hand.open({ store, broker: cloud.pinnedUrl }) };
}

/** A hand-made meeting over a socket. */
async function meetingAt(url: string, hand: Hand): Promise<Meeting> {
  const channel = await connectWebSocket(url);
  closers.push(async () => channel.close());
  return hand.greet((messages) => channel.request(messages));
}

type Entry = { readonly key: Key; readonly item: Item };

/** All items of one partition. */
async function partition(pk: string): Promise<readonly Entry[]> {
  const all: Entry[] = [];
  for (let after: string | undefined; ; ) {
    const page = await cloud.wiring.store.list(pk, after === undefined ? {} : { after });
    all.push(...page.items);
    after = page.next;
    if (after === undefined) return all;
  }
}

async function books(): Promise<BrokerBooks> {
  const names = [...peers.flatMap((uid) => [`PEER#${uid}`, `MERCHANT#${uid}`]), ...openPartitions];
  return brokerBooks((await Promise.all(names.map(partition))).flat(), "EUR", Date.now());
}

const bytesOf = (value: Attribute): Buffer =>
  Buffer.from(value instanceof Uint8Array ? value : String(value));

async function purseOf(uid: string) {
  return given(purseItem.read((await cloud.wiring.store.get([keys.purse(uid)]))[0]));
}

/** What the broker told the customer about a request for VendorScrip that was written by hand: `done` or the reason. */
async function spendAtBroker(
  meeting: Meeting,
  amount: string,
  spending = meeting.hand.purse(),
): Promise<string> {
  const { hand } = meeting;
  const { txn, sealed } = await meeting.obtain(euro(amount), await spending);
  await meeting.send(sealed);
  const question = await hand.sign(query, { to: cloud.network, initiator: hand.uid, subject: txn });
  const { body } = await httpTransport("POST", `${cloud.url}/query`, await hand.sealToBroker(question));
  const answer = orThrow(await meeting.open(body, transactionResponse));
  const change = orThrow(readMessage(given(answer.attachments[0], "decided answer"), [brokerscripChange]));
  return change.payload.reason ?? "done";
}

test("promise 1: only the broker makes BrokerScrip, each merchant its own VendorScrip, and only it redeems it", async () => {
  const { wallet, hand } = await openCustomer();
  await wallet.topUp("EUR 5.00");
  await wallet.obtain(newsAt.url, "EUR 1.00");
  const [atNews, atRadio] = [await meetingAt(newsAt.url, hand), await meetingAt(radioAt.url, hand)];
  const [purse, voucher] = [await hand.purse(), await hand.holding(news.uid)];
  expect(orThrow(readScrip(purse.grant.body)).issuer).toBe(cloud.network);
  expect(orThrow(readScrip(voucher.grant.body)).issuer).toBe(news.uid);
  const order = orderFor("article", "EUR 0.02");
  const described = { ...order, description: "An article" };
  // VendorScrip at another merchant, BrokerScrip at a merchant, VendorScrip at the broker.
  expect((await atRadio.buy(await atRadio.purchase(spendingOf(voucher), described))).reason).toBe(
    "wrong-issuer",
  );
  expect((await atNews.buy(await atNews.purchase(spendingOf(purse), described))).reason).toBe("wrong-issuer");
  expect(await spendAtBroker(atNews, "0.50", Promise.resolve(voucher))).toBe("wrong-issuer");
  // Its own merchant takes it.
  expect((await atNews.buy(await atNews.purchase(spendingOf(voucher), described))).ok).toBe(true);
});

test("promise 2: a customer holds one BrokerScrip at a time", async () => {
  const { wallet, hand } = await openCustomer();
  const meeting = await meetingAt(newsAt.url, hand);
  await wallet.topUp("EUR 5.00");
  const first = await hand.purse();
  await wallet.topUp("EUR 2.00");
  const second = await hand.purse();
  expect((await wallet.balance()).brokerScrip).toBe("EUR 7.00");
  expect((await purseOf(wallet.uid)).scrip).toBe(orThrow(readScrip(second.grant.body)).id);
  expect(await spendAtBroker(meeting, "1.00", Promise.resolve(first))).toBe("scrip-spent");
  // Spending replaces it by its change; the change is the only one that is left.
  expect(await spendAtBroker(meeting, "1.00")).toBe("done");
  expect(await spendAtBroker(meeting, "1.00", Promise.resolve(second))).toBe("scrip-spent");
  expect((await purseOf(wallet.uid)).value).toBe(6_000_000n);
});

test("promise 3: VendorScrip is obtained when the BrokerScrip is worth at least the value asked for", async () => {
  const { wallet, hand } = await openCustomer();
  await wallet.topUp("EUR 1.00");
  const meeting = await meetingAt(newsAt.url, hand);
  expect(await codeOf(wallet.obtain(newsAt.url, "EUR 1.000001"))).toBe("insufficient-funds");
  expect(await spendAtBroker(meeting, "1.000001")).toBe("insufficient");
  expect((await purseOf(wallet.uid)).value).toBe(1_000_000n);
  await wallet.obtain(newsAt.url, "EUR 1.00");
  expect(await wallet.balance()).toMatchObject({
    brokerScrip: undefined,
    vendorScrip: [{ amount: "EUR 1.00" }],
  });
  expect((await purseOf(wallet.uid)).scrip).toBeUndefined();
  expect((await books()).conserved).toBe(true);
});

test("promise 4: the merchant reduces the VendorScrip and returns the change, from 900 euros to a millionth", async () => {
  const { wallet, hand } = await openCustomer();
  await wallet.topUp("EUR 900.020003");
  await wallet.obtain(newsAt.url, "EUR 900.020003");
  const seen: string[] = [];
  const left = async () => (await wallet.balance()).vendorScrip[0]?.amount;
  for (const [sku, max, rest] of [
    ["car", "EUR 900", "EUR 0.020003"],
    ["article", "EUR 0.02", "EUR 0.000003"],
    ["drop", "EUR 0.000001", "EUR 0.000002"],
    ["drop", "EUR 0.000001", "EUR 0.000001"],
    ["drop", "EUR 0.000001", undefined],
  ] as const) {
    seen.push(orThrow(readScrip((await hand.holding(news.uid)).grant.body)).id);
    await wallet.buy(newsAt.url, sku, { max, signature: "each" });
    expect(await left()).toBe(rest);
  }
  expect(new Set(seen).size).toBe(5);
});

test("promise 4, on a lane: the value falls with each purchase, and the change comes with the closing statement", async () => {
  const { wallet, hand } = await openCustomer();
  await wallet.topUp("EUR 1.00");
  await wallet.obtain(newsAt.url, "EUR 0.060001");
  const left = async () => (await wallet.balance()).vendorScrip[0]?.amount;
  const held = async () => orThrow(readScrip((await hand.holding(news.uid)).grant.body));
  const opening = await held();
  for (const rest of ["EUR 0.040001", "EUR 0.020001"]) {
    await wallet.buy(newsAt.url, "article", { max: "EUR 0.02" });
    expect(await left()).toBe(rest);
    expect(await held()).toEqual(opening);
  }
  // What is signed by itself needs the scrip: the lane is closed for it, and its change is spent.
  await wallet.buy(newsAt.url, "article", { max: "EUR 0.02", signature: "each" });
  const change = await held();
  expect(change).toMatchObject({ issuer: news.uid, owner: wallet.uid, origin: opening.id });
  expect(change.value).toEqual(euro("0.000001"));
  expect(change.parent).not.toBe(opening.id);
  // A lane that is used up is open still, and nothing is left on it.
  await wallet.buy(newsAt.url, "drop", { max: "EUR 0.000001" });
  expect((await wallet.balance()).vendorScrip).toEqual([]);
});

/** A merchant and a customer with its VendorScrip, whose broker is away until it comes back. */
async function openWithoutBroker() {
  let isAway = false;
  const transport: BrokerTransport = (method, url, body) => {
    if (isAway) throw new LeptaError("unreachable", "the broker is away");
    return httpTransport(method, url, body);
  };
  const merchant = await openMerchant(memoryPeerStore(), transport);
  const at = await merchant.serve();
  const { wallet, hand } = await openCustomer(transport);
  await wallet.topUp("EUR 1.00");
  await wallet.obtain(at.url, "EUR 1.00");
  isAway = true;
  const comeBack = (): void => {
    isAway = false;
  };
  return { merchant, at, wallet, hand, comeBack };
}

test("promise 5: in Buy Item the broker verifies and records, and never gates the purchase", async () => {
  const { merchant, at, wallet, hand, comeBack } = await openWithoutBroker();
  for (let i = 0; i < 5; i += 1)
    expect((await wallet.buy(at.url, "article", { max: "EUR 0.02", signature: "each" })).goods.text()).toBe(
      "the text",
    );
  comeBack();
  await merchant.flushNotices();
  await wallet.flushNotices();
  const pair = await partition(`PAIR#${wallet.uid}#${merchant.uid}`);
  expect(pair.map(({ item }) => noticeItem.fromItem(item).state)).toEqual(
    Array.from({ length: 5 }, () => "matched"),
  );
  // It verifies: a notice whose signature does not hold is named in the acknowledgement and not recorded.
  const notice = await hand.sign(purchaseNotice, {
    to: cloud.network,
    merchant: merchant.uid,
    amount: euro("0.02"),
    metered: false,
    order: new Uint8Array(32),
    purchase: cloud.network,
  });
  const forged = notice.bytes.slice();
  forged.set([given(forged.at(-1)) ^ 1], forged.length - 1);
  const batch = await hand.sign(noticeBatch, { to: cloud.network, entries: [forged] });
  const { body } = await httpTransport("POST", `${cloud.url}/notices`, await hand.sealToBroker(batch));
  const meeting = await meetingAt(at.url, hand);
  expect(orThrow(await meeting.open(body, acknowledgement)).payload.refused).toEqual([[0, "unauthentic"]]);
  expect(await partition(`PAIR#${wallet.uid}#${merchant.uid}`)).toHaveLength(5);
});

test("promise 5, on a lane: the broker records the statement of both, and gates neither it nor a purchase", async () => {
  const { merchant, at, wallet, hand, comeBack } = await openWithoutBroker();
  for (let i = 0; i < 5; i += 1)
    expect((await wallet.buy(at.url, "article", { max: "EUR 0.02" })).goods.text()).toBe("the text");
  // The lane is closed by its parties, too: both have signed the statement before the broker hears of anything.
  await wallet.close();
  comeBack();
  await merchant.flushNotices();
  const pair = `PAIR#${wallet.uid}#${merchant.uid}`;
  const recorded = async () => (await partition(pair)).map(({ item }) => statementItem.fromItem(item).state);
  expect(await recorded()).toEqual(["matched"]);
  // It verifies: a statement that the customer has signed in the merchant's name is not recorded.
  const { signing } = hand.party.identity;
  const [customer, forger] = [
    { uid: wallet.uid, signing },
    { uid: merchant.uid, signing },
  ];
  const forged = await makeStatement(
    { network: cloud.network, merchant: forger, customer },
    { issuedAt: Date.now() },
  );
  const batch = await hand.sign(noticeBatch, { to: cloud.network, entries: [forged.bytes] });
  const { body } = await httpTransport("POST", `${cloud.url}/notices`, await hand.sealToBroker(batch));
  const meeting = await meetingAt(at.url, hand);
  expect(orThrow(await meeting.open(body, acknowledgement)).payload.refused).toEqual([[0, "unauthentic"]]);
  expect(await recorded()).toEqual(["matched"]);
});

test("promise 6: any peer acts as customer and as merchant; nobody but the broker is the bank", async () => {
  const store = memoryPeerStore();
  const peer = await Peer.open({ store, broker: cloud.pinnedUrl, catalogue, noticeDelay });
  closers.push(() => peer.close());
  peers.push(peer.uid);
  const at = await peer.merchant.serve();
  const { wallet } = await openCustomer();
  await wallet.topUp("EUR 1.00");
  await wallet.buy(at.url, "article", { max: "EUR 0.02" });
  await peer.wallet.topUp("EUR 1.00");
  await peer.wallet.buy(newsAt.url, "article", { max: "EUR 0.02" });
  expect((await peer.merchant.books("EUR")).sold).toBe(20_000n);
  // What a peer makes itself is no BrokerScrip, whatever it says.
  const hand = await Hand.open({ store, broker: cloud.pinnedUrl });
  const real = await hand.purse();
  const body = orThrow(readScrip(real.grant.body));
  const made = encodeAs(scripBodyCodec, { ...body, id: hand.newTxn(), value: euro("1000") });
  const meeting = await meetingAt(newsAt.url, hand);
  const forged = { ...real, grant: { ...real.grant, body: made } };
  expect(await spendAtBroker(meeting, "500", Promise.resolve(forged))).toBe("scrip-forged");
});

test("promise 7: account identifiers never reach a merchant, order information never the broker", async () => {
  const sent: Uint8Array[] = [];
  const transport: BrokerTransport = (method, url, body) => {
    if (body !== undefined) sent.push(body);
    return httpTransport(method, url, body);
  };
  const store = memoryPeerStore();
  const account = "account-of-promise-7";
  const wallet = await Wallet.open({ store, broker: cloud.pinnedUrl, transport, noticeDelay, account });
  closers.push(() => wallet.close());
  peers.push(wallet.uid);
  await wallet.topUp("EUR 1.00");
  await wallet.buy(newsAt.url, "article", { max: "EUR 0.02" });
  await wallet.flushNotices();
  await news.flushNotices();
  const atMerchant = (await shelf.list("")).map(([, value]) => Buffer.from(value));
  expect(atMerchant.some((value) => value.includes(account))).toBe(false);
  const names = [`PEER#${wallet.uid}`, `MERCHANT#${news.uid}`, `PAIR#${wallet.uid}#${news.uid}`];
  const atBroker = (await Promise.all(names.map(partition))).flat();
  expect(atBroker.length).toBeGreaterThan(3);
  const told = atBroker.flatMap(({ item }) => Object.values(item).map(bytesOf));
  expect(told.some((value) => value.includes("article") || value.includes("An article"))).toBe(false);
  expect(sent.some((body) => Buffer.from(body).includes("article"))).toBe(false);
});

test("promise 8: double spending, faulty scrip and forged scrip are refused", async () => {
  const { wallet, hand } = await openCustomer();
  await wallet.topUp("EUR 1.00");
  await wallet.obtain(newsAt.url, "EUR 0.50");
  const meeting = await meetingAt(newsAt.url, hand);
  const order = { ...orderFor("article", "EUR 0.02"), description: "An article" };
  const held = await hand.holding(news.uid);
  const { scrip, secret } = spendingOf(held);
  // Every byte of body and certificate counts: the certificate is over the body, the body names its producer.
  const [body, certificate] = scrip;
  for (const [part, bytes] of [body, certificate].entries()) {
    for (let at = 0; at < bytes.length; at += 1) {
      const altered = bytes.slice();
      altered.set([given(altered[at]) ^ 0x01], at);
      const shown = part === 0 ? ([altered, certificate] as const) : ([body, altered] as const);
      const { ok, reason, error } = await meeting.buy(
        await meeting.purchase({ scrip: shown, secret }, order),
      );
      expect(ok).toBe(false);
      expect(["scrip-forged", "wrong-issuer", "not-owner", "malformed"]).toContain(error ?? reason);
    }
  }
  const { id } = orThrow(readScrip(body));
  const record = async () => given(await merchantTables(shelf).scrip.get(id));
  expect((await record()).salt).toHaveLength(16);
  expect((await meeting.buy(await meeting.purchase({ scrip, secret }, order))).ok).toBe(true);
  expect((await meeting.buy(await meeting.purchase({ scrip, secret }, order))).reason).toBe("scrip-spent");
  // Its secrets are derived from a salt that only the producer had, and that is gone now.
  expect(await record()).toMatchObject({ state: "spent" });
  expect((await record()).salt).toBeUndefined();
  // The same of BrokerScrip.
  const purse = await hand.purse();
  const before = await purseOf(wallet.uid);
  expect(await spendAtBroker(meeting, "0.10")).toBe("done");
  expect(await spendAtBroker(meeting, "0.10", Promise.resolve(purse))).toBe("scrip-spent");
  const salts = (await partition(`PEER#${wallet.uid}`)).flatMap(({ item }) => Object.values(item));
  expect(salts.some((value) => bytesOf(value).equals(given(before.salt)))).toBe(false);
});

test("promise 8, on a lane: its scrip pays nowhere else, forged scrip opens none, and an item that comes twice sells once", async () => {
  const { wallet, hand } = await openCustomer();
  await wallet.topUp("EUR 1.00");
  await wallet.obtain(newsAt.url, "EUR 0.50");
  await wallet.close();
  const held = await hand.holding(news.uid);
  const { grant, secret } = held;
  // Every byte of body, certificate and proof counts, each in a session of its own: nonsense ends one.
  const { id } = orThrow(readScrip(grant.body));
  for (const part of ["body", "certificate", "pop"] as const) {
    const length = part === "pop" ? MAC_LENGTH : grant[part].length;
    for (let at = 0; at < length; at += 1) {
      const liar = await CustomerByHand.open(hand, news.visit());
      const { items, session } = liar;
      const parts = { ...grant, pop: proveLane(secret, laneOrigin(session.opening, 1, id)) };
      const altered = parts[part].slice();
      altered.set([given(altered[at], `${part} ${at}`) ^ 0x01], at);
      const { body, certificate, pop } = { ...parts, [part]: altered } as typeof parts;
      liar.send(laneOpen, [1, 1, [body, certificate], pop, new Uint8Array(0)]);
      const code = await Promise.race([items.fault(), items.ended()]);
      expect(["scrip-forged", "wrong-issuer", "not-owner", "malformed", "bad-proof"]).toContain(code);
      session.close("closed");
    }
  }
  const first = await CustomerByHand.open(hand, news.visit());
  const lane = first.openLane(1, held);
  await first.items.next(2);
  const item = first.buy(lane, 1, "drop", "EUR 0.000001");
  const answer = await first.items.next(4);
  // The same item again brings the same answer, another one under its number nothing.
  first.session.send(item);
  expect(await first.items.next(4)).toEqual(answer);
  first.buy(lane, 1, "drop", "EUR 0.000001", 2);
  expect(await first.items.fault()).toBe("conflict");
  // The lane holds its scrip: not for a purchase that is signed by itself, nor for a lane of another session.
  const meeting = await meetingAt(newsAt.url, hand);
  const order = { ...orderFor("article", "EUR 0.02"), description: "An article" };
  expect((await meeting.buy(await meeting.purchase(spendingOf(held), order))).reason).toBe("in-use");
  const second = await CustomerByHand.open(hand, news.visit());
  second.openLane(2, held);
  expect(await second.items.fault()).toBe("in-use");
  const sales = (await news.sales()).filter(({ customer }) => customer === hand.uid);
  expect(sales.map(({ charged }) => charged)).toEqual(["EUR 0.000001"]);
});

test("promise 9: an audit record makes unauthorised change detectable and disputes decidable", async () => {
  const { wallet, hand } = await openCustomer();
  await wallet.topUp("EUR 1.00");
  await wallet.topUp("EUR 2.00");
  const { receipt } = await wallet.buy(newsAt.url, "article", { max: "EUR 0.02", signature: "each" });
  // The broker's record of this peer is a chain: every terminal decision links to the one before.
  const records = (await partition(`PEER#${wallet.uid}`))
    .filter(({ key }) => key.sk.startsWith("TXN#"))
    .map(({ key, item }) => ({ txn: key.sk.slice(4), item, record: transactionItem.fromItem(item) }))
    .sort((a, b) => (a.record.sequence ?? 0) - (b.record.sequence ?? 0));
  const purse = await purseOf(wallet.uid);
  expect(records.map(({ record }) => record.sequence)).toEqual(records.map((_, i) => i + 1));
  let head = given(records[0]?.record.previous);
  for (const { txn, record } of records) {
    expect(record.previous).toEqual(head);
    head = chainHead(head, wallet.uid, txn, transactionItem.toItem(record));
    expect(record.head).toEqual(head);
    const altered = { ...record, value: (record.value ?? 0n) + 1n };
    expect(chainHead(given(record.previous), wallet.uid, txn, transactionItem.toItem(altered))).not.toEqual(
      head,
    );
  }
  expect(purse.head).toEqual(head);
  // A third party decides from the receipt alone: M1 signed by C, M2 by M, and M2 names M1.
  const m1 = orThrow(readMessage(receipt.request, [purchaseRequest]));
  const m2 = orThrow(readMessage(receipt.response, [purchaseResponse]));
  const { verifyingKey } = await hand.party.credential();
  const meeting = await meetingAt(newsAt.url, hand);
  const common = { network: cloud.network, now: Date.now() };
  orThrow(
    await verifyMessage(m1, {
      ...common,
      key: verifyingKey,
      kid: wallet.uid,
      from: wallet.uid,
      to: news.uid,
    }),
  );
  orThrow(
    await verifyMessage(m2, {
      ...common,
      key: meeting.merchant.verifyingKey,
      kid: news.uid,
      from: news.uid,
      to: wallet.uid,
    }),
  );
  expect(m2.payload.request).toBe(m1.digest);
  expect(orThrow(readSpend(purchaseSpendCodec, m1.payload.spend)).order.sku).toBe("article");
});

test("promise 9, on a lane: a receipt proves one purchase to anybody who knows the root key, and every altered byte shows", async () => {
  const { wallet, hand } = await openCustomer();
  await wallet.topUp("EUR 1.00");
  const bought: string[] = [];
  for (let i = 0; i < 3; i += 1)
    bought.push((await wallet.buy(newsAt.url, "article", { max: "EUR 0.02" })).receipt.txn);
  const txn = given(bought[1]);
  expect(await codeOf(wallet.receipt(txn))).toBe("pending");
  await wallet.refund(newsAt.url);
  const file = await wallet.receipt(txn);
  const said = orThrow(await verifyReceipt(file, cloud.network, { now: Date.now() }));
  expect(said).toMatchObject({
    txn,
    customer: wallet.uid,
    merchant: news.uid,
    ok: true,
    charged: euro("0.02"),
  });
  expect(said).toMatchObject({ order: { sku: "article" }, place: { sequence: 2 } });
  const accepted: number[] = [];
  for (let at = 0; at < file.length; at += 1) {
    const altered = file.slice();
    altered.set([given(altered[at]) ^ 0x01], at);
    if (!isRefusal(await verifyReceipt(altered, cloud.network))) accepted.push(at);
  }
  expect(accepted).toEqual([]);
  // The broker shows the statement to whoever is a party to it.
  await news.flushNotices();
  const question = await hand.sign(query, {
    to: cloud.network,
    initiator: wallet.uid,
    subject: txn,
    merchant: news.uid,
  });
  const { body } = await httpTransport("POST", `${cloud.url}/query`, await hand.sealToBroker(question));
  const meeting = await meetingAt(newsAt.url, hand);
  const answer = orThrow(await meeting.open(body, transactionResponse));
  const shown = answer.attachments.map((each) => orThrow(readStatement(each)).digest);
  expect(shown).toContain(given(said.place).statement);
});

test("promise 10: the broker's share of the work shrinks with every repeat", async () => {
  let calls = 0;
  const transport: BrokerTransport = (method, url, body) => {
    calls += 1;
    return httpTransport(method, url, body);
  };
  const merchant = await openMerchant(memoryPeerStore(), transport);
  const at = await merchant.serve();
  const callsFor = async (purchases: number): Promise<number> => {
    const { wallet } = await openCustomer(transport);
    await wallet.topUp("EUR 1.00");
    const before = calls;
    for (let i = 0; i < purchases; i += 1)
      await wallet.buy(at.url, "drop", { max: "EUR 0.01", vendorScrip: "EUR 0.01", signature: "each" });
    await wallet.flushNotices();
    await merchant.flushNotices();
    return calls - before;
  };
  const [once, often] = [await callsFor(1), await callsFor(40)];
  // Intent, authorization and one batch of notices from each side, however many purchases there are.
  expect(once).toBe(4);
  expect(often).toBe(4);
});

test("promise 10, on a lane: a run of 256 purchases is one request and one item at the broker", async () => {
  let calls = 0;
  const transport: BrokerTransport = (method, url, body) => {
    calls += 1;
    return httpTransport(method, url, body);
  };
  const merchant = await openMerchant(memoryPeerStore(), transport);
  const at = await merchant.serve();
  const workFor = async (purchases: number) => {
    const { wallet } = await openCustomer(transport);
    await wallet.topUp("EUR 1.00");
    await wallet.obtain(at.url, "EUR 0.01");
    const before = calls;
    for (let i = 0; i < purchases; i += 1) await wallet.buy(at.url, "drop", { max: "EUR 0.000001" });
    await wallet.close();
    await merchant.flushNotices();
    const pair = await partition(`PAIR#${wallet.uid}#${merchant.uid}`);
    const runs = pair.filter(({ key }) => !key.sk.endsWith("#CLOSED"));
    return { calls: calls - before, runs: runs.map(({ item }) => statementItem.fromItem(item).state) };
  };
  expect(await workFor(1)).toEqual({ calls: 1, runs: ["matched"] });
  expect(limits.statementAfter).toBe(256);
  expect(await workFor(limits.statementAfter)).toEqual({ calls: 1, runs: ["matched"] });
});

test("afterwards the books of all of it agree", async () => {
  const held = (await Promise.all(peers.map((uid) => partition(`MERCHANT#${uid}`))))
    .flat()
    .filter(({ key }) => key.sk.startsWith("CREDIT#"))
    .map(({ item }) => creditItem.fromItem(item))
    .filter(({ state }) => state === "held")
    .reduce((total, { owed = 0n }) => total + owed, 0n);
  const all = await books();
  expect(all.owedToMerchants).toBe(held);
  expect(all.conserved).toBe(true);
});
