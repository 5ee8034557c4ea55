import type { Key, Store, Write } from "@lepta/lambdas";
import { memoryStore } from "@lepta/lambdas/memory/store";
import type { Scan } from "@lepta/lambdas/ports/scan";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dynoxideTable } from "../support/dynoxide-table.ts";
import { testRuntime } from "../support/runtime.ts";

interface Opened {
  readonly store: Store;
  readonly scan: Scan;
  close(): Promise<void>;
}

const adapters: readonly { readonly name: string; readonly open: () => Promise<Opened> }[] = [
  {
    name: "memory",
    open: async () => {
      const store = memoryStore();
      return { store, scan: store.scan, close: async () => {} };
    },
  },
  { name: "DynamoDB on Dynoxide", open: () => dynoxideTable(testRuntime()) },
];

const spelled = ({ pk, sk }: Key): string => `${pk} ${sk}`;

describe.each(adapters)("reading at large in $name", ({ open }) => {
  let opened: Opened;
  const every = ["A#1", "A#2", "B#1", "C#1"].flatMap((pk) => ["a", "b", "c"].map((sk) => ({ pk, sk })));

  beforeAll(async () => {
    opened = await open();
    expect(await opened.scan.page(undefined, 10)).toEqual({ items: [] });
    for (const at of every) await opened.store.commit([written(at)]);
  });
  afterAll(() => opened.close());

  const written = (at: Key): Write => ({ put: { name: spelled(at), n: 7n }, at, expect: "any" });

  async function read(limit: number, between: () => Promise<unknown> = async () => {}) {
    const found: { readonly key: Key; readonly item: unknown }[] = [];
    let after: Key | undefined;
    do {
      const page = await opened.scan.page(after, limit);
      expect(page.items.length).toBeLessThanOrEqual(limit);
      found.push(...page.items);
      // What is handed on survives JSON.
      after = page.next && (JSON.parse(JSON.stringify(page.next)) as Key);
      await between();
    } while (after !== undefined);
    return found;
  }

  test.each([1, 5, 12, 100])("every item once, whole, in pages of %i", async (limit) => {
    const found = await read(limit);
    expect(found.map(({ key }) => spelled(key)).sort()).toEqual(every.map(spelled).sort());
    for (const { key, item } of found) expect(item).toEqual({ name: spelled(key), n: 7n });
  });

  test("an item that stays is read although others come and go between the pages", async () => {
    let turn = 0;
    const found = await read(2, async () => {
      turn += 1;
      const at = { pk: `D#${turn}`, sk: "x" };
      await opened.store.commit([written(at)]);
      await opened.store.commit([{ remove: true, at, expect: "present" }]);
    });
    const names = found.map(({ key }) => spelled(key));
    expect(every.map(spelled).filter((name) => !names.includes(name))).toEqual([]);
    expect(turn).toBeGreaterThan(2);
  });

  test("what is committed before a page is asked for is in it", async () => {
    const at = { pk: "E#1", sk: "new" };
    await opened.store.commit([written(at)]);
    expect((await opened.scan.page(undefined, 100)).items.map(({ key }) => spelled(key))).toContain(
      spelled(at),
    );
    await opened.store.commit([{ remove: true, at, expect: "present" }]);
    expect((await opened.scan.page(undefined, 100)).items).toHaveLength(every.length);
  });
});
