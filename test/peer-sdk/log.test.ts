/** Every store's logs: the same suite for each, and what a process that dies leaves in those that the tests bring. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  indexedDbPeerStore,
  type LogRecord,
  memoryPeerStore,
  type PeerStore,
  type RecordLog,
  sqlitePeerStore,
} from "@lepta/peer-sdk";
import { limits } from "@lepta/protocol";
import "fake-indexeddb/auto";
import { IDBFactory } from "fake-indexeddb";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Clock } from "../simulation/clock.ts";
import { Life } from "../simulation/life.ts";
import { livePeerStore } from "../simulation/stores.ts";
import { Weather } from "../simulation/weather.ts";
import { given } from "./support/hand.ts";
import { Crash, codeOf, mortalStore } from "./support/world.ts";

const bytes = (...values: number[]): Uint8Array => new Uint8Array(values);

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "lepta-log-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** Each with a way to close it and open what it left behind. */
const logStores = [
  ["memory", memoryStores],
  ["node:sqlite", () => ({ open: () => sqlitePeerStore(dir) })],
  [
    "IndexedDB",
    () => ({
      open: (
        (factory) => () =>
          indexedDbPeerStore("log", { factory })
      )(new IDBFactory()),
    }),
  ],
  [
    "the crash tests'",
    () => ({
      open: (
        (disk) => () =>
          mortalStore(disk)
      )(memoryPeerStore()),
    }),
  ],
  [
    "the simulator's",
    () => ({
      open: (
        (disk) => () =>
          simulatedStore(disk)
      )(memoryPeerStore()),
    }),
  ],
] as const;

describe.each(logStores)("a log of the peer store %s", (_name, stores) => {
  let open: () => PeerStore | Promise<PeerStore>;
  let store: PeerStore;
  let log: RecordLog;
  beforeEach(async () => {
    ({ open } = stores());
    store = await open();
    ({ log } = await store.openLog("bought"));
  });
  afterEach(() => store.close());

  /** Closes the store, and opens it again with its log; gives what is found. */
  async function reopen(): Promise<readonly LogRecord[]> {
    await store.close();
    store = await open();
    const opened = await store.openLog("bought");
    log = opened.log;
    return opened.found;
  }
  const recordsOf = (found: readonly LogRecord[]): readonly Uint8Array[] => found.map(({ record }) => record);
  const firstBytes = (found: readonly LogRecord[]): readonly (number | undefined)[] =>
    found.map(({ record }) => record[0]);

  test("has nothing at first, and nothing to sync", async () => {
    await log.sync();
    expect(await reopen()).toEqual([]);
  });

  test("gives back what was synced in its order, with positions that rise", async () => {
    const appended = [bytes(1), bytes(2, 2), bytes(3, 0, 0)].map((record) => log.append(record));
    await log.sync();
    appended.push(log.append(bytes(4)));
    await log.sync();
    expect(appended).toEqual([...new Set(appended)].sort((a, b) => a - b));
    const found = await reopen();
    expect(recordsOf(found)).toEqual([bytes(1), bytes(2, 2), bytes(3, 0, 0), bytes(4)]);
    const positions = found.map(({ position }) => position);
    positions.push(log.append(bytes(5)));
    expect(positions).toEqual([...new Set(positions)].sort((a, b) => a - b));
  });

  test("syncs that are asked for at once, and while one is under way, hold for all that was appended", async () => {
    const syncs: Promise<void>[] = [];
    for (let i = 1; i <= 50; i += 1) {
      log.append(bytes(i));
      syncs.push(log.sync());
      if (i % 7 === 0) await new Promise(setImmediate);
    }
    await Promise.all(syncs);
    expect(firstBytes(await reopen())).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
  });

  test("never loses what nobody has let go of, whatever else was", async () => {
    const positions = Array.from({ length: 20 }, (_, i) => log.append(bytes(i)));
    await log.sync();
    for (const i of [3, 19, 0, 7, 8, 3]) log.release(given(positions[i]));
    const needed = [1, 2, 4, 5, 6, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18];
    const found = firstBytes(await reopen());
    expect(found.filter((first) => needed.includes(first ?? 0))).toEqual(needed);
    expect(found).toEqual([...found].sort((a = 0, b = 0) => a - b));
  });

  test("is empty when all was let go of, in any order, in this life or the next", async () => {
    const [first, second, third] = [bytes(1), bytes(2), bytes(3)].map((record) => log.append(record));
    await log.sync();
    log.release(given(second));
    const found = await reopen();
    expect(firstBytes(found)).toContain(3);
    for (const { position } of found) log.release(position);
    expect(await reopen()).toEqual([]);
    for (const position of [third, first, second]) log.release(given(position));
    log.append(bytes(9));
    await log.sync();
    expect(firstBytes(await reopen())).toEqual([9]);
  });

  test("keeps records of every length up to the greatest, over as many files as they take", async () => {
    const sizes = [1, limits.logRecordBytes, 4096, limits.logRecordBytes, 65_537, limits.logRecordBytes, 2];
    const records = sizes.map((size, i) => new Uint8Array(size).fill(i));
    const positions = records.map((record) => log.append(record));
    await log.sync();
    const found = await reopen();
    expect(recordsOf(found).map((record, i) => Buffer.from(record).equals(given(records[i])))).toEqual(
      sizes.map(() => true),
    );
    for (const i of [5, 0, 3, 1, 4]) log.release(given(found[i]).position);
    expect(positions).toHaveLength(sizes.length);
    const kept = (await reopen()).map(({ record }) => record.length);
    expect(kept).toEqual(expect.arrayContaining([4096, 2]));
  });

  test("refuses a record that is empty or too long, and a name that is none", async () => {
    for (const size of [0, limits.logRecordBytes + 1])
      expect(await codeOf((async () => log.append(new Uint8Array(size)))())).toBe("internal");
    for (const name of ["", "Bought", "a/b", "../a", "a-1", "a".repeat(33)])
      expect(await codeOf(store.openLog(name))).toBe("internal");
  });

  test("is apart from other logs, and from the keys", async () => {
    const { log: other } = await store.openLog("buying");
    log.append(bytes(1));
    other.append(bytes(2));
    await Promise.all([log.sync(), other.sync()]);
    expect(await store.list("")).toEqual([]);
    expect(firstBytes(await reopen())).toEqual([1]);
    expect(firstBytes((await store.openLog("buying")).found)).toEqual([2]);
  });

  test("opened again without closing the store has what was synced, and goes on", async () => {
    log.append(bytes(1));
    await log.sync();
    const again = await store.openLog("bought");
    expect(firstBytes(again.found)).toEqual([1]);
    again.log.append(bytes(2));
    await again.log.sync();
    expect(firstBytes(await reopen())).toEqual([1, 2]);
  });
});

