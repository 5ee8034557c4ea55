import type { Item, Store, Write } from "@lepta/lambdas";
import { memoryStore } from "@lepta/lambdas/memory/store";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dynoxideTable, wholePartition } from "../support/dynoxide-table.ts";
import { testRuntime } from "../support/runtime.ts";

interface Adapter {
  readonly name: string;
  readonly open: () => Promise<{ readonly store: Store; close(): Promise<void> }>;
}

const adapters: readonly Adapter[] = [
  { name: "memory", open: async () => ({ store: memoryStore(), close: async () => {} }) },
  { name: "DynamoDB on Dynoxide", open: () => dynoxideTable(testRuntime()) },
];

describe.each(adapters)("the store in $name", ({ open }) => {
  let store: Store;
  let close: () => Promise<void>;
  let partition = 0;

  beforeAll(async () => {
    const opened = await open();
    store = opened.store;
    close = () => opened.close();
  });

  afterAll(() => close());

  /** A partition that no other test uses. */
  const fresh = (): string => {
    partition += 1;
    return `TEST#${partition}`;
  };
  const put = (pk: string, sk: string, item: Item, expect: Write["expect"] = "any"): Write => ({
    put: item,
    at: { pk, sk },
    expect,
  });
  const read = async (pk: string, sk: string): Promise<Item | undefined> =>
    (await store.get([{ pk, sk }]))[0];

  test("an item that was never written is undefined", async () => {
    expect(await read(fresh(), "none")).toBeUndefined();
  });

  test("items come back in the order of the keys, with gaps where there is none and twice where asked twice", async () => {
    const pk = fresh();
    await store.commit([put(pk, "a", { n: "first" }), put(pk, "b", { n: "second" })]);
    const keys = ["b", "none", "a", "b"].map((sk) => ({ pk, sk }));
    const names = (await store.get(keys)).map((item) => item?.n);
    expect(names).toEqual(["second", undefined, "first", "second"]);
  });

  test("a read of no keys is empty", async () => {
    expect(await store.get([])).toEqual([]);
  });

  test("a hundred keys are read at once", async () => {
    const pk = fresh();
    const keys = Array.from({ length: 100 }, (_, i) => ({ pk, sk: `k${i}` }));
    await store.commit(keys.map(({ sk }) => put(pk, sk, { sk_: sk })));
    expect((await store.get(keys)).map((item) => item?.sk_)).toEqual(keys.map(({ sk }) => sk));
  });

  test("text, bytes, counts and money come back exactly, up to 2^53−1", async () => {
    const pk = fresh();
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    const item = { text: "λεπτά ½ 🪙", bytes, count: 1_798_761_600_000, money: 2n ** 53n - 1n, zero: 0n };
    await store.commit([put(pk, "item", item)]);
    const back = await read(pk, "item");
    expect(back?.text).toBe(item.text);
    expect(new Uint8Array(back?.bytes as Uint8Array)).toEqual(bytes);
    // A store may give a number back for a bigint and the other way round; the value is the same.
    expect(BigInt(back?.count as bigint)).toBe(1_798_761_600_000n);
    expect(BigInt(back?.money as bigint)).toBe(9_007_199_254_740_991n);
    expect(BigInt(back?.zero as bigint)).toBe(0n);
    expect(Object.keys(back ?? {}).sort()).toEqual(["bytes", "count", "money", "text", "zero"]);
  });

  test("a put replaces the item whole", async () => {
    const pk = fresh();
    await store.commit([put(pk, "item", { old: "x", kept: "y" })]);
    await store.commit([put(pk, "item", { kept: "z" })]);
    expect(await read(pk, "item")).toEqual({ kept: "z" });
  });

  test("a remove takes the item away, and does no harm where there is none", async () => {
    const pk = fresh();
    await store.commit([put(pk, "item", { n: "1" })]);
    const remove: Write = { remove: true, at: { pk, sk: "item" }, expect: "any" };
    expect(await store.commit([remove])).toBe("committed");
    expect(await store.commit([remove])).toBe("committed");
    expect(await read(pk, "item")).toBeUndefined();
  });

  const bytes = Uint8Array.of(1, 2, 3);
  const standing: Item = { text: "t", bytes, count: 7, money: 2n ** 53n - 1n };
  test.each<[what: string, item: Item | undefined, expect: Write["expect"], outcome: "committed" | "moved"]>([
    ["any, where there is none", undefined, "any", "committed"],
    ["any, where there is one", standing, "any", "committed"],
    ["absent, where there is none", undefined, "absent", "committed"],
    ["absent, where there is one", standing, "absent", "moved"],
    ["present, where there is none", undefined, "present", "moved"],
    ["present, where there is one", standing, "present", "committed"],
    ["a text that is the same", standing, { text: "t" }, "committed"],
    ["a text that differs", standing, { text: "T" }, "moved"],
    ["a text of an item that is not there", undefined, { text: "t" }, "moved"],
    ["bytes that are the same", standing, { bytes: Uint8Array.of(1, 2, 3) }, "committed"],
    ["bytes that differ", standing, { bytes: Uint8Array.of(1, 2, 4) }, "moved"],
    ["bytes that are longer", standing, { bytes: Uint8Array.of(1, 2, 3, 0) }, "moved"],
    ["bytes that are shorter", standing, { bytes: Uint8Array.of(1, 2) }, "moved"],
    ["a number that is the same", standing, { count: 7 }, "committed"],
    ["a number as a bigint", standing, { count: 7n }, "committed"],
    ["a number that differs", standing, { count: 8 }, "moved"],
    ["money that is the same", standing, { money: 9_007_199_254_740_991n }, "committed"],
    ["money as a number", standing, { money: 9_007_199_254_740_991 }, "committed"],
    ["money that differs by one unit", standing, { money: 9_007_199_254_740_990n }, "moved"],
    ["no such attribute, where there is none", standing, { other: undefined }, "committed"],
    ["no such attribute, where there is one", standing, { text: undefined }, "moved"],
    ["no such attribute of an item that is not there", undefined, { other: undefined }, "moved"],
    ["several that hold", standing, { text: "t", count: 7, other: undefined }, "committed"],
    ["several of which one does not hold", standing, { text: "t", count: 8, other: undefined }, "moved"],
    ["a value where there is no such attribute", standing, { other: "x" }, "moved"],
    ["a bigint where a number was meant to be text", standing, { text: 7n }, "moved"],
    ["a bigint where there are bytes", standing, { bytes: 7n }, "moved"],
    ["text that spells the number", standing, { count: "7" }, "moved"],
    ["a number where the text spells it", { text: "7" }, { text: 7 }, "moved"],
    ["a bigint where the text spells it", { text: "7" }, { text: 7n }, "moved"],
  ])("a write that expects %s", async (_, item, expected, outcome) => {
    const pk = fresh();
    if (item !== undefined) await store.commit([put(pk, "item", item)]);
    expect(await store.commit([put(pk, "item", { after: "x" }, expected)])).toBe(outcome);
    const before = item === undefined ? undefined : Object.keys(item).sort();
    const after = await read(pk, "item");
    expect(after === undefined ? undefined : Object.keys(after).sort()).toEqual(
      outcome === "committed" ? ["after"] : before,
    );
  });

  test("a remove is conditional too", async () => {
    const pk = fresh();
    await store.commit([put(pk, "item", { state: "open" })]);
    const remove = (state: string): Write => ({ remove: true, at: { pk, sk: "item" }, expect: { state } });
    expect(await store.commit([remove("done")])).toBe("moved");
    expect(await read(pk, "item")).toEqual({ state: "open" });
    expect(await store.commit([remove("open")])).toBe("committed");
    expect(await read(pk, "item")).toBeUndefined();
  });

  test("a commit of which one expectation fails writes nothing of the others", async () => {
    const pk = fresh();
    await store.commit([put(pk, "taken", { n: "1" }), put(pk, "removed", { n: "2" })]);
    const outcome = await store.commit([
      put(pk, "new", { n: "3" }),
      { remove: true, at: { pk, sk: "removed" }, expect: "present" },
      put(pk, "taken", { n: "4" }, "absent"),
      put(`${pk}-elsewhere`, "new", { n: "5" }),
    ]);
    expect(outcome).toBe("moved");
    expect((await wholePartition(store, pk)).map(({ key, item }) => [key.sk, item.n])).toEqual([
      ["removed", "2"],
      ["taken", "1"],
    ]);
    expect(await read(`${pk}-elsewhere`, "new")).toBeUndefined();
  });

  test("a commit that names one item twice is a fault of ours and writes nothing", async () => {
    const pk = fresh();
    const twice = [put(pk, "item", { n: "1" }), put(pk, "item", { n: "2" })];
    await expect(store.commit(twice)).rejects.toThrow(Error);
    const removed: Write = { remove: true, at: { pk, sk: "item" }, expect: "any" };
    await expect(store.commit([put(pk, "item", { n: "1" }), removed])).rejects.toThrow(Error);
    expect(await read(pk, "item")).toBeUndefined();
  });

  test("a commit of nothing, or of more than a hundred items, is a fault of ours", async () => {
    const pk = fresh();
    await expect(store.commit([])).rejects.toThrow(Error);
    const many = Array.from({ length: 101 }, (_, i) => put(pk, `k${i}`, { n: "1" }));
    await expect(store.commit(many)).rejects.toThrow(Error);
    expect((await store.list(pk)).items).toEqual([]);
  });

  test("a list is in the order of the sort keys and of one partition only", async () => {
    const pk = fresh();
    await store.commit(["b", "a#2", "a#1", "c"].map((sk) => put(pk, sk, { sk_: sk })));
    await store.commit([put(`${pk}0`, "a#0", { sk_: "other" })]);
    expect((await store.list(pk)).items.map(({ key }) => key)).toEqual(
      ["a#1", "a#2", "b", "c"].map((sk) => ({ pk, sk })),
    );
    expect((await store.list(pk, { prefix: "a#" })).items.map(({ item }) => item.sk_)).toEqual([
      "a#1",
      "a#2",
    ]);
    expect(await store.list(fresh())).toEqual({ items: [] });
  });

  test.each([1, 2, 3, 4, 7, 8, 100])("pages of %i bring every item once and then end", async (limit) => {
    const pk = fresh();
    const names = Array.from({ length: 8 }, (_, i) => `k${i}`);
    await store.commit(names.map((sk) => put(pk, sk, {})));
    const found = await wholePartition(store, pk, limit);
    expect(found.map(({ key }) => key.sk)).toEqual(names);
  });

  test("a page begins after the key that it is told, whether or not that item is there", async () => {
    const pk = fresh();
    await store.commit(["a", "c", "d"].map((sk) => put(pk, sk, {})));
    const following = async (sk: string) =>
      (await store.list(pk, { after: sk })).items.map(({ key }) => key.sk);
    expect(await following("a")).toEqual(["c", "d"]);
    expect(await following("b")).toEqual(["c", "d"]);
    expect(await following("d")).toEqual([]);
  });

  test("of 64 concurrent conditional commits one wins", async () => {
    const pk = fresh();
    await store.commit([put(pk, "scrip", { owner: "nobody", value: 1n })]);
    const outcomes = await Promise.all(
      Array.from({ length: 64 }, (_, i) =>
        store.commit([
          put(pk, "scrip", { owner: `peer ${i}`, value: 2n }, { owner: "nobody" }),
          put(pk, `tombstone ${i}`, { by: `peer ${i}` }, "absent"),
        ]),
      ),
    );
    expect(outcomes.filter((outcome) => outcome === "committed")).toHaveLength(1);
    const winner = outcomes.indexOf("committed");
    expect((await read(pk, "scrip"))?.owner).toBe(`peer ${winner}`);
    const tombstones = (await store.list(pk, { prefix: "tombstone" })).items.map(({ item }) => item.by);
    expect(tombstones).toEqual([`peer ${winner}`]);
  });

  test("a read of several items shows every commit whole or not at all", async () => {
    const pk = fresh();
    const both = (n: bigint) => [put(pk, "a", { n }), put(pk, "b", { n })];
    await store.commit(both(0n));
    const writing = (async () => {
      for (let n = 1n; n <= 40n; n += 1n) await store.commit(both(n));
    })();
    for (let i = 0; i < 40; i += 1) {
      const [a, b] = await store.get([
        { pk, sk: "a" },
        { pk, sk: "b" },
      ]);
      expect(a).toEqual(b);
    }
    await writing;
  });

  test("what a caller does to its bytes after a commit does not reach the store", async () => {
    const pk = fresh();
    const mine = Uint8Array.of(1, 2, 3);
    await store.commit([put(pk, "item", { bytes: mine })]);
    mine.fill(9);
    expect(new Uint8Array((await read(pk, "item"))?.bytes as Uint8Array)).toEqual(Uint8Array.of(1, 2, 3));
  });
});
