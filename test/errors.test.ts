/**
 * Every code of the table of errors has a trigger: the shortest way to it through what a peer or an HTTP client can do.
 * A code without one fails here, and so does a trigger that brings another code.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { httpFunctions, operatedFunctions, variable } from "@lepta/lambdas";
import { StoreBusy } from "@lepta/lambdas/ports/store";
import {
  type Catalogue,
  type Merchant,
  memoryPeerStore,
  Peer,
  type PeerStore,
  sqlitePeerStore,
  type Wallet,
} from "@lepta/peer-sdk";
import {
  abort,
  brokerKeysCodec,
  brokerscripChange,
  brokerscripRequest,
  decodeAs,
  type ErrorCode,
  encodeAs,
  enrolRequest,
  errors,
  isRefusal,
  type MessageType,
  openMessage,
  orThrow,
  purchaseResponse,
  query,
  readMessage,
  readScrip,
  type Signed,
  scripBodyCodec,
  scripOf,
  sealMessage,
  transactionResponse,
  vendorscripIntent,
  vendorscripResponse,
} from "@lepta/protocol";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CustomerByHand } from "./peer-sdk/support/by-hand.ts";
import { errorIn, euro, given, Hand, type Meeting, orderFor, spendingOf } from "./peer-sdk/support/hand.ts";
import {
  channelTo,
  codeOf,
  createWorld,
  eventOf,
  HOUR,
  NEVER,
  type World,
} from "./peer-sdk/support/world.ts";
import { memoryBroker } from "./support/broker.ts";
import { authorise, enrolledPeer, makeSale } from "./support/peer.ts";
import { letCreditsFree, makeReversal, makeSettlement, reverse, settle } from "./support/returns.ts";

const NEWS = "ws://news.example/pay";
const SHORT = "ws://short.example/pay";
const LANES = "ws://lanes.example/pay";

const catalogue: Catalogue = {
  article: { price: "EUR 0.02", deliver: () => "the text" },
  broken: {
    price: "EUR 0.02",
    deliver: () => {
      throw new Error("out of paper");
    },
  },
  priceless: { price: "EUR 9000000000", deliver: () => "the sea" },
};

let dir: string;
/** Worlds with sessions, which are closed in the end. */
const lanes: World[] = [];
let world: World;
let news: Merchant;
let shelf: PeerStore;
let store: PeerStore;
let wallet: Wallet;
let hand: Hand;
let meeting: Meeting;
/** What the broker's table does next. */
let fault: Error | undefined;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "lepta-errors-"));
  world = await createWorld({
    around: (table) => ({
      ...table,
      commit: (writes) => (fault === undefined ? table.commit(writes) : Promise.reject(fault)),
    }),
  });
  shelf = memoryPeerStore();
  store = memoryPeerStore();
  news = await world.merchant(NEWS, { store: shelf, catalogue });
  wallet = await world.wallet({ store, account: "alice" });
  await wallet.topUp("EUR 100.00");
  await wallet.obtain(NEWS, "EUR 10.00");
  hand = await handOn(store);
  meeting = await hand.greet(news.visit());
});
afterAll(async () => {
  for (const place of lanes) await place.close();
  await world.close();
  rmSync(dir, { recursive: true, force: true });
});

const handOn = (of: PeerStore): Promise<Hand> =>
  Hand.open({ store: of, broker: world.broker, transport: world.transport, runtime: world.runtime });

const post = async (path: string, body: Uint8Array, contentType?: string): Promise<string> =>
  given(errorIn((await world.call(path, body, contentType === undefined ? {} : { contentType })).body));
const postSealed = async (path: string, message: Signed<MessageType>): Promise<string> =>
  post(path, await hand.sealToBroker(message));
const funding = (fields: Readonly<Record<string, unknown>> = {}) =>
  hand.sign(brokerscripRequest, { to: world.network, amount: euro("1"), ...fields });
const order = orderFor("article", "EUR 0.02");
const bought = async (...rest: Parameters<Meeting["purchase"]>): Promise<string> =>
  given((await meeting.buy(await meeting.purchase(...rest))).reason);
const ours = async () => spendingOf(await hand.holding(news.uid));

/** The reason that the broker gives the customer for a request for VendorScrip that was written by hand. */
async function changeReason(sealed: Uint8Array, txn: string): Promise<string> {
  await meeting.send(sealed);
  const question = await hand.sign(query, { to: world.network, initiator: hand.uid, subject: txn });
  const { body } = await world.call("/query", await hand.sealToBroker(question));
  const answer = orThrow(await meeting.open(body, transactionResponse));
  return given(orThrow(readMessage(given(answer.attachments[0]), [brokerscripChange])).payload.reason);
}

