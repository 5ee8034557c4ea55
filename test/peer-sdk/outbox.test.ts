/** The outbox of notices and statements: nothing lost, nothing out of order, nothing for ever in the way of the rest. */
import { brokerFor } from "@lepta/lambdas";
import { LeptaError, memoryPeerStore, type PeerStore } from "@lepta/peer-sdk";
import { encodeCbor, limits, type SigningKey, utf8 } from "@lepta/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { asideTable, Outbox } from "../../peer-sdk/src/outbox.ts";
import { openParty, type Party } from "../../peer-sdk/src/party.ts";
import { type AcknowledgedBatch, BatchSize } from "../../peer-sdk/src/send-batch.ts";
import { type NoticesDoor, noticesDoor } from "./support/notices-door.ts";
import { makeStatement } from "./support/statements.ts";
import { type VirtualRuntime, virtualRuntime } from "./support/virtual.ts";
import { codeOf, createWorld, DAY, HOUR, MINUTE, type World } from "./support/world.ts";

let world: World;
let door: NoticesDoor;
let runtime: VirtualRuntime;
let store: PeerStore;
let party: Party;
let outbox: Outbox;
let closers: (() => void)[];

beforeEach(async () => {
  closers = [];
  world = await createWorld({ seed: "outbox" });
  door = noticesDoor(world);
  runtime = virtualRuntime(world.runtime);
  store = memoryPeerStore();
  await reopen();
});
afterEach(async () => {
  outbox.close();
  for (const close of closers.reverse()) close();
  await world.close();
});

/** The process begins anew on the same store. */
async function reopen(over: PeerStore = store): Promise<void> {
  party = await openParty({ broker: world.broker, store: over, runtime, transport: door.transport });
  door.party = party;
  outbox = await Outbox.open(party);
}

/** Sets a limit for the rest of the test. */
function limit(name: "outbox" | "outboxStored" | "outboxBatch" | "outboxAside", value: number): void {
  const before = limits[name];
  closers.push(() => Object.assign(limits, { [name]: before }));
  Object.assign(limits, { [name]: value });
}

/** An entry that is no message: the stand-in broker does not mind. */
const entry = (number: number, length = 20): Uint8Array =>
  encodeCbor(utf8(`${number} `.padEnd(length - (length > 255 ? 3 : length > 23 ? 2 : 1), ".")));
const entries = (count: number, from = 0): readonly Uint8Array[] =>
  Array.from({ length: count }, (_, i) => entry(from + i));
const put = (each: readonly Uint8Array[]) => party.store.commit(each.map((one) => outbox.put(one)));
const waiting = async () => (await store.list("outbox/")).length;
const away = (): never => {
  throw new LeptaError("unreachable", "the test's broker is away");
};
const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
/** A broker that reads no batch with one of these in it. */
const refusingFor =
  (poison: readonly Uint8Array[], code: "malformed" | "too-large" | "internal" = "malformed") =>
  (batch: readonly Uint8Array[]) =>
    batch.some((each) => poison.some((one) => same(one, each))) ? code : {};

describe("what waits for the broker", () => {
  test("goes in batches of 1,000, in its order", async () => {
    const all = entries(2500);
    await put(all);
    expect(await outbox.flush()).toBe(0);
    expect(door.batches.map(({ length }) => length)).toEqual([1000, 1000, 500]);
    expect(door.recorded).toEqual(all);
    expect(await waiting()).toBe(0);
    expect(outbox.size).toBe(0);
  });

  test("fits sealed into one batch's bytes, however large its entries are", async () => {
    const sizes: number[] = [];
    const all = Array.from({ length: 1000 }, (_, i) => entry(i, 4096));
    expect(all[0]).toHaveLength(4096);
    const { transport } = door;
    party = await openParty({
      broker: world.broker,
      store,
      runtime,
      transport: (method, url, body) => {
        if (url.endsWith("/notices")) sizes.push(body?.length ?? 0);
        return transport(method, url, body);
      },
    });
    outbox = await Outbox.open(party);
    await put(all);
    expect(await outbox.flush()).toBe(0);
    expect(door.recorded).toEqual(all);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(limits.batchBytes);
    expect(sizes).toHaveLength(Math.ceil((1000 * 4096) / limits.outboxBytes));
  });

  test("takes statements with both signatures", async () => {
    const made = await makeStatement(world.network, party.identity.signing, await customerKey(), 1);
    await put([made.bytes]);
    const told: AcknowledgedBatch[] = [];
    outbox.listen({ acknowledged: (batch) => ({ changes: [], committed: () => told.push(batch) }) });
    expect(await outbox.flush()).toBe(0);
    // The leaf of a statement is its payload's digest, whoever has signed it.
    expect(told.map((each) => each.entries)).toEqual([
      [{ bytes: made.bytes, index: 0, digest: made.digest }],
    ]);
  });

  test("is found again after a restart, more of it than is read at once, and goes on behind it", async () => {
    await put(entries(1201));
    await reopen();
    expect(outbox.size).toBe(1201);
    await put(entries(1, 1201));
    expect(await outbox.flush()).toBe(0);
    expect(door.recorded).toEqual(entries(1202));
  });

  test("is larger than one entry may be: that is our own fault, and takes no room", () => {
    expect(() => outbox.put(new Uint8Array(4097))).toThrow();
    expect(outbox.size).toBe(0);
  });
});

