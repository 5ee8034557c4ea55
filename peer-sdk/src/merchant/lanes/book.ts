/**
 * All open lanes of a merchant: in memory, with the purchases that no statement covers in a journal on disk. An answer
 * leaves when its purchase is durable; those of one turn become durable together.
 */
import { LeptaError, limits, readBuy, type Uid } from "@lepta/protocol";
import { Journal, type JournalEntry } from "../../journal.ts";
import { entryParts, laneId } from "../../lanes/run.ts";
import type { Party } from "../../party.ts";
import { afterTurn, type CallOff } from "../../ports.ts";
import type { Told } from "../catalogue.ts";
import type { ScripTable } from "../scrip-table.ts";
import { answerOf } from "./answer.ts";
import { append, type Lane, laneOf, type Pair } from "./lane.ts";
import {
  journalRecord,
  type LaneTables,
  laneTables,
  readJournalRecord,
  type UnstatedRecord,
} from "./records.ts";

/** An answer that waits until its purchase is durable. */
interface Leaving {
  readonly lane: Lane;
  readonly sequence: number;
  readonly answer: Uint8Array;
  /** Whoever wants to know that it is durable. */
  readonly told: Told | undefined;
}

export class LaneBook {
  readonly tables: LaneTables;
  readonly #party: Party;
  readonly #journal: Journal;
  readonly #lanes = new Map<string, Lane>();
  readonly #byName = new Map<string, Lane>();
  readonly #pairs = new Map<Uid, Pair>();
  /** Lanes that are being opened, by their ids. */
  readonly #opening = new Map<string, Set<object>>();
  #leaving: Leaving[] = [];
  /** Those that are being written. */
  #syncing: Leaving[] = [];
  #isWriting = false;
  #isBroken = false;
  #callOff: CallOff | undefined;
  /** Told of each lane whose purchases have just become durable, and of those whose time has come. */
  onDurable: (lane: Lane) => void = () => {};
  onDue: (lane: Lane) => void = () => {};
  onFault: (error: unknown) => void = () => {};

  private constructor(party: Party, journal: Journal) {
    this.#party = party;
    this.#journal = journal;
    this.tables = laneTables(party.store);
  }

  /** Reads what lanes are open, and what was bought since their last statements. Throws `store-damaged`. */
  static async open(party: Party, { scrip }: { readonly scrip: ScripTable }): Promise<LaneBook> {
    const { journal, found } = await Journal.open(party.store, "bought");
    const book = new LaneBook(party, journal);
    for (const [owner, { count, value }] of await book.tables.unstated.list())
      book.#pairs.set(owner, { ...newPair(), count, value, forGood: { count, value } });
    for (const [id, record] of await book.tables.lanes.list()) {
      const [owner = "", number = ""] = id.split("/");
      const opening = await scrip.get(record.scrip);
      if (opening?.salt === undefined) throw new LeptaError("store-damaged", `lane ${id} has no scrip`);
      // The change that was proposed is not in the table yet.
      if (record.change !== undefined) scrip.hold(...record.change);
      book.add(laneOf(party, owner, Number(number), record, opening.salt, book.pairOf(owner)));
    }
    const gone: JournalEntry[] = [];
    for (const { record, entry } of found) book.#replay(record, entry, gone);
    journal.release(gone);
    if (found.length > gone.length) book.#callOff = book.#lookLater();
    return book;
  }

  /** Whether lanes can be gone on with: not after a fault of the store, as what is in memory may not be on disk. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** Whether a lane is open still. */
  has(lane: Lane): boolean {
    return this.#lanes.get(lane.id) === lane;
  }

  find(owner: Uid, number: number): Lane | undefined {
    return this.#lanes.get(laneId(owner, number));
  }

  /** The open lane of this name, as purchases are named after it. */
  named(name: string): Lane | undefined {
    return this.#byName.get(name);
  }

