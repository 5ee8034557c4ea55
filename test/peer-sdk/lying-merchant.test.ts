/** A merchant that lies to a customer, in figure 7's M2 and in the M5 that it puts into escrow: one row for each lie. */
import { type Catalogue, type Merchant, memoryPeerStore, type PeerStore, type Wallet } from "@lepta/peer-sdk";
import {
  brokerscripChange,
  type Grant,
  makeScripId,
  nothing,
  openMessage,
  orThrow,
  purchaseResponse,
  readMessage,
  readScrip,
  type ScripBody,
  toText,
  vendorscripResponse,
} from "@lepta/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { bodyOf, customerTables, type Holding } from "../../peer-sdk/src/customer/records.ts";
import { expectSettled } from "./support/audit.ts";
import { brokerKey, forge, type Liar, regrant } from "./support/forger.ts";
import { euro, given, Hand } from "./support/hand.ts";
import { codeOf, createWorld, HOUR, through, type World } from "./support/world.ts";

const NEWS = "ws://news.example/pay";
const catalogue: Catalogue = { article: { price: "EUR 0.02", deliver: () => "the text" } };
const max = { max: "EUR 0.02" };

let world: World;
let store: PeerStore;
let shelf: PeerStore;
let news: Merchant;
let wallet: Wallet;
let customer: Hand;
let merchant: Hand;
/** What becomes of each answer on its way to the wallet. */
let tamper: (reply: Uint8Array) => Promise<Uint8Array>;
const honestly = async (reply: Uint8Array): Promise<Uint8Array> => reply;

beforeEach(async () => {
  world = await createWorld();
  store = memoryPeerStore();
  shelf = memoryPeerStore();
  tamper = honestly;
  news = await world.merchant(NEWS, { store: shelf, catalogue });
  const connect = through(world.connect, async (_messages, pass) =>
    Promise.all((await pass()).map((reply) => tamper(reply))),
  );
  wallet = await world.wallet({ store, connect });
  await wallet.topUp("EUR 5.00");
  await wallet.obtain(NEWS, "EUR 1.00");
  customer = await handOn(store);
  merchant = await handOn(shelf);
});
afterEach(() => world.close());

const handOn = (of: PeerStore): Promise<Hand> =>
  Hand.open({ store: of, broker: world.broker, transport: world.transport, runtime: world.runtime });
const settled = () => expectSettled(world, [{ uid: wallet.uid, store }], [{ uid: news.uid, store: shelf }]);
const scripIn = (grant: Grant | undefined): ScripBody => orThrow(readScrip(given(grant).body));
const later = (at: number): number => at + 1;