describe("room", () => {
  test("ends with the entries or with their bytes, whichever is first, also after a restart", async () => {
    limit("outbox", 3);
    await put(entries(2));
    expect(outbox.hasRoom).toBe(true);
    await put(entries(1));
    expect(outbox.hasRoom).toBe(false);
    limit("outbox", 100);
    limit("outboxStored", 61);
    expect(outbox.hasRoom).toBe(true);
    await put(entries(1));
    expect(outbox.hasRoom).toBe(false);
    await reopen();
    expect(outbox.hasRoom).toBe(false);
    await outbox.flush();
    expect(outbox.hasRoom).toBe(true);
  });

  test("without it nothing is sold or bought, and with it both go on", async () => {
    const NEWS = "ws://news.example/pay";
    const catalogue = { article: { price: "EUR 0.02", deliver: () => "text" } };
    const news = await world.merchant(NEWS, { catalogue });
    const wallet = await world.wallet();
    const buy = () => wallet.buy(NEWS, "article", { max: "EUR 0.02" });
    await wallet.topUp("EUR 5.00");
    await buy();
    limit("outboxStored", 1);
    expect(await codeOf(buy())).toBe("busy");
    await wallet.flushNotices();
    expect(await codeOf(buy())).toBe("busy");
    expect(await news.sales()).toHaveLength(1);
    await news.flushNotices();
    await wallet.resume();
    expect(await news.sales()).toHaveLength(2);
  });

  test("that was taken by what was never committed is given back when nothing has come for a minute", async () => {
    limit("outbox", 2);
    for (const each of entries(2)) outbox.put(each);
    expect(outbox.hasRoom).toBe(false);
    outbox.flushSoon(1000);
    await runtime.pass(MINUTE / 2, () => outbox.flush());
    expect(outbox.hasRoom).toBe(false);
    await runtime.pass(MINUTE, () => outbox.flush());
    expect(outbox.hasRoom).toBe(true);
  });
});

describe("a broker that is away", () => {
  test("for a day is asked ever less often, by sales as by time, and then gets all in its order", async () => {
    const put24 = async (): Promise<void> => {
      for (let hour = 0; hour < 24; hour += 1) {
        await put(entries(1, hour));
        // Sales go on: each asks for a try before long.
        outbox.flushSoon(1000);
        await runtime.pass(HOUR / 2, () => outbox.flush());
        outbox.flushSoon(1000);
        await runtime.pass(HOUR / 2, () => outbox.flush());
      }
    };
    door.judge = away;
    const before = runtime.fired();
    await put24();
    const tries = runtime.fired() - before;
    const most = DAY / limits.outboxPause;
    expect(tries).toBeGreaterThan(most * 0.9);
    // The pauses that grew to the longest one come on top.
    expect(tries).toBeLessThan(most + 12);
    expect(door.batches.length).toBeLessThanOrEqual(tries * limits.deliveryAttempts);
    expect(outbox.size).toBe(24);
    // Its keys are other ones by now.
    await world.rotate();
    door.judge = () => ({});
    await runtime.pass(limits.outboxPause, () => outbox.flush());
    expect(door.recorded).toEqual(entries(24));
    expect(await waiting()).toBe(0);
  });

  test("even with its keys is asked without end, and no fault of ours is told", async () => {
    const faults: unknown[] = [];
    let isAway = true;
    const { transport } = door;
    party = await openParty({
      broker: world.broker,
      store,
      runtime,
      transport: (...asked) => (isAway && world.runtime.now() > START ? away() : transport(...asked)),
    });
    outbox = await Outbox.open(party);
    outbox.listen({ failed: (error) => faults.push(error) });
    await put(entries(1));
    outbox.flushSoon(1000);
    // So long that the key that batches are sealed to has ended.
    await runtime.pass(2 * DAY, () => outbox.flush());
    expect(faults).toEqual([]);
    expect(outbox.size).toBe(1);
    isAway = false;
    await world.rotate();
    await runtime.pass(limits.outboxPause, () => outbox.flush());
    expect(door.recorded).toEqual(entries(1));
  });

  test("is not asked at all where nothing waits", async () => {
    outbox.flushSoon(1000);
    await runtime.pass(DAY, () => outbox.flush());
    expect(runtime.fired()).toBe(1);
    expect(door.batches).toEqual([]);
  });

  test("gets smaller batches for a while: it may be too slow for large ones", async () => {
    door.judge = (batch) => (batch.length > 300 ? away() : {});
    await put(entries(1000));
    outbox.flushSoon(1000);
    await runtime.pass(HOUR, () => outbox.flush());
    expect(door.recorded).toEqual(entries(1000));
  });

  test("and a store that fails are told apart: that is our own fault", async () => {
    const faults: unknown[] = [];
    outbox.listen({ failed: (error) => faults.push(error) });
    await put(entries(1));
    outbox.listen({
      acknowledged: () => {
        throw new Error("the test's listener fails");
      },
    });
    outbox.flushSoon(1000);
    await runtime.pass(1500, () => outbox.flush());
    expect(faults.map(String)).toEqual(["Error: the test's listener fails"]);
    // What its listeners would have kept is not lost: it waits, and is sent again.
    expect(await waiting()).toBe(1);
  });

  test("and closing: a timer that is left does nothing", async () => {
    await put(entries(1));
    outbox.flushSoon(1000);
    outbox.close();
    await runtime.pass(DAY, () => Promise.resolve());
    outbox.flushSoon(1000);
    await runtime.pass(DAY, () => Promise.resolve());
    expect(door.batches).toEqual([]);
  });
});

