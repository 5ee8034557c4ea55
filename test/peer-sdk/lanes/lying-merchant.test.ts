/** Merchants that say what they like in a session: the wallet signs nothing untrue, keeps the evidence, and opens again. */
import { type Merchant, memoryPeerStore, type PeerStore, type Wallet } from "@lepta/peer-sdk";
import {
  amountOf,
  customerSecret,
  type ErrorCode,
  encodeAs,
  laneClose,
  laneJoined,
  laneOpened,
  laneRefused,
  laneSold,
  mint,
  statementSigned,
  toText,
} from "@lepta/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  type Draft,
  type LaneAtHand,
  MerchantByHand,
  type MerchantSessionByHand,
  quiet,
  type SoldItem,
} from "../support/by-hand.ts";
import { Hand } from "../support/hand.ts";
import { codeOf, createWorld, type World } from "../support/world.ts";

const SHOP = "ws://shop.example/pay";
const max = "EUR 0.01";

let world: World;
let honest: Merchant;
let liar: MerchantByHand;
let disk: PeerStore;
let wallet: Wallet;

beforeEach(async () => {
  world = await createWorld({ sessions: true });
  const store = memoryPeerStore();
  honest = await world.merchant(SHOP, {
    store,
    catalogue: { page: { price: "EUR 0.01", deliver: () => "page" } },
  });
  disk = memoryPeerStore();
  wallet = await world.wallet({ store: { ...disk, close: async () => {} } });
  await wallet.topUp("EUR 5.00");
  await wallet.obtain(SHOP, "EUR 1.00");
  const { broker, runtime, transport } = world;
  liar = new MerchantByHand(await Hand.open({ broker, runtime, transport, store }));
  world.places.set(SHOP, () => liar.visit("page", "EUR 0.01"));
});
afterEach(() => world.close());

const buy = () => wallet.buy(SHOP, "page", { max });

/** A lane on which one purchase was sold as it should be. */
async function begun(): Promise<{ at: MerchantSessionByHand; lane: LaneAtHand }> {
  const first = buy();
  const at = await liar.met();
  const lane = await at.takeLane();
  await at.sell(lane);
  await first;
  return { at, lane };
}

/** The wallet opens again with all that it had kept, and says the same. */
async function reopens(): Promise<void> {
  await wallet.close();
  world.places.set(SHOP, () => honest.visit());
  wallet = await world.wallet({ store: disk });
  expect((await wallet.balance()).brokerScrip).toBe("EUR 4.00");
}

const money = (value: bigint) => amountOf("EUR", value);

describe("an answer", () => {
  const lies: readonly (readonly [lie: string, say: (item: SoldItem) => SoldItem])[] = [
    ["charges more", ([k, l, s, , r, g, t]) => [k, l, s, 20_000, r, g, t]],
    ["charges less", ([k, l, s, , r, g, t]) => [k, l, s, 1, r, g, t]],
    ["leaves less", ([k, l, s, c, , g, t]) => [k, l, s, c, 1, g, t]],
    ["leaves more", ([k, l, s, c, , g, t]) => [k, l, s, c, 1_000_000, g, t]],
    ["is out of its turn", ([k, l, s, c, r, g, t]) => [k, l, s + 1, c, r, g, t]],
    ["is of another lane", ([k, l, s, c, r, g, t]) => [k, l + 1, s, c, r, g, t]],
  ];
  test.each(lies)("that %s is no answer, and the lane is lost", async (_lie, say) => {
    const { at, lane } = await begun();
    const second = codeOf(buy());
    await at.sell(lane, say);
    expect(await second).toBe("scrip-mismatch");
    await quiet();
    expect((await wallet.balance()).vendorScrip).toEqual([]);
    expect((await wallet.pending()).map(({ status }) => status)).toEqual(["unknown"]);
    await reopens();
  });

  test("to no purchase, and a refusal that takes something, end the lane", async () => {
    const { at, lane } = await begun();
    const second = codeOf(buy());
    await at.items.next(3);
    at.send(laneRefused, [5, lane.number, 2, "unknown-item", 1]);
    expect(await second).toBe("scrip-mismatch");
    await reopens();
  });

  test("that does not come is not waited for for ever; it counts when it comes", async () => {
    const look = await impatient();
    const { at, lane } = await begun();
    const second = codeOf(buy());
    await look();
    expect(await second).toBe("unreachable");
    await at.sell(lane);
    await quiet();
    expect(await wallet.pending()).toHaveLength(0);
    expect((await wallet.history()).filter(({ kind }) => kind === "purchase")).toHaveLength(2);
    await reopens();
  });

  test("that does not come keeps nobody from asking for what is left: the wallet says so in the end", async () => {
    const look = await impatient();
    const { at, lane } = await begun();
    const second = codeOf(buy());
    await look();
    expect(await second).toBe("unreachable");
    const back = codeOf(wallet.refund(SHOP));
    await look();
    expect(await back).not.toBe("no error");
    await at.sell(lane);
    await quiet();
    expect(await wallet.pending()).toHaveLength(0);
    await reopens();
  });

  /** A wallet whose waits for answers end when the test says so; other waits go by the clock. */
  async function impatient(): Promise<() => Promise<void>> {
    await wallet.close();
    const looks = new Set<() => void>();
    const later: typeof world.runtime.later = (milliseconds, work) => {
      if (milliseconds !== 20_000) return world.runtime.later(milliseconds, work);
      looks.add(work);
      return () => looks.delete(work);
    };
    wallet = await world.wallet({
      store: { ...disk, close: async () => {} },
      runtime: { ...world.runtime, later },
    });
    return async () => {
      await quiet();
      for (let turn = 0; turn < 20; turn += 1) {
        for (const work of [...looks]) {
          looks.delete(work);
          work();
        }
        await quiet();
      }
    };
  }

  test("that nobody asked for ends the lane, and what was answered stays evidence", async () => {
    const { at, lane } = await begun();
    at.send(laneSold, [4, lane.number, 2, 1, 1, new Uint8Array(1), "text/plain"]);
    expect(await at.items.ended()).toBe("scrip-mismatch");
    await quiet();
    expect((await wallet.history()).filter(({ kind }) => kind === "purchase")).toHaveLength(1);
    await wallet.flushNotices();
    await reopens();
  });
});