/** The same store again: it is there as long as its process. */
function memoryStores() {
  const store = memoryPeerStore();
  return { open: () => store };
}

/** In calm weather. */
function simulatedStore(disk: PeerStore): PeerStore {
  const weather = new Weather({ seed: "store", without: new Set(), hunts: { only: new Set() } });
  return livePeerStore(disk, { life: new Life("customer", weather), clock: new Clock(0), weather });
}

describe("a log of a process that dies", () => {
  const numbers = Array.from({ length: 12 }, (_, i) => i + 1);

  test("loses what it had not synced, all or from some point on, and never what it had: the simulator's", async () => {
    const kept = new Set<number>();
    for (const seed of numbers) {
      const disk = memoryPeerStore();
      const weather = new Weather({ seed: `death ${seed}`, without: new Set(), hunts: { only: new Set() } });
      const life = new Life("customer", weather);
      const { log } = await livePeerStore(disk, { life, clock: new Clock(0), weather }).openLog("bought");
      for (const number of [1, 2]) log.append(bytes(number));
      await log.sync();
      for (const number of [3, 4, 5]) log.append(bytes(number));
      life.die("here");
      log.append(bytes(6));
      log.release(1);
      const found = (await disk.openLog("bought")).found.map(({ record }) => record[0]);
      expect([1, 2, 3, 4, 5].slice(0, found.length)).toEqual(found);
      kept.add(found.length);
    }
    expect([...kept].sort()).toEqual([2, 3, 4, 5]);
  });

  test.each(["before", "after"] as const)("%s a sync: the crash tests'", async (when) => {
    const disk = memoryPeerStore();
    const { log } = await mortalStore(disk, { at: 2, when }).openLog("bought");
    log.append(bytes(1));
    await log.sync();
    log.append(bytes(2));
    await expect(log.sync()).rejects.toThrow(Crash);
    log.append(bytes(3));
    await expect(log.sync()).rejects.toThrow(Crash);
    const found = (await disk.openLog("bought")).found.map(({ record }) => record[0]);
    expect(found).toEqual(when === "before" ? [1] : [1, 2]);
  });
});