describe("an entry for which the broker refuses a batch", () => {
  test.each(["malformed", "too-large"] as const)(
    "as %s is found, set aside and told; all others arrive in their order",
    async (code) => {
      const all = entries(1000);
      const poison = entries(1, 700);
      const told: string[] = [];
      outbox.listen({ refused: (error, each) => told.push(`${error.code} ${Buffer.from(each)}`) });
      await put(all);
      door.judge = refusingFor(poison, code);
      expect(await outbox.flush()).toBe(0);
      expect(door.recorded).toEqual(all.filter((_, i) => i !== 700));
      // Halving, and then once more alone.
      expect(door.batches.length).toBeLessThan(3 * Math.log2(1000));
      expect(told).toEqual([`${code} ${Buffer.from(entry(700))}`]);
      expect((await asideTable(store).list()).map(([, each]) => [each.entry, each.code])).toEqual([
        [entry(700), code],
      ]);
      expect(await waiting()).toBe(0);
      expect(outbox.size).toBe(0);
    },
  );

  test("waits where there is no other to show that the broker takes any", async () => {
    await put(entries(1));
    door.judge = refusingFor(entries(1));
    for (let times = 0; times < 3; times += 1) expect(await outbox.flush()).toBe(1);
    expect(await asideTable(store).list()).toEqual([]);
    await put(entries(1, 1));
    expect(await outbox.flush()).toBe(0);
    expect(door.recorded).toEqual(entries(1, 1));
    expect(await asideTable(store).list()).toHaveLength(1);
  });

  test("is one of many in a row: none of them stops the rest", async () => {
    const poison = entries(3 * limits.outboxStrikes);
    await put([...poison, ...entries(5, 100)]);
    door.judge = refusingFor(poison);
    outbox.flushSoon(1000);
    await runtime.pass(HOUR, () => outbox.flush());
    expect(door.recorded).toEqual(entries(5, 100));
    expect((await asideTable(store).list()).map(([, each]) => each.entry)).toEqual(poison);
  });

  test("is none where the broker refuses everything: nothing is set aside, and tries are bounded", async () => {
    const all = entries(1000);
    await put(all);
    door.judge = () => "malformed";
    outbox.flushSoon(1000);
    await runtime.pass(12 * HOUR, () => outbox.flush());
    expect(await asideTable(store).list()).toEqual([]);
    expect(await waiting()).toBe(1000);
    expect(door.batches.length).toBeLessThan(
      ((12 * HOUR) / limits.outboxPause + 12) * (limits.outboxStrikes + 1) + 20,
    );
    // What stood between us is mended: everything arrives.
    door.judge = () => ({});
    await runtime.pass(limits.outboxPause, () => outbox.flush());
    expect([...door.recorded].sort(Buffer.compare)).toEqual([...all].sort(Buffer.compare));
    expect(await asideTable(store).list()).toEqual([]);
  });

  test("of which it fails does not stop the rest, and waits for a broker that does not fail", async () => {
    const poison = entries(1);
    await put(entries(10));
    door.judge = refusingFor(poison, "internal");
    outbox.flushSoon(1000);
    await runtime.pass(HOUR, () => outbox.flush());
    expect(door.recorded).toEqual(entries(9, 1));
    expect(await waiting()).toBe(1);
    expect(await asideTable(store).list()).toEqual([]);
    door.judge = () => ({});
    await runtime.pass(limits.outboxPause * 2, () => outbox.flush());
    expect(door.recorded).toEqual([...entries(9, 1), ...poison]);
  });

  test("by another code is not to blame: all wait", async () => {
    await put(entries(4));
    for (const code of ["unknown-peer", "not-found", "frozen", "unauthentic", "wrong-network"] as const) {
      door.judge = () => code;
      expect(await outbox.flush()).toBe(4);
    }
    expect(await asideTable(store).list()).toEqual([]);
    door.judge = () => ({});
    expect(await outbox.flush()).toBe(0);
    expect(door.recorded).toEqual(entries(4));
  });
});

