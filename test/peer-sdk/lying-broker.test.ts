/**
 * A broker that lies to its peers under its own keys: figure 6's M1, figure 8's M3 and M4, acknowledgements, and answers
 * to something else. One row for each lie.
 */
import {
  type BrokerTransport,
  type Catalogue,
  type Merchant,
  memoryPeerStore,
  type PeerStore,
  type Wallet,
} from "@lepta/peer-sdk";
import {
  acknowledgement,
  authorizationResponse,
  brokerscripChange,
  brokerscripResponse,
  type Grant,
  isRefusal,
  type MessageType,
  makeScripId,
  openMessage,
  orThrow,
  type Payload,
  readMessage,
  readScrip,
  type ScripBody,
  type Secret,
  type SigningKey,
  toText,
  transactionResponse,
} from "@lepta/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { bodyOf, type Holding } from "../../peer-sdk/src/customer/records.ts";
import { expectSettled } from "./support/audit.ts";
import { brokerKey, forge, type Liar, type Lie, regrant, resign } from "./support/forger.ts";
import { euro, given, Hand } from "./support/hand.ts";
import { codeOf, createWorld, through, type World } from "./support/world.ts";

const NEWS = "ws://news.example/pay";
const catalogue: Catalogue = { article: { price: "EUR 0.02", deliver: () => "the text" } };
const max = { max: "EUR 0.02" };
const OTHER_TXN = toText(new Uint8Array(16));
const OTHER_DIGEST = toText(new Uint8Array(32));
const OTHER_SCRIP = makeScripId(1, new Uint8Array(12));

let world: World;
let store: PeerStore;
let shelf: PeerStore;
let news: Merchant;
let wallet: Wallet;
let customer: Hand;
let decide: SigningKey;
let acknowledge: SigningKey;
/** What becomes of the broker's answers at its doors, and of a merchant's answers, on their way to the wallet. */
let atDoor: (path: string, answer: Uint8Array) => Promise<Uint8Array>;
let atMerchant: (replies: readonly Uint8Array[]) => Promise<readonly Uint8Array[]>;
const honestDoor: typeof atDoor = async (_path, answer) => answer;
const honestMerchant: typeof atMerchant = async (replies) => replies;
/** Only figure 8 is answered by two: M5 and M3. */
const withholding: typeof atMerchant = async (replies) => (replies.length === 2 ? [] : replies);

beforeEach(async () => {
  world = await createWorld();
  store = memoryPeerStore();
  shelf = memoryPeerStore();
  atDoor = honestDoor;
  atMerchant = honestMerchant;
  news = await world.merchant(NEWS, { store: shelf, catalogue });
  const transport: BrokerTransport = async (method, url, bytes) => {
    const answer = await world.transport(method, url, bytes);
    return method === "GET" ? answer : { ...answer, body: await atDoor(new URL(url).pathname, answer.body) };
  };
  const connect = through(world.connect, async (_messages, pass) => atMerchant(await pass()));
  wallet = await world.wallet({ store, connect, transport });
  await wallet.topUp("EUR 4.00");
  customer = await Hand.open({
    store,
    broker: world.broker,
    transport: world.transport,
    runtime: world.runtime,
  });
  decide = await brokerKey(world);
  acknowledge = await brokerKey(world, "acknowledge");
});
afterEach(() => world.close());

const settled = () => expectSettled(world, [{ uid: wallet.uid, store }], [{ uid: news.uid, store: shelf }]);
const scripIn = (grant: Grant | undefined): ScripBody => orThrow(readScrip(given(grant).body));
const noSecret = { secrets: [] } as const;

/** Answers of one type, at one door, with the lie in place of the truth; counts them. */
function lieAt<M extends MessageType>(path: string, type: M, key: SigningKey, liar: Liar<M>) {
  const told = { times: 0 };
  atDoor = (at, answer) =>
    at === path
      ? forge(answer, type, customer, key, (honest) => {
          told.times += 1;
          return liar(honest);
        })
      : honestDoor(at, answer);
  return told;
}

