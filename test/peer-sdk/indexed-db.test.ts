/** What IndexedDB has beyond what every store has: one holder, another's databases, a browser that takes it away. */
import "fake-indexeddb/auto";
import { indexedDbPeerStore } from "@lepta/peer-sdk";
import { IDBFactory } from "fake-indexeddb";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { codeOf } from "./support/world.ts";

const bytes = (...values: number[]): Uint8Array => new Uint8Array(values);
const put = (key: string, ...values: number[]) => ({ key, value: bytes(...values) });

const TITLE = "lepta wallet";
let factory: IDBFactory;
const open = (options = {}) => indexedDbPeerStore("wallet", { factory, ...options });
beforeEach(() => {
  factory = new IDBFactory();
});

describe("a store in IndexedDB", () => {
  test("has everything after it was closed and opened again, logs too", async () => {
    const first = await open();
    await first.commit([put("a", 1), put("b", 2)]);
    await first.commit([{ key: "a", value: undefined }]);
    const { log } = await first.openLog("bought");
    for (const number of [1, 2, 3]) log.append(bytes(number));
    await log.sync();
    log.release(2);
    await first.close();
    const second = await open();
    expect(await second.list("")).toEqual([["b", bytes(2)]]);
    expect((await second.openLog("bought")).found).toEqual([
      { position: 1, record: bytes(1) },
      { position: 3, record: bytes(3) },
    ]);
    await second.close();
  });

  test("keeps a view's own bytes and not all that it looks at", async () => {
    const whole = new Uint8Array(4096).fill(9);
    const store = await open();
    await store.commit([{ key: "a", value: whole.subarray(7, 9) }]);
    expect((await store.get("a"))?.buffer.byteLength).toBe(2);
    await store.close();
  });

  test("a commit of which one change cannot be written leaves nothing behind", async () => {
    const store = await open();
    await store.commit([put("a", 1)]);
    const notAValue = { key: "d", value: Symbol("no bytes") as unknown as Uint8Array };
    await expect(store.commit([put("a", 2), put("b", 2), notAValue])).rejects.toThrow();
    expect(await store.list("")).toEqual([["a", bytes(1)]]);
    await store.commit([put("b", 3)]);
    expect(await store.get("b")).toEqual(bytes(3));
    await store.close();
  });

  test("is refused with `closed` once it was closed, which may be done twice", async () => {
    const store = await open();
    const { log } = await store.openLog("bought");
    await Promise.all([store.close(), store.close()]);
    expect(await codeOf(store.get("a"))).toBe("closed");
    expect(await codeOf((async () => store.commit([put("a", 1)]))())).toBe("closed");
    expect(await codeOf(store.openLog("bought"))).toBe("closed");
    log.append(bytes(1));
    expect(await codeOf(log.sync())).toBe("closed");
    await store.close();
  });

  test("other names are other stores", async () => {
    const [one, two] = [await open(), await indexedDbPeerStore("other", { factory })];
    await one.commit([put("a", 1)]);
    expect(await two.list("")).toEqual([]);
    await Promise.all([one.close(), two.close()]);
  });
});

describe("only one at a time", () => {
  test("a second holder is refused with store-locked, and the first goes on", async () => {
    const first = await open();
    expect(await codeOf(open())).toBe("store-locked");
    await first.commit([put("a", 1)]);
    expect(await first.get("a")).toEqual(bytes(1));
    await first.close();
    await (await open()).close();
  });

  test("one that waits has it when the first has closed it, with all that was committed", async () => {
    const first = await open();
    const waiting = open({ wait: new AbortController().signal });
    await first.commit([put("a", 1)]);
    await first.close();
    const second = await waiting;
    expect(await second.get("a")).toEqual(bytes(1));
    expect(await codeOf(open())).toBe("store-locked");
    await second.close();
  });

  test("one that has waited long enough is refused with store-locked", async () => {
    const first = await open();
    const patience = new AbortController();
    const waiting = codeOf(open({ wait: patience.signal }));
    patience.abort();
    expect(await waiting).toBe("store-locked");
    await first.close();
    await (await open()).close();
  });

  test("one that has waited long enough is refused also where the browser does not hear of it, and keeps nothing that comes later", async () => {
    const first = await open();
    const { locks } = navigator;
    let granted: Promise<unknown> | undefined;
    const deaf = {
      request: (name: string, _options: LockOptions, work: LockGrantedCallback<unknown>) => {
        granted = locks.request(name, work);
        return granted;
      },
    };
    const patience = new AbortController();
    const waiting = codeOf(open({ wait: patience.signal, locks: deaf }));
    patience.abort();
    expect(await waiting).toBe("store-locked");
    await first.close();
    await granted;
    await (await open()).close();
  });

  test("one whose lock is taken away hears of it and writes nothing more", async () => {
    let wasLost = (): void => {};
    const lost = new Promise<void>((resolve) => {
      wasLost = resolve;
    });
    const store = await open({ lost: () => wasLost() });
    const { log } = await store.openLog("bought");
    const taken = navigator.locks.request(TITLE, { steal: true }, async () => {
      await lost;
      return codeOf((async () => store.commit([put("a", 1)]))());
    });
    expect(await taken).toBe("closed");
    log.append(bytes(1));
    for (let times = 0; times < 2; times += 1) expect(await codeOf(log.sync())).toBe("closed");
    await store.close();
    const next = await open();
    expect(await next.list("")).toEqual([]);
    expect((await next.openLog("bought")).found).toEqual([]);
    await next.close();
  });
});

