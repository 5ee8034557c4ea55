/** The customer's own copies of signed statements: let go of for the broker's acknowledgement alone, and sent in time. */
import { memoryPeerStore, type PeerStore } from "@lepta/peer-sdk";
import {
  encodeReceipt,
  idBytes,
  limits,
  orThrow,
  type SigningKey,
  toText,
  treePaths,
  verifyReceipt,
} from "@lepta/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Customer } from "../../peer-sdk/src/customer/customer.ts";
import {
  keepRecorded,
  recordedOf,
  sendCopies,
  takeRecorded,
} from "../../peer-sdk/src/customer/lanes/copies.ts";
import { laneTables } from "../../peer-sdk/src/customer/lanes/records.ts";
import { KeyedLock } from "../../peer-sdk/src/lock.ts";
import { Outbox } from "../../peer-sdk/src/outbox.ts";
import { openParty, type Party } from "../../peer-sdk/src/party.ts";
import type { AcknowledgedBatch } from "../../peer-sdk/src/send-batch.ts";
import { noticesDoor, type Verdict } from "./support/notices-door.ts";
import { type MadeStatement, makeStatement } from "./support/statements.ts";
import { createWorld, mortalStore, NEVER, type World } from "./support/world.ts";

let world: World;
let store: PeerStore;
let customer: Customer;
let merchant: Party;
let closers: (() => void)[];

beforeEach(async () => {
  closers = [];
  world = await createWorld({ seed: "copies" });
  store = memoryPeerStore();
  customer = await customerOn(store);
  merchant = await partyOn(memoryPeerStore());
});
afterEach(async () => {
  for (const close of closers.reverse()) close();
  await world.close();
});

const partyOn = (on: PeerStore, transport = world.transport): Promise<Party> =>
  openParty({ broker: world.broker, store: on, runtime: world.runtime, transport });

/** What of a customer copies are concerned with. */
async function customerOn(on: PeerStore, transport = world.transport): Promise<Customer> {
  const party = await partyOn(on, transport);
  const outbox = await Outbox.open(party);
  closers.push(() => outbox.close());
  outbox.listen({ acknowledged: (batch) => keepRecorded(party, batch) });
  const lanes = { tables: laneTables(on) };
  return { party, outbox, lanes, lock: new KeyedLock(), noticeDelay: NEVER } as unknown as Customer;
}

/** Statements between the customer and the merchant, of which the customer has a copy each. */
async function copied(
  count: number,
  by: SigningKey = merchant.identity.signing,
): Promise<readonly MadeStatement[]> {
  const made: MadeStatement[] = [];
  for (let lane = 1; lane <= count; lane += 1)
    made.push(await makeStatement(world.network, by, customer.party.identity.signing, lane));
  const due = world.runtime.now() + limits.acknowledgedWithin;
  const { copies } = laneTables(store);
  await store.commit(made.map(({ bytes: signed, digest }) => copies.put(digest, { signed, due })));
  return made;
}

const copiesLeft = async () => (await laneTables(store).copies.list()).map(([digest]) => digest);
const waiting = async () => (await store.list("outbox/")).length;

/** The broker's real answer to a batch of a party's, as its outbox tells it. */
async function acknowledge(
  entries: readonly Uint8Array[],
  verdict: Verdict = {},
  of?: PeerStore,
): Promise<{ readonly party: Party; readonly batch: AcknowledgedBatch }> {
  const door = noticesDoor(world);
  door.judge = () => verdict;
  const party = await partyOn(of ?? merchant.store, door.transport);
  door.party = party;
  const outbox = await Outbox.open(party);
  const heard: AcknowledgedBatch[] = [];
  outbox.listen({
    acknowledged: (batch) => {
      heard.push(batch);
      return { changes: [] };
    },
  });
  await party.store.commit(entries.map((each) => outbox.put(each)));
  await outbox.flush();
  const [batch] = heard;
  if (batch === undefined) throw new Error("nothing was acknowledged");
  return { party, batch };
}

/** As item 16 says it, of all entries. */
const placesIn = ({ entries }: AcknowledgedBatch) => {
  const paths = treePaths(entries.map(({ digest }) => idBytes(digest)));
  return entries.map(({ digest, index }) => [digest, index, paths[index] ?? []] as const);
};

const credentialOf = (party: Party) => party.credential();

async function bring(
  batch: AcknowledgedBatch,
  places = placesIn(batch),
  by: Party = merchant,
): Promise<void> {
  await takeRecorded(customer, await credentialOf(by), batch.acknowledgement, places);
}

