/**
 * Notices and signed statements that wait for the broker: durable, in order, sent in batches, gone when the broker has
 * acknowledged them. A batch that the broker refuses does not hold up the rest (docs/adr/0019).
 */
import {
  type ErrorCode,
  embedded,
  field,
  isErrorCode,
  isRefusal,
  LeptaError,
  limits,
  type Or,
  purchaseNotice,
  readMessage,
  saleNotice,
  struct,
  text,
  time,
  type Value,
} from "@lepta/protocol";
import type { Party } from "./party.ts";
import type { CallOff, Change, PeerStore } from "./ports.ts";
import { type AcknowledgedBatch, BatchSize, fitting, sendBatch } from "./send-batch.ts";
import { everyOne, type Table, table } from "./store/table.ts";

/** Who is told of what becomes of entries. A peer that is customer and merchant has two. */
export interface OutboxListener {
  /** The broker has acknowledged a batch: what is to be kept of that. Asked again where the commit fails. */
  readonly acknowledged?: (batch: AcknowledgedBatch) => Kept;
  /** The broker has not recorded this entry, and it is sent no more: it is set aside. */
  readonly refused?: (error: LeptaError, entry: Uint8Array) => void;
  /** A fault of our own stopped a try that nobody waits for. */
  readonly failed?: (error: unknown) => void;
}

export interface Kept {
  /** Committed together with the removal of the acknowledged entries. */
  readonly changes: readonly Change[];
  /** Called when that is durable. */
  readonly committed?: () => void;
}

/** An entry that the broker would not take, kept as evidence. */
const asideRecord = struct({
  entry: field(1, embedded(4096)),
  /** The broker's word for it. */
  code: field(2, text(32)),
  /** When, in milliseconds. */
  at: field(3, time),
});
export type Aside = Value<typeof asideRecord>;

type Entry = readonly [id: string, bytes: Uint8Array];

export class Outbox {
  readonly #party: Party;
  readonly #entries: Table<Uint8Array>;
  readonly #aside: Table<Aside>;
  readonly #listeners = new Set<OutboxListener>();
  readonly #batchSize = new BatchSize();
  #next = 1;
  #size = 0;
  #bytes = 0;
  #asideNext = 1;
  #asideSize = 0;
  /** When something was last put in, in milliseconds. */
  #putAt = 0;
  /** Ids of the first entries, each of which the broker has refused alone: the others are sent before them. */
  #passed: string[] = [];
  #flushing: Promise<number> | undefined;
  #callOff: CallOff | undefined;
  /** When the next try is due. */
  #due = 0;
  /** The pause after the latest try, 0 where it ended well, and when it ends. */
  #pause = 0;
  #notBefore = 0;
  #isOpen = true;

  private constructor(party: Party) {
    this.#party = party;
    this.#entries = waitingTable(party.store);
    this.#aside = asideTable(party.store);
  }

