/** Faults of the broker that were found and mended: each rule here was broken once. */
import { exposureItem, keys, type Store, variable } from "@lepta/lambdas";
import {
  amountOf,
  authorizationRequest,
  authorizationResponse,
  brokerscripChange,
  encodeAs,
  isRefusal,
  orThrow,
  parseAmount,
  readMessage,
  refuse,
  type Suite,
  scripBodyCodec,
  sealMessage,
  signMessage,
  toText,
} from "@lepta/protocol";
import { defaultSuite } from "@lepta/protocol/suite/default";
import { figure4OpenSslSuite } from "@lepta/protocol/suite/figure-4-openssl";
import { describe, expect, test } from "vitest";
import { openPartitions } from "../../lambdas/src/broker/items.ts";
import { type BrokerUnderTest, memoryBroker } from "../support/broker.ts";
import { enrolledPeer, euro, type Held, makeSale, type TestPeer, testPeer } from "../support/peer.ts";
import { seededRandom } from "../support/runtime.ts";

const MINUTE = 60_000;
/** The most that an escrow may have, in bytes. */
const LONGEST_ESCROW = 4096;

describe("money that can still be recalled", () => {
  test("is minted against only up to the limit in all, however many top-ups come at once, and counts no more when it is final", async () => {
    const broker = await memoryBroker({ variables: { [variable.recallableLimit]: "1000000" } });
    const eve = await enrolledPeer(broker, "eve+recallable");
    const answers = await Promise.all(Array.from({ length: 5 }, () => eve.topUp(euro("1.00"))));
    expect(answers.filter((answer) => isRefusal(answer))).toEqual(Array(4).fill(refuse("pending")));
    expect(await broker.books()).toMatchObject({
      liveBrokerScrip: 1_000_000n,
      chargedNotMinted: 4_000_000n,
      conserved: true,
    });
    expect(await outstanding(broker)).toBe(1_000_000n);

    broker.runtime.advance(MINUTE);
    await broker.finish();
    expect(await outstanding(broker)).toBe(0n);
    expect(await broker.books()).toMatchObject({
      liveBrokerScrip: 5_000_000n,
      chargedNotMinted: 0n,
      conserved: true,
    });
    expect(await broker.finish()).toEqual({ seen: 0, decided: 0, failed: 0 });
    // The whole limit is there again.
    expect(orThrow(await eve.topUp(euro("1.00"))).payload.ok).toBe(true);
    expect(await eve.topUp(euro("0.01"))).toEqual(refuse("pending"));
  });
});

describe("the schedule that finishes top-ups", () => {
  test("goes on with the others when the first that it comes to cannot be committed", async () => {
    let contended: string | undefined;
    const around = (store: Store): Store => ({
      ...store,
      commit: async (writes) =>
        writes.some(({ at }) => at.sk === contended) ? "moved" : store.commit(writes),
    });
    const broker = await memoryBroker({ around });
    for (let i = 0; i < 4; i += 1) {
      const peer = await enrolledPeer(broker, `peer${i}+recallable`);
      expect(await peer.topUp(euro("1.00"))).toEqual(refuse("pending"));
    }
    broker.runtime.advance(MINUTE);
    const open = (await broker.items()).filter(({ key }) => key.pk.startsWith("OPEN#"));
    const [first] = open.sort((a, b) => openPartitions.indexOf(a.key.pk) - openPartitions.indexOf(b.key.pk));
    contended = `TXN#${first?.item.txn}`;
    expect(await broker.finish()).toEqual({ seen: 4, decided: 3, failed: 1 });
    expect(await broker.books()).toMatchObject({
      liveBrokerScrip: 3_000_000n,
      chargedNotMinted: 1_000_000n,
      conserved: true,
    });
    contended = undefined;
    expect(await broker.finish()).toEqual({ seen: 1, decided: 1, failed: 0 });
  });
});

describe("an account", () => {
  test("is not told to be taken to whoever brings no mandate for it", async () => {
    const broker = await memoryBroker();
    await enrolledPeer(broker, "alice");
    const mallory = await testPeer(broker, "mallory");
    const reasonFor = async (account: string, mandate: string) =>
      orThrow(await mallory.enrol({ account, mandate })).payload.reason;
    expect(await reasonFor("alice", "nonsense")).toBe("account-refused");
    expect(await reasonFor("nobody", "nonsense")).toBe("account-refused");
    expect(await reasonFor("alice", "sandbox")).toBe("account-taken");
  });
});

