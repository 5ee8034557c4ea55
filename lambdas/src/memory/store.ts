/** The store in memory, for tests and the simulator: the same contract as DynamoDB. */
import type { Attribute, Expectation, Item, Key, Page, Store, Write } from "../ports/store.ts";

/** A new, empty store; `items` shows all that it holds. */
export function memoryStore(): Store & {
  readonly items: () => readonly { readonly key: Key; readonly item: Item }[];
} {
  const partitions = new Map<string, Map<string, Item>>();
  const at = ({ pk, sk }: Key): Item | undefined => {
    const item = partitions.get(pk)?.get(sk);
    return item && copy(item);
  };
  const sorted = (pk: string): readonly (readonly [string, Item])[] =>
    [...(partitions.get(pk) ?? [])].sort(([a], [b]) => (a < b ? -1 : 1));

  return {
    get: async (keys) => keys.map(at),
    list: async (pk, { prefix = "", limit = 100, after = "" } = {}): Promise<Page> => {
      const found = sorted(pk).filter(([sk]) => sk.startsWith(prefix) && sk > after);
      const items = found.slice(0, limit).map(([sk, item]) => ({ key: { pk, sk }, item: copy(item) }));
      const last = items.at(-1);
      return found.length > limit && last ? { items, next: last.key.sk } : { items };
    },
    commit: async (writes) => {
      refuseDoubles(writes);
      if (!writes.every((write) => holds(at(write.at), write.expect))) return "moved";
      for (const write of writes) {
        const { pk, sk } = write.at;
        const partition = partitions.get(pk) ?? new Map<string, Item>();
        partitions.set(pk, partition);
        if ("put" in write) partition.set(sk, copy(write.put));
        else partition.delete(sk);
      }
      return "committed";
    },
    items: () =>
      [...partitions.keys()]
        .sort()
        .flatMap((pk) => sorted(pk).map(([sk, item]) => ({ key: { pk, sk }, item }))),
  };
}

function refuseDoubles(writes: readonly Write[]): void {
  const names = new Set(writes.map(({ at }) => JSON.stringify([at.pk, at.sk])));
  if (names.size !== writes.length || writes.length === 0 || writes.length > 100)
    throw new Error("a commit writes 1 to 100 different items");
}

function holds(item: Item | undefined, expect: Expectation): boolean {
  if (expect === "any") return true;
  if (expect === "absent") return item === undefined;
  if (item === undefined) return false;
  if (expect === "present") return true;
  return Object.entries(expect).every(([name, value]) => same(item[name], value));
}

function same(a: Attribute | undefined, b: Attribute | undefined): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array)
    return a.length === b.length && a.every((byte, i) => byte === b[i]);
  if (isNumber(a) && isNumber(b)) return BigInt(a) === BigInt(b);
  return a === b;
}

const isNumber = (value: Attribute | undefined): value is number | bigint =>
  typeof value === "number" || typeof value === "bigint";

/** What is kept and what is handed out share no bytes with the caller's. */
const copy = (item: Item): Item =>
  Object.fromEntries(
    Object.entries(item).map(([name, value]) => [name, value instanceof Uint8Array ? value.slice() : value]),
  );