describe("an acknowledgement that the merchant brings", () => {
  test("lets go of the copies that it proves, and dates their receipts for anybody", async () => {
    const [first, second, third] = await copied(3);
    if (!first || !second || !third) throw new Error("three were made");
    const { batch } = await acknowledge([first.bytes, second.bytes]);
    world.runtime.advance(1234);
    await bring(batch);
    expect(await copiesLeft()).toEqual([third.digest]);
    expect(await recordedOf(customer.party, third.digest)).toBeUndefined();
    const recorded = await recordedOf(customer.party, second.digest);
    if (recorded === undefined) throw new Error("nothing was kept");
    const receipt = encodeReceipt({
      rootKey: customer.party.link.trust().rootKey.publicKey,
      customer: (await customer.party.credential()).bytes,
      merchant: (await merchant.credential()).bytes,
      request: second.request,
      response: second.response,
      run: { before: second.origin, earlier: [], later: [], statement: second.signed, recorded },
    });
    const verified = orThrow(await verifyReceipt(receipt, world.network));
    expect(verified.recordedAt).toBe(world.runtime.now() - 1234);
  });

  test("twice, or after the copy has gone, changes nothing more", async () => {
    const [made] = await copied(1);
    const { batch } = await acknowledge([given(made).bytes]);
    await bring(batch);
    const before = await store.list("");
    await bring(batch);
    expect(await store.list("")).toEqual(before);
  });

  test("of an entry that the broker has refused lets go of nothing", async () => {
    const made = await copied(2);
    const { batch } = await acknowledge(
      made.map(({ bytes }) => bytes),
      { refused: [[1, "conflict"]] },
    );
    await bring(batch);
    expect(await copiesLeft()).toEqual([given(made[1]).digest]);
    expect(await recordedOf(customer.party, given(made[1]).digest)).toBeUndefined();
  });

  test("to another peer lets go of nothing", async () => {
    const made = await copied(1);
    const { batch, party } = await acknowledge([given(made[0]).bytes], {}, memoryPeerStore());
    await bring(batch);
    expect(await copiesLeft()).toEqual([given(made[0]).digest]);
    // Brought by the one whom it is for it is good: whoever has sent it, the broker has it.
    await bring(batch, placesIn(batch), party);
    expect(await copiesLeft()).toEqual([]);
  });

  test("signed by anybody but the broker lets go of nothing", async () => {
    const made = await copied(1);
    const { batch } = await acknowledge([given(made[0]).bytes]);
    const acknowledgement = batch.acknowledgement.slice();
    acknowledgement[acknowledgement.length - 1] = (acknowledgement.at(-1) ?? 0) ^ 1;
    await bring({ ...batch, acknowledgement });
    await bring({ ...batch, acknowledgement: given(made[0]).bytes });
    expect(await copiesLeft()).toEqual([given(made[0]).digest]);
  });

  test.each([
    ["at another index", (_digest: string, index: number, path: readonly Uint8Array[]) => [index ^ 1, path]],
    ["beyond the batch", (_digest: string, _index: number, path: readonly Uint8Array[]) => [999, path]],
    ["without its path", (_digest: string, index: number) => [index, []]],
    [
      "by an altered path",
      (_digest: string, index: number, [first = new Uint8Array(32), ...rest]: readonly Uint8Array[]) => [
        index,
        [first.map((byte) => byte ^ 1), ...rest],
      ],
    ],
  ] as const)("that places it %s lets go of nothing", async (_name, alter) => {
    const made = await copied(4);
    const { batch } = await acknowledge(made.map(({ bytes }) => bytes));
    const places = placesIn(batch).map(([digest, index, path]) => {
      const [at, way] = alter(digest, index, path) as [number, readonly Uint8Array[]];
      return [digest, at, way] as const;
    });
    await bring(batch, places);
    expect(await copiesLeft()).toHaveLength(4);
  });

  test("of statements that are not ours leaves nothing with us", async () => {
    const other = await makeStatement(world.network, merchant.identity.signing, merchant.identity.signing, 1);
    const made = await copied(1);
    const { batch } = await acknowledge([other.bytes, given(made[0]).bytes]);
    const before = await store.list("recorded/");
    await bring(batch, placesIn(batch).slice(0, 1));
    expect(await store.list("recorded/")).toEqual(before);
    expect(await copiesLeft()).toHaveLength(1);
  });

  test("where the process dies, before or after: the copy is there, or the proof is", async () => {
    for (const when of ["before", "after"] as const) {
      store = memoryPeerStore();
      customer = await customerOn(store);
      const [made] = await copied(1);
      const { batch } = await acknowledge([given(made).bytes]);
      const dying = { ...customer, party: { ...customer.party, store: mortalStore(store, { at: 1, when }) } };
      const taking = takeRecorded(
        dying,
        await credentialOf(merchant),
        batch.acknowledgement,
        placesIn(batch),
      );
      await expect(taking).rejects.toThrow();
      const proof = await recordedOf(customer.party, given(made).digest);
      expect((await copiesLeft()).length === 1).toBe(proof === undefined);
      expect(proof === undefined).toBe(when === "before");
    }
  });
});

