/**
 * A log in IndexedDB. Records are gathered in memory while a transaction is under way, and written together in the next one, with
 * what was let go of meanwhile.
 */
import { LeptaError } from "@lepta/protocol/core";
import type { LogRecord, RecordLog } from "../../ports.ts";
import { checkRecord } from "../log/record.ts";
import { bytesOf, type Database, ownBytes } from "./database.ts";

const DONE = Promise.resolve();
/** Where a log keeps the position that its next record gets: before the first record. */
const HEAD = 0;

export class IndexedLog implements RecordLog {
  readonly #database: Database;
  readonly #name: string;
  #next: number;
  /** Not written yet, in their order. */
  #appended: LogRecord[] = [];
  /** Records that somebody may still need, and those that are to be removed. */
  readonly #kept: Set<number>;
  #released: number[] = [];
  /** The transaction under way, and the one that follows it. */
  #writing: Promise<void> = DONE;
  #following: Promise<void> | undefined;
  /** Why nothing can be made durable any more, and whether that was told. */
  #fault: unknown;
  #isTold = false;
  #closing: Promise<void> | undefined;

  private constructor(database: Database, name: string, next: number, found: readonly LogRecord[]) {
    this.#database = database;
    this.#name = name;
    this.#next = next;
    this.#kept = new Set(found.map(({ position }) => position));
  }

  /** Opens the log of this name. Throws `store-damaged` where its records are not as they were written. */
  static async open(
    database: Database,
    name: string,
  ): Promise<{ readonly log: IndexedLog; readonly found: readonly LogRecord[] }> {
    const all = IDBKeyRange.bound([name, HEAD], [name, Number.MAX_SAFE_INTEGER]);
    const [keys, values] = await database.readBoth("records", (records) => [
      records.getAllKeys(all),
      records.getAll(all),
    ]);
    if (keys.length === 0) return { log: new IndexedLog(database, name, HEAD + 1, []), found: [] };
    const [head, ...positions] = keys.map((key) => (Array.isArray(key) ? key[1] : undefined));
    const found = positions.map((position, at) => {
      if (!Number.isSafeInteger(position)) throw broken(database, name);
      return { position: position as number, record: bytesOf(values[at + 1], `${database.name}, ${name}`) };
    });
    const next: unknown = values[0];
    const isWhole = head === HEAD && typeof next === "number" && next > (found.at(-1)?.position ?? HEAD);
    if (!isWhole) throw broken(database, name);
    return { log: new IndexedLog(database, name, next, found), found };
  }

  append(record: Uint8Array): number {
    checkRecord(record);
    const position = this.#next;
    this.#next += 1;
    // Nothing of it will ever be on disk: whoever waits for that is told.
    if (this.#fault !== undefined) return position;
    this.#appended.push({ position, record });
    this.#kept.add(position);
    return position;
  }

  sync(): Promise<void> {
    if (this.#fault !== undefined) {
      this.#isTold = true;
      return Promise.reject(this.#fault);
    }
    if (this.#closing !== undefined) return Promise.reject(this.#closed());
    const durable = this.#appended.length === 0 ? (this.#following ?? this.#writing) : this.#write();
    return durable.catch((error: unknown) => {
      this.#isTold = true;
      throw error;
    });
  }

  release(position: number): void {
    if (!this.#kept.delete(position) || this.#fault !== undefined) return;
    this.#released.push(position);
    // Nobody waits for it: who syncs or closes next is told of a fault.
    if (this.#closing === undefined) this.#write().catch(() => {});
  }

  /** Writes what is there, and takes nothing more. Rejects where a fault was told to nobody yet. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const fault = await this.#write().then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
    this.#fault ??= this.#closed();
    if (fault !== undefined && !this.#isTold) throw fault.error;
  }

  #closed(): LeptaError {
    return new LeptaError("closed", `${this.#database.name}, ${this.#name}`);
  }

  /** Resolves when all that is there now is durable. */
  #write(): Promise<void> {
    // Also where nothing is under way: what is appended in the same turn is written together.
    this.#following ??= this.#writing.then(() => {
      const following = this.#following ?? DONE;
      this.#following = undefined;
      this.#writing = following;
      return this.#transact();
    });
    return this.#following;
  }

  async #transact(): Promise<void> {
    const [appended, released] = [this.#appended, this.#released];
    if (appended.length === 0 && released.length === 0) return;
    [this.#appended, this.#released] = [[], []];
    try {
      await this.#database.write("records", (records) => {
        records.put(this.#next, [this.#name, HEAD]);
        for (const { position, record } of appended) records.put(ownBytes(record), [this.#name, position]);
        for (const position of released) records.delete([this.#name, position]);
      });
    } catch (error) {
      // Nobody knows what comes after a gap: nothing more is written.
      this.#fault ??= error;
      throw error;
    }
  }
}

const broken = ({ name }: Database, log: string): LeptaError =>
  new LeptaError("store-damaged", `${name}: the log ${log} is not as it was written`);
