/** Notices that wait for the broker: durable, in order, sent in batches, gone when the broker has acknowledged them. */
import {
  embedded,
  entryDigest,
  equalBytes,
  isRefusal,
  limits,
  noticeBatch,
  type Or,
  purchaseNotice,
  readMessage,
  refuse,
  saleNotice,
  toText,
  treeHash,
} from "@lepta/protocol";
import { askAt, doors } from "./doors.ts";
import type { Party } from "./party.ts";
import type { CallOff, Change } from "./ports.ts";
import { type Table, table } from "./store/table.ts";

export class Outbox {
  readonly #party: Party;
  readonly #entries: Table<Uint8Array>;
  #next = 0;
  #size = 0;
  #flushing: Promise<number> | undefined;
  #callOff: CallOff | undefined;
  #isOpen = true;

  private constructor(party: Party) {
    this.#party = party;
    this.#entries = table(party.store, "outbox", embedded(2048));
  }

  /** Finds what was left from before. */
  static async open(party: Party): Promise<Outbox> {
    const outbox = new Outbox(party);
    const entries = await outbox.#entries.list();
    outbox.#size = entries.length;
    outbox.#next = Number(entries.at(-1)?.[0] ?? 0) + 1;
    return outbox;
  }

  /** How many notices wait. */
  get size(): number {
    return this.#size;
  }

  /** Whether there is room for another: a merchant without room sells nothing further. */
  get hasRoom(): boolean {
    return this.#size < limits.outbox;
  }

  /** The transactions whose notices wait. */
  async transactions(): Promise<ReadonlySet<string>> {
    const read = (await this.#entries.list()).map(([, notice]) =>
      readMessage(notice, [purchaseNotice, saleNotice]),
    );
    return new Set(read.flatMap((each) => (isRefusal(each) ? [] : [each.payload.txn])));
  }

  /** The change that puts a signed notice in, to be committed with what it is about. */
  put(notice: Uint8Array): Change {
    const id = this.#next.toString().padStart(15, "0");
    this.#next += 1;
    this.#size += 1;
    return this.#entries.put(id, notice);
  }

  /** Sends what waits some time from now, and again later when the broker is away. */
  flushSoon(delay: number): void {
    if (!this.#isOpen || this.#callOff !== undefined) return;
    this.#callOff = this.#party.runtime.later(delay, () => {
      this.#callOff = undefined;
      this.flush().then(
        (left) => left > 0 && this.flushSoon(Math.min(delay * 2, LONGEST_PAUSE)),
        () => this.flushSoon(Math.min(delay * 2, LONGEST_PAUSE)),
      );
    });
  }

  /** Sends what waits now; tells how many are left, 0 when the broker has acknowledged all. */
  flush(): Promise<number> {
    this.#flushing ??= this.#flush().finally(() => {
      this.#flushing = undefined;
    });
    return this.#flushing;
  }

  /** Stops sending; what waits stays in the store. */
  close(): void {
    this.#isOpen = false;
    this.#callOff?.();
  }

  async #flush(): Promise<number> {
    for (;;) {
      const entries = batchOf(await this.#entries.list({ limit: limits.outboxBatch }));
      if (entries.length === 0) return 0;
      const answer = await this.#send(entries.map(([, notice]) => notice));
      if (isRefusal(answer)) {
        // Nothing is dropped without the broker's signature, whatever it says.
        return this.#size;
      }
      await this.#party.store.commit(entries.map(([id]) => this.#entries.remove(id)));
      this.#size -= entries.length;
    }
  }

  async #send(notices: readonly Uint8Array[]): Promise<Or<void>> {
    const { link, runtime } = this.#party;
    const txn = toText(runtime.random(16));
    const batch = await this.#party.sign(noticeBatch, { to: link.network, txn, entries: notices });
    const answer = await askAt(this.#party, doors.notices, await link.seal(batch), {
      txn,
      digest: batch.digest,
    });
    if (isRefusal(answer)) return answer;
    const { count, tree } = answer.payload;
    const ours = treeHash(notices.map(entryDigest));
    return count === notices.length && equalBytes(tree, ours) ? undefined : refuse("wrong-reference");
  }
}

/** The longest pause between two tries, in milliseconds. */
const LONGEST_PAUSE = 60_000;

/** As many as fit into one batch. */
function batchOf<E extends readonly [string, Uint8Array]>(entries: readonly E[]): readonly E[] {
  let bytes = 0;
  return entries.filter(([, notice]) => {
    bytes += notice.length;
    return bytes <= limits.outboxBytes;
  });
}