describe("M2 of figure 7", () => {
  type Row = readonly [name: string, code: string, lie: Liar<typeof purchaseResponse>];
  const change =
    (fields: Partial<ScripBody>): Liar<typeof purchaseResponse> =>
    ({ payload }) => ({ payload: { grant: regrant(payload.grant, fields) } });

  const rows: readonly Row[] = [
    [
      "charges more, with a change that fits",
      "scrip-mismatch",
      ({ payload: { grant } }) => ({
        payload: { charged: euro("0.03"), grant: regrant(grant, { value: euro("0.97") }) },
      }),
    ],
    [
      "charges more, with the change that is owed",
      "scrip-mismatch",
      () => ({ payload: { charged: euro("0.03") } }),
    ],
    [
      "charges less, with a change that fits",
      "scrip-mismatch",
      ({ payload: { grant } }) => ({
        payload: { charged: euro("0.01"), grant: regrant(grant, { value: euro("0.99") }) },
      }),
    ],
    [
      "charges in another currency",
      "scrip-mismatch",
      () => ({ payload: { charged: { currency: "USD", value: 20_000n } } }),
    ],
    [
      "names another scrip as spent",
      "scrip-mismatch",
      () => ({ payload: { spent: makeScripId(1, new Uint8Array(12)) } }),
    ],
    ["names no scrip as spent", "scrip-mismatch", () => ({ payload: { spent: undefined } })],
    ["gives no change", "scrip-mismatch", () => ({ payload: { grant: undefined }, secrets: [] })],
    ["gives less change", "scrip-mismatch", change({ value: euro("0.97") })],
    ["gives more change", "scrip-mismatch", change({ value: euro("0.99") })],
    [
      "gives change in another currency",
      "scrip-mismatch",
      change({ value: { currency: "USD", value: 980_000n } }),
    ],
    [
      "gives change that ends earlier",
      "scrip-mismatch",
      ({ payload: { grant } }) => ({
        payload: { grant: regrant(grant, { expiresAt: scripIn(grant).expiresAt - 1 }) },
      }),
    ],
    [
      "gives change of another scrip",
      "scrip-mismatch",
      change({ parent: makeScripId(1, new Uint8Array(12)) }),
    ],
    [
      "gives change to somebody else",
      "scrip-mismatch",
      ({ payload: { grant } }) => ({ payload: { grant: regrant(grant, { owner: news.uid }) } }),
    ],
    [
      "gives change of another issuer",
      "scrip-mismatch",
      ({ payload: { grant } }) => ({ payload: { grant: regrant(grant, { issuer: wallet.uid }) } }),
    ],
    ["gives BrokerScrip as change", "scrip-mismatch", change({ kind: "broker" })],
    [
      "gives the very scrip that was spent as change",
      "scrip-mismatch",
      ({ payload: { grant, spent = "" }, secrets }) => ({
        payload: { grant: regrant(grant, { id: spent }) },
        secrets: secrets.map((each) => ({ ...each, scrip: spent })),
      }),
    ],
    [
      "gives change with a wrong CustomerSecret",
      "bad-proof",
      ({ secrets }) => ({ secrets: secrets.map((each) => ({ ...each, secret: new Uint8Array(32) })) }),
    ],
    ["gives change without its CustomerSecret", "wrong-reference", () => ({ secrets: [] })],
    ["answers another M1", "wrong-reference", () => ({ payload: { request: toText(new Uint8Array(32)) } })],
    [
      "answers in another transaction",
      "wrong-reference",
      () => ({ payload: { txn: toText(new Uint8Array(16)) } }),
    ],
    ["delivers nothing", "scrip-mismatch", () => ({ payload: { goods: undefined, goodsType: undefined } })],
    [
      "says that there was a conflict",
      "conflict",
      () => ({ payload: { ...nothingSold(), reason: "conflict" }, secrets: [] }),
    ],
    ["is for somebody else", "wrong-recipient", () => ({ payload: { to: news.uid } })],
    ["is signed by somebody else", "unauthentic", () => ({ by: customer.party.identity.signing })],
    [
      "is signed by somebody else in the merchant's name",
      "unauthentic",
      () => ({ by: customer.party.identity.signing, kid: news.uid }),
    ],
  ];
  const nothingSold = () => ({
    ok: false,
    charged: nothing("EUR"),
    spent: undefined,
    grant: undefined,
    goods: undefined,
    goodsType: undefined,
  });

  test.each(rows)(
    "that %s is %s: the scrip stays locked until the truth comes",
    async (_name, code, liar) => {
      let lies = 0;
      tamper = (reply) =>
        forge(reply, purchaseResponse, customer, merchant.party.identity.signing, (honest) => {
          lies += 1;
          return liar(honest);
        });
      expect(await codeOf(wallet.buy(NEWS, "article", max))).toBe(code);
      await expectLocked(lies);
      // The wallet asks again and again and is told the same: nothing moves.
      await wallet.resume();
      await expectLocked(lies);
      expect(await codeOf(wallet.buy(NEWS, "article", max))).toBe(code);
      await expectLocked(lies);

      tamper = honestly;
      await wallet.resume();
      expect(await wallet.balance()).toMatchObject({
        brokerScrip: "EUR 4.00",
        vendorScrip: [{ amount: "EUR 0.98" }],
      });
      await settled();
    },
  );

  // It is not so: `paid` throws before anything is kept, and only what the merchant says again can be shown.
  test("that lies is kept as evidence, as its signer signed it", async () => {
    const { signing } = merchant.party.identity;
    let sealed: Uint8Array | undefined;
    tamper = async (reply) => {
      const forged = await forge(reply, purchaseResponse, customer, signing, () => ({
        payload: { charged: euro("0.03") },
      }));
      if (forged !== reply) sealed = forged;
      return forged;
    };
    expect(await codeOf(wallet.buy(NEWS, "article", max))).toBe("scrip-mismatch");
    const { opening } = customer.party.identity;
    const { signed } = orThrow(await openMessage(given(sealed), [purchaseResponse], () => opening));
    const kept = (await store.list("")).map(([, value]) => Buffer.from(value));
    expect(kept.some((value) => value.includes(Buffer.from(signed)))).toBe(true);
  });

  /** One purchase under way and no second, the scrip locked for it, the rest as it was. */
  async function expectLocked(lies: number): Promise<void> {
    expect(lies).toBeGreaterThan(0);
    const tables = customerTables(store);
    const pending = await tables.pending.list();
    expect(pending).toMatchObject([[expect.any(String), { kind: "purchase", merchant: news.uid }]]);
    const [[txn, { signed, scrip }] = ["", {}]] = pending;
    // M1 as we signed it: whoever judges this later needs it.
    expect(signed).toBeInstanceOf(Uint8Array);
    const holdings = await customer.holdings(news.uid);
    expect(holdings.map((held) => [bodyOf(held).id, held.lockedBy, held.unusable])).toEqual([
      [scrip, txn, undefined],
    ]);
    expect(await wallet.balance()).toMatchObject({
      brokerScrip: "EUR 4.00",
      vendorScrip: [{ amount: "EUR 1.00" }],
    });
    expect((await wallet.history()).map(({ kind }) => kind)).toEqual(["topup", "vendorscrip"]);
  }
});

