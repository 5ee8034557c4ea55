/** What was said in one transaction brought into another, by peers that sign for it in their own name. */
import { Merchant, type Wallet } from "@lepta/peer-sdk";
import {
  authorizationRequest,
  authorizationResponse,
  encodeAs,
  isRefusal,
  makeScripId,
  messages,
  mint,
  noticeBatch,
  openMessage,
  orThrow,
  proveSpend,
  purchaseRequest,
  purchaseSpendCodec,
  scripOf,
  sha256,
  toText,
  vendorscripRequest,
} from "@lepta/protocol";
import { afterAll, beforeAll, expect, test } from "vitest";
import { merchantTables } from "../../peer-sdk/src/merchant/records.ts";
import { euro, given, orderFor } from "../peer-sdk/support/hand.ts";
import { codeOf } from "../peer-sdk/support/world.ts";
import { copyStore } from "../support/copy-store.ts";
import { flows } from "./support/flows.ts";
import { holdings, liveAt, sealedTo, withAnswer } from "./support/forks.ts";
import { type Piece, type Pieces, takeApart } from "./support/pieces.ts";
import { openStage, type Seller, type Stage } from "./support/stage.ts";

/** Thousands of signatures on a machine that others use too. */
const SLOW = 180_000;

let stage: Stage;
let pieces: Pieces;
let before: string;

beforeAll(async () => {
  stage = await openStage("splice");
  for (const run of Object.values(flows)) await run(stage);
  pieces = await takeApart(stage.recorder.exchanges, stage.ring);
  before = await stage.value();
});
afterAll(() => stage.world.close());

const named = (...names: readonly string[]): readonly Piece[] =>
  [...pieces.signed.values()].filter(({ type }) => names.includes(type.name));

/** The parts for B as they were sealed, with what is signed in them. */
const parts = (): readonly { readonly piece: Piece; readonly sealed: Uint8Array }[] =>
  named("vendorscrip-order", "refund-order").flatMap((piece) =>
    piece.sealed ? [{ piece, sealed: piece.sealed }] : [],
  );

test("a part for B, in a new M2 of any merchant and under any transaction, spends nothing", {
  timeout: SLOW,
}, async () => {
  const { world, sellers } = stage;
  let sent = 0;
  for (const { hand } of sellers)
    for (const { piece, sealed } of parts())
      for (const txn of new Set([
        String(piece.payload.txn),
        hand.newTxn(),
        ...parts()
          .slice(0, 6)
          .map((each) => String(each.piece.payload.txn)),
      ])) {
        const customer = String(piece.payload.from);
        const amount = euro("0.50");
        const now = world.runtime.now();
        const secrets = { epochRoot: new Uint8Array(32), salt: new Uint8Array(32) };
        const { grant } = mint(secrets, {
          kind: "vendor",
          network: world.network,
          issuer: hand.uid,
          owner: customer,
          id: makeScripId(1, hand.party.runtime.random(12)),
          value: amount,
          expiresAt: now + 3_600_000 * 24,
        });
        const request = await hand.sign(authorizationRequest, {
          to: world.network,
          txn,
          customer,
          amount,
          part: toText(sha256(sealed)),
          scrip: grant.body,
          escrow: sealed,
        });
        const { contentType, body } = await world.call(
          "/authorise",
          await hand.sealToBroker(request, { attachments: [sealed] }),
        );
        expect(contentType).toContain("cose");
        const answer = orThrow(await openMessage(body, [authorizationResponse], stage.ring));
        expect(answer.payload.ok).toBe(false);
        sent += 1;
      }
  expect(await stage.value()).toBe(before);
  expect(sent).toBeGreaterThan(200);
});

test("a part for B of one customer, in another's M1, buys nothing", { timeout: SLOW }, async () => {
  for (const { hand } of stage.customers)
    for (const { merchant } of stage.sellers) {
      const meeting = await hand.greet(merchant.visit());
      for (const { sealed } of parts()) {
        const minimumExpiry = stage.world.runtime.now() + 60_000;
        const request = await hand.sign(vendorscripRequest, {
          to: merchant.uid,
          amount: euro("0.50"),
          minimumExpiry,
          part: toText(sha256(sealed)),
        });
        const { error, replies } = await meeting.send(await meeting.seal(request, { attachments: [sealed] }));
        expect(error).toBeUndefined();
        const [m5] = await Promise.all(
          replies.slice(0, 1).map((each) => openMessage(each, messages, stage.ring)),
        );
        expect(isRefusal(m5) ? undefined : m5?.payload).toMatchObject({ ok: false });
      }
    }
  expect(await stage.value()).toBe(before);
});