describe("M3 of figure 8, which goes through the merchant", () => {
  const price = euro("0.02");

  /** What a merchant that chose its escrow's length sees of M3: its length, and whether it went well. */
  async function lengthOf(
    { broker, alice, shop }: Scene,
    held: Held,
    { escrow, amount = price }: { readonly escrow?: number; readonly amount?: typeof price } = {},
  ) {
    const sale = await makeSale(alice, shop, broker.runtime.now(), { amount, held });
    const { payload } = orThrow(readMessage(sale.request.bytes, [authorizationRequest]));
    const own = {
      customer: payload.customer,
      amount: payload.amount,
      part: payload.part,
      scrip: payload.scrip,
      escrow: escrow === undefined ? payload.escrow : new Uint8Array(escrow),
    };
    const request = await shop.sign(authorizationRequest, own, { txn: sale.txn });
    const sealed = await shop.seal(request, { attachments: [sale.part] });
    const m4 = orThrow(await shop.post("POST /authorise", sealed, authorizationResponse, "decide"));
    const [change, ...more] = m4.attachments;
    expect(more).toEqual([]);
    return { ok: m4.payload.ok, length: change?.length };
  }

  test.each([
    ["an escrow as it should be", undefined],
    ["a short escrow", 16],
    ["an escrow that fills the usual step", 1800],
    ["the longest escrow", LONGEST_ESCROW],
  ])("with %s has one length, whatever is left, and also when it refuses", async (_name, escrow) => {
    const options = escrow === undefined ? {} : { escrow };
    const lengths: (number | undefined)[] = [];
    for (const fund of ["0.02", "0.020001", "5.00", "900.00"]) {
      const at = await scene(fund);
      const done = await lengthOf(at, at.held, options);
      expect(done.ok).toBe(true);
      // The same scrip again is refused.
      const refused = await lengthOf(at, at.held, options);
      expect(refused.ok).toBe(false);
      lengths.push(done.length, refused.length);
    }
    const poor = await scene("0.01");
    const refused = await lengthOf(poor, poor.held, options);
    expect(refused.ok).toBe(false);
    lengths.push(refused.length);
    expect(lengths[0]).toBeGreaterThan(LONGEST_ESCROW);
    expect(new Set(lengths).size).toBe(1);
  });

  test("has the same length under every escrow, so that a refusal hides which one was asked for", async () => {
    const at = await scene("5.00");
    const short = await lengthOf(at, at.held, { escrow: 16 });
    const again = await scene("5.00");
    expect((await lengthOf(again, again.held, { escrow: LONGEST_ESCROW })).length).toBe(short.length);
  });

  const suites: readonly (readonly [string, Suite])[] = [
    ["default", defaultSuite],
    ["figure-4", figure4OpenSslSuite],
  ];
  test.each(suites)("has one length in the suite %s, whatever it says", async (_name, suite) => {
    const random = seededRandom("lengths");
    const signing = await suite.signingKey(await suite.createSigningKey(random));
    const opening = await suite.openingKey(await suite.createSealingKey(random));
    const recipient = orThrow(await suite.sealingKey(opening.publicKey));
    const id = toText(random(32));
    const scrip = toText(random(16));
    const common = {
      network: id,
      from: signing.id,
      to: opening.id,
      txn: toText(random(16)),
      issuedAt: Date.UTC(2027, 0, 1),
      request: id,
      decidedAt: Date.UTC(2027, 0, 1),
      amount: amountOf("EUR", 2n ** 53n - 1n),
      merchant: id,
      authorization: new Uint8Array(1024),
    };
    const body = (value: string) =>
      encodeAs(scripBodyCodec, {
        version: 1,
        kind: "broker",
        network: id,
        issuer: id,
        owner: id,
        id: scrip,
        value: parseAmount(value),
        expiresAt: Date.UTC(2030, 0, 1),
        parent: scrip,
      });
    const grant = (value: string) => ({
      body: body(value),
      certificate: random(32),
      secretHash: random(32),
    });
    const beside = { secrets: [{ scrip, secret: random(32) }] };
    const record = [2 ** 40, random(32)] as const;
    const done = { ...common, ok: true, spent: scrip, record } as const;
    const drafts = [
      [{ ...done, grant: grant("EUR 9000000000"), escrow: new Uint8Array(LONGEST_ESCROW) }, beside],
      [{ ...done, grant: grant("EUR 0.000001"), escrow: new Uint8Array(LONGEST_ESCROW) }, beside],
      [{ ...done, escrow: new Uint8Array(LONGEST_ESCROW) }, {}],
      [{ ...done, escrow: new Uint8Array(16) }, {}],
      [{ ...common, ok: false, reason: "insufficient", record }, {}],
      [{ ...common, ok: false, reason: "scrip-spent" }, {}],
    ] as const;
    const lengths = [];
    for (const [draft, secrets] of drafts) {
      const message = await signMessage(brokerscripChange, draft, signing);
      lengths.push((await sealMessage(message, recipient, random, secrets)).length);
    }
    expect(new Set(lengths).size).toBe(1);
  });
});

interface Scene {
  readonly broker: BrokerUnderTest;
  readonly alice: TestPeer;
  readonly shop: TestPeer;
  readonly held: Held;
}

/** A merchant, and a customer with so much BrokerScrip. */
async function scene(fund: string): Promise<Scene> {
  const broker = await memoryBroker();
  const alice = await enrolledPeer(broker, "alice");
  const shop = await enrolledPeer(broker, "shop");
  return { broker, alice, shop, held: await alice.fund(euro(fund)) };
}

/** What is minted against recallable money, in millionths. */
async function outstanding({ wiring }: BrokerUnderTest): Promise<bigint | undefined> {
  return exposureItem.read((await wiring.store.get([keys.exposure("EUR")]))[0])?.outstanding;
}
