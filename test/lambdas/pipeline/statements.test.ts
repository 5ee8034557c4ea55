import { keys, type StatementRecord, type Store, statementItem } from "@lepta/lambdas";
import { versionsOf } from "@lepta/lambdas/broker/statements";
import {
  type Draft,
  decodeAs,
  encodeAs,
  entryDigest,
  idBytes,
  isInTree,
  limits,
  noticeBatch,
  orThrow,
  purchaseNotice,
  readLanePurchase,
  refuse,
  sha256,
  signedStatement,
  type statement,
  treeHash,
  treePath,
} from "@lepta/protocol";
import { beforeEach, describe, expect, test } from "vitest";
import { type BrokerUnderTest, memoryBroker } from "../../support/broker.ts";
import { type Crashing, crashingStore } from "../../support/crashing.ts";
import { enrolledPeer, euro, HOUR, type TestPeer, tell, testPeer } from "../../support/peer.ts";
import {
  type MadeStatement,
  makeStatement,
  type Side,
  type Signer,
  signatures,
} from "../../support/statements.ts";

let broker: BrokerUnderTest;
let alice: TestPeer;
let shop: TestPeer;

const open = async (around?: (store: Store) => Store) => {
  broker = await memoryBroker(around === undefined ? {} : { around });
  alice = await enrolledPeer(broker, "alice");
  shop = await enrolledPeer(broker, "shop");
};
beforeEach(() => open());

type Said = Partial<Draft<typeof statement>>;

const stated = (
  own: Said = {},
  signers: Partial<Record<Side, Signer | undefined>> = { merchant: shop, customer: alice },
  label = "lane",
): Promise<MadeStatement> =>
  makeStatement(
    { network: broker.network, merchant: shop, customer: alice, label },
    { issuedAt: broker.runtime.now(), ...own },
    signers,
  );
const run = (number: number, own: Said = {}) =>
  stated({ first: number * 128 + 1, last: (number + 1) * 128, ...own });

async function post(sender: TestPeer, entries: readonly Uint8Array[]) {
  const message = await sender.sign(noticeBatch, { entries });
  return orThrow(await tell(sender, "POST /notices", await sender.seal(message))).payload;
}

const statements = async () =>
  (await broker.items())
    .filter(({ key }) => key.sk.startsWith("STATEMENT#"))
    .map(({ item }) => statementItem.fromItem(item));
const waiting = async () => (await broker.items()).filter(({ key }) => key.pk.startsWith("WAITING#"));
const digestsOf = (record: StatementRecord | undefined) =>
  record && versionsOf(record, { customer: alice.uid, merchant: shop.uid }).map(({ digest }) => digest);

describe("a statement in a batch", () => {
  test("is recorded as it was signed, and its place in the acknowledged tree is its digest", async () => {
    const made = await stated();
    const bought = await alice.sign(purchaseNotice, {
      merchant: shop.uid,
      amount: euro("0.05"),
      metered: false,
      order: sha256(),
      purchase: made.digest,
    });
    const entries = [bought.bytes, made.bytes, (await run(1)).bytes];
    const { count, tree, refused } = await post(shop, entries);
    expect([count, refused]).toEqual([3, []]);
    expect(entryDigest(made.bytes)).toEqual(sha256(made.payload));
    const leaves = entries.map(entryDigest);
    expect(tree).toEqual(treeHash(leaves));
    expect(isInTree(idBytes(made.digest), 1, count, treePath(leaves, 1), tree)).toBe(true);
    const [{ lane }, [kept]] = [readLanePurchase(made.purchase(128)), await statements()];
    const at = keys.notice(alice.uid, shop.uid, `STATEMENT#${lane}#0000000000000128`);
    expect((await broker.items()).some(({ key }) => key.pk === at.pk && key.sk === at.sk)).toBe(true);
    expect(kept?.state).toBe("matched");
    expect(kept && versionsOf(kept, { customer: alice.uid, merchant: shop.uid })[0]?.bytes).toEqual(
      made.bytes,
    );
    expect((await waiting()).length).toBe(1);
  });

  test("is that side's version where one has signed, and is completed whoever brings the other's", async () => {
    const stranger = await enrolledPeer(broker, "third");
    await post(shop, [(await stated({}, { merchant: shop })).bytes]);
    expect((await statements()).map(({ state }) => state)).toEqual(["one-sided"]);
    expect(await waiting()).toHaveLength(1);
    expect((await post(stranger, [(await stated({}, { customer: alice })).bytes])).refused).toEqual([]);
    expect((await statements()).map(({ state }) => state)).toEqual(["matched"]);
    expect(await waiting()).toEqual([]);
  });

  test("again, alone or in its batch, is acknowledged as before and changes nothing", async () => {
    const entries = [
      (await stated()).bytes,
      (await run(1)).bytes,
      (await run(2, { total: euro("0.01") })).bytes,
    ];
    const first = await post(shop, entries);
    const before = await broker.items();
    broker.runtime.advance(HOUR);
    const again = await post(shop, entries);
    expect([again.tree, again.refused]).toEqual([first.tree, first.refused]);
    const [, second] = entries;
    expect((await post(alice, [second ?? sha256()])).refused).toEqual([]);
    expect(await broker.items()).toEqual(before);
  });

  test("that says something else than its side has signed is refused, marks both, and does so again", async () => {
    const [first, other] = [await stated(), await stated({ total: euro("0.50") }, { merchant: shop })];
    const entries = [first.bytes, other.bytes, (await run(1)).bytes];
    const answer = await post(shop, entries);
    expect(answer.refused).toEqual([[1, "conflict"]]);
    const [kept, next] = await statements();
    expect([kept?.state, digestsOf(kept), next?.state]).toEqual([
      "differs",
      [first.digest, other.digest],
      "matched",
    ]);
    expect((await post(shop, entries)).refused).toEqual([[1, "conflict"]]);
  });

  test("by both sides at once, alone, is matched", async () => {
    const [merchants, customers] = [
      await stated({}, { merchant: shop }),
      await stated({}, { customer: alice }),
    ];
    await Promise.all([post(shop, [merchants.bytes]), post(alice, [customers.bytes])]);
    expect((await statements()).map(({ state }) => state)).toEqual(["matched"]);
    broker.runtime.advance(8 * 24 * HOUR);
    await broker.rotate();
    await broker.finish();
    expect((await statements()).map(({ flaggedAt }) => flaggedAt)).toEqual([undefined]);
    expect(await waiting()).toEqual([]);
  });

  test("that stays one-sided is flagged in time, and its other side may still come", async () => {
    const [merchants, customers] = [
      await stated({}, { merchant: shop }),
      await stated({}, { customer: alice }),
    ];
    await post(shop, [merchants.bytes]);
    broker.runtime.advance(8 * 24 * HOUR);
    await broker.rotate();
    expect(await broker.finish()).toEqual({ seen: 1, decided: 1, failed: 0 });
    const at = broker.runtime.now();
    expect(await statements()).toMatchObject([{ state: "one-sided", flaggedAt: at }]);
    expect(await waiting()).toEqual([]);
    await post(alice, [customers.bytes]);
    expect(await statements()).toMatchObject([{ state: "matched", flaggedAt: at }]);
  });
});