test("notices that another peer sends in a batch of its own change no record", {
  timeout: SLOW,
}, async () => {
  const pairs = () =>
    JSON.stringify(
      stage.world.table
        .items()
        .filter(({ key }) => key.pk.startsWith("PAIR#"))
        .map(({ key, item }) => [key.pk, key.sk, item.state]),
    );
  const were = pairs();
  const entries = named("purchase-notice", "sale-notice", "brokerscrip-request", "query").map(
    ({ signed }) => signed,
  );
  expect(entries.length).toBeGreaterThan(40);
  for (const { hand } of [...stage.customers, ...stage.sellers]) {
    const batch = await hand.sign(noticeBatch, { to: stage.world.network, entries });
    const { contentType } = await stage.world.call("/notices", await hand.sealToBroker(batch));
    expect(contentType).toContain("cose");
  }
  expect(pairs()).toBe(were);
  expect(await stage.value()).toBe(before);
});

/** Every signed answer of the run, whoever it was for. */
const answers = (): readonly Piece[] =>
  [...pieces.signed.values()].filter(({ type }) => type.kind === "answer");

/** What a customer may be doing when an answer of another transaction comes instead of its own. */
const actions: Readonly<Record<string, (wallet: Wallet, seller: Seller) => Promise<unknown>>> = {
  "figure 6": (wallet) => wallet.topUp("EUR 0.01"),
  "figure 8": (wallet, { url }) => wallet.obtain(url, "EUR 0.01"),
  "figure 7": (wallet, { url }) => wallet.buy(url, "page", { max: "EUR 0.02" }),
};

test.each(Object.keys(actions))(
  "an answer of any other transaction ends nothing at a customer: %s",
  { timeout: SLOW },
  async (name) => {
    const seller = given(stage.sellers[0]);
    let played = 0;
    for (const customer of stage.customers)
      for (const piece of answers()) {
        const store = await copyStore(customer.store);
        const code = await codeOf(withAnswer(stage, customer, seller, store, piece, given(actions[name])));
        if (code === "no error" || code === "internal")
          expect.fail(`${piece.type.name} to ${customer.name}: ${code}`);
        expect(await holdings(store), `${piece.type.name} to ${customer.name}`).toEqual(
          await holdings(customer.store),
        );
        played += 1;
      }
    expect(played).toBeGreaterThan(300);
    expect(await stage.value()).toBe(before);
  },
);

test("an answer of any other transaction makes no VendorScrip live at a merchant, in M4's place or beside M1", {
  timeout: SLOW,
}, async () => {
  const { world } = stage;
  const customer = given(stage.customers[0]);
  let played = 0;
  for (const seller of stage.sellers) {
    const real = await customer.hand.greet(seller.merchant.visit());
    const prepared = await real.obtain(euro("0.01"), await customer.hand.purse());
    const live = await liveAt(seller.store);
    for (const piece of answers()) {
      const store = await copyStore(seller.store);
      const sealed = await sealedTo(seller.hand, piece);
      const merchant = await Merchant.open({
        broker: world.broker,
        runtime: world.runtime,
        store,
        noticeDelay: 2 ** 30,
        catalogue: {},
        onError: () => {},
        transport: async (method, url, body) =>
          method === "GET"
            ? world.transport(method, url, body)
            : { contentType: "application/cose", body: sealed },
      });
      const meeting = await customer.hand.greet(merchant.visit());
      expect((await meeting.send(prepared.sealed)).error).toBe("pending");
      const [id, scrip] = given(
        (await merchantTables(store).scrip.list()).find(([, each]) => each.state === "reserved"),
      );
      const { grant, customerSecret } = mint(
        // As the merchant made it, so that nothing but M4 is missing.
        { epochRoot: seller.hand.party.identity.epochRoot, salt: given(scrip.salt) },
        {
          kind: "vendor",
          network: world.network,
          issuer: merchant.uid,
          owner: customer.hand.uid,
          id,
          value: scrip.value,
          expiresAt: scrip.expiresAt,
        },
      );
      const spend = proveSpend(
        customerSecret,
        encodeAs(purchaseSpendCodec, {
          scrip: scripOf(grant),
          order: orderFor("page", "EUR 0.01"),
          salt: sha256(sealed).slice(0, 16),
          amount: euro("0.01"),
          metered: false,
        }),
      );
      const m1 = await customer.hand.sign(purchaseRequest, { to: merchant.uid, spend });
      expect((await meeting.send(await meeting.seal(m1, { attachments: [piece.signed] }))).error).toBe(
        "pending",
      );
      expect(await liveAt(store)).toEqual(live);
      played += 2;
      await merchant.close();
    }
  }
  expect(played).toBeGreaterThan(400);
  expect(await stage.value()).toBe(before);
});
