/** Item 16: the broker's acknowledgement of statements on its way to the customers who signed them. */
import { memoryPeerStore, type PeerStore } from "@lepta/peer-sdk";
import {
  acknowledgement,
  decodeAs,
  encodeCbor,
  idBytes,
  isInTree,
  limits,
  orThrow,
  readMessage,
  type SigningKey,
  statementsRecorded,
  utf8,
} from "@lepta/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { LaneVisit } from "../../peer-sdk/src/merchant/lanes/lane.ts";
import { acknowledged, sendKept } from "../../peer-sdk/src/merchant/lanes/recorded.ts";
import { Recordings } from "../../peer-sdk/src/merchant/lanes/recordings.ts";
import { Visits } from "../../peer-sdk/src/merchant/lanes/visits.ts";
import { Outbox } from "../../peer-sdk/src/outbox.ts";
import { openParty, type Party } from "../../peer-sdk/src/party.ts";
import { type NoticesDoor, noticesDoor } from "./support/notices-door.ts";
import { type MadeStatement, makeStatement } from "./support/statements.ts";
import { createWorld, DAY, HOUR, type World } from "./support/world.ts";

let world: World;
let door: NoticesDoor;
let store: PeerStore;
let merchant: Party;
let outbox: Outbox;
let shop: Parameters<typeof acknowledged>[0];
let anna: SigningKey;
let bert: SigningKey;
let closers: (() => void)[];
let faults: unknown[];

beforeEach(async () => {
  closers = [];
  faults = [];
  world = await createWorld({ seed: "recorded" });
  door = noticesDoor(world);
  store = memoryPeerStore();
  await reopen();
  const { suite, runtime } = merchant;
  const fresh = async () => suite.signingKey(await suite.createSigningKey(runtime.random));
  [anna, bert] = [await fresh(), await fresh()];
});
afterEach(async () => {
  outbox.close();
  for (const close of closers.reverse()) close();
  await world.close();
});

async function reopen(over: PeerStore = store): Promise<void> {
  const { runtime, broker } = world;
  merchant = await openParty({ broker, store: over, runtime, transport: door.transport });
  door.party = merchant;
  outbox = await Outbox.open(merchant);
  const recorded = await Recordings.open(merchant.store);
  shop = { party: merchant, recorded, visits: new Visits(), onError: (error) => faults.push(error) };
  outbox.listen({ acknowledged: (batch) => acknowledged(shop, batch) });
}

function limit(name: "recordedBytes" | "recordedPerCustomer" | "outboxBatch", value: number): void {
  const before = limits[name];
  closers.push(() => Object.assign(limits, { [name]: before }));
  Object.assign(limits, { [name]: value });
}

type Visiting = LaneVisit & {
  readonly sent: Uint8Array[];
  session: { isOpen: boolean };
};

/** A customer's session, as far as it matters here. */
function visiting({ id }: SigningKey): Visiting {
  const sent: Uint8Array[] = [];
  const send = (item: Uint8Array) => sent.push(item);
  return { customer: { uid: id }, session: { isOpen: true }, sent, send } as unknown as Visiting;
}

async function visit(customer: SigningKey): Promise<Visiting> {
  const made = visiting(customer);
  await enter(made);
  return made;
}

async function enter(visit: Visiting): Promise<void> {
  shop.visits.add(visit);
  await sendKept(shop, visit);
}

const made = (customer: SigningKey, lane: number, signers?: { readonly customer: boolean }) =>
  makeStatement(world.network, merchant.identity.signing, customer, lane, signers);
const put = (each: readonly { readonly bytes: Uint8Array }[]) =>
  merchant.store.commit(each.map(({ bytes }) => outbox.put(bytes)));
const notice = (number: number) => ({ bytes: encodeCbor(utf8(`a notice ${number}`)) });
const rows = () => shop.recorded.table.list();

/** The statements that an item proves to be on record, checked as its customer does; fails the test where one is not. */
async function proven(item: Uint8Array): Promise<readonly string[]> {
  const [, signed, statements] = orThrow(decodeAs(statementsRecorded, item));
  const read = orThrow(readMessage(signed, [acknowledgement]));
  const verified = orThrow(await merchant.link.verify(read, "acknowledge", merchant.identity.uid));
  const { count, tree, refused } = verified.payload;
  for (const [digest, index, path] of statements) {
    expect(isInTree(idBytes(digest), index, count, path, tree)).toBe(true);
    expect(refused.map(([each]) => each)).not.toContain(index);
  }
  return statements.map(([digest]) => digest);
}