  /** Finds what was left from before. */
  static async open(party: Party): Promise<Outbox> {
    const outbox = new Outbox(party);
    for await (const [id, entry] of everyOne(outbox.#entries)) {
      outbox.#next = Number(id) + 1;
      outbox.#size += 1;
      outbox.#bytes += entry.length;
    }
    for await (const [id] of everyOne(outbox.#aside)) {
      outbox.#asideNext = Number(id) + 1;
      outbox.#asideSize += 1;
    }
    return outbox;
  }

  /** How many entries wait. */
  get size(): number {
    return this.#size;
  }

  /** Whether there is room for more: who has none buys and sells nothing further. What is under way may still go in. */
  get hasRoom(): boolean {
    return this.#size < limits.outbox && this.#bytes < limits.outboxStored;
  }

  /** The transactions whose notices wait. */
  async transactions(): Promise<ReadonlySet<string>> {
    const found = new Set<string>();
    for await (const [, entry] of everyOne(this.#entries)) {
      const read = readMessage(entry, [purchaseNotice, saleNotice]);
      if (!isRefusal(read)) found.add(read.payload.txn);
    }
    return found;
  }

  /** Tells this listener from now on; the result ends that. */
  listen(listener: OutboxListener): CallOff {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The change that puts a signed notice or a signed statement in, to be committed with what it is about. */
  put(entry: Uint8Array): Change {
    const change = this.#entries.put(idOf(this.#next), entry);
    this.#next += 1;
    this.#size += 1;
    this.#bytes += entry.length;
    this.#putAt = this.#party.runtime.now();
    return change;
  }

  /** Sends what waits some time from now, or when the pause after a try that failed is over; and then until it is gone. */
  flushSoon(delay: number): void {
    const { runtime } = this.#party;
    const now = runtime.now();
    const due = Math.max(now + delay, this.#notBefore);
    if (!this.#isOpen || (this.#callOff !== undefined && this.#due <= due)) return;
    this.#callOff?.();
    this.#due = due;
    this.#callOff = runtime.later(due - now, () => {
      this.#callOff = undefined;
      this.flush().then(
        (left) => {
          if (left > 0) this.flushSoon(0);
          // What is not there yet is about to be committed, or never will be.
          else if (this.#size > 0) this.flushSoon(COMMITTED_WITHIN);
        },
        (error: unknown) => {
          if (!this.#isOpen) return;
          for (const { failed } of this.#listeners) failed?.(error);
          this.flushSoon(0);
        },
      );
    });
  }

  /** Sends what waits now; tells how many are left, 0 when the broker has acknowledged all. */
  flush(): Promise<number> {
    this.#flushing ??= this.#flush()
      .catch((error: unknown) => {
        this.#wait();
        throw error;
      })
      .finally(() => {
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
    let isTaking = false;
    let strikes = 0;
    while (this.#isOpen) {
      const batch = await this.#first();
      if (batch.length === 0 && this.#passed.length === 0) return this.#emptied();
      if (batch.length === 0) {
        // Nothing is left but what was refused alone.
        if (isTaking && (await this.#judge())) continue;
        if (isTaking) return this.#wait();
        // Nothing else was taken either: that is no fault of theirs, and they are sent again in their order.
        this.#passed = [];
        if (strikes === 0) continue;
        return this.#wait();
      }
      const answer = await this.#send(batch);
      if (!isRefusal(answer)) {
        this.#batchSize.taken(batch.length);
        isTaking = true;
        continue;
      }
      const { code } = answer;
      if (isTooMuch(code)) this.#batchSize.unanswered(batch.length);
      if (!isAboutEntries(code)) return this.#wait();
      this.#batchSize.refused(batch.length);
      const [[id]] = batch as readonly [Entry];
      if (batch.length === 1) {
        this.#passed.push(id);
        strikes += 1;
      }
      // Where it fails of so many it fails of itself: they are sent again in their order.
      if (code === "internal" && this.#passed.length > limits.outboxStrikes) this.#passed = [];
      // Another size or another entry may be taken at once, but not by a broker that fails.
      if (code === "internal" || strikes === limits.outboxStrikes) return this.#wait();
    }
    return this.#size;
  }

  /** The next batch: nothing is dropped without the broker's signature, whatever else it says. */
  async #first(): Promise<readonly Entry[]> {
    const after = this.#passed.at(-1);
    const limit = this.#batchSize.next;
    return fitting(await this.#entries.list({ limit, ...(after === undefined ? {} : { after }) }), limit);
  }

  /**
   * The broker is there and takes others: what it refuses now, alone and again, for what it is, will never be taken. False
   * where it could not be asked.
   */
  async #judge(): Promise<boolean> {
    for (const id of this.#passed) {
      const entry = await this.#entries.get(id);
      const answer = entry && (await this.#send([[id, entry]]));
      if (entry !== undefined && isRefusal(answer)) {
        if (!isLasting(answer.code)) return false;
        await this.#party.store.commit([
          this.#entries.remove(id),
          ...(await this.#setAside([[entry, answer.code]])),
        ]);
        this.#left([entry]);
        this.#tellRefused(entry, answer.code);
      }
      this.#passed = this.#passed.filter((each) => each !== id);
    }
    return true;
  }

  async #send(batch: readonly Entry[]): Promise<Or<AcknowledgedBatch>> {
    const answer = await sendBatch(
      this.#party,
      batch.map(([, entry]) => entry),
    );
    if (!isRefusal(answer)) await this.#take(batch, answer);
    return answer;
  }

  /** In one commit: the entries go, and what is to be kept of their acknowledgement stays. */
  async #take(batch: readonly Entry[], acknowledged: AcknowledgedBatch): Promise<void> {
    const kept = [...this.#listeners].flatMap(({ acknowledged: keep }) => keep?.(acknowledged) ?? []);
    const refused = acknowledged.entries.flatMap(({ bytes, index }) => {
      const code = acknowledged.refused.get(index);
      return code === undefined ? [] : [[bytes, code] as const];
    });
    await this.#party.store.commit([
      ...batch.map(([id]) => this.#entries.remove(id)),
      ...(await this.#setAside(refused)),
      ...kept.flatMap(({ changes }) => changes),
    ]);
    this.#left(acknowledged.entries.map(({ bytes }) => bytes));
    this.#pause = 0;
    this.#notBefore = 0;
    for (const { committed } of kept) committed?.();
    for (const [entry, code] of refused) this.#tellRefused(entry, code);
  }

  /** The changes that keep these as evidence, in the place of the oldest where there are too many. */
  async #setAside(
    refused: readonly (readonly [entry: Uint8Array, code: string])[],
  ): Promise<readonly Change[]> {
    const at = this.#party.runtime.now();
    const latest = refused.slice(-limits.outboxAside);
    const first = this.#asideNext;
    const changes = latest.map(([entry, code], i) => this.#aside.put(idOf(first + i), { entry, code, at }));
    this.#asideNext += changes.length;
    this.#asideSize += changes.length;
    const over = this.#asideSize - limits.outboxAside;
    if (over <= 0) return changes;
    const oldest = await this.#aside.list({ limit: over });
    this.#asideSize -= oldest.length;
    return [...changes, ...oldest.map(([id]) => this.#aside.remove(id))];
  }

  #tellRefused(entry: Uint8Array, code: string): void {
    const error = new LeptaError(
      isErrorCode(code) ? code : "internal",
      "the broker has not recorded an entry",
    );
    for (const { refused } of this.#listeners) refused?.(error, entry);
  }

  #left(entries: readonly Uint8Array[]): void {
    this.#size = Math.max(0, this.#size - entries.length);
    this.#bytes = Math.max(0, this.#bytes - entries.reduce((sum, { length }) => sum + length, 0));
  }

  /** The store holds nothing: what was put in and has not come there for so long was never committed, and takes no room. */
  #emptied(): number {
    if (this.#party.runtime.now() - this.#putAt >= COMMITTED_WITHIN) [this.#size, this.#bytes] = [0, 0];
    return 0;
  }

  /** Twice as long as the last time before anything is sent by itself again; tells how many are left. */
  #wait(): number {
    this.#pause = Math.min(Math.max(this.#pause * 2, SHORTEST_PAUSE), limits.outboxPause);
    this.#notBefore = this.#party.runtime.now() + this.#pause;
    return this.#size;
  }
}

/** What waits for the broker, in its order. */
export const waitingTable = (store: PeerStore): Table<Uint8Array> => table(store, "outbox", embedded(4096));

/** What the broker would not take, oldest first. */
export const asideTable = (store: PeerStore): Table<Aside> => table(store, "aside", asideRecord);

/** The shortest pause after a try that failed, in milliseconds. */
const SHORTEST_PAUSE = 1000;
/** A change that is not committed so long after it was made never will be, in milliseconds. */
const COMMITTED_WITHIN = 60_000;

/** Refusals of a whole batch for what is in it. All others concern the sender, or the moment. */
const isLasting = (code: ErrorCode): boolean => code === "malformed" || code === "too-large";
/** A broker that fails may fail of one entry: others may pass it, but it is not set aside. */
const isAboutEntries = (code: ErrorCode): boolean => isLasting(code) || code === "internal";
/** What a broker that is asked too much says, or what stands before it. */
const isTooMuch = (code: ErrorCode): boolean => code === "unreachable" || code === "busy";

const idOf = (number: number): string => number.toString().padStart(15, "0");