describe("our own copy", () => {
  test("goes when its time has come and not before, and its own acknowledgement dates it", async () => {
    const door = noticesDoor(world);
    customer = await customerOn(store, door.transport);
    door.party = customer.party;
    const made = await copied(2);
    world.runtime.advance(limits.acknowledgedWithin - 1);
    await sendCopies(customer);
    expect(await waiting()).toBe(0);
    world.runtime.advance(1);
    await sendCopies(customer);
    expect(await copiesLeft()).toEqual([]);
    expect(await waiting()).toBe(2);
    door.judge = () => ({ refused: [[0, "conflict"]] });
    expect(await customer.outbox.flush()).toBe(0);
    const digests = door.recorded.map(
      (entry) => given(made.find(({ bytes }) => isSame(bytes, entry))).digest,
    );
    expect(await recordedOf(customer.party, given(digests[0]))).toBeUndefined();
    expect(await recordedOf(customer.party, given(digests[1]))).toMatchObject({ index: 1 });
  });

  test("goes in the order of the signatures, whatever the digests are", async () => {
    const made = await copied(6);
    const { copies } = laneTables(store);
    const byDigest = made.toSorted((a, b) => (a.digest < b.digest ? -1 : 1));
    const now = world.runtime.now();
    await store.commit(
      byDigest.map(({ digest, bytes: signed }, i) => copies.put(digest, { signed, due: now + 6 - i })),
    );
    world.runtime.advance(6);
    await sendCopies(customer);
    const waits = (await store.list("outbox/")).map(([, value]) => Buffer.from(value).toString("hex"));
    expect(waits).toHaveLength(6);
    const places = byDigest.map(({ bytes }) => {
      const hex = Buffer.from(bytes).toString("hex");
      return waits.findIndex((each) => each.includes(hex));
    });
    expect(places).toEqual([5, 4, 3, 2, 1, 0]);
  });

  test("goes once, also where it is looked for twice at a time", async () => {
    await copied(3);
    world.runtime.advance(limits.acknowledgedWithin);
    await Promise.all([sendCopies(customer), sendCopies(customer)]);
    expect(await waiting()).toBe(3);
  });

  test("is one of more than are looked at at once: all go", async () => {
    await copied(201);
    world.runtime.advance(limits.acknowledgedWithin);
    await sendCopies(customer);
    expect(await waiting()).toBe(201);
    expect(await copiesLeft()).toEqual([]);
  });

  test("waits while the outbox has no room", async () => {
    await copied(1);
    world.runtime.advance(limits.acknowledgedWithin);
    const { outbox } = limits;
    closers.push(() => Object.assign(limits, { outbox }));
    Object.assign(limits, { outbox: 0 });
    await sendCopies(customer);
    expect(await copiesLeft()).toHaveLength(1);
    Object.assign(limits, { outbox });
    await sendCopies(customer);
    expect(await copiesLeft()).toEqual([]);
  });

  test("is in the one table or in the other, whenever the process dies", async () => {
    for (const when of ["before", "after"] as const) {
      store = memoryPeerStore();
      customer = await customerOn(store);
      await copied(1);
      world.runtime.advance(limits.acknowledgedWithin);
      const dying = { ...customer, party: { ...customer.party, store: mortalStore(store, { at: 1, when }) } };
      await expect(sendCopies(dying)).rejects.toThrow();
      expect([(await copiesLeft()).length, await waiting()]).toEqual(when === "before" ? [1, 0] : [0, 1]);
    }
  });

  test("is in the outbox already when the merchant's proof comes: it goes all the same", async () => {
    const [made] = await copied(1);
    world.runtime.advance(limits.acknowledgedWithin);
    await sendCopies(customer);
    const { batch } = await acknowledge([given(made).bytes]);
    await bring(batch);
    expect(await waiting()).toBe(1);
  });
});

function given<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("nothing is there");
  return value;
}

const isSame = (a: Uint8Array, b: Uint8Array): boolean => toText(a) === toText(b);