const digestsOf = (each: readonly MadeStatement[]) => each.map(({ digest }) => digest);

describe("a customer who is connected", () => {
  test("gets the paths of its own statements, and of nobody else's", async () => {
    const [a1, b1, a2] = [await made(anna, 1), await made(bert, 1), await made(anna, 2)];
    const [here, there] = [await visit(anna), await visit(bert)];
    await put([notice(1), a1, b1, notice(2), a2]);
    expect(await outbox.flush()).toBe(0);
    expect(here.sent).toHaveLength(1);
    expect(await proven(here.sent[0] ?? new Uint8Array())).toEqual(digestsOf([a1, a2]));
    expect(there.sent).toHaveLength(1);
    expect(await proven(there.sent[0] ?? new Uint8Array())).toEqual(digestsOf([b1]));
    // What was sent is not kept: that it is lost costs one copy at the broker.
    expect(await rows()).toEqual([]);
  });

  test("gets nothing for what the broker has refused, nor for what it has not signed itself", async () => {
    const here = await visit(anna);
    await put([await made(anna, 1), await made(anna, 2, { customer: false }), notice(1)]);
    door.judge = () => ({ refused: [[0, "conflict"]] });
    expect(await outbox.flush()).toBe(0);
    expect(here.sent).toEqual([]);
    expect(await rows()).toEqual([]);
  });

  test("gets nothing for what we have bought ourselves, as somebody else's customer", async () => {
    const { signing } = merchant.identity;
    await put([await makeStatement(world.network, bert, signing, 1)]);
    const [here, self] = [await visit(bert), await visit(signing)];
    expect(await outbox.flush()).toBe(0);
    expect([...here.sent, ...self.sent]).toEqual([]);
    expect(await rows()).toEqual([]);
  });

  test("gets as many items as its statements fill", async () => {
    const all: MadeStatement[] = [];
    for (let lane = 1; lane <= limits.frameMessages + 3; lane += 1) all.push(await made(anna, lane));
    const here = await visit(anna);
    await put(all);
    await outbox.flush();
    const told = await Promise.all(here.sent.map(proven));
    expect(told.map(({ length }) => length)).toEqual([limits.frameMessages, 3]);
    expect(told.flat()).toEqual(digestsOf(all));
  });

  test("in two sessions gets it in the later one, and in the other when that has ended", async () => {
    const [first, second] = [await visit(anna), await visit(anna)];
    await put([await made(anna, 1)]);
    await outbox.flush();
    expect([first.sent.length, second.sent.length]).toEqual([0, 1]);
    shop.visits.remove(second);
    await put([await made(anna, 2)]);
    await outbox.flush();
    expect([first.sent.length, second.sent.length]).toEqual([1, 1]);
  });
});

describe("a customer who is away", () => {
  test("gets it when a session opens, once, also where the merchant was closed meanwhile", async () => {
    const statement = await made(anna, 1);
    await put([statement]);
    await outbox.flush();
    expect(await rows()).toHaveLength(1);
    await reopen();
    const other = await visit(bert);
    const here = await visit(anna);
    expect(other.sent).toEqual([]);
    expect(await Promise.all(here.sent.map(proven))).toEqual([[statement.digest]]);
    expect(await rows()).toEqual([]);
    expect((await visit(anna)).sent).toEqual([]);
  });

  test("is one whose session has ended, told or not", async () => {
    const gone = await visit(anna);
    gone.session.isOpen = false;
    await put([await made(anna, 1)]);
    await outbox.flush();
    shop.visits.remove(gone);
    await put([await made(anna, 2)]);
    await outbox.flush();
    expect(gone.sent).toEqual([]);
    expect(await rows()).toHaveLength(2);
    // Nor does one that ends at once take it away.
    const brief = visiting(anna);
    brief.session.isOpen = false;
    await enter(brief);
    expect(await rows()).toHaveLength(2);
    expect((await visit(anna)).sent).toHaveLength(2);
  });

  test("who comes in while it is being kept gets it all the same", async () => {
    const inner = store;
    let late: Visiting | undefined;
    await reopen({
      ...inner,
      commit: async (changes) => {
        if (changes.some(({ key }) => key.startsWith("recorded-for/"))) late ??= await visit(anna);
        await inner.commit(changes);
      },
    });
    await put([await made(anna, 1)]);
    await outbox.flush();
    for (let turn = 0; turn < 100 && (await rows()).length > 0; turn += 1) await world.runtime.sleep(0);
    expect(late?.sent).toHaveLength(1);
    expect(await rows()).toEqual([]);
    expect(faults).toEqual([]);
  });

  test("for a day gets nothing: the broker's key has ended, and its own copy has gone", async () => {
    await put([await made(anna, 1)]);
    await outbox.flush();
    world.runtime.advance(DAY - HOUR);
    await put([await made(anna, 2)]);
    await outbox.flush();
    world.runtime.advance(HOUR);
    const here = await visit(anna);
    expect(here.sent).toHaveLength(1);
    expect(await rows()).toEqual([]);
  });
});