/** An answer that is attached to another, with the lie in place of the truth; its secrets are beside the outer one. */
async function attachedLie<M extends typeof brokerscripResponse | typeof brokerscripChange>(
  type: M,
  liar: Liar<M>,
  [signed = new Uint8Array()]: readonly Uint8Array[],
  secrets: readonly Secret[],
): Promise<Lie> {
  const { payload } = orThrow(readMessage(signed, [type]));
  const lie = await liar({ payload: payload as Payload<M>, secrets, attachments: [] });
  const attached = await resign(signed, type, lie.by ?? decide, lie.payload ?? {});
  return { attachments: [attached], secrets: lie.secrets ?? secrets };
}

describe("M1 of figure 6", () => {
  type Row = readonly [name: string, code: string, lie: Liar<typeof brokerscripResponse>];
  const grant =
    (fields: () => Partial<ScripBody>): Liar<typeof brokerscripResponse> =>
    ({ payload }) => ({ payload: { grant: regrant(payload.grant, fields()) } });
  const rows: readonly Row[] = [
    ["of less than the sum", "scrip-mismatch", grant(() => ({ value: euro("4.99") }))],
    ["of more than the sum", "scrip-mismatch", grant(() => ({ value: euro("5.01") }))],
    [
      "of less than was bought, in nothing's place",
      "scrip-mismatch",
      ({ payload }) => ({
        payload: { grant: regrant(payload.grant, { value: euro("0.99") }), replaced: undefined },
      }),
    ],
    [
      "of less than was bought, in the place of a scrip that we never had",
      "insufficient",
      ({ payload }) => ({
        payload: { grant: regrant(payload.grant, { value: euro("0.99") }), replaced: OTHER_SCRIP },
      }),
    ],
    [
      "of another currency, in the place of a scrip that we never had",
      "wrong-currency",
      ({ payload }) => ({
        payload: {
          grant: regrant(payload.grant, { value: { currency: "USD", value: 5_000_000n } }),
          replaced: OTHER_SCRIP,
        },
      }),
    ],
    ["for another owner", "scrip-mismatch", grant(() => ({ owner: news.uid }))],
    ["of another issuer", "scrip-mismatch", grant(() => ({ issuer: news.uid }))],
    ["of VendorScrip", "scrip-mismatch", grant(() => ({ kind: "vendor" }))],
    ["of another network", "scrip-mismatch", grant(() => ({ network: news.uid }))],
    [
      "with a wrong CustomerSecret",
      "bad-proof",
      ({ secrets }) => ({ secrets: secrets.map((each) => ({ ...each, secret: new Uint8Array(32) })) }),
    ],
    ["without its CustomerSecret", "wrong-reference", () => noSecret],
    ["to another request", "wrong-reference", () => ({ payload: { request: OTHER_DIGEST } })],
    [
      "of a conflict",
      "conflict",
      () => ({ payload: { ok: false, reason: "conflict", grant: undefined }, ...noSecret }),
    ],
    ["for another peer", "wrong-recipient", () => ({ payload: { to: news.uid } })],
    ["under a key for another purpose", "unauthentic", () => ({ by: acknowledge })],
  ];

  test.each(rows)(
    "%s is %s: the purse stays as it is and the top-up under way",
    async (_name, code, liar) => {
      const before = await customer.purse();
      const told = lieAt("/brokerscrip", brokerscripResponse, decide, liar);
      expect(await codeOf(wallet.topUp("EUR 1.00"))).toBe(code);
      expect(told.times).toBe(1);
      await expectUnderWay(before);
      // The same lie as an answer to a query ends nothing either.
      lieToQueries(liar);
      await wallet.resume();
      await expectUnderWay(before);

      atDoor = honestDoor;
      await wallet.resume();
      expect((await wallet.balance()).brokerScrip).toBe("EUR 5.00");
      await settled();
    },
  );

  test("in another transaction is wrong-reference, and the top-up stays under way", async () => {
    const before = await customer.purse();
    lieAt("/brokerscrip", brokerscripResponse, decide, () => ({ payload: { txn: OTHER_TXN } }));
    expect(await codeOf(wallet.topUp("EUR 1.00"))).toBe("wrong-reference");
    await expectUnderWay(before);
    atDoor = honestDoor;
    await wallet.resume();
    await settled();
  });

  // It is not so: `conclude` puts the new scrip in the place of any other, and what it held is nowhere any more.
  test("in nothing's place does not make the wallet forget the scrip that it holds", async () => {
    const { grant: held } = await customer.purse();
    lieAt("/brokerscrip", brokerscripResponse, decide, ({ payload }) => ({
      payload: { grant: regrant(payload.grant, { value: euro("1.00") }), replaced: undefined },
    }));
    await codeOf(wallet.topUp("EUR 1.00"));
    const kept = (await store.list("")).map(([, value]) => Buffer.from(value));
    expect(kept.some((value) => value.includes(Buffer.from(held.body)))).toBe(true);
  });

  function lieToQueries(liar: Liar<typeof brokerscripResponse>): void {
    lieAt("/query", transactionResponse, decide, ({ attachments, secrets }) =>
      attachedLie(brokerscripResponse, liar, attachments, secrets),
    );
  }

  async function expectUnderWay(before: Holding): Promise<void> {
    expect(await customer.purse()).toEqual(before);
    expect(await wallet.pending()).toMatchObject([{ kind: "topup", amount: "EUR 1.00" }]);
    expect(await wallet.history()).toHaveLength(1);
  }
});