describe("what is there and is not ours", () => {
  const raw = (version: number, make: (database: IDBDatabase) => void): Promise<void> =>
    new Promise((resolve, reject) => {
      const request = factory.open(TITLE, version);
      request.onupgradeneeded = () => make(request.result);
      request.onerror = () => reject(request.error);
      request.onsuccess = () => {
        request.result.close();
        resolve();
      };
    });
  /** Writes into a store that is closed. */
  const damage = (table: string, work: (store: IDBObjectStore) => void): Promise<void> =>
    new Promise((resolve, reject) => {
      const request = factory.open(TITLE);
      request.onerror = () => reject(request.error);
      request.onsuccess = () => {
        const transaction = request.result.transaction(table, "readwrite");
        work(transaction.objectStore(table));
        transaction.onabort = () => reject(transaction.error);
        transaction.oncomplete = () => {
          request.result.close();
          resolve();
        };
      };
    });
  const filled = async (): Promise<void> => {
    const store = await open();
    await store.commit([put("a", 1)]);
    const { log } = await store.openLog("bought");
    log.append(bytes(1));
    await store.close();
  };
  afterEach(async () => {
    // No refusal keeps the lock.
    expect((await navigator.locks.query()).held).toEqual([]);
  });

  test("another program's database is refused with store-damaged and left as it is", async () => {
    await raw(1, (database) => database.createObjectStore("photos"));
    expect(await codeOf(open())).toBe("store-damaged");
    await raw(1, () => expect.unreachable());
    const [{ version } = {}] = await factory.databases();
    expect(version).toBe(1);
  });

  test("a store of a later format is refused with store-damaged and keeps its data", async () => {
    await filled();
    await raw(7, () => {});
    expect(await codeOf(open())).toBe("store-damaged");
    const [{ version } = {}] = await factory.databases();
    expect(version).toBe(7);
  });

  test("a value or a key that is not as it was written is refused with store-damaged when it is read", async () => {
    await filled();
    await damage("entries", (entries) => {
      entries.put("a text", Uint8Array.of(98));
      entries.put(bytes(1), Uint8Array.of(99, 0xff));
    });
    const store = await open();
    expect(await codeOf(store.get("b"))).toBe("store-damaged");
    expect(await codeOf(store.list("b"))).toBe("store-damaged");
    expect(await codeOf(store.list("c"))).toBe("store-damaged");
    expect(await store.get("a")).toEqual(bytes(1));
    await store.close();
  });

  test.each<readonly [string, (records: IDBObjectStore) => void]>([
    ["whose head is gone", (records) => void records.delete(["bought", 0])],
    ["whose head is behind its records", (records) => void records.put(1, ["bought", 0])],
    ["with a record that is no bytes", (records) => void records.put("text", ["bought", 1])],
    ["with a record between two others", (records) => void records.put(bytes(1), ["bought", 0.5])],
  ])("a log %s is refused with store-damaged", async (_, work) => {
    await filled();
    await damage("records", work);
    const store = await open();
    expect(await codeOf(store.openLog("bought"))).toBe("store-damaged");
    expect(await store.get("a")).toEqual(bytes(1));
    await store.close();
  });

  test("where the browser does not open it, its words are told with store-damaged", async () => {
    const refusing = new IDBFactory();
    refusing.open = () => {
      const request = { error: new DOMException("no", "UnknownError"), onerror: () => {} };
      queueMicrotask(() => request.onerror());
      return request as unknown as ReturnType<typeof refusing.open>;
    };
    await expect(indexedDbPeerStore("wallet", { factory: refusing })).rejects.toMatchObject({
      code: "store-damaged",
      message: expect.stringContaining("UnknownError: no"),
    });
  });
});
