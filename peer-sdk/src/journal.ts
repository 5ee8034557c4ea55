/** A journal of purchases in a peer's store: small records that are kept until a statement covers them. */
import type { PeerStore, RecordLog } from "./ports.ts";

/** What a merchant sold, and what a customer buys. */
export const journalNames = ["bought", "buying"] as const;

/** Where a record lies. */
export type JournalEntry = number;

export class Journal {
  readonly #log: RecordLog;

  private constructor(log: RecordLog) {
    this.#log = log;
  }

  /** Opens the journal of this name, and tells what is in it, in order; what was released may be among it. */
  static async open(
    store: PeerStore,
    name: (typeof journalNames)[number],
  ): Promise<{
    readonly journal: Journal;
    readonly found: readonly { readonly record: Uint8Array; readonly entry: JournalEntry }[];
  }> {
    const { log, found } = await store.openLog(name);
    return {
      journal: new Journal(log),
      found: found.map(({ position, record }) => ({ record, entry: position })),
    };
  }

  /** Adds a record to what the next sync makes durable. */
  append(record: Uint8Array): JournalEntry {
    return this.#log.append(record);
  }

  /** Resolves when all that was appended so far is durable. */
  sync(): Promise<void> {
    return this.#log.sync();
  }

  /** Lets go of records that nobody needs any more: after the commit that is the reason, as a crash may not undo it. */
  release(entries: Iterable<JournalEntry>): void {
    for (const entry of entries) this.#log.release(entry);
  }
}