describe("M3 of figure 8", () => {
  type Row = readonly [name: string, code: string, lie: Liar<typeof brokerscripChange>];
  const grant =
    (fields: (granted: ScripBody) => Partial<ScripBody>): Liar<typeof brokerscripChange> =>
    ({ payload }) => ({ payload: { grant: regrant(payload.grant, fields(scripIn(payload.grant))) } });
  const m4 =
    (fields: () => Readonly<Record<string, unknown>>, key = () => decide): Liar<typeof brokerscripChange> =>
    async ({ payload }) => ({
      payload: {
        authorization: await resign(payload.authorization, authorizationResponse, key(), fields()),
      },
    });
  const rows: readonly Row[] = [
    ["names another merchant", "wrong-reference", () => ({ payload: { merchant: wallet.uid } })],
    ["names another amount", "wrong-reference", () => ({ payload: { amount: euro("0.99") } })],
    [
      "names another currency",
      "wrong-reference",
      () => ({ payload: { amount: { currency: "USD", value: 1_000_000n } } }),
    ],
    ["names another scrip as spent", "wrong-reference", () => ({ payload: { spent: OTHER_SCRIP } })],
    ["names no scrip as spent", "wrong-reference", () => ({ payload: { spent: undefined } })],
    [
      "takes more, with a Br1 that fits",
      "wrong-reference",
      ({ payload }) => ({
        payload: { amount: euro("1.01"), grant: regrant(payload.grant, { value: euro("2.99") }) },
      }),
    ],
    ["gives less Br1", "scrip-mismatch", grant(() => ({ value: euro("2.99") }))],
    ["gives more Br1", "scrip-mismatch", grant(() => ({ value: euro("3.01") }))],
    ["gives no Br1", "scrip-mismatch", () => ({ payload: { grant: undefined }, ...noSecret })],
    ["gives Br1 of another parent", "scrip-mismatch", grant(() => ({ parent: OTHER_SCRIP }))],
    [
      "gives Br1 that ends earlier",
      "scrip-mismatch",
      grant(({ expiresAt }) => ({ expiresAt: expiresAt - 1 })),
    ],
    ["gives Br1 to another owner", "scrip-mismatch", grant(() => ({ owner: news.uid }))],
    ["gives Br1 of another issuer", "scrip-mismatch", grant(() => ({ issuer: news.uid }))],
    ["gives VendorScrip as Br1", "scrip-mismatch", grant(() => ({ kind: "vendor" }))],
    [
      "gives Br1 with a wrong CustomerSecret",
      "bad-proof",
      ({ secrets }) => ({ secrets: secrets.map((each) => ({ ...each, secret: new Uint8Array(32) })) }),
    ],
    ["gives Br1 without its CustomerSecret", "wrong-reference", () => noSecret],
    ["holds an M4 of another amount", "wrong-reference", m4(() => ({ amount: euro("0.99") }))],
    [
      "holds an M4 of another currency",
      "wrong-reference",
      m4(() => ({ amount: { currency: "USD", value: 1_000_000n } })),
    ],
    ["holds an M4 of another customer", "wrong-reference", m4(() => ({ customer: news.uid }))],
    ["holds an M4 that refuses", "wrong-reference", m4(() => ({ ok: false, reason: "refused" }))],
    ["holds an M4 of another transaction", "wrong-reference", m4(() => ({ txn: OTHER_TXN }))],
    ["holds an M4 for another merchant", "wrong-recipient", m4(() => ({ to: wallet.uid }))],
    [
      "holds an M4 under a key for another purpose",
      "unauthentic",
      m4(
        () => ({}),
        () => acknowledge,
      ),
    ],
    [
      "holds something else than M4",
      "malformed",
      () => ({ payload: { authorization: new Uint8Array([0x80]) } }),
    ],
  ];

  test.each(rows)(
    "that %s is %s: the purse stays locked until the truth comes",
    async (_name, code, liar) => {
      const before = await customer.purse();
      let lies = 0;
      atMerchant = (replies) =>
        Promise.all(
          replies.map((reply) =>
            forge(reply, brokerscripChange, customer, decide, (honest) => {
              lies += 1;
              return liar(honest);
            }),
          ),
        );
      expect(await codeOf(wallet.obtain(NEWS, "EUR 1.00"))).toBe(code);
      expect(lies).toBe(1);
      await expectLocked(before);
      // The broker says the same when it is asked, and what needs the purse waits.
      lieToQueries(liar);
      await wallet.resume();
      await expectLocked(before);
      expect(await codeOf(wallet.obtain(NEWS, "EUR 0.50"))).toBe("pending");
      await expectLocked(before);

      atMerchant = honestMerchant;
      atDoor = honestDoor;
      await wallet.resume();
      expect(await wallet.balance()).toMatchObject({
        brokerScrip: "EUR 3.00",
        vendorScrip: [{ merchant: news.uid, amount: "EUR 1.00" }],
      });
      await settled();
    },
  );

  test("that answers another part is passed over where the merchant brings it, and the broker's own is taken", async () => {
    atMerchant = (replies) =>
      Promise.all(
        replies.map((reply) =>
          forge(reply, brokerscripChange, customer, decide, () => ({ payload: { request: OTHER_DIGEST } })),
        ),
      );
    await wallet.obtain(NEWS, "EUR 1.00");
    await settled();
  });

  const inAnother: Liar<typeof brokerscripChange> = async (honest) => ({
    payload: { txn: OTHER_TXN, ...(await m4(() => ({ txn: OTHER_TXN }))(honest)).payload },
  });
  test.each<readonly [string, Liar<typeof brokerscripChange>]>([
    ["another part", () => ({ payload: { request: OTHER_DIGEST } })],
    ["in another transaction, as does its M4", inAnother],
  ])("that answers %s ends nothing where the broker itself brings it", async (_name, liar) => {
    const before = await customer.purse();
    atMerchant = withholding;
    lieToQueries(liar);
    expect(await codeOf(wallet.obtain(NEWS, "EUR 1.00"))).toBe("wrong-reference");
    await expectLocked(before);
    atDoor = honestDoor;
    await wallet.resume();
    await settled();
  });

  function lieToQueries(liar: Liar<typeof brokerscripChange>): void {
    lieAt("/query", transactionResponse, decide, ({ attachments, secrets }) =>
      attachedLie(brokerscripChange, liar, attachments, secrets),
    );
  }

  async function expectLocked({ grant: live }: Holding): Promise<void> {
    const [entry, ...more] = await wallet.pending();
    expect(more).toEqual([]);
    expect(entry).toMatchObject({ kind: "vendorscrip", amount: "EUR 1.00", merchant: news.uid });
    expect(await customer.purse()).toMatchObject({ grant: live, lockedBy: given(entry).txn });
    expect(await customer.holdings(news.uid)).toEqual([]);
    expect(await wallet.history()).toHaveLength(1);
  }
});

