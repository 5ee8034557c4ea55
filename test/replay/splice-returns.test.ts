/** What was said on money's way back in one transaction brought into another, by peers that sign for it in their own name. */
import { Merchant, type Wallet } from "@lepta/peer-sdk";
import {
  authorizationResponse,
  isRefusal,
  messages,
  openMessage,
  orThrow,
  parseAmount,
  refundAuthorization,
  refundOrder,
  refundRequest,
  reversal,
  reversalClaim,
  sha256,
  toText,
} from "@lepta/protocol";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bodyOf } from "../../peer-sdk/src/customer/records.ts";
import { merchantTables } from "../../peer-sdk/src/merchant/records.ts";
import { errorIn, euro, given } from "../peer-sdk/support/hand.ts";
import { codeOf } from "../peer-sdk/support/world.ts";
import { copyStore } from "../support/copy-store.ts";
import { flows } from "./support/flows.ts";
import { holdings, sealedTo, withAnswer } from "./support/forks.ts";
import { type Piece, type Pieces, takeApart } from "./support/pieces.ts";
import { spendOf } from "./support/returns.ts";
import { meet, openStage, type Seller, type Stage } from "./support/stage.ts";

/** Thousands of signatures on a machine that others use too. */
const SLOW = 180_000;
/** Of one piece, under so many other transactions. */
const FEW = 4;

let stage: Stage;
let pieces: Pieces;
let before: string;

beforeAll(async () => {
  stage = await openStage("splice returns");
  for (const run of Object.values(flows)) await run(stage);
  pieces = await takeApart(stage.recorder.exchanges, stage.ring);
  before = await stage.value();
}, SLOW);
afterAll(() => stage.world.close());

const named = (...names: readonly string[]): readonly Piece[] =>
  [...pieces.signed.values()].filter(({ type }) => names.includes(type.name));

/** Parts for B of refunds and of figure 8, as they were sealed. */
const parts = (): readonly { readonly payload: Piece["payload"]; readonly sealed: Uint8Array }[] =>
  named("refund-order", "vendorscrip-order").flatMap(({ payload, sealed }) =>
    sealed ? [{ payload, sealed }] : [],
  );

/** The transactions of figure 8 under which a merchant has credit for a customer that is not void. */
const creditsOf = (merchant: string, customer: string): readonly string[] =>
  stage.world.table
    .items()
    .filter(({ key, item }) => key.pk === `MERCHANT#${merchant}` && item.state !== "void")
    .flatMap(({ key }) => {
      const [kind, of, txn = ""] = key.sk.split("#");
      return kind === "CREDIT" && of === customer ? [txn] : [];
    });

const isDecided = (merchant: string, customer: string, txn: string): boolean =>
  stage.world.table
    .items()
    .some(({ key }) => key.pk === `MERCHANT#${merchant}` && key.sk === `CREDIT#${customer}#${txn}`);

test("a part for B, in a new refund of any merchant, under any transaction, takes nothing out of any credit", {
  timeout: SLOW,
}, async () => {
  const { world, sellers, customers } = stage;
  // What was asked of one merchant and has not reached the broker yet, in the hands of the other.
  const fresh = await Promise.all(
    customers.flatMap(({ hand }) =>
      sellers.map(async ({ merchant }) => {
        const held = await hand.holding(merchant.uid);
        const { id: scrip, value: amount } = bodyOf(held);
        const draft = { to: world.network, merchant: merchant.uid, amount, scrip };
        const payload = { from: hand.uid, txn: hand.newTxn(), merchant: merchant.uid, amount };
        const sealed = await hand.sealToBroker(await hand.sign(refundOrder, { ...draft, txn: payload.txn }));
        return { payload, sealed };
      }),
    ),
  );
  let sent = 0;
  for (const { hand } of sellers)
    for (const { payload, sealed } of [
      ...parts(),
      ...fresh.filter((each) => each.payload.merchant !== hand.uid),
    ]) {
      const customer = String(payload.from);
      const subjects = creditsOf(hand.uid, customer);
      const txns = [
        String(payload.txn),
        hand.newTxn(),
        ...parts()
          .slice(0, FEW)
          .map((each) => String(each.payload.txn)),
      ];
      for (const txn of new Set(txns)) {
        // What the customer asked of this very merchant may be done, if it never was.
        if (payload.merchant === hand.uid && payload.txn === txn && !isDecided(hand.uid, customer, txn))
          continue;
        const credit = subjects[sent % Math.max(subjects.length, 1)] ?? hand.newTxn();
        const amount = (payload.amount as ReturnType<typeof euro> | undefined) ?? euro("0.02");
        const draft = { to: world.network, txn, customer, amount, part: toText(sha256(sealed)), credit };
        const request = await hand.sign(refundAuthorization, draft);
        const asked = await hand.sealToBroker(request, { attachments: [sealed] });
        const { contentType, body } = await world.call("/refund", asked);
        expect(contentType, errorIn(body)).toContain("application/cose");
        const answer = orThrow(await openMessage(body, [authorizationResponse], stage.ring));
        expect(answer.payload.ok).toBe(false);
        sent += 1;
      }
    }
  expect(await stage.value()).toBe(before);
  expect(sent).toBeGreaterThan(200);
});

