/** The store in memory, for tests and the simulator: the same contract as DynamoDB. */
import type { Scan } from "../ports/scan.ts";
import type { Attribute, Expectation, Item, Key, Page, Store, Write } from "../ports/store.ts";

/** A new, empty store; `items` shows all that it holds. */
export function memoryStore(): Store & {
  readonly scan: Scan;
  readonly items: () => readonly { readonly key: Key; readonly item: Item }[];
} {
  const partitions = new Map<string, Partition>();
  const found = ({ pk, sk }: Key): Item | undefined => partitions.get(pk)?.items.get(sk);
  const at = (key: Key): Item | undefined => {
    const item = found(key);
    return item && copy(item);
  };

  return {
    get: async (keys) => keys.map(at),
    list: async (pk, { prefix = "", limit = 100, after = "" } = {}): Promise<Page> => {
      const { items, order } = partitions.get(pk) ?? newPartition();
      const page: { readonly key: Key; readonly item: Item }[] = [];
      let place = placeOf(order, after > prefix ? after : prefix);
      if (order[place] === after) place += 1;
      for (; page.length < limit; place += 1) {
        const sk = order[place];
        const item = sk?.startsWith(prefix) ? items.get(sk) : undefined;
        if (sk === undefined || item === undefined) return { items: page };
        page.push({ key: { pk, sk }, item: copy(item) });
      }
      const last = page.at(-1);
      const hasMore = order[place]?.startsWith(prefix) === true;
      return hasMore && last ? { items: page, next: last.key.sk } : { items: page };
    },
    commit: async (writes) => {
      refuseDoubles(writes);
      if (!writes.every((write) => holds(found(write.at), write.expect))) return "moved";
      for (const write of writes) {
        const { pk, sk } = write.at;
        const partition = partitions.get(pk) ?? newPartition();
        partitions.set(pk, partition);
        if ("put" in write) put(partition, sk, copy(write.put));
        else remove(partition, sk);
      }
      return "committed";
    },
    scan: {
      page: async (after, limit) => {
        const page = everything()
          .filter(({ key }) => after === undefined || isBehind(key, after))
          .slice(0, limit + 1);
        const items = page.slice(0, limit).map(({ key, item }) => ({ key, item: copy(item) }));
        const last = items.at(-1);
        return page.length > limit && last ? { items, next: last.key } : { items };
      },
    },
    items: everything,
  };

  function everything(): readonly { readonly key: Key; readonly item: Item }[] {
    return [...partitions]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([pk, { items, order }]) =>
        order.flatMap((sk) => {
          const item = items.get(sk);
          return item === undefined ? [] : [{ key: { pk, sk }, item }];
        }),
      );
  }
}

const isBehind = (key: Key, after: Key): boolean =>
  key.pk === after.pk ? key.sk > after.sk : key.pk > after.pk;

/** The items of one partition; the sort keys are kept in order, so that a list costs what it finds. */
interface Partition {
  readonly items: Map<string, Item>;
  readonly order: string[];
}

const newPartition = (): Partition => ({ items: new Map(), order: [] });

function put({ items, order }: Partition, sk: string, item: Item): void {
  if (!items.has(sk)) order.splice(placeOf(order, sk), 0, sk);
  items.set(sk, item);
}

function remove({ items, order }: Partition, sk: string): void {
  if (items.delete(sk)) order.splice(placeOf(order, sk), 1);
}

/** Where a sort key stands, or would stand, among those in their order. */
function placeOf(order: readonly string[], sk: string): number {
  let [least, most] = [0, order.length];
  while (least < most) {
    const middle = (least + most) >> 1;
    if ((order[middle] ?? "") < sk) least = middle + 1;
    else most = middle;
  }
  return least;
}

function refuseDoubles(writes: readonly Write[]): void {
  const names = new Set(writes.map(({ at }) => `${at.pk}\n${at.sk}`));
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
function copy(item: Item): Item {
  const fresh: Record<string, Attribute> = {};
  for (const name in item) {
    const value = item[name];
    if (value !== undefined) fresh[name] = value instanceof Uint8Array ? value.slice() : value;
  }
  return fresh;
}