describe("an answer to a query", () => {
  const rows = [
    ["another request", { request: OTHER_DIGEST }],
    ["another transaction", { txn: OTHER_TXN }],
  ] as const;
  test.each(rows)("that names %s ends nothing, whatever it says", async (_name, payload) => {
    atMerchant = withholding;
    const said = { ...payload, state: "aborted" };
    lieAt("/query", transactionResponse, decide, () => ({ payload: said, attachments: [], ...noSecret }));
    expect(await codeOf(wallet.obtain(NEWS, "EUR 1.00"))).toBe("wrong-reference");
    expect(await wallet.pending()).toMatchObject([{ kind: "vendorscrip" }]);
    expect(bodyOf(await customer.purse()).value).toEqual(euro("4.00"));
    expect((await customer.purse()).lockedBy).toBeDefined();
    atDoor = honestDoor;
    await wallet.resume();
    await settled();
  });

  test("that says refused or aborted to a query, and is not an abort's, does not unlock the purse", async () => {
    atMerchant = withholding;
    const doors: string[] = [];
    atDoor = async (path, answer) => {
      doors.push(path);
      const opened = await openMessage(answer, [transactionResponse], () => customer.party.identity.opening);
      if (isRefusal(opened)) return answer;
      return forge(answer, transactionResponse, customer, decide, () => ({
        payload: { state: path === "/query" ? "aborted" : "open" },
        attachments: [],
        ...noSecret,
      }));
    };
    expect(await codeOf(wallet.obtain(NEWS, "EUR 1.00"))).toBe("pending");
    expect(doors).toContain("/abort");
    expect((await customer.purse()).lockedBy).toBeDefined();
    atDoor = honestDoor;
    await wallet.resume();
    await settled();
  });
});

