/** Brings a table up to date from the journal: every item ends as its last record says, however often this begins again. */
import { keys } from "../broker/items.ts";
import { keyItems } from "../custody/key-items.ts";
import type { Journal, JournalRecord } from "../ports/journal.ts";
import type { Item, Key, Store, Write } from "../ports/store.ts";
import { isLater } from "./encode.ts";

export interface Replaying {
  readonly journal: Journal;
  readonly store: Store;
  /** The table that was journalled. */
  readonly table: string;
  /** Milliseconds; the table holds all that was done before. */
  readonly from: number;
  /** What is committed with every batch, so that it fails where somebody else has taken over. */
  readonly fence: (report: Replayed) => Write;
}

/** What was done, and what is doubtful. */
export interface Replayed {
  readonly objects: number;
  readonly records: number;
  /** Items put and removed; an item that changed often within a batch counts once. */
  readonly written: number;
  /** When the last of the records was made; undefined where there was none. */
  readonly lastAt: number | undefined;
  /** How often a purse's sequence jumped: records in between are missing. */
  readonly gaps: number;
}

/** Applies all records made at or after `from`. Throws where the fence does not hold, or an object is damaged. */
export async function replay({ journal, store, table, from, fence }: Replaying): Promise<Replayed> {
  const order = new Latest();
  const chains = new Chains(store);
  const pending = new Map<string, JournalRecord>();
  let pendingBytes = 0;
  let report: Replayed = { objects: 0, records: 0, written: 0, lastAt: undefined, gaps: 0 };

  const flush = async (): Promise<void> => {
    if (pending.size === 0) return;
    report = { ...report, written: report.written + pending.size, gaps: chains.gaps };
    const outcome = await store.commit([fence(report), ...[...pending.values()].map(toWrite)]);
    if (outcome === "moved") throw new Error("another run of the restore has taken over this table");
    pending.clear();
    pendingBytes = 0;
  };

  for await (const name of journal.list(table, from)) {
    for (const record of await journal.read(name)) {
      if (record.at < from || isAbout(record, keyItems.service)) continue;
      report = {
        ...report,
        records: report.records + 1,
        lastAt: Math.max(report.lastAt ?? 0, record.at),
      };
      const item = nameOf(record.key);
      if (!order.isNews(item, record.sequence)) continue;
      await chains.follow(record);
      const size = sizeOf(record);
      if (pending.size >= WRITES || pendingBytes + size > BYTES) await flush();
      pending.set(item, record);
      pendingBytes += size;
    }
    report = { ...report, objects: report.objects + 1 };
  }
  await flush();
  return { ...report, gaps: chains.gaps };
}

/** DynamoDB takes 100 items or 4 MB in one transaction; one item is the fence. */
const WRITES = 99;
const BYTES = 3_000_000;
/** How many items are remembered: a batch that comes late is older than fewer changes than these. */
const REMEMBERED = 100_000;

/** The latest record of each item that was seen: what is delivered twice or late must not take an item back. */
class Latest {
  readonly #sequences = new Map<string, string>();

  isNews(item: string, sequence: string): boolean {
    const known = this.#sequences.get(item);
    if (known !== undefined && !isLater(sequence, known)) return false;
    remember(this.#sequences, item, sequence);
    return true;
  }
}

/** Every decision moves a purse's sequence by one: a purse that jumps tells of records that the journal lacks. */
class Chains {
  readonly #store: Store;
  readonly #sequences = new Map<string, bigint>();
  gaps = 0;

  constructor(store: Store) {
    this.#store = store;
  }

  async follow({ key, image }: JournalRecord): Promise<void> {
    const now = sequenceOf(image);
    if (key.sk !== PURSE || now === undefined) return;
    // The backup knows what was before the first record, and a table that was replayed before is ahead of it. A purse
    // that is in neither begins at 0.
    const before = this.#sequences.get(key.pk) ?? sequenceOf((await this.#store.get([key]))[0]) ?? 0n;
    if (now > before + 1n) this.gaps += 1;
    remember(this.#sequences, key.pk, now);
  }
}

const PURSE = keys.purse("").sk;

function sequenceOf(purse: Item | undefined): bigint | undefined {
  const sequence = purse?.sequence;
  return typeof sequence === "number" || typeof sequence === "bigint" ? BigInt(sequence) : undefined;
}

function remember<T>(map: Map<string, T>, name: string, value: T): void {
  map.delete(name);
  map.set(name, value);
  const [oldest] = map.keys();
  if (map.size > REMEMBERED && oldest !== undefined) map.delete(oldest);
}

/** Whatever the table holds: a backup may be older than the record or, in its last seconds, newer. */
const toWrite = ({ key, image }: JournalRecord): Write =>
  image === undefined ? { remove: true, at: key, expect: "any" } : { put: image, at: key, expect: "any" };

const isAbout = ({ key }: JournalRecord, { pk, sk }: Key): boolean => key.pk === pk && key.sk === sk;
const nameOf = ({ pk, sk }: Key): string => JSON.stringify([pk, sk]);

/** At least what DynamoDB counts. */
const sizeOf = ({ key, image = {} }: JournalRecord): number =>
  [...Object.entries(key), ...Object.entries(image)].reduce((sum, [name, value]) => {
    const length =
      typeof value === "string" ? 3 * value.length : value instanceof Uint8Array ? value.length : 21;
    return sum + 3 * name.length + length;
  }, 0);
