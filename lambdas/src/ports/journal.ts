/** What became of every item of the table, in order, outside the table: what brings a backup up to date. */
import type { Item, Key } from "./store.ts";

/** One change of one item. */
export interface JournalRecord {
  readonly key: Key;
  /** The whole item as it was after the change; undefined where it was removed. */
  readonly image: Item | undefined;
  /** A decimal number. Those of one item's records rise, from one shard of the stream to the next as well. */
  readonly sequence: string;
  /** When the change was made, in milliseconds, rounded down to the second. */
  readonly at: number;
}

/** Changes of one table as its stream gave them: at least one, in order. */
export interface JournalBatch {
  readonly table: string;
  readonly records: readonly JournalRecord[];
}

export interface Journal {
  /** Keeps a batch as one object, for good once this resolves. The same batch again is the same object. */
  write(batch: JournalBatch): Promise<void>;
  /**
   * The names of a table's objects in the order in which they are to be read. Every record made at or after `from`
   * (milliseconds) is in one of them; some are older.
   */
  list(table: string, from: number): AsyncIterable<string>;
  /** The records of one object. Throws where it is damaged. */
  read(name: string): Promise<readonly JournalRecord[]>;
}