test("a part for B of another customer, or of another transaction, in a good refund request gives nothing back", {
  timeout: SLOW,
}, async () => {
  let sent = 0;
  for (const customer of stage.customers)
    for (const seller of stage.sellers) {
      const { hand } = customer;
      const meeting = await meet(stage, customer, seller);
      for (const { sealed, payload } of parts()) {
        const held = await hand.holding(seller.merchant.uid);
        const spend = spendOf(held, bodyOf(held).value);
        for (const txn of [hand.newTxn(), String(payload.txn)]) {
          // The customer's own word to this merchant is no splice; under figure 8's transaction: see the last tests.
          const isOwn = payload.from === hand.uid && payload.merchant === seller.merchant.uid;
          if ((isOwn && payload.txn === txn) || isDecided(seller.merchant.uid, hand.uid, txn)) continue;
          const draft = { to: seller.merchant.uid, txn, spend, part: toText(sha256(sealed)) };
          const request = await hand.sign(refundRequest, draft);
          const { replies } = await meeting.send(await meeting.seal(request, { attachments: [sealed] }));
          for (const reply of replies) expect(errorIn(reply)).toMatch(/^(refused|conflict)$/);
          sent += 1;
        }
      }
    }
  expect(await stage.value()).toBe(before);
  expect(sent).toBeGreaterThan(200);
});

const answers = (): readonly Piece[] =>
  [...pieces.signed.values()].filter(({ type }) => type.kind === "answer");

/** What a customer may be doing when an answer of another transaction comes instead of its own. */
const actions: Readonly<Record<string, (wallet: Wallet, seller: Seller) => Promise<unknown>>> = {
  redeem: (wallet) => wallet.redeem("EUR 0.01"),
  refund: (wallet, { url }) => wallet.refund(url),
  reclaim: (wallet, { merchant }) => wallet.reclaim(merchant.uid),
  collect: (wallet, { url }) => wallet.collect(url),
  recover: (wallet) => wallet.recover(),
  // Tells nobody of what failed.
  renew: (wallet) => wallet.renew(),
};

test.each(Object.keys(actions))(
  "an answer of any other transaction ends nothing at a customer: %s",
  { timeout: SLOW },
  async (name) => {
    const seller = given(stage.sellers[0]);
    const customer = given(stage.customers[0]);
    let played = 0;
    for (const piece of answers()) {
      const store = await copyStore(customer.store);
      const code = await codeOf(withAnswer(stage, customer, seller, store, piece, given(actions[name])));
      if (code === "internal" || (code === "no error" && name !== "renew"))
        expect.fail(`${piece.type.name}: ${code}`);
      expect(await holdings(store), piece.type.name).toEqual(await holdings(customer.store));
      played += 1;
    }
    expect(played).toBeGreaterThan(200);
    expect(await stage.value()).toBe(before);
  },
);

test("an answer of any other transaction settles nothing and gives nothing back at a merchant", {
  timeout: SLOW,
}, async () => {
  const { world } = stage;
  const customer = given(stage.customers[0]);
  let played = 0;
  for (const seller of stage.sellers) {
    const held = await customer.hand.holding(seller.merchant.uid);
    const { id: scrip, value: amount } = bodyOf(held);
    const txn = customer.hand.newTxn();
    const draft = { to: world.network, txn, merchant: seller.merchant.uid, amount, scrip };
    const part = await customer.hand.sealToBroker(await customer.hand.sign(refundOrder, draft));
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
      const told = await merchant.statements();
      const books = await merchant.books("EUR");
      expect(await codeOf(merchant.settle()), piece.type.name).not.toMatch(/^(no error|internal|declined)$/);
      expect(await merchant.statements()).toEqual(told);
      const meeting = await customer.hand.greet(merchant.visit());
      const asked = { to: merchant.uid, txn, spend: spendOf(held, amount), part: toText(sha256(part)) };
      const request = await customer.hand.sign(refundRequest, asked);
      const { error } = await meeting.send(await meeting.seal(request, { attachments: [part] }));
      expect(error, piece.type.name).toBe("pending");
      expect((await merchantTables(store).scrip.get(scrip))?.state, piece.type.name).toBe("returning");
      // What waits for the broker counts as live, and no line was ended on anybody's word.
      expect(await merchant.books("EUR")).toEqual(books);
      await merchant.tend();
      const ended = (await merchantTables(store).lines.list()).filter(([, line]) => line.ended);
      expect(ended).toEqual(
        (await merchantTables(seller.store).lines.list()).filter(([, line]) => line.ended),
      );
      played += 1;
      await merchant.close();
    }
  }
  expect(played).toBeGreaterThan(400);
  expect(await stage.value()).toBe(before);
});