describe("a statement is not signed", () => {
  const lies: readonly (readonly [lie: string, code: ErrorCode, say: (draft: Draft) => Draft])[] = [
    ["with another total", "scrip-mismatch", (draft) => ({ ...draft, total: money(20_000n) })],
    ["that leaves less", "scrip-mismatch", (draft) => ({ ...draft, remaining: money(1n) })],
    ["over another chain", "scrip-mismatch", (draft) => ({ ...draft, chain: new Uint8Array(32) })],
    ["after another", "wrong-reference", (draft) => ({ ...draft, previous: draft.network })],
    ["about another customer", "wrong-reference", (draft) => ({ ...draft, customer: honest.uid })],
    ["about another lane", "wrong-reference", (draft) => ({ ...draft, lane: 9 })],
    ["about another session", "wrong-reference", (draft) => ({ ...draft, session: new Uint8Array(32) })],
    ["from the middle of the lane", "wrong-reference", (draft) => ({ ...draft, first: 2 })],
    ["about what was not answered", "wrong-reference", (draft) => ({ ...draft, last: 2 })],
    ["to another network", "wrong-network", (draft) => ({ ...draft, network: honest.uid, to: honest.uid })],
    ["that closes and gives no change", "scrip-mismatch", (draft) => ({ ...draft, closes: 1 })],
  ];
  test.each(lies)("%s", async (_lie, code, say) => {
    const { at, lane } = await begun();
    await at.propose(lane, say);
    expect(await at.items.ended()).toBe(code);
    expect(at.items.all.some((item) => item[1] === 15)).toBe(false);
    await reopens();
  });

  test("about nothing, as one was signed already", async () => {
    const { at, lane } = await begun();
    await at.propose(lane);
    await at.items.next(15);
    await at.propose(lane);
    expect(await at.items.ended()).toBe("wrong-reference");
    expect((await wallet.history()).filter(({ kind }) => kind === "purchase")).toHaveLength(1);
    await reopens();
  });

  test("that nobody has signed", async () => {
    const { at, lane } = await begun();
    const other = await Hand.open({
      broker: world.broker,
      runtime: world.runtime,
      transport: world.transport,
      store: memoryPeerStore(),
    });
    const { signing } = other.party.identity;
    await at.propose(lane, (draft) => draft, new Uint8Array(0), signing);
    expect(await at.items.ended()).toBe("unauthentic");
  });

  test.each([
    { lie: "is worth less", value: 1n, secretOf: (secret: Uint8Array) => secret, code: "scrip-mismatch" },
    { lie: "has another secret", value: 990_000n, secretOf: () => new Uint8Array(32), code: "bad-proof" },
    { lie: "has none", value: 990_000n, secretOf: () => new Uint8Array(0), code: "bad-proof" },
  ])("whose change $lie", async ({ value, secretOf, code }) => {
    const { at, lane } = await begun();
    await close(at, lane, value, secretOf);
    expect(await at.items.ended()).toBe(code);
    expect(at.items.all.some((item) => item[1] === 15)).toBe(false);
  });
});

