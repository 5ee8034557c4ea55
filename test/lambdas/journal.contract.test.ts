/** What every journal must do: in memory, and on S3's protocol through the real SDK. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Journal, openJournal, readEnvironment, variable } from "@lepta/lambdas";
import { memoryJournal } from "@lepta/lambdas/memory/journal";
import { startDevelopmentS3 } from "@lepta/local/development-s3";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { change, namesOf, recordsOf } from "../support/journal.ts";

interface Opened {
  readonly journal: Journal;
  close(): Promise<void>;
}

async function onS3(): Promise<Opened> {
  const dir = await mkdtemp(join(tmpdir(), "lepta-journal-"));
  const s3 = await startDevelopmentS3({ dir });
  const needed = [variable.table, variable.rootKey, variable.wrappingKey].map((name) => [name, "unused"]);
  const journal = await openJournal(
    readEnvironment({
      ...Object.fromEntries(needed),
      [variable.currency]: "EUR",
      [variable.journal]: "journal",
      AWS_ENDPOINT_URL_S3: s3.url,
    }),
  );
  const close = async () => {
    await s3.close();
    await rm(dir, { recursive: true });
  };
  return { journal, close };
}

const inMemory = async (): Promise<Opened> => ({ journal: memoryJournal(), close: async () => {} });

const HOUR = 3_600_000;
const NOON = Date.UTC(2027, 0, 1, 12);

describe.each([
  ["in memory", inMemory],
  ["on S3", onS3],
])("a journal %s", (_, open) => {
  let opened: Opened;
  let journal: Journal;
  beforeEach(async () => {
    opened = await open();
    journal = opened.journal;
  });
  afterEach(() => opened.close());

  test("gives back what was written: texts, numbers, money, bytes and removals", async () => {
    const image = {
      text: '\n"ü\u{1F600}',
      time: 1_798_800_000_000n,
      money: 2n ** 53n,
      bytes: new Uint8Array([0, 255]),
    };
    const written = { key: { pk: "PEER#ü", sk: "TXN#\n" }, image, sequence: "100", at: NOON };
    const removed = change("b", "101", undefined, NOON);
    await journal.write({ table: "lepta", records: [written, removed] });
    expect(await recordsOf(journal, "lepta", NOON)).toEqual([written, removed]);
  });

  test("lists objects in the order of their records, however long their numbers are", async () => {
    const sequences = ["9", "10", "999999999999999999999", "1000000000000000000000"];
    for (const sequence of [...sequences].reverse())
      await journal.write({ table: "lepta", records: [change("a", sequence, "x", NOON)] });
    expect((await recordsOf(journal, "lepta", NOON)).map(({ sequence }) => sequence)).toEqual(sequences);
  });

  test("the same batch again is the same object", async () => {
    const batch = { table: "lepta", records: [change("a", 1, "x", NOON), change("b", 2, "y", NOON)] };
    await journal.write(batch);
    await journal.write(batch);
    expect(await namesOf(journal, "lepta", NOON)).toHaveLength(1);
  });

  test("a part of a batch, delivered again, does not take the whole one's place", async () => {
    const [a, b] = [change("a", 1, "x", NOON), change("b", 2, "y", NOON)];
    await journal.write({ table: "lepta", records: [a, b] });
    await journal.write({ table: "lepta", records: [a] });
    const sequences = (await recordsOf(journal, "lepta", NOON)).map(({ sequence }) => sequence);
    expect(new Set(sequences)).toEqual(new Set(["1", "2"]));
  });

  test("from a moment on gives every object with a record from then, also one that began before", async () => {
    await journal.write({ table: "lepta", records: [change("old", 1, "x", NOON - 2 * HOUR)] });
    await journal.write({
      table: "lepta",
      records: [change("before", 2, "x", NOON - HOUR), change("at", 3, "x", NOON)],
    });
    await journal.write({ table: "lepta", records: [change("after", 4, "x", NOON + 9 * HOUR)] });
    const found = (await recordsOf(journal, "lepta", NOON)).map(({ key }) => key.sk);
    expect(found).toEqual(["before", "at", "after"]);
  });

  test("keeps the tables apart, also where one's name begins with the other's", async () => {
    await journal.write({ table: "lepta", records: [change("a", 1, "x", NOON)] });
    await journal.write({ table: "lepta-2", records: [change("b", 2, "x", NOON)] });
    expect((await recordsOf(journal, "lepta", 0)).map(({ key }) => key.sk)).toEqual(["a"]);
    expect((await recordsOf(journal, "lepta-2", 0)).map(({ key }) => key.sk)).toEqual(["b"]);
    expect(await namesOf(journal, "lept", 0)).toEqual([]);
  });

  test("an object that is not there is a fault, not an empty one", async () => {
    await expect(journal.read("journal/lepta/2027/01/01/12/1-1.ndjson.gz")).rejects.toThrow();
  });
});