describe("what is kept", () => {
  test("is bounded for each customer: the oldest goes, also what a restart has found", async () => {
    limit("outboxBatch", 1);
    const all = [1, 2, 3, 4].map((lane) => made(anna, lane));
    await put(await Promise.all(all.slice(0, 2)));
    await put([await made(bert, 1)]);
    await outbox.flush();
    const [[, { item }] = ["", { item: new Uint8Array() }]] = await rows();
    limit("recordedPerCustomer", 2 * item.length + 10);
    await reopen();
    await put(await Promise.all(all.slice(2)));
    await outbox.flush();
    const here = await visit(anna);
    expect((await Promise.all(here.sent.map(proven))).flat()).toEqual(
      digestsOf(await Promise.all(all.slice(2))),
    );
    expect((await visit(bert)).sent).toHaveLength(1);
  });

  test("is bounded for all customers together: the oldest goes, whosever it is", async () => {
    limit("outboxBatch", 1);
    await put([await made(bert, 1)]);
    await outbox.flush();
    const [[, { item }] = ["", { item: new Uint8Array() }]] = await rows();
    limit("recordedBytes", 2 * item.length + 10);
    await reopen();
    await put([await made(anna, 1), await made(anna, 2)]);
    await outbox.flush();
    expect((await visit(bert)).sent).toEqual([]);
    expect((await visit(anna)).sent).toHaveLength(2);
  });

  test("within one batch is bounded too", async () => {
    await put([await made(anna, 1), await made(bert, 1)]);
    limit("recordedBytes", 600);
    await outbox.flush();
    const kept = await rows();
    expect(kept).toHaveLength(1);
    expect(kept[0]?.[0]).toMatch(`${bert.id}/`);
    expect(await outbox.flush()).toBe(0);
  });

  test("is never an item that would not fit: the statement's entry goes all the same", async () => {
    limit("recordedPerCustomer", 100);
    await put([await made(anna, 1)]);
    expect(await outbox.flush()).toBe(0);
    expect(await rows()).toEqual([]);
  });

  test("and the entries' removal are one commit: where it fails nothing is sent or lost", async () => {
    const inner = store;
    let isBroken = true;
    await reopen({
      ...inner,
      commit: async (changes) => {
        if (isBroken && changes.some(({ value }) => value === undefined)) throw new Error("the disk is full");
        await inner.commit(changes);
      },
    });
    const here = await visit(anna);
    await put([await made(anna, 1), await made(bert, 1)]);
    await expect(outbox.flush()).rejects.toThrow("the disk is full");
    expect(here.sent).toEqual([]);
    expect(await rows()).toEqual([]);
    expect(await inner.list("outbox/")).toHaveLength(2);
    isBroken = false;
    expect(await outbox.flush()).toBe(0);
    expect(here.sent).toHaveLength(1);
    expect(await rows()).toHaveLength(1);
  });
});

test("an acknowledgement that no item can carry ends the entries, and nobody gets it", async () => {
  const here = await visit(anna);
  const all = [await made(anna, 1)];
  for (let number = 1; number < 1000; number += 1)
    all.push({ ...all[0], ...notice(number) } as MadeStatement);
  await put(all);
  // As long as a message may be and an item may not, by words of three bytes a letter.
  const word = (index: number): string => "\u20ac".repeat(19) + (index < 500 ? "\u20ac" : "aa");
  door.judge = (batch) => ({ refused: batch.slice(1).map((_, i) => [i + 1, word(i)] as const) });
  const lengths: number[] = [];
  outbox.listen({
    acknowledged: (batch) => {
      lengths.push(batch.acknowledgement.length);
      return { changes: [] };
    },
  });
  expect(await outbox.flush()).toBe(0);
  expect(lengths[0]).toBeGreaterThan(64 * 1024);
  expect(here.sent).toEqual([]);
  expect(await rows()).toEqual([]);
});