describe("M5 of figure 8, in escrow", () => {
  type Row = readonly [name: string, lie: Liar<typeof vendorscripResponse>];
  const grant =
    (fields: (granted: ScripBody) => Partial<ScripBody>): Liar<typeof vendorscripResponse> =>
    ({ payload }) => ({ payload: { grant: regrant(payload.grant, fields(scripIn(payload.grant))) } });
  let before: Holding;

  const rows: readonly Row[] = [
    ["grants less", grant(() => ({ value: euro("0.99") }))],
    ["grants more", grant(() => ({ value: euro("1.01") }))],
    ["grants another currency", grant(() => ({ value: { currency: "USD", value: 1_000_000n } }))],
    ["ends earlier than was agreed", grant(() => ({ expiresAt: world.runtime.now() + HOUR - 1 }))],
    ["grants to somebody else", grant(() => ({ owner: news.uid }))],
    ["grants what another issued", grant(() => ({ issuer: wallet.uid }))],
    ["grants BrokerScrip", grant(() => ({ kind: "broker" }))],
    ["grants somebody's change", grant(() => ({ parent: bodyOf(before).id }))],
    ["answers another M1", () => ({ payload: { request: toText(new Uint8Array(32)) } })],
    ["refuses", () => ({ payload: { ok: false, reason: "refused", grant: undefined }, secrets: [] })],
    ["refuses, and grants all the same", () => ({ payload: { ok: false, reason: "refused" } })],
    ["grants nothing", () => ({ payload: { grant: undefined }, secrets: [] })],
    [
      "has a wrong CustomerSecret",
      ({ secrets }) => ({ secrets: secrets.map((each) => ({ ...each, secret: new Uint8Array(32) })) }),
    ],
    ["has no CustomerSecret", () => ({ secrets: [] })],
    [
      "grants a scrip that we hold already",
      ({ payload, secrets }) => ({
        payload: { grant: regrant(payload.grant, { id: bodyOf(before).id }) },
        secrets: secrets.map((each) => ({ ...each, scrip: bodyOf(before).id })),
      }),
    ],
    ["is for somebody else", () => ({ payload: { to: news.uid } })],
    ["is signed by somebody else", () => ({ by: customer.party.identity.signing })],
    [
      "is signed by somebody else in the merchant's name",
      () => ({ by: customer.party.identity.signing, kid: news.uid }),
    ],
  ];

  test.each(rows)(
    "that %s is scrip-mismatch: the purse moves on, nothing is taken, and M3 is kept as evidence",
    async (_name, liar) => {
      before = await customer.holding(news.uid);
      const key = await brokerKey(world);
      let escrow: Uint8Array | undefined;
      tamper = (reply) =>
        forge(reply, brokerscripChange, customer, key, async ({ payload }) => {
          // The broker cannot look into it and hands on whatever it was given.
          const { signing } = merchant.party.identity;
          escrow = await forge(given(payload.escrow), vendorscripResponse, customer, signing, liar);
          return { payload: { escrow } };
        });
      expect(await codeOf(wallet.obtain(NEWS, "EUR 1.00"))).toBe("scrip-mismatch");
      tamper = honestly;
      expect(await wallet.pending()).toEqual([]);
      const purse = await customer.purse();
      expect([bodyOf(purse).value, purse.lockedBy]).toEqual([euro("3.00"), undefined]);
      expect(await customer.holdings(news.uid)).toEqual([before]);
      const last = given((await wallet.history()).at(-1));
      expect(last).toMatchObject({ kind: "vendorscrip", amount: "EUR 1.00", outcome: "scrip-mismatch" });
      const evidence = given(await customerTables(store).evidence.get(last.txn));
      expect(orThrow(readMessage(evidence.response, [brokerscripChange])).payload.escrow).toEqual(escrow);
      // What is at rest is as good as before.
      await wallet.obtain(NEWS, "EUR 2.00");
      await wallet.buy(NEWS, "article", max);
      expect(await wallet.balance()).toMatchObject({
        brokerScrip: "EUR 1.00",
        vendorScrip: [{ amount: "EUR 2.98" }],
      });
    },
  );

  test("that ends just when it was agreed, or later, is taken", async () => {
    const key = await brokerKey(world);
    const { signing } = merchant.party.identity;
    for (const wish of [(at: number) => at, later]) {
      tamper = (reply) =>
        forge(reply, brokerscripChange, customer, key, async ({ payload }) => ({
          payload: {
            escrow: await forge(
              given(payload.escrow),
              vendorscripResponse,
              customer,
              signing,
              grant(() => ({ expiresAt: wish(world.runtime.now() + HOUR) })),
            ),
          },
        }));
      expect(await codeOf(wallet.obtain(NEWS, "EUR 1.00"))).toBe("no error");
    }
    expect((await wallet.balance()).vendorScrip).toMatchObject([{ amount: "EUR 3.00" }]);
  });
});
