import { keys, noticeItem } from "@lepta/lambdas";
import {
  entryDigest,
  limits,
  noticeBatch,
  orThrow,
  purchaseNotice,
  readSign1,
  refuse,
  type Signed,
  saleNotice,
  sha256,
  treeHash,
  utf8,
} from "@lepta/protocol";
import { beforeEach, describe, expect, test } from "vitest";
import { type BrokerUnderTest, memoryBroker } from "../../support/broker.ts";
import {
  enrolledPeer,
  euro,
  HOUR,
  type Overrides,
  type Own,
  respell,
  sealPayload,
  type TestPeer,
  tell,
  testPeer,
} from "../../support/peer.ts";

let broker: BrokerUnderTest;
let alice: TestPeer;
let shop: TestPeer;

beforeEach(async () => {
  broker = await memoryBroker();
  alice = await enrolledPeer(broker, "alice");
  shop = await enrolledPeer(broker, "shop");
});

const order = sha256(utf8("order and salt"));
const digest = `${"D".repeat(42)}A`;

const bought = (overrides: Overrides = {}, own: Partial<Own<typeof purchaseNotice>> = {}) =>
  alice.sign(
    purchaseNotice,
    { merchant: shop.uid, amount: euro("0.05"), metered: false, order, purchase: digest, ...own },
    overrides,
  );
const sold = (overrides: Overrides = {}, own: Partial<Own<typeof saleNotice>> = {}) =>
  shop.sign(
    saleNotice,
    { customer: alice.uid, charged: euro("0.05"), order, purchase: digest, response: digest, ...own },
    overrides,
  );
const post = async (
  peer: TestPeer,
  message: Signed<typeof purchaseNotice | typeof saleNotice | typeof noticeBatch>,
) => orThrow(await tell(peer, "POST /notices", await peer.seal(message))).payload;
const batch = async (peer: TestPeer, entries: readonly Uint8Array[]) =>
  post(peer, await peer.sign(noticeBatch, { entries }));

/** The pair's item as the table holds it. */
async function pair(txn: string) {
  const at = keys.notice(alice.uid, shop.uid, `TXN#${txn}`);
  const found = (await broker.items()).find(({ key }) => key.pk === at.pk && key.sk === at.sk);
  return noticeItem.read(found?.item);
}

describe("figure 7's notices", () => {
  test("both sides alone meet and match", async () => {
    const txn = alice.newTxn();
    const m0 = await bought({ txn });
    expect(await post(alice, m0)).toMatchObject({ request: m0.digest, count: 1, refused: [] });
    expect(await pair(txn)).toMatchObject({
      state: "one-sided",
      customerDigest: m0.digest,
      customerNotice: m0.bytes,
    });
    const m3 = await sold({ txn });
    await post(shop, m3);
    expect(await pair(txn)).toMatchObject({ state: "matched", merchantDigest: m3.digest });
  });

  test("a charge above the maximum is flagged, and acknowledged all the same", async () => {
    const txn = alice.newTxn();
    await post(alice, await bought({ txn }));
    expect((await post(shop, await sold({ txn }, { charged: euro("0.06") }))).refused).toEqual([]);
    expect((await pair(txn))?.state).toBe("differs");
  });

  test("the same notice again is acknowledged and changes nothing", async () => {
    const m0 = await bought();
    await post(alice, m0);
    const before = await broker.items();
    expect((await post(alice, m0)).refused).toEqual([]);
    expect(await broker.items()).toEqual(before);
  });

  test("a second notice that says something else is a conflict and flags the pair", async () => {
    const txn = alice.newTxn();
    await post(alice, await bought({ txn }));
    await post(shop, await sold({ txn }));
    const other = await bought({ txn }, { amount: euro("0.04") });
    expect((await post(alice, other)).refused).toEqual([[0, "conflict"]]);
    expect((await pair(txn))?.state).toBe("differs");
  });

  test("a pair that was flagged for a conflict stays flagged when the other side comes", async () => {
    const txn = alice.newTxn();
    await post(alice, await bought({ txn }));
    await post(alice, await bought({ txn }, { amount: euro("0.04") }));
    await post(shop, await sold({ txn }));
    expect((await pair(txn))?.state).toBe("differs");
  });

  test("both sides at once meet in one item", async () => {
    const txn = alice.newTxn();
    await Promise.all([post(alice, await bought({ txn })), post(shop, await sold({ txn }))]);
    expect((await pair(txn))?.state).toBe("matched");
  });

  test("notices never expire", async () => {
    const m0 = await bought();
    broker.runtime.advance(3 * HOUR);
    expect((await post(alice, m0)).refused).toEqual([]);
  });
});