test("a purchase of another customer, another line or another merchant leaves a merchant nothing of a disputed credit", {
  timeout: SLOW,
}, async () => {
  const { world, customers, sellers } = stage;
  const [ann, inn, joy] = [given(customers[0]), given(sellers[0]), given(sellers[1])];
  const amount = parseAmount("EUR 0.01");
  const evidence = [
    ...named("purchase-request"),
    ...named("purchase-response", "refund-request").slice(0, FEW),
  ];
  const balance = (await ann.hand.purse()) && bodyOf(await ann.hand.purse()).value.value;
  const claim = async ({ hand }: Seller, subject: string, shown: Uint8Array) => {
    const draft = { to: world.network, customer: ann.hand.uid, subject, claimed: amount, evidence: shown };
    return world.call("/claim", await hand.sealToBroker(await hand.sign(reversalClaim, draft)));
  };
  for (const { signed, id } of evidence) {
    const known = new Set((await ann.hand.holdings(inn.merchant.uid)).map(({ obtained }) => obtained));
    await ann.wallet.obtain(inn.url, "EUR 0.01");
    const held = (await ann.hand.holdings(inn.merchant.uid)).find(({ obtained }) => !known.has(obtained));
    const subject = given(held?.obtained);
    expect(await codeOf(ann.wallet.reclaim(inn.merchant.uid, subject))).toBe("pending");
    // It is not the other merchant's to answer.
    expect(errorIn((await claim(joy, subject, signed)).body)).toBe("wrong-reference");
    const { body } = await claim(inn, subject, signed);
    const answer = await openMessage(body, messages, stage.ring);
    if (isRefusal(answer)) expect.fail(`${id}: ${errorIn(body)}`);
    expect(answer.type).toBe(reversal);
    expect(answer.payload, id).toMatchObject({ ok: true, amount });
    await ann.wallet.resume();
  }
  expect(bodyOf(await ann.hand.purse()).value.value).toBe(balance);
  expect(evidence.length).toBeGreaterThan(30);
  expect(world.books().conserved).toBe(true);
});

// The broker keeps one record for a customer's transaction at a merchant, whatever it was: it answers `conflict` to the
// second, which `terminal` in `merchant/ask-broker.ts` takes for "not decided yet". So the scrip stays `returning`, and
// `resumeRefunds` stops at it each time and never comes to the refunds behind it.
test("a refund under the transaction that VendorScrip was obtained with is refused and leaves the scrip live", async () => {
  const [customer, seller] = [given(stage.customers[0]), given(stage.sellers[0])];
  const { hand } = customer;
  const held = await hand.holding(seller.merchant.uid);
  const { id: scrip, value: amount } = bodyOf(held);
  const [txn, to] = [given(held.obtained), seller.merchant.uid];
  const order = await hand.sign(refundOrder, { to: stage.world.network, txn, merchant: to, amount, scrip });
  const part = await hand.sealToBroker(order);
  const spend = spendOf(held, amount);
  const request = await hand.sign(refundRequest, { to, txn, spend, part: toText(sha256(part)) });
  const meeting = await meet(stage, customer, seller);
  const { error } = await meeting.send(await meeting.seal(request, { attachments: [part] }));
  await seller.merchant.tend();
  expect(error).toMatch(/^(conflict|refused)$/);
  expect((await merchantTables(seller.store).scrip.get(scrip))?.state).toBe("live");
});

// The same the other way round: V0 stays reserved, and `resumeAuthorizations` never comes to what is behind it.
test("VendorScrip that is asked for under the transaction of a refund is refused", async () => {
  const [customer, seller] = [given(stage.customers[0]), given(stage.sellers[0])];
  const [id] = given(
    (await merchantTables(seller.store).refunds.list({ under: `${customer.hand.uid}/` })).find(
      ([, { state }]) => state === "done",
    ),
  );
  const meeting = await meet(stage, customer, seller);
  const txn = id.slice(id.indexOf("/") + 1);
  const { sealed } = await meeting.obtain(euro("0.01"), await customer.hand.purse(), txn);
  const { error } = await meeting.send(sealed);
  await seller.merchant.tend();
  expect(error).not.toBe("pending");
  expect(await merchantTables(seller.store).sent.list()).toEqual([]);
});