const triggers: Readonly<Partial<Record<ErrorCode, () => Promise<string>>>> = {
  // The bytes.
  malformed: () => post("/brokerscrip", new Uint8Array([1, 2, 3])),
  "too-large": () => post("/brokerscrip", new Uint8Array(64 * 1024)),
  "unsupported-media": () => post("/brokerscrip", new Uint8Array(1), "application/json"),
  "not-found": async () => {
    const { body = "" } = await httpFunctions.keys(world.wiring)(eventOf("GET", "/treasure", undefined));
    return given(errorIn(Buffer.from(body, "base64")));
  },
  // The seal, the signature and the common fields.
  unauthentic: async () => {
    const sealed = await hand.sealToBroker(await funding());
    const middle = Math.floor(sealed.length / 2);
    sealed.set([given(sealed[middle]) ^ 1], middle);
    return post("/brokerscrip", sealed);
  },
  "unknown-peer": async () => {
    const offer = await meeting.seal(await meeting.purchase(await ours(), order));
    return given(errorIn(given((await news.visit()([offer]))[0])));
  },
  "wrong-type": async () => postSealed("/query", await funding()),
  "wrong-network": async () => postSealed("/brokerscrip", await funding({ network: news.uid })),
  "wrong-recipient": async () => postSealed("/brokerscrip", await funding({ to: news.uid })),
  "wrong-reference": async () =>
    postSealed(
      "/abort",
      await hand.sign(abort, { to: world.network, initiator: news.uid, subject: hand.newTxn() }),
    ),
  expired: async () => {
    const now = world.runtime.now();
    const late = { initiator: hand.uid, subject: hand.newTxn(), issuedAt: now - 2, expiresAt: now - 1 };
    return postSealed("/query", await hand.sign(query, { to: world.network, ...late }));
  },
  "future-dated": async () => {
    const issuedAt = world.runtime.now() + HOUR;
    return postSealed("/brokerscrip", await funding({ issuedAt, expiresAt: issuedAt + 1 }));
  },
  // Transactions.
  frozen: async () => {
    const { broker, alice } = await sold();
    await operatedFunctions.operate(broker.wiring)({ operation: "freeze", uid: alice.uid });
    return given(orThrow(await alice.topUp(euro("1"))).payload.reason);
  },
  conflict: async () => {
    const txn = hand.newTxn();
    await bought(await ours(), orderFor("nothing", "EUR 0.02"), { fields: { txn } });
    return bought(await ours(), order, { fields: { txn } });
  },
  aborted: () => {
    world.places.set("ws://silent.example/", () => {
      const visit = news.visit();
      let frames = 0;
      return async (messages) => {
        frames += 1;
        return frames === 1 ? visit(messages) : [];
      };
    });
    const silent = memoryPeerStore();
    return world.wallet({ store: silent }).then(async (other) => {
      await other.topUp("EUR 1.00");
      return codeOf(other.obtain("ws://silent.example/", "EUR 0.10"));
    });
  },
  refused: async () => {
    const { sealed } = await meeting.obtain(euro("1000"), await hand.purse());
    const { replies } = await meeting.send(sealed);
    return given(orThrow(await meeting.open(replies[0], vendorscripResponse)).payload.reason);
  },
  pending: async () => codeOf((await world.wallet({ account: "bob+recallable" })).topUp("EUR 1.00")),
  busy: () => withFault(new StoreBusy(), async () => postSealed("/brokerscrip", await funding())),
  internal: () =>
    withFault(new TypeError("a fault of ours"), async () => postSealed("/brokerscrip", await funding())),
  // Enrolment and money from outside.
  "account-refused": () => codeOf(world.wallet({ account: "carol", mandate: "none" })),
  "account-taken": () => codeOf(world.wallet({ account: "alice" })),
  "bad-possession": async () => {
    const { identity } = hand.party;
    return postSealed(
      "/enrol",
      await hand.sign(enrolRequest, {
        to: world.network,
        publicKey: identity.signing.publicKey,
        sealingKey: identity.statement,
        possession: new Uint8Array(32),
      }),
    );
  },
  declined: async () => codeOf((await world.wallet({ account: "dave+declined" })).topUp("EUR 1.00")),
  "wrong-currency": () => codeOf(wallet.topUp("USD 1.00")),
  "amount-overflow": () => codeOf(wallet.buy(NEWS, "priceless", { max: "EUR 9000000000", quantity: 1000 })),
  // Scrip.
  "scrip-forged": async () => {
    const { grant, secret } = await hand.holding(news.uid);
    const raised = { ...orThrow(readScrip(grant.body)), value: euro("1000") };
    return bought({ scrip: [encodeAs(scripBodyCodec, raised), grant.certificate], secret }, order);
  },
  "scrip-spent": async () => {
    const held = await ours();
    // The wallet spends it; the hand shows it again.
    await wallet.buy(NEWS, "article", { max: "EUR 0.02" });
    return bought(held, order);
  },
  "scrip-expired": async () => {
    const variables = { [variable.scripLife]: String(HOUR), [variable.grace]: "0" };
    const brief = await createWorld({ seed: "brief", variables });
    await brief.merchant(SHORT, { catalogue });
    const other = memoryPeerStore();
    const payer = await brief.wallet({ store: other });
    await payer.topUp("EUR 1.00");
    brief.runtime.advance(HOUR);
    const code = await codeOf(payer.obtain(SHORT, "EUR 0.10"));
    await brief.close();
    return code;
  },
  "wrong-issuer": async () => bought(spendingOf(await hand.purse()), order),
  "not-owner": async () => {
    const thieves = memoryPeerStore();
    await world.wallet({ store: thieves });
    const thief = await (await handOn(thieves)).greet(news.visit());
    return given((await thief.buy(await thief.purchase(await ours(), order))).reason);
  },
  "bad-proof": async () => {
    const { grant } = await hand.holding(news.uid);
    return bought({ scrip: scripOf(grant), secret: new Uint8Array(32) }, order);
  },
  "paid-out": async () => {
    const { broker, alice, sale, shop } = await sold();
    await letCreditsFree(broker);
    orThrow(await settle(shop, await makeSettlement(shop)));
    return given(orThrow(await reverse(alice, await makeReversal(alice, shop.uid, sale.txn))).payload.reason);
  },
  "too-late": async () => {
    const { broker, alice, sale, shop } = await sold();
    await letCreditsFree(broker);
    return given(orThrow(await reverse(alice, await makeReversal(alice, shop.uid, sale.txn))).payload.reason);
  },
  insufficient: async () =>
    bought(await ours(), orderFor("article", "EUR 0.02", 1000), { amount: euro("20") }),
  "intent-mismatch": async () => {
    const txn = hand.newTxn();
    const intent = await hand.sign(vendorscripIntent, {
      to: world.network,
      txn,
      merchant: news.uid,
      amount: euro("2"),
    });
    await world.call("/intent", await hand.sealToBroker(intent));
    const { sealed } = await meeting.obtain(euro("3"), await hand.purse(), txn);
    return changeReason(sealed, txn);
  },
  "scrip-mismatch": async () => {
    // A merchant that charges something else than was agreed: it signs with its own key, and lies.
    const liar = await handOn(shelf);
    const theirs = memoryPeerStore();
    const victim = await world.wallet({
      store: theirs,
      connect: async () => {
        const visit = news.visit();
        return channelTo(async (messages) => {
          const answers = await visit(messages);
          const { opening } = victimHand.party.identity;
          const opened = await openMessage(given(answers[0]), [purchaseResponse], (kid) =>
            kid === opening.id ? opening : undefined,
          );
          if (isRefusal(opened)) return answers;
          const { type: _type, version: _version, ...payload } = opened.payload;
          const lie = await liar.sign(purchaseResponse, { ...payload, charged: euro("0.03") });
          const to = orThrow(await victimHand.party.suite.sealingKey(opening.publicKey));
          return [await sealMessage(lie, to, world.runtime.random, { secrets: opened.secrets })];
        });
      },
    });
    const victimHand = await handOn(theirs);
    await victim.topUp("EUR 1.00");
    return codeOf(victim.buy(NEWS, "article", { max: "EUR 0.05" }));
  },
  "same-party": async () =>
    postSealed(
      "/intent",
      await hand.sign(vendorscripIntent, { to: world.network, merchant: hand.uid, amount: euro("1") }),
    ),
  // Buying.
  "unknown-item": () => codeOf(wallet.buy(NEWS, "nothing", { max: "EUR 1.00" })),
  "price-mismatch": async () => bought(await ours(), orderFor("article", "EUR 0.01")),
  "delivery-failed": () => codeOf(wallet.buy(NEWS, "broken", { max: "EUR 1.00" })),
  // What the SDK itself finds.
  "over-max": () => codeOf(wallet.buy(NEWS, "article", { max: "EUR 0.01" })),
  "over-budget": async () => {
    const budget = await wallet.budget("errors");
    const allowed = { max: euro("1"), perDay: euro("1") };
    await budget.reserve("first", euro("1"), allowed);
    const said = await budget.reserve("second", euro("0.01"), allowed);
    return isRefusal(said) ? said.code : "no refusal";
  },
  "insufficient-funds": () => codeOf(wallet.obtain(NEWS, "EUR 1000")),
  "bad-amount": () => codeOf(wallet.topUp("five euros")),
  "bad-phrase": () => codeOf(world.wallet({ phrase: "abandon ".repeat(12) })),
  "not-pinned": () => codeOf(world.wallet({ broker: "https://pay.example.org" })),
  "wrong-root": () => codeOf(world.wallet({ broker: `http://127.0.0.1:8787#${news.uid}` })),
  "account-needed": () =>
    codeOf(
      world.wallet({
        transport: async (method, url, body) => {
          const answer = await world.transport(method, url, body);
          if (method === "POST") return answer;
          const shown = orThrow(decodeAs(brokerKeysCodec, answer.body));
          return { ...answer, body: encodeAs(brokerKeysCodec, { ...shown, rail: "bank" }) };
        },
      }),
    ),
  unreachable: () => codeOf(wallet.buy("ws://nobody.example/", "article", { max: "EUR 1.00" })),
  "store-locked": async () => {
    const path = join(dir, "locked");
    const first = sqlitePeerStore(path);
    const code = await codeOf((async () => sqlitePeerStore(path))());
    await first.close();
    return code;
  },
  "store-damaged": async () => {
    writeFileSync(join(dir, "lepta.sqlite"), "somebody's notes");
    return codeOf((async () => sqlitePeerStore(dir))());
  },
  "signature-needed": async () => {
    const { wallet: theirs } = await onLanes();
    return codeOf(theirs.buy(LANES, "dear", { max: "EUR 1.00", signature: "statement" }));
  },
  "in-use": async () => {
    const { first, second, held } = await onLanes();
    first.openLane(1, held);
    await first.items.next(2);
    second.openLane(2, held);
    return second.items.fault();
  },
  "statement-due": async () => {
    const { first, held, other } = await onLanes();
    const lane = first.openLane(1, held);
    await first.items.next(2);
    // As much as may be without a statement, and none of them is signed.
    for (let sequence = 1; sequence <= 5; sequence += 1) {
      first.buy(lane, sequence, "page", "EUR 0.05");
      await first.items.next(4);
    }
    first.openLane(2, other);
    return first.items.fault();
  },
  closed: async () => {
    const shut = await world.wallet();
    await shut.close();
    return codeOf(shut.topUp("EUR 1.00"));
  },
};