describe("a batch", () => {
  test("records every good entry, names every bad one, and answers with the tree over all of them", async () => {
    const stranger = await testPeer(broker, "stranger");
    const unknown = await stranger.sign(purchaseNotice, {
      merchant: shop.uid,
      amount: euro("0.05"),
      metered: false,
      order,
      purchase: digest,
    });
    const txns = [alice.newTxn(), alice.newTxn()];
    const good = await bought({ txn: txns[0] ?? "" });
    const altered = (await bought()).bytes.slice();
    altered[altered.length - 1] = (altered[altered.length - 1] ?? 0) ^ 1;
    const entries = [
      good.bytes,
      utf8("nonsense"),
      unknown.bytes,
      altered,
      (await bought({ network: alice.uid })).bytes,
      (await bought({ to: shop.uid })).bytes,
      (await bought({ issuedAt: broker.runtime.now() + HOUR })).bytes,
      (await bought({}, { merchant: alice.uid })).bytes,
      (await sold({ txn: txns[1] ?? "" })).bytes,
      (await bought({ txn: txns[0] ?? "" }, { amount: euro("0.07") })).bytes,
    ];
    const acknowledged = await batch(alice, entries);
    expect(acknowledged.count).toBe(entries.length);
    expect(acknowledged.refused).toEqual([
      [1, "malformed"],
      [2, "unknown-peer"],
      [3, "unauthentic"],
      [4, "wrong-network"],
      [5, "wrong-recipient"],
      [6, "future-dated"],
      [7, "same-party"],
      [9, "conflict"],
    ]);
    expect(acknowledged.tree).toEqual(treeHash(entries.map(entryDigest)));
    // The leaves do not depend on the signature, which differs each time that a notice is signed.
    expect(entryDigest(good.bytes)).toEqual(entryDigest((await bought({ txn: txns[0] ?? "" })).bytes));
    expect((await pair(txns[0] ?? ""))?.state).toBe("differs");
    expect((await pair(txns[1] ?? ""))?.state).toBe("one-sided");
  });

  test("carries both sides of its purchases, whoever sends it", async () => {
    const txns = Array.from({ length: 5 }, () => alice.newTxn());
    const entries: Uint8Array[] = [];
    for (const txn of txns) entries.push((await bought({ txn })).bytes, (await sold({ txn })).bytes);
    expect((await batch(shop, entries)).refused).toEqual([]);
    for (const txn of txns) expect((await pair(txn))?.state).toBe("matched");
  });

  test("that is sent again is acknowledged with the same tree and changes nothing", async () => {
    const entries = [(await bought()).bytes, (await sold()).bytes];
    const first = await batch(alice, entries);
    const before = await broker.items();
    const again = await batch(alice, entries);
    expect([again.tree, again.refused]).toEqual([first.tree, first.refused]);
    expect(await broker.items()).toEqual(before);
  });

  test("of the most entries that are allowed is taken; one more is refused whole", async () => {
    const entry = (await bought()).bytes;
    const most = Array<Uint8Array>(limits.batchEntries).fill(entry);
    expect((await batch(alice, most)).count).toBe(limits.batchEntries);
    const last = await alice.sign(noticeBatch, { entries: most });
    const { payload } = orThrow(readSign1(last.bytes));
    const sealed = await sealPayload(alice, noticeBatch, respell(payload, 10, [...most, entry]));
    expect(await tell(alice, "POST /notices", sealed)).toEqual(refuse("malformed"));
  });

  test("is refused whole where its own sender is not enrolled", async () => {
    const stranger = await testPeer(broker, "stranger");
    const message = await stranger.sign(noticeBatch, { entries: [(await bought()).bytes] });
    const before = await broker.items();
    expect(await tell(stranger, "POST /notices", await stranger.seal(message))).toEqual(
      refuse("unknown-peer"),
    );
    expect(await broker.items()).toEqual(before);
  });
});