describe("a batch with statements", () => {
  /** The signature over something else. */
  const forged = async (side: Side): Promise<Uint8Array> => {
    const [good, other] = [await stated(), await stated({ total: euro("0.01") })];
    const signed = orThrow(decodeAs(signedStatement, good.bytes));
    const wrong = orThrow(decodeAs(signedStatement, other.bytes));
    return encodeAs(signedStatement, { ...signed, [side]: wrong[side] });
  };
  const byStranger = async (): Promise<Signer> => enrolledPeer(broker, "stranger");

  test.each<[what: string, code: string, entry: () => Promise<Uint8Array>]>([
    ["whose merchant's signature is another statement's", "unauthentic", () => forged("merchant")],
    ["whose customer's signature is another statement's", "unauthentic", () => forged("customer")],
    [
      "that the merchant signed in the customer's place",
      "unauthentic",
      async () => (await stated({}, { customer: { uid: alice.uid, signing: shop.signing } })).bytes,
    ],
    [
      "that the customer signed in the merchant's place",
      "unauthentic",
      async () => (await stated({}, { merchant: { uid: shop.uid, signing: alice.signing } })).bytes,
    ],
    [
      "that a third party signed under its own name",
      "unauthentic",
      async () => (await stated({}, { merchant: await byStranger(), customer: alice })).bytes,
    ],
    [
      "with both signatures exchanged",
      "unauthentic",
      async () => {
        const { payload } = await stated();
        const signed = await signatures(payload, { merchant: alice, customer: shop });
        return encodeAs(signedStatement, { statement: payload, ...signed });
      },
    ],
    [
      "about another customer than signed it",
      "unauthentic",
      async () => (await stated({ customer: (await byStranger()).uid })).bytes,
    ],
    [
      "about a customer who is not enrolled",
      "unknown-peer",
      async () =>
        (await stated({ customer: (await testPeer(broker, "nobody")).uid }, { merchant: shop })).bytes,
    ],
    [
      "of a merchant who is not enrolled",
      "unknown-peer",
      async () => {
        const nobody = await testPeer(broker, "nobody");
        return (await stated({ from: nobody.uid }, { merchant: nobody, customer: alice })).bytes;
      },
    ],
    ["of another network", "wrong-network", async () => (await stated({ network: alice.uid })).bytes],
    ["to somebody else", "wrong-recipient", async () => (await stated({ to: shop.uid })).bytes],
    [
      "from the future",
      "future-dated",
      async () => (await stated({ issuedAt: broker.runtime.now() + HOUR })).bytes,
    ],
    [
      "of a merchant that is its own customer",
      "same-party",
      async () => (await stated({ customer: shop.uid }, { merchant: shop, customer: shop })).bytes,
    ],
    [
      "of a run that ends before it begins",
      "wrong-reference",
      async () => (await stated({ first: 129 })).bytes,
    ],
    [
      "that nobody has signed",
      "malformed",
      async () => {
        const { bytes } = await stated();
        return bytes.slice(0, bytes.length - 1);
      },
    ],
    ["that is a map of something else", "malformed", async () => Uint8Array.of(0xa1, 1, 0x41, 0)],
  ])("refuses one %s, and records the others", async (_, code, entry) => {
    const entries = [(await run(1)).bytes, await entry(), (await run(2)).bytes];
    const { refused, tree } = await post(shop, entries);
    expect(refused).toEqual([[1, code]]);
    expect(tree).toEqual(treeHash(entries.map(entryDigest)));
    expect((await statements()).map(({ state }) => state)).toEqual(["matched", "matched"]);
  });

  test("of others, from a third party, is taken: each is verified by itself", async () => {
    const [bob, stranger] = [await enrolledPeer(broker, "bob"), await enrolledPeer(broker, "third")];
    const bobs = await makeStatement({ network: broker.network, merchant: shop, customer: bob });
    expect((await post(stranger, [bobs.bytes, (await stated()).bytes])).refused).toEqual([]);
    expect((await statements()).map(({ state }) => state)).toEqual(["matched", "matched"]);
  });

  test("of the most entries names the one that is wrong and records all others, once", async () => {
    const wrong = 617;
    const entries: Uint8Array[] = [];
    for (let i = 0; i < limits.batchEntries; i += 1) entries.push((await run(i)).bytes);
    entries[wrong] = await forged("customer");
    const first = await post(shop, entries);
    expect([first.count, first.refused]).toEqual([limits.batchEntries, [[wrong, "unauthentic"]]]);
    expect(await statements()).toHaveLength(limits.batchEntries - 1);
    const before = await broker.items();
    const again = await post(shop, entries);
    expect([again.tree, again.refused]).toEqual([first.tree, first.refused]);
    expect(await broker.items()).toEqual(before);
  });

  test("asks the store for many at once, within the limit, and once for a statement that is new", async () => {
    let [underWay, most, calls] = [0, 0, 0];
    await open((store) => {
      const counted = async <T>(work: () => Promise<T>): Promise<T> => {
        calls += 1;
        underWay += 1;
        most = Math.max(most, underWay);
        try {
          await Promise.resolve();
          return await work();
        } finally {
          underWay -= 1;
        }
      };
      return {
        ...store,
        get: (at) => counted(() => store.get(at)),
        commit: (writes) => counted(() => store.commit(writes)),
      };
    });
    await post(shop, [(await stated()).bytes]);
    const entries: Uint8Array[] = [];
    for (let i = 1; i <= 100; i += 1) entries.push((await run(i)).bytes);
    [most, calls] = [0, 0];
    await post(shop, entries);
    expect(most).toBe(limits.noticesAtOnce);
    // One more for the sender's credential.
    expect(calls).toBe(entries.length + 1);
  });

  test("keeps the order of what is about one end of a run: the first that a side signed is the first that is kept", async () => {
    const versions: MadeStatement[] = [];
    for (const cents of [0, 1, 2, 3, 4])
      versions.push(await stated({ total: euro(`0.0${cents}`) }, { merchant: shop }));
    const { refused } = await post(
      shop,
      versions.map(({ bytes }) => bytes),
    );
    expect(refused).toEqual([1, 2, 3, 4].map((index) => [index, "conflict"]));
    expect(digestsOf((await statements())[0])).toEqual([versions[0]?.digest, versions[1]?.digest]);
  });
});