describe("an acknowledgement", () => {
  test("that refuses some entries ends them all; the refused ones are told, and kept as evidence", async () => {
    const told: string[] = [];
    const heard: AcknowledgedBatch[] = [];
    outbox.listen({
      refused: (error, each) => told.push(`${error.code} ${Buffer.from(each)}`),
      acknowledged: (batch) => {
        heard.push(batch);
        return { changes: [] };
      },
    });
    await put(entries(3));
    door.judge = () => ({
      refused: [
        [0, "conflict"],
        [2, "made-up"],
      ],
    });
    expect(await outbox.flush()).toBe(0);
    expect(told).toEqual([`conflict ${Buffer.from(entry(0))}`, `internal ${Buffer.from(entry(2))}`]);
    expect(heard.map(({ refused }) => [...refused])).toEqual([
      [
        [0, "conflict"],
        [2, "made-up"],
      ],
    ]);
    expect((await asideTable(store).list()).map(([, each]) => each.code)).toEqual(["conflict", "made-up"]);
  });

  test("that refuses keeps the latest as evidence, and no more than so many, also over a restart", async () => {
    limit("outboxAside", 3);
    door.judge = (batch) => ({ refused: batch.map((_, index) => [index, "conflict"] as const) });
    const kept = async () => (await asideTable(store).list()).map(([, each]) => each.entry);
    await put(entries(2));
    await outbox.flush();
    await reopen();
    await put(entries(2, 2));
    await outbox.flush();
    expect(await kept()).toEqual(entries(3, 1));
    await put(entries(5, 4));
    await outbox.flush();
    expect(await kept()).toEqual(entries(3, 6));
  });

  test.each([
    ["of another tree", { tree: new Uint8Array(32) }],
    ["of more entries", { count: 3 }],
    ["of fewer entries", { count: 1 }],
  ] as const)("%s is not believed: nothing is dropped, and nobody is told", async (_name, lie) => {
    let heard = 0;
    outbox.listen({
      acknowledged: () => {
        heard += 1;
        return { changes: [] };
      },
    });
    await put(entries(2));
    door.judge = () => lie;
    expect(await outbox.flush()).toBe(2);
    expect(heard).toBe(0);
    expect(await waiting()).toBe(2);
    door.judge = () => ({});
    expect(await outbox.flush()).toBe(0);
    expect(heard).toBe(1);
  });

  test("of an earlier batch does not count for a later one", async () => {
    let earlier: Awaited<ReturnType<typeof world.transport>> | undefined;
    const { transport } = door;
    party = await openParty({
      broker: world.broker,
      store,
      runtime,
      transport: async (method, url, body) => {
        if (!url.endsWith("/notices")) return transport(method, url, body);
        earlier ??= await transport(method, url, body);
        return earlier;
      },
    });
    outbox = await Outbox.open(party);
    await put(entries(1));
    expect(await outbox.flush()).toBe(0);
    // The very same entry: count and tree are the same.
    await put(entries(1));
    expect(await outbox.flush()).toBe(1);
  });

  test("is signed by the broker, and proves itself with the key's certificate beside it", async () => {
    const heard: AcknowledgedBatch[] = [];
    outbox.listen({
      acknowledged: (batch) => {
        heard.push(batch);
        return { changes: [] };
      },
    });
    await put(entries(1));
    await outbox.flush();
    const { signing } = await brokerFor(world.wiring, "acknowledge").custody.keys();
    expect(heard.map(({ certificate }) => certificate)).toEqual([signing.certificate]);
  });
});

