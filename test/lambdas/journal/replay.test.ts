/** The order of records decides, not that of their arrival; and a replay may die anywhere. */
import { type JournalRecord, type Replayed, replay, type Store, type Write } from "@lepta/lambdas";
import { keyItems } from "@lepta/lambdas/custody/key-items";
import { memoryJournal } from "@lepta/lambdas/memory/journal";
import { memoryStore } from "@lepta/lambdas/memory/store";
import { beforeEach, describe, expect, test } from "vitest";
import { crashingStore } from "../../support/crashing.ts";
import { change } from "../../support/journal.ts";

const AT = Date.UTC(2027, 0, 1, 12);
const HOUR = 3_600_000;
const TABLE = "lepta";

let journal: ReturnType<typeof memoryJournal>;
let table: ReturnType<typeof memoryStore>;

beforeEach(async () => {
  journal = memoryJournal();
  table = memoryStore();
  await put("SERVICE", { run: "this" }, "KEYS");
});

const put = (sk: string, item: Record<string, string | bigint>, pk = "PEER#a") =>
  table.commit([{ put: item, at: { pk, sk }, expect: "any" }]);
const write = (...records: JournalRecord[]) => journal.write({ table: TABLE, records });
const fence = (): Write => ({ put: { run: "this" }, at: keyItems.service, expect: { run: "this" } });
const run = (store: Store = table, from = AT): Promise<Replayed> =>
  replay({ journal, store, table: TABLE, from, fence });
/** Every item but the mark, by its sort key. */
const values = () =>
  Object.fromEntries(
    table
      .items()
      .filter(({ key }) => key.pk !== "KEYS")
      .map(({ key, item }) => [key.sk, item.value]),
  );

