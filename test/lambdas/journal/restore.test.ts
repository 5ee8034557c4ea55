/** The procedure over a memory table: what its mark holds back, and who may take it off. */

import { checkService, keyItems, readKeyTable } from "@lepta/lambdas/custody/key-items";
import { type Restoration, restore } from "@lepta/lambdas/journal/restore";
import { memoryJournal } from "@lepta/lambdas/memory/journal";
import { memoryStore } from "@lepta/lambdas/memory/store";
import { type Store, StoreBusy } from "@lepta/lambdas/ports/store";
import { beforeEach, describe, expect, test } from "vitest";
import { memoryBroker } from "../../support/broker.ts";
import { crashingStore } from "../../support/crashing.ts";
import { change } from "../../support/journal.ts";
import { testRuntime } from "../../support/runtime.ts";

const AT = Date.UTC(2027, 0, 1, 12);
const SECOND = 1000;

let journal: ReturnType<typeof memoryJournal>;
let table: ReturnType<typeof memoryStore>;
let epochs: number;

beforeEach(async () => {
  journal = memoryJournal();
  table = memoryStore();
  epochs = 0;
  await table.commit([{ put: { table: "lost" }, at: keyItems.service, expect: "absent" }]);
  await journal.write({ table: "lost", records: [change("a", 1, "journal", AT)] });
});

const restoration = (more: Partial<Restoration> = {}): Restoration => ({
  store: table,
  table: "restored",
  journal,
  runtime: testRuntime(),
  backupAt: AT,
  startEpoch: async () => {
    epochs += 1;
  },
  ...more,
});
const item = async (sk: string) => (await table.get([{ pk: "PEER#a", sk }]))[0];
const isServed = async (name: string): Promise<boolean> => {
  try {
    checkService(await readKeyTable(table), name);
    return true;
  } catch (error) {
    if (error instanceof StoreBusy) return false;
    throw error;
  }
};
const inService = async () => [await isServed("lost"), await isServed("restored")];