describe("a process that dies", () => {
  test("at any point loses no entry and no acknowledgement: an entry waits, or what is kept of it is there", async () => {
    limit("outboxBatch", 2);
    const all = entries(5);
    const poison = entries(1, 2);
    for (const when of ["before", "after"] as const) {
      let hasEnded = false;
      for (let at = 1; !hasEnded; at += 1) {
        expect(at).toBeLessThan(200);
        store = memoryPeerStore();
        const fuse = newFuse();
        door = noticesDoor(world);
        door.judge = refusingFor(poison);
        const { transport } = door;
        party = await openParty({
          broker: world.broker,
          store: fused(store, fuse),
          runtime,
          transport: (...asked) => fuse.pass(() => transport(...asked)),
        });
        door.party = party;
        outbox = await Outbox.open(party);
        await put(all);
        listenAndKeep(outbox);
        fuse.light(at, when);
        hasEnded = await outbox.flush().then(
          () => true,
          () => false,
        );
        outbox.close();
        fuse.out();
        const kept = (await store.list("kept/")).map(([key]) => Number(key.slice(5)));
        const still = (await store.list("outbox/")).map(([key]) => Number(key.slice(7)) - 1);
        const aside = (await asideTable(store).list()).map(() => 2);
        // Each is in one of the three, and in one only.
        expect([...kept, ...still, ...aside].sort(), `${when} ${at}`).toEqual([0, 1, 2, 3, 4]);
        await reopen();
        listenAndKeep(outbox);
        await put(entries(1, 5));
        expect(await outbox.flush()).toBe(0);
        expect((await store.list("kept/")).map(([key]) => key)).toEqual(
          [0, 1, 3, 4, 5].map((number) => `kept/${number}`),
        );
        expect((await asideTable(store).list()).map(([, each]) => each.entry)).toEqual(poison);
        outbox.close();
      }
    }
  });

  /** Keeps the number of each acknowledged entry with the outbox's own commit. */
  function listenAndKeep(on: Outbox): void {
    on.listen({
      acknowledged: (batch) => ({
        changes: batch.entries.map(({ bytes }) => {
          const [number = ""] = Buffer.from(bytes.subarray(1)).toString().split(" ");
          return { key: `kept/${number}`, value: new Uint8Array([1]) };
        }),
      }),
    });
  }
});

describe("the size of a batch", () => {
  test("halves around a culprit, and doubles from one when that is found", () => {
    const size = new BatchSize();
    expect(size.next).toBe(1000);
    size.refused(1000);
    expect(size.next).toBe(500);
    size.taken(500);
    expect(size.next).toBe(250);
    size.refused(250);
    expect(size.next).toBe(125);
    for (let width = size.next; width > 1; width = size.next) size.refused(width);
    size.refused(1);
    expect(size.next).toBe(1);
    size.taken(1);
    expect(size.next).toBe(2);
  });

  test("halves down to one and doubles up to the limit where the broker does not answer", () => {
    const size = new BatchSize();
    for (let times = 0; times < 20; times += 1) size.unanswered(size.next);
    expect(size.next).toBe(1);
    for (let times = 0; times < 20; times += 1) size.taken(size.next);
    expect(size.next).toBe(1000);
  });
});

/** When the world's clock begins. */
const START = Date.UTC(2027, 0, 1);

interface Fuse {
  light(at: number, when: "before" | "after"): void;
  out(): void;
  pass<T>(work: () => Promise<T>): Promise<T>;
}

/** The n-th thing that the process waits for is its last: it dies before that is done, or after. */
function newFuse(): Fuse {
  let death: { readonly at: number; readonly when: "before" | "after" } | undefined;
  let count = 0;
  let isDead = false;
  return {
    light: (at, when) => {
      death = { at, when };
    },
    out: () => {
      death = undefined;
    },
    pass: async (work) => {
      if (isDead) throw new Error("dead");
      if (death === undefined) return work();
      count += 1;
      if (count !== death.at) return work();
      isDead = true;
      if (death.when === "after") await work();
      throw new Error(`died ${death.when} step ${count}`);
    },
  };
}

const fused = (inner: PeerStore, { pass }: Fuse): PeerStore => ({
  get: (key) => pass(() => inner.get(key)),
  list: (prefix, options) => pass(() => inner.list(prefix, options)),
  commit: (changes) => pass(() => inner.commit(changes)),
  openLog: (name) => pass(() => inner.openLog(name)),
  close: async () => {},
});

async function customerKey(): Promise<SigningKey> {
  const { suite } = party;
  return suite.signingKey(await suite.createSigningKey(runtime.random));
}