describe("a broker that dies", () => {
  let crashing: Crashing;

  test.each(
    [1, 2, 3, 4, 5].flatMap((at) => (["before", "after"] as const).map((moment) => [at, moment] as const)),
  )(
    "at write %i, %s it is done, has recorded all when the batch comes again, and lets nothing wait for ever",
    async (at, moment) => {
      crashing = crashingStore();
      await open(crashing.around);
      const entries = [
        (await stated({}, { merchant: shop })).bytes,
        (await run(1)).bytes,
        (await stated({}, { customer: alice })).bytes,
      ];
      const sealed = await shop.seal(await shop.sign(noticeBatch, { entries }));
      crashing.arm(at, moment);
      expect(await tell(shop, "POST /notices", sealed)).toEqual(refuse("internal"));
      expect(crashing.reached()).toBe(true);
      crashing.disarm();
      expect(orThrow(await tell(shop, "POST /notices", sealed)).payload.refused).toEqual([]);
      expect((await statements()).map(({ state }) => state)).toEqual(["matched", "matched"]);
      broker.runtime.advance(8 * 24 * HOUR);
      await broker.rotate();
      await broker.finish();
      expect(await waiting()).toEqual([]);
      expect((await statements()).map(({ flaggedAt }) => flaggedAt)).toEqual([undefined, undefined]);
    },
  );
});