  /** All open lanes, or one customer's. */
  all(owner?: Uid): readonly Lane[] {
    const lanes = [...this.#lanes.values()];
    return owner === undefined ? lanes : lanes.filter((lane) => lane.owner === owner);
  }

  /** Whether another purchase at this price may be without a statement: those that are being made count. */
  hasRoom({ count, value, bytes, making }: Pair, price: number): boolean {
    return (
      bytes < limits.unstatedBytes &&
      count + making.count < limits.unstatedPurchases &&
      value + making.value + price <= Number(limits.unstatedAmount)
    );
  }

  /** What no statement covers of one customer's. */
  pairOf(owner: Uid): Pair {
    const known = this.#pairs.get(owner);
    if (known !== undefined) return known;
    const pair = newPair();
    this.#pairs.set(owner, pair);
    return pair;
  }

  /** Whether a lane of this number is being opened: who asks for it meanwhile may find it later. */
  isOpening(owner: Uid, number: number): boolean {
    return this.#opening.has(laneId(owner, number));
  }

  /** Opens a lane, and knows of it until it is in the book or nothing comes of it. */
  async whileOpening<T>(owner: Uid, number: number, work: () => Promise<T>): Promise<T> {
    const id = laneId(owner, number);
    const mine = {};
    const all = this.#opening.get(id) ?? new Set();
    this.#opening.set(id, all.add(mine));
    try {
      return await work();
    } finally {
      all.delete(mine);
      if (all.size === 0) this.#opening.delete(id);
    }
  }

  /** Takes in a lane that was opened, and is in the table. */
  add(lane: Lane): void {
    this.#lanes.set(lane.id, lane);
    this.#byName.set(lane.name, lane);
  }

  /** Forgets a lane that has ended, and is in the table no more. */
  remove(lane: Lane): void {
    this.#lanes.delete(lane.id);
    if (this.#byName.get(lane.name) === lane) this.#byName.delete(lane.name);
    if (lane.pair.count === 0 && this.all(lane.owner).length === 0) this.#pairs.delete(lane.owner);
  }

  /** Takes a decided purchase into the lane; its answer leaves when both are durable. */
  decide(lane: Lane, bought: Uint8Array, answer: Uint8Array, charged: number, told?: Told): void {
    const at = this.#party.runtime.now();
    const joined = lane.joining;
    const { record, packed: kept } = journalRecord(lane.journalName, entryParts(at, bought, answer, joined));
    const entry = this.#journal.append(record);
    const remaining = lane.remaining - charged;
    append(lane, { at, kept, joined, charged, remaining, entry });
    this.#leaving.push({ lane, sequence: lane.sequence, answer, told });
    this.#callOff ??= this.#lookLater();
    if (this.#isWriting) return;
    this.#isWriting = true;
    afterTurn(this.#party.runtime, () => this.#write());
  }

  /** Counts what its customer has not signed for, and will not: it is covered by our word alone. */
  count(pair: Pair, forGood: UnstatedRecord): void {
    pair.count += forGood.count - pair.forGood.count;
    pair.value += forGood.value - pair.forGood.value;
    pair.forGood = forGood;
  }

  /** What is in memory may not be on disk: nothing more is said about it by this process. */
  fail(error: unknown): void {
    this.#isBroken = true;
    const leaving = [...this.#syncing, ...this.#leaving];
    [this.#syncing, this.#leaving] = [[], []];
    for (const { told } of leaving) told?.(undefined);
    this.onFault(error);
    for (const lane of this.all()) lane.visit?.end("internal");
  }

  /** Lets go of these journal entries, when the commit that covers them is durable. */
  release(entries: Iterable<JournalEntry>): void {
    this.#journal.release(entries);
  }

  /** Ends what waits for its time; what is being written is written. */
  close(): void {
    this.#callOff?.();
    this.#isBroken = true;
  }

  async #write(): Promise<void> {
    try {
      while (this.#leaving.length > 0) {
        this.#syncing = this.#leaving;
        this.#leaving = [];
        await this.#journal.sync();
        const durable = this.#syncing;
        this.#syncing = [];
        this.#send(durable);
      }
    } catch (error) {
      this.fail(error);
    } finally {
      this.#isWriting = false;
    }
  }

  #send(leaving: readonly Leaving[]): void {
    const touched = new Set<Lane>();
    for (const { lane, sequence, answer, told } of leaving) {
      lane.durable = sequence;
      lane.visit?.send(answer);
      told?.(true);
      touched.add(lane);
    }
    for (const lane of touched) this.onDurable(lane);
  }

  #replay(bytes: Uint8Array, entry: JournalEntry, gone: JournalEntry[]): void {
    const record = readJournalRecord(bytes);
    const known = this.#lanes.get(record.lane);
    const lane = known?.name === record.name ? known : undefined;
    const { at, bought, answered, kept, joined } = record.entry;
    const sequence = readBuy(bought)?.sequence ?? 0;
    // A statement covers it, or its lane has ended: the process died before it let go of it.
    if (lane === undefined || sequence !== lane.sequence + 1) {
      gone.push(entry);
      return;
    }
    const { charged, remaining } = answerOf(answered, lane.remaining);
    append(lane, {
      at,
      kept,
      joined,
      charged,
      remaining,
      entry,
    });
    lane.durable = lane.sequence;
  }

  /** What is without a statement for too long. */
  #lookLater(): CallOff {
    return this.#party.runtime.later(limits.statementWithin, () => {
      this.#callOff = undefined;
      const before = this.#party.runtime.now() - limits.statementWithin;
      let isAnyLeft = false;
      for (const lane of this.#lanes.values()) {
        const [oldest] = lane.run;
        if (oldest === undefined) continue;
        isAnyLeft = true;
        if (oldest.at <= before) this.onDue(lane);
      }
      if (isAnyLeft) this.#callOff = this.#lookLater();
    });
  }
}

const NONE: UnstatedRecord = { count: 0, value: 0 };

const newPair = (): Pair => ({
  count: 0,
  value: 0,
  bytes: 0,
  forGood: NONE,
  making: NONE,
  waiting: new Set(),
});
