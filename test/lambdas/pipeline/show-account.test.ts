import { accountQuery, accountResponse, limits, orThrow, refuse, vendorscripIntent } from "@lepta/protocol";
import { beforeEach, describe, expect, test } from "vitest";
import { type BrokerUnderTest, memoryBroker } from "../../support/broker.ts";
import {
  authorise,
  enrolledPeer,
  euro,
  type Held,
  heldOf,
  makeSale,
  type TestPeer,
  tell,
} from "../../support/peer.ts";
import {
  account,
  makeRedemption,
  makeRenewal,
  makeReversal,
  redeem,
  renew,
  reverse,
} from "../../support/returns.ts";

let broker: BrokerUnderTest;
let alice: TestPeer;
let shop: TestPeer;
let held: Held;

beforeEach(async () => {
  broker = await memoryBroker();
  alice = await enrolledPeer(broker, "alice");
  shop = await enrolledPeer(broker, "shop");
  held = await alice.fund(euro("1.00"));
});

const shown = async (peer: TestPeer, cursor?: string) => orThrow(await account(peer, cursor));

async function buy(): Promise<string> {
  const sale = await makeSale(alice, shop, broker.runtime.now(), { amount: euro("0.01"), held });
  const { m3 } = orThrow(await authorise(broker, sale));
  if (m3 === undefined) throw new Error("no M3");
  held = heldOf(m3);
  return sale.txn;
}

describe("the account", () => {
  test("shows the live scrip with its secret, so that a wallet without memory can spend it", async () => {
    const answer = await shown(alice);
    expect(answer.payload.live).toEqual(held.grant);
    const restored = heldOf({
      payload: { ok: true, ...(answer.payload.live ? { grant: answer.payload.live } : {}) },
      secrets: answer.secrets,
    });
    expect(restored.secret).toEqual(held.secret);
    expect(orThrow(await renew(alice, await makeRenewal(alice, restored))).payload.ok).toBe(true);
  });

  test("shows no scrip where there is none, and where the audit chain stands", async () => {
    const spent = orThrow(await redeem(alice, await makeRedemption(alice, held, euro("1.00"))));
    const answer = await shown(alice);
    expect([answer.payload.live, answer.secrets]).toEqual([undefined, []]);
    expect(answer.payload.record).toEqual(spent.payload.record);
  });

  test("shows what is open by its kind, and it is gone from there once it has ended", async () => {
    const sold = await buy();
    const txn = alice.newTxn();
    const intent = await alice.sign(vendorscripIntent, { merchant: shop.uid, amount: euro("0.30") }, { txn });
    orThrow(await tell(alice, "POST /intent", await alice.seal(intent)));
    const dispute = await makeReversal(alice, shop.uid, sold);
    expect(await reverse(alice, dispute)).toEqual(refuse("pending"));
    const sorted = (open: readonly (readonly [string, string])[]) =>
      [...open].sort(([a], [b]) => (a < b ? -1 : 1));
    const both = [
      [txn, "vendorscrip"],
      [dispute.txn, "reversal"],
    ] as const;
    expect(sorted((await shown(alice)).payload.open)).toEqual(sorted(both));
    orThrow(await alice.abort(alice.uid, txn));
    expect((await shown(alice)).payload.open).toEqual([[dispute.txn, "reversal"]]);
  });

  test("names the merchants from whom VendorScrip was obtained, and not those who refused or were refused", async () => {
    const txn = await buy();
    const refused = await makeSale(alice, shop, broker.runtime.now(), { amount: euro("5.00"), held });
    orThrow(await authorise(broker, refused));
    expect((await shown(alice)).payload.vendors).toEqual([[shop.uid, txn, "", euro("0.01")]]);
    expect((await shown(shop)).payload.vendors).toEqual([]);
  });

  test("goes page by page through as many transactions as there are, each of them once", async () => {
    const bought: string[] = [];
    for (let i = 0; i < limits.accountEntries + 3; i += 1) bought.push(await buy());
    const found: string[] = [];
    let cursor: string | undefined;
    let pages = 0;
    do {
      const { payload } = await shown(alice, cursor);
      found.push(...payload.vendors.map(([, txn]) => txn));
      cursor = payload.cursor;
      pages += 1;
    } while (cursor !== undefined && pages < 9);
    expect(pages).toBe(2);
    expect(found).toHaveLength(bought.length);
    expect([...found].sort()).toEqual([...bought].sort());
  });

  test.each(["zzzz", "A", "#", "/../", "~".repeat(256)])(
    "shows nothing of others for the cursor %j",
    async (cursor) => {
      const answer = await shown(shop, cursor);
      const { live, open, vendors, disputes } = answer.payload;
      expect([live, open, vendors, disputes]).toEqual([undefined, [], [], []]);
    },
  );

  test("is read and never written", async () => {
    await buy();
    const before = await broker.items();
    await shown(alice);
    expect(await broker.items()).toEqual(before);
  });

  test("past the question's end is not shown", async () => {
    const late = await alice.sign(accountQuery, {}, { expiresAt: broker.runtime.now() });
    const answer = await alice.post("POST /account", await alice.seal(late), accountResponse, "decide");
    expect(answer).toEqual(refuse("expired"));
  });
});