describe("a replay", () => {
  test("leaves every item as its last record says, and what no record is about as it was", async () => {
    await put("untouched", { value: "backup" });
    await put("changed", { value: "backup" });
    await put("removed", { value: "backup" });
    await write(
      change("changed", 1, "one", AT),
      change("new", 2, "two", AT),
      change("removed", 3, undefined, AT),
    );
    await write(
      change("changed", 4, "four", AT),
      change("gone", 5, "five", AT),
      change("gone", 6, undefined, AT),
    );
    expect(await run()).toEqual({ objects: 2, records: 6, written: 4, lastAt: AT, gaps: 0 });
    expect(values()).toEqual({ untouched: "backup", changed: "four", new: "two" });
  });

  test("an item that was removed and made again is there", async () => {
    await put("a", { value: "backup" });
    await write(change("a", 1, undefined, AT), change("a", 2, "again", AT));
    await run();
    expect(values()).toEqual({ a: "again" });
  });

  test("batches that come twice, late, or in parts change nothing", async () => {
    const [first, second, third] = [
      change("a", 1, "1", AT),
      change("a", 2, "2", AT),
      change("a", 3, "3", AT),
    ];
    await write(first, second, third);
    await write(first);
    await write(second);
    await write(first, second);
    await run();
    expect(values()).toEqual({ a: "3" });
  });

  test("an older record in a later hour, by a clock that went back, takes nothing back", async () => {
    await write(change("a", 1, "old", AT + HOUR));
    await write(change("a", 2, "new", AT));
    await run();
    // The object with record 2 is read first.
    expect(values()).toEqual({ a: "new" });
  });

  test("records of two shards, and of a shard and the one that was split from it, are taken in their order", async () => {
    await write(change("left", 100, "1", AT), change("both", 102, "parent", AT));
    await write(change("right", 101, "1", AT), change("right", 103, "2", AT));
    await write(change("both", 2000, "child", AT), change("left", 2001, "2", AT));
    await run();
    expect(values()).toEqual({ left: "2", right: "2", both: "child" });
  });

  test("what was done before the moment is left to the backup, also where an object holds both", async () => {
    await put("a", { value: "backup" });
    await write(change("a", 1, "before", AT - 1), change("b", 2, "after", AT));
    expect(await run()).toMatchObject({ records: 1 });
    expect(values()).toEqual({ a: "backup", b: "after" });
  });

  test("the mark of the table that was lost does not replace that of the restored one", async () => {
    await write(change("SERVICE", 1, "the lost table", AT, "KEYS"), change("EPOCH#1", 2, "root", AT, "KEYS"));
    await run();
    expect(await table.get([keyItems.service, { pk: "KEYS", sk: "EPOCH#1" }])).toEqual([
      { run: "this" },
      { value: "root" },
    ]);
  });

  test("writes nothing more once another run has taken over", async () => {
    await put("SERVICE", { run: "another" }, "KEYS");
    await write(change("a", 1, "x", AT));
    await expect(run()).rejects.toThrow("taken over");
    expect(values()).toEqual({});
  });

  test("an object that is damaged stops it", async () => {
    await write(change("a", 1, "x", AT));
    for (const [name, bytes] of journal.objects) journal.objects.set(name, bytes.slice(0, -9));
    await expect(run()).rejects.toThrow();
  });

  test("goes through more items than one commit takes, and through items of any size", async () => {
    const big = "x".repeat(390_000);
    await write(...Array.from({ length: 250 }, (_, i) => change(`small-${i}`, i, "x", AT)));
    await write(...Array.from({ length: 12 }, (_, i) => change(`big-${i}`, 1000 + i, big, AT)));
    const sizes: number[] = [];
    const counted: Store = {
      ...table,
      commit: async (writes) => {
        sizes.push(writes.length);
        return table.commit(writes);
      },
    };
    expect(await run(counted)).toMatchObject({ written: 262 });
    expect(Math.max(...sizes)).toBe(100);
    // Twelve of them are more than the 4 MB that DynamoDB takes at once.
    expect(sizes.at(-1)).toBeLessThan(13);
    expect(Object.keys(values())).toHaveLength(262);
  });

  test("killed at any commit and begun again ends the same", async () => {
    for (let batch = 0; batch < 4; batch += 1)
      await write(
        ...Array.from({ length: 130 }, (_, i) => change(`item-${i}`, batch * 130 + i, `batch ${batch}`, AT)),
        change("flicker", 1000 + batch, batch % 2 === 0 ? "on" : undefined, AT),
      );
    const crashing = crashingStore();
    let deaths = 0;
    for (let at = 1; at < 20; at += 1)
      for (const moment of ["before", "after"] as const) {
        crashing.arm(at, moment);
        const ending = run(crashing.around(table));
        if (
          await ending.then(
            () => false,
            () => true,
          )
        )
          deaths += 1;
      }
    expect(deaths).toBeGreaterThan(6);
    await run();
    const expected = Array.from({ length: 130 }, (_, i) => [`item-${i}`, "batch 3"]);
    expect(values()).toEqual(Object.fromEntries(expected));
  });
});

describe("a replay finds a gap", () => {
  const purse = (sequence: number, number: number): JournalRecord => ({
    key: { pk: "PEER#a", sk: "BROKERSCRIP" },
    image: { sequence: BigInt(sequence) },
    sequence: String(number),
    at: AT,
  });

  test.each<[what: string, known: number | undefined, sequences: readonly number[], gaps: number]>([
    ["none where each decision follows the one before", 4, [5, 6, 7], 0],
    ["none where records are older than the backup", 6, [5, 6, 7], 0],
    ["none where a peer has enrolled since", undefined, [1, 2], 0],
    ["where the first record does not follow the backup", 4, [6, 7], 1],
    ["where a record in the midst is missing", 4, [5, 7, 9], 2],
    ["where a peer's enrolment is missing", undefined, [3], 1],
  ])("%s", async (_, known, sequences, gaps) => {
    if (known !== undefined) await put("BROKERSCRIP", { sequence: BigInt(known) });
    await write(...sequences.map((sequence, i) => purse(sequence, i)));
    expect((await run()).gaps).toBe(gaps);
  });
});