describe("an acknowledgement", () => {
  type Row = readonly [name: string, lie: Liar<typeof acknowledgement>];
  const rows: readonly Row[] = [
    ["of more notices", ({ payload }) => ({ payload: { count: payload.count + 1 } })],
    ["of fewer notices", ({ payload }) => ({ payload: { count: payload.count - 1 } })],
    ["of other notices", () => ({ payload: { tree: new Uint8Array(32) } })],
    ["of another batch", () => ({ payload: { request: OTHER_DIGEST } })],
    ["in another transaction", () => ({ payload: { txn: OTHER_TXN } })],
    ["for another peer", () => ({ payload: { to: news.uid } })],
    ["under a key for another purpose", () => ({ by: decide })],
  ];

  test.each(rows)("%s drops none: they are sent until the right one comes", async (_name, liar) => {
    await wallet.obtain(NEWS, "EUR 1.00");
    for (let bought = 0; bought < 2; bought += 1) await wallet.buy(NEWS, "article", max);
    const waiting = await store.list("outbox/");
    expect(waiting).toHaveLength(2);
    const told = lieAt("/notices", acknowledgement, acknowledge, liar);
    expect(await codeOf(wallet.flushNotices())).toBe("unreachable");
    expect(told.times).toBe(1);
    expect(await store.list("outbox/")).toEqual(waiting);
    atDoor = honestDoor;
    await wallet.flushNotices();
    expect(await store.list("outbox/")).toEqual([]);
    await settled();
  });
});
