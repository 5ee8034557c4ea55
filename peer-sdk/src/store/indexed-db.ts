/** A peer's store in a browser: one IndexedDB database, held by one tab, every commit on disk before it returns. */
import { LeptaError, utf8 } from "@lepta/protocol/core";
import type { PeerStore } from "../ports.ts";
import { bytesOf, type Database, openDatabase, ownBytes, textOf } from "./indexed-db/database.ts";
import { hold } from "./indexed-db/hold.ts";
import { IndexedLogs } from "./indexed-db/logs.ts";
import { keyVault } from "./indexed-db/vault.ts";

/** How a store in a browser is opened, and what it stands on. */
export interface IndexedDbOptions {
  /** Waits until nobody else has the store open, or this AbortSignal says that it is enough. */
  readonly wait?: EndOfWaiting;
  /** Told where the browser takes the store away, as when its user clears the site's data: every call throws `closed` then. */
  readonly lost?: () => void;
  /** The browser's own, where nothing is said: a LockManager and an IDBFactory. */
  readonly locks?: Locks;
  readonly factory?: Databases;
}

// Of a browser's types what they are known by here: who has this package's types need not have those.
/** What of an `AbortSignal` is used. */
export interface EndOfWaiting {
  readonly aborted: boolean;
}
/** What of a `LockManager` is used. */
export interface Locks {
  request(name: string, options: object, callback: (lock: unknown) => unknown): Promise<unknown>;
}
/** What of an `IDBFactory` is used. */
export interface Databases {
  open(name: string, version?: number): object;
  cmp(one: unknown, other: unknown): number;
}

/**
 * Opens or creates the store of this name, of this origin. Private keys are kept in it as objects that nobody can read the bytes of.
 * Throws `store-locked` where another tab has it open, and `store-damaged` where what is there is not ours or cannot be read, or
 * where the browser keeps nothing for this page; all is then left as it is.
 */
export async function indexedDbPeerStore(name: string, options: IndexedDbOptions = {}): Promise<PeerStore> {
  const locks = (options.locks as LockManager | undefined) ?? globalThis.navigator?.locks;
  const factory = (options.factory as IDBFactory | undefined) ?? globalThis.indexedDB;
  // Either is missing where a page came without encryption from another machine.
  if (locks === undefined || factory === undefined)
    throw new LeptaError("store-damaged", `${name}: this page may keep nothing here: bring another store`);
  const title = `lepta ${name}`;
  let isOpen = true;
  let database: Database | undefined;
  const lose = (): void => {
    if (!isOpen) return;
    isOpen = false;
    database?.close();
    options.lost?.();
  };
  const held = await hold(locks, title, options.wait as AbortSignal | undefined, lose);
  try {
    database = await openDatabase(factory, title, lose);
    if (!isOpen) throw new LeptaError("closed", title);
  } catch (error) {
    isOpen = false;
    database?.close();
    await held.release();
    throw error;
  }
  return storeOn(database, {
    factory,
    isOpen: () => isOpen,
    end: async () => {
      isOpen = false;
      database.close();
      await held.release();
    },
  });
}

interface Holding {
  readonly factory: IDBFactory;
  readonly isOpen: () => boolean;
  end(): Promise<void>;
}

function storeOn(database: Database, { factory, isOpen, end }: Holding): PeerStore {
  const logs = new IndexedLogs(database);
  let closing: Promise<void> | undefined;
  const opened = (): Database => {
    if (closing !== undefined || !isOpen()) throw new LeptaError("closed", database.name);
    return database;
  };
  const close = async (): Promise<void> => {
    try {
      if (isOpen()) await logs.close();
    } finally {
      await end();
    }
  };
  return {
    get: async (key) => {
      const value: unknown = await opened().read("entries", (entries) => entries.get(keyOf(key)));
      return value === undefined ? undefined : bytesOf(value, key);
    },
    list: async (prefix, { after = "", limit } = {}) => {
      const range = rangeOf(factory, keyOf(prefix), keyOf(after));
      if (range === undefined || (limit !== undefined && limit <= 0)) return [];
      // More than there can be is the same as no limit, for which IndexedDB has no number.
      const most = limit === undefined || limit > MOST ? undefined : limit;
      const [keys, values] = await opened().readBoth("entries", (entries) => [
        entries.getAllKeys(range, most),
        entries.getAll(range, most),
      ]);
      return keys.map((each, at) => {
        const key = textOf(each);
        return [key, bytesOf(values[at], key)] as const;
      });
    },
    commit: (changes) =>
      opened().write("entries", (entries) => {
        for (const { key, value } of changes) {
          if (value === undefined) entries.delete(keyOf(key));
          else entries.put(ownBytes(value), keyOf(key));
        }
      }),
    openLog: async (name) => {
      opened();
      return logs.open(name);
    },
    keys: keyVault(opened),
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

/** The most entries that IndexedDB can be asked for. */
const MOST = 0xffff_ffff;

/** Keys are kept in UTF-8, whose bytes stand in the order of the code points; texts would stand in that of UTF-16. */
const keyOf = (text: string): Uint8Array<ArrayBuffer> => utf8(text) as Uint8Array<ArrayBuffer>;

/** The keys that begin with the prefix and come after `after`: all where it is null, and undefined where there can be none. */
function rangeOf(
  factory: IDBFactory,
  prefix: Uint8Array<ArrayBuffer>,
  after: Uint8Array<ArrayBuffer>,
): IDBKeyRange | null | undefined {
  const isAfter = after.length > 0 && factory.cmp(after, prefix) >= 0;
  const start = isAfter ? after : prefix;
  const last = prefix.at(-1);
  if (last === undefined) return isAfter ? IDBKeyRange.lowerBound(after, true) : null;
  // No byte of UTF-8 is 255: the next one is a byte too.
  const end = Uint8Array.from([...prefix.subarray(0, -1), last + 1]);
  return factory.cmp(start, end) < 0 ? IDBKeyRange.bound(start, end, isAfter, true) : undefined;
}