/** A merchant that sells on lanes, a customer with two scrips and two sessions by hand, and its wallet. */
async function onLanes() {
  const place = await createWorld({ sessions: true });
  lanes.push(place);
  const merchant = await place.merchant(LANES, {
    catalogue: {
      page: { price: "EUR 0.05", deliver: () => "a page" },
      dear: { price: "EUR 0.50", deliver: () => "a book" },
    },
    statementBelow: "EUR 0.25",
  });
  const shelfOf = memoryPeerStore();
  const customer = await place.wallet({ store: shelfOf });
  await customer.topUp("EUR 5.00");
  for (let i = 0; i < 2; i += 1) await customer.obtain(LANES, "EUR 1.00");
  const { broker, transport, runtime } = place;
  const byHand = await Hand.open({ store: shelfOf, broker, transport, runtime });
  const [held, other] = await byHand.holdings(merchant.uid);
  const [first, second] = [
    await CustomerByHand.open(byHand, merchant.visit()),
    await CustomerByHand.open(byHand, merchant.visit()),
  ];
  return { wallet: customer, held: given(held), other: given(other), first, second };
}

/** A broker with a sale that went well, driven by hand: the SDK offers no way back yet. */
async function sold() {
  const broker = await memoryBroker();
  const [alice, shop] = [await enrolledPeer(broker, "alice"), await enrolledPeer(broker, "shop")];
  const held = await alice.fund(euro("1"));
  const sale = await makeSale(alice, shop, broker.runtime.now(), { amount: euro("0.50"), held });
  orThrow(await authorise(broker, sale));
  return { broker, alice, shop, sale };
}

async function withFault(error: Error, work: () => Promise<string>): Promise<string> {
  fault = error;
  try {
    return await work();
  } finally {
    fault = undefined;
  }
}

const codes = Object.keys(errors) as ErrorCode[];

test.each(codes)("%s has a trigger", async (code) => {
  const trigger = triggers[code];
  expect(trigger, `no test triggers ${code}`).toBeDefined();
  expect(await trigger?.()).toBe(code);
});

test("no trigger is for a code that the table does not have", () => {
  expect(Object.keys(triggers).filter((code) => !(code in errors))).toEqual([]);
});

test("a peer that is customer and merchant of one transaction is told nothing more than that it was refused", async () => {
  const peer = await Peer.open({
    broker: world.broker,
    store: memoryPeerStore(),
    transport: world.transport,
    connect: world.connect,
    runtime: world.runtime,
    noticeDelay: NEVER,
    catalogue,
  });
  world.places.set("ws://self.example/", () => peer.merchant.visit());
  await peer.wallet.topUp("EUR 1.00");
  expect(await codeOf(peer.wallet.obtain("ws://self.example/", "EUR 0.10"))).toBe("aborted");
  await peer.close();
});
