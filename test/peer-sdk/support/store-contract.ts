/** What every store of a peer promises, as tests: for each adapter, and for a browser's where a browser is. */
import type { PeerStore } from "@lepta/peer-sdk";
import { afterEach, beforeEach, expect, test } from "vitest";

const bytes = (...values: number[]): Uint8Array => new Uint8Array(values);
const put = (key: string, ...values: number[]) => ({ key, value: bytes(...values) });
const keysOf = (entries: readonly (readonly [string, Uint8Array])[]): readonly string[] =>
  entries.map(([key]) => key);

/** The tests of one adapter, in a describe of its own; `open` makes an empty store each time. */
export function testStore(open: () => PeerStore | Promise<PeerStore>): void {
  let store: PeerStore;
  beforeEach(async () => {
    store = await open();
  });
  afterEach(() => store.close());

  test("has nothing at first", async () => {
    expect(await store.get("a")).toBeUndefined();
    expect(await store.list("")).toEqual([]);
  });

  test("gives back what was committed, and the latest of it", async () => {
    await store.commit([put("a", 1), put("b", 2)]);
    await store.commit([put("a", 3)]);
    expect(await store.get("a")).toEqual(bytes(3));
    expect(await store.get("b")).toEqual(bytes(2));
  });

  test("forgets a key whose value is undefined, also one that was never there", async () => {
    await store.commit([put("a", 1)]);
    await store.commit([
      { key: "a", value: undefined },
      { key: "never", value: undefined },
    ]);
    expect(await store.get("a")).toBeUndefined();
    expect(await store.list("")).toEqual([]);
  });

  test("keeps an empty value apart from none", async () => {
    await store.commit([put("empty")]);
    expect(await store.get("empty")).toEqual(bytes());
    expect(await store.list("")).toEqual([["empty", bytes()]]);
  });

  test("applies the changes of one commit in their order", async () => {
    await store.commit([put("a", 1), { key: "a", value: undefined }, put("a", 2)]);
    expect(await store.get("a")).toEqual(bytes(2));
  });

  test("takes a commit without changes", async () => {
    await store.commit([]);
    expect(await store.list("")).toEqual([]);
  });

  test("lists in the order of the keys, whatever the order of the commits", async () => {
    await store.commit([put("c", 3), put("a", 1)]);
    await store.commit([put("b", 2)]);
    expect(keysOf(await store.list(""))).toEqual(["a", "b", "c"]);
  });

  test("lists only what begins with the prefix", async () => {
    await store.commit([
      put("a", 0),
      put("a/1", 1),
      put("a/2", 2),
      put("a0", 3),
      put("b/1", 4),
      put("A/1", 5),
    ]);
    expect(keysOf(await store.list("a/"))).toEqual(["a/1", "a/2"]);
    expect(keysOf(await store.list("a"))).toEqual(["a", "a/1", "a/2", "a0"]);
    expect(keysOf(await store.list("nothing"))).toEqual([]);
  });

  test("does not read wildcards into a prefix", async () => {
    await store.commit([
      put("%1", 1),
      put("_1", 2),
      put("*1", 3),
      put("x1", 4),
      put("'; DROP TABLE entries", 5),
    ]);
    expect(keysOf(await store.list("%"))).toEqual(["%1"]);
    expect(keysOf(await store.list("_"))).toEqual(["_1"]);
    expect(keysOf(await store.list("*"))).toEqual(["*1"]);
    expect(keysOf(await store.list("'"))).toEqual(["'; DROP TABLE entries"]);
  });

  test("pages with after and limit", async () => {
    await store.commit(["1", "2", "3", "4", "5"].map((each) => put(`p/${each}`, 1)));
    await store.commit([put("q/1", 1)]);
    expect(keysOf(await store.list("p/", { limit: 2 }))).toEqual(["p/1", "p/2"]);
    expect(keysOf(await store.list("p/", { limit: 2, after: "p/2" }))).toEqual(["p/3", "p/4"]);
    expect(keysOf(await store.list("p/", { limit: 2, after: "p/4" }))).toEqual(["p/5"]);
    expect(keysOf(await store.list("p/", { after: "p/5" }))).toEqual([]);
    expect(keysOf(await store.list("p/", { after: "p/25" }))).toEqual(["p/3", "p/4", "p/5"]);
    expect(keysOf(await store.list("p/", { after: "a" }))).toHaveLength(5);
    expect(keysOf(await store.list("p/", { limit: 0 }))).toEqual([]);
  });

  test("takes keys in any script, with spaces, slashes and zero characters", async () => {
    const names = ["", " ", "a\0b", "a/b/c", "ä", "λεπτά", "日本", "🪙/1", "🪙/2"];
    await store.commit(names.map((name, i) => put(`k/${name}`, i)));
    for (const [i, name] of names.entries()) expect(await store.get(`k/${name}`)).toEqual(bytes(i));
    expect(await store.list("k/")).toHaveLength(names.length);
    expect(keysOf(await store.list("k/🪙"))).toEqual(["k/🪙/1", "k/🪙/2"]);
  });

  test("finds a key that goes on with the highest character after the prefix", async () => {
    await store.commit([put("p/\u{10ffff}", 1), put("p/\u{10ffff}more", 2), put("p0", 3)]);
    expect(keysOf(await store.list("p/"))).toEqual(["p/\u{10ffff}", "p/\u{10ffff}more"]);
  });

  test("orders keys by their code points, beyond the basic plane too", async () => {
    // UTF-16 puts a surrogate pair before U+FF5E; UTF-8 and the code points put it after.
    await store.commit([put("k/\u{1fa99}", 1), put("k/～", 2)]);
    expect(keysOf(await store.list("k/"))).toEqual(["k/～", "k/\u{1fa99}"]);
  });

  test("keeps copies: what the caller does with its arrays afterwards changes nothing", async () => {
    const value = bytes(1, 2, 3);
    await store.commit([{ key: "a", value }]);
    value.fill(9);
    expect(await store.get("a")).toEqual(bytes(1, 2, 3));
    (await store.get("a"))?.fill(9);
    for (const [, listed] of await store.list("a")) listed.fill(9);
    expect(await store.get("a")).toEqual(bytes(1, 2, 3));
  });

  test("takes commits that come at once, each whole", async () => {
    await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        store.commit([put(`x/${i}`, i), put("last", i), put(`y/${i}`, i)]),
      ),
    );
    expect(await store.list("x/")).toHaveLength(50);
    expect(await store.list("y/")).toHaveLength(50);
  });

  test("holds a value of a megabyte", async () => {
    const value = new Uint8Array(1024 * 1024).fill(7);
    await store.commit([{ key: "big", value }]);
    expect(await store.get("big")).toEqual(value);
  });
}
