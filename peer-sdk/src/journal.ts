/**
 * A journal in a peer's store: many small records, made durable together. What is appended while a commit is under way
 * goes with the next one, so that the cost of a commit is shared by all that wait for it.
 */
import { bytes as bytesCodec, limits, list } from "@lepta/protocol";
import type { Change, PeerStore } from "./ports.ts";
import { type Table, table } from "./store/table.ts";

/** Where records lie that were made durable together; it is forgotten when all of them are released. */
export interface JournalEntry {
  readonly id: string;
  live: number;
}

const entryCodec = list(bytesCodec(1, limits.goodsBytes + limits.messageBytes), 1_000_000, 1);

export class Journal {
  readonly #store: PeerStore;
  readonly #entries: Table<readonly Uint8Array[]>;
  #next: number;
  #records: Uint8Array[] = [];
  #entry: JournalEntry;
  #writing: Promise<void> = Promise.resolve();
  #syncing: Promise<void> | undefined;

  private constructor(store: PeerStore, entries: Table<readonly Uint8Array[]>, next: number) {
    this.#store = store;
    this.#entries = entries;
    this.#next = next;
    this.#entry = this.#newEntry();
  }

  /** Opens the journal of this name, and tells what is in it, in order. */
  static async open(
    store: PeerStore,
    name: string,
  ): Promise<{
    readonly journal: Journal;
    readonly found: readonly { readonly record: Uint8Array; readonly entry: JournalEntry }[];
  }> {
    const entries = table(store, name, entryCodec);
    const known = await entries.list();
    const journal = new Journal(store, entries, Number(known.at(-1)?.[0] ?? 0) + 1);
    const found = known.flatMap(([id, records]) => {
      const entry: JournalEntry = { id, live: records.length };
      return records.map((record) => ({ record, entry }));
    });
    return { journal, found };
  }

  /** Adds a record to what the next sync makes durable. */
  append(record: Uint8Array): JournalEntry {
    this.#records.push(record);
    this.#entry.live += 1;
    return this.#entry;
  }

  /** Resolves when all that was appended so far is durable. */
  sync(): Promise<void> {
    this.#syncing ??= this.#write();
    return this.#syncing;
  }

  /** Records that nobody needs any more: the changes that forget what lies with no other, to be committed with the reason. */
  release(entries: Iterable<JournalEntry>): readonly Change[] {
    const gone: Change[] = [];
    for (const entry of entries) {
      entry.live -= 1;
      if (entry.live === 0) gone.push(this.#entries.remove(entry.id));
    }
    return gone;
  }

  async #write(): Promise<void> {
    // The commit before this one: meanwhile more is appended.
    await this.#writing.catch(() => {});
    this.#syncing = undefined;
    if (this.#records.length === 0) return;
    const records = this.#records;
    const entry = this.#entry;
    this.#records = [];
    this.#entry = this.#newEntry();
    this.#writing = this.#store.commit([this.#entries.put(entry.id, records)]);
    await this.#writing;
  }

  #newEntry(): JournalEntry {
    const id = this.#next.toString().padStart(16, "0");
    this.#next += 1;
    return { id, live: 0 };
  }
}