describe("the restore of a table", () => {
  test("replays the lost table's journal, starts an epoch and puts the table into service under its name", async () => {
    const startEpoch = async () => {
      epochs += 1;
      // Until the last step under neither name.
      expect(await inService()).toEqual([false, false]);
      expect(await item("a")).toEqual({ value: "journal" });
    };
    expect(await restore(restoration({ startEpoch }))).toMatchObject({ lost: "lost", written: 1 });
    expect(epochs).toBe(1);
    expect(await inService()).toEqual([false, true]);
  });

  test("is refused for a table that is in service, which has gone on since", async () => {
    await expect(restore(restoration({ table: "lost" }))).rejects.toThrow("with another name");
    await restore(restoration());
    await expect(restore(restoration())).rejects.toThrow("is in service");
    expect(epochs).toBe(1);
  });

  test("is refused for a table that does not say of which table it is a copy", async () => {
    await expect(restore(restoration({ store: memoryStore() }))).rejects.toThrow("of which table");
  });

  test("goes back a minute before the backup's moment, and no further", async () => {
    await journal.write({ table: "lost", records: [change("b", 2, "just before", AT - 60 * SECOND)] });
    await journal.write({ table: "lost", records: [change("c", 3, "long before", AT - 61 * SECOND)] });
    await restore(restoration());
    expect([await item("b"), await item("c")]).toEqual([{ value: "just before" }, undefined]);
  });

  test("that is begun again keeps to the earliest moment it was told, and to the table that was lost", async () => {
    const startEpoch = () => Promise.reject(new Error("killed"));
    await expect(restore(restoration({ startEpoch }))).rejects.toThrow("killed");
    await journal.write({ table: "lost", records: [change("b", 2, "late", AT + SECOND)] });
    const restored = await restore(restoration({ backupAt: AT + 3_600_000 }));
    expect(restored).toMatchObject({ lost: "lost", records: 2 });
  });

  test("is refused for a copy of a table that was being restored itself: what that one did since would be left out", async () => {
    const startEpoch = () => Promise.reject(new Error("killed"));
    await expect(restore(restoration({ startEpoch }))).rejects.toThrow("killed");
    // The backup of this moment, in a table of its own.
    await expect(restore(restoration({ table: "third" }))).rejects.toThrow("was being restored");
    expect(await isServed("third")).toBe(false);
    // The one that was begun can still be completed.
    await restore(restoration());
    expect(await isServed("restored")).toBe(true);
  });

  test("of two runs at once only the later one goes on, and the table is in service once", async () => {
    // Another draws other bytes for its run.
    const other = restoration({ runtime: testRuntime(AT, { seed: "other" }) });
    let outcome: unknown;
    const startEpoch = async () => {
      outcome = await restore(other);
    };
    await expect(restore(restoration({ startEpoch }))).rejects.toThrow("taken over");
    expect(outcome).toMatchObject({ lost: "lost" });
    expect(await inService()).toEqual([false, true]);
  });

  test("a run that was overtaken writes nothing into a table in service", async () => {
    let overtake: (() => Promise<unknown>) | undefined = () =>
      restore(restoration({ runtime: testRuntime(AT, { seed: "other" }) }));
    const slow: Store = {
      ...table,
      commit: async (writes) => {
        if (writes.length > 1) {
          const first = overtake;
          overtake = undefined;
          await first?.();
          await table.commit([{ put: { value: "sold" }, at: { pk: "PEER#a", sk: "a" }, expect: "any" }]);
        }
        return table.commit(writes);
      },
    };
    await expect(restore(restoration({ store: slow }))).rejects.toThrow("taken over");
    expect(await item("a")).toEqual({ value: "sold" });
  });

  test("a gap that the first run saw is told by the last, which finds the table ahead of it", async () => {
    const purse = {
      key: { pk: "PEER#a", sk: "BROKERSCRIP" },
      image: { sequence: 9n },
      sequence: "2",
      at: AT,
    };
    await journal.write({ table: "lost", records: [purse] });
    const crashing = crashingStore();
    // The mark, then the items.
    for (let death = 0; death < 2; death += 1) {
      crashing.arm(2, "after");
      await expect(restore(restoration({ store: crashing.around(table) }))).rejects.toThrow("crashed");
    }
    expect(await restore(restoration())).toMatchObject({ gaps: 1 });
  });
});

describe("a table that is a copy", () => {
  test("makes every function of HTTP answer busy, and is served again under its name", async () => {
    const broker = await memoryBroker();
    const { store } = broker.wiring;
    await store.commit([{ put: { table: "another" }, at: keyItems.service, expect: "present" }]);
    for (const [route, body] of [
      ["GET /keys", undefined],
      ["POST /enrol", new Uint8Array([1])],
      ["POST /brokerscrip", new Uint8Array([1])],
      ["POST /authorise", new Uint8Array([1])],
      ["POST /notices", new Uint8Array([1])],
      ["POST /query", new Uint8Array([1])],
      ["POST /settle", new Uint8Array([1])],
    ] as const)
      expect([route, (await broker.call(route, body)).code]).toEqual([route, "busy"]);
    await expect(broker.finish()).rejects.toBeInstanceOf(StoreBusy);
    // Keys are renewed meanwhile, and the mark stays.
    await broker.rotate();
    expect((await store.get([keyItems.service]))[0]).toEqual({ table: "another" });
    await store.commit([{ put: { table: "lepta-test" }, at: keyItems.service, expect: "present" }]);
    expect((await broker.call("GET /keys")).status).toBe(200);
  });

  test("a new table is given the name that it was made under", async () => {
    const { wiring } = await memoryBroker();
    expect((await wiring.store.get([keyItems.service]))[0]).toEqual({ table: "lepta-test" });
  });
});
