/** Journals as tests write and read them. */
import type { Attribute, Item, Journal, JournalRecord } from "@lepta/lambdas";

/** The names of a table's objects, in their order. */
export async function namesOf(journal: Journal, table: string, from: number): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const name of journal.list(table, from)) names.push(name);
  return names;
}

/** All records of a table's objects, in their order. */
export async function recordsOf(
  journal: Journal,
  table: string,
  from: number,
): Promise<readonly JournalRecord[]> {
  const names = await namesOf(journal, table, from);
  return (await Promise.all(names.map((name) => journal.read(name)))).flat();
}

/** A change of the item `sk`: its value after it, or `undefined` where it was removed. */
export const change = (
  sk: string,
  sequence: number | string,
  value: Attribute | undefined,
  at: number,
  pk = "PEER#a",
): JournalRecord => {
  const image: Item | undefined = value === undefined ? undefined : { value };
  return { key: { pk, sk }, image, sequence: String(sequence), at };
};