/** Proposes the closing statement, with change of this value. */
async function close(
  at: MerchantSessionByHand,
  lane: LaneAtHand,
  value: bigint,
  alter: (secret: Uint8Array) => Uint8Array = (secret) => secret,
): Promise<void> {
  const { identity, runtime } = liar.hand.party;
  const { uid: issuer, network, epochRoot } = identity;
  const { id: parent, origin = parent, expiresAt } = lane.scrip;
  const secrets = { epochRoot, salt: runtime.random(32) };
  const [id, owner] = [toText(runtime.random(16)), wallet.uid];
  const body = {
    kind: "vendor",
    network,
    issuer,
    owner,
    id,
    value: money(value),
    expiresAt,
    parent,
    origin,
  } as const;
  const { grant } = mint(secrets, body);
  const secret = customerSecret(secrets, { owner, id });
  await at.propose(lane, (draft) => ({ ...draft, change: grant, closes: 1 }), alter(secret));
}

describe("after both have signed the end of a lane", () => {
  const afterwards: readonly (readonly [
    what: string,
    say: (at: MerchantSessionByHand, lane: LaneAtHand) => void,
  ])[] = [
    ["nothing more", () => {}],
    ["an answer", (at, lane) => at.send(laneSold, [4, lane.number, 2, 1, 1, new Uint8Array(1), ""])],
    ["a second end with change of its own", (at, lane) => void close(at, lane, 990_000n)],
    [
      "a session that enters the chain",
      (at, lane) => at.send(laneJoined, [12, lane.number, 2, new Uint8Array(32)]),
    ],
    [
      "that it stands elsewhere",
      (at, lane) => at.send(laneOpened, [2, lane.number, 5, money(1n), new Uint8Array(32)]),
    ],
    [
      "its end, twice",
      (at, lane) => {
        at.send(laneClose, [7, lane.number]);
        at.send(laneClose, [7, lane.number]);
      },
    ],
  ];
  test.each(afterwards)(
    "the merchant says %s: the change is the wallet's, and it opens again",
    async (_what, say) => {
      const { at, lane } = await begun();
      await close(at, lane, 990_000n);
      await at.items.next(15);
      say(at, lane);
      await quiet();
      expect((await wallet.balance()).vendorScrip).toMatchObject([{ amount: "EUR 0.99" }]);
      await reopens();
      expect((await wallet.balance()).vendorScrip).toMatchObject([{ amount: "EUR 0.99" }]);
      expect((await wallet.history()).filter(({ kind }) => kind === "purchase")).toHaveLength(1);
    },
  );
});

describe("a lane that is taken up", () => {
  test("with an opening in its chain that was none of the wallet's is lost", async () => {
    const { at, lane } = await begun();
    const second = codeOf(buy());
    await at.items.next(3);
    at.session.close("closed");
    const next = await liar.met(2);
    await next.items.next(11);
    next.send(laneJoined, [12, lane.number, 2, new Uint8Array(32)]);
    expect(await second).toBe("scrip-mismatch");
    await reopens();
  });

  test("by a merchant that stands elsewhere is lost", async () => {
    const { at, lane } = await begun();
    const second = codeOf(buy());
    await at.items.next(3);
    at.session.close("closed");
    const next = await liar.met(2);
    await next.items.next(11);
    next.send(laneOpened, [2, lane.number, 1, money(1n), new Uint8Array(32)]);
    expect(await second).toBe("scrip-mismatch");
    await reopens();
  });

  test("at a place whose wallet gave it up to the broker: it opens again without it", async () => {
    await begun();
    world.places.delete(SHOP);
    await wallet.reclaim(honest.uid).catch(() => undefined);
    await honest.tend();
    await wallet.reclaim(honest.uid).catch(() => undefined);
    await reopens0();
  });
});

async function reopens0(): Promise<void> {
  await wallet.close();
  wallet = await world.wallet({ store: disk });
  expect((await wallet.balance()).vendorScrip).toEqual([]);
}

describe("words that make no sense", () => {
  test.each([
    ["an empty item", new Uint8Array([0x80])],
    ["an item of no number", new Uint8Array([0x81, 0x17])],
    ["an item that only the customer sends", encodeAs(statementSigned, [15, 1, new Uint8Array(64)])],
    ["a cut answer", new Uint8Array([0x87, 0x04, 0x01])],
    ["a cut statement", new Uint8Array([0x85, 0x0e, 0x01, 0x40, 0x40, 0x40])],
  ])("end the session, and nothing else: %s", async (_what, bytes) => {
    const { at } = await begun();
    at.session.send(bytes);
    await at.items.ended();
    await reopens();
  });
});
