/** What a merchant keeps of item 16 for customers who are away, within bounds. */
import { embedded, field, limits, struct, time, type Uid } from "@lepta/protocol";
import type { Change, PeerStore } from "../../ports.ts";
import { everyOne, type Table, table } from "../../store/table.ts";

/** An item for a customer who is away, and since when, in milliseconds. */
const recordedRow = struct({
  at: field(1, time),
  /** Item 16. */
  item: field(2, embedded(limits.recordedPerCustomer)),
});

/** The latest of them, within bounds in bytes. */
export class Recordings {
  /** Under `owner/number`. */
  readonly table: Table<{ readonly at: number; readonly item: Uint8Array }>;
  /** Bytes of each row, oldest first; where a commit failed, until the next opening, also of rows that are not there. */
  readonly #rows = new Map<string, number>();
  readonly #ofOwner = new Map<Uid, Map<string, number>>();
  #bytes = 0;
  #next = 1;

  private constructor(store: PeerStore) {
    this.table = table(store, "recorded-for", recordedRow);
  }

  /** Finds what is kept from before, a page at a time. */
  static async open(store: PeerStore): Promise<Recordings> {
    const recordings = new Recordings(store);
    const found: [number: number, id: string, bytes: number][] = [];
    for await (const [id, { item }] of everyOne(recordings.table))
      found.push([Number(id.split("/")[1]), id, item.length]);
    for (const [number, id, bytes] of found.sort(([a], [b]) => a - b)) {
      recordings.#next = number + 1;
      recordings.#count(id, bytes);
    }
    return recordings;
  }

  /** The change that keeps an item for a customer, and those that let go of the oldest in its place. */
  keep(owner: Uid, item: Uint8Array, at: number): readonly Change[] {
    if (item.length > limits.recordedPerCustomer) return [];
    const id = `${owner}/${this.#next.toString().padStart(15, "0")}`;
    this.#next += 1;
    this.#count(id, item.length);
    const gone: string[] = [];
    const drop = (rows: ReadonlyMap<string, number>): void => {
      for (const oldest of rows.keys()) {
        gone.push(oldest);
        this.forget(oldest);
        return;
      }
    };
    const own = this.#ofOwner.get(owner) ?? new Map<string, number>();
    while (sum(own) > limits.recordedPerCustomer) drop(own);
    while (this.#bytes > limits.recordedBytes) drop(this.#rows);
    return [this.table.put(id, { at, item }), ...gone.map((each) => this.table.remove(each))];
  }

  /** A row is in the table no more. */
  forget(id: string): void {
    const bytes = this.#rows.get(id);
    if (bytes === undefined) return;
    const owner = ownerOf(id);
    const own = this.#ofOwner.get(owner);
    this.#rows.delete(id);
    this.#bytes -= bytes;
    own?.delete(id);
    if (own?.size === 0) this.#ofOwner.delete(owner);
  }

  #count(id: string, bytes: number): void {
    const owner = ownerOf(id);
    const own = this.#ofOwner.get(owner) ?? new Map<string, number>();
    this.#ofOwner.set(owner, own.set(id, bytes));
    this.#rows.set(id, bytes);
    this.#bytes += bytes;
  }
}

const ownerOf = (id: string): Uid => id.split("/")[0] ?? "";

const sum = (rows: ReadonlyMap<string, number>): number => {
  let bytes = 0;
  for (const each of rows.values()) bytes += each;
  return bytes;
};
