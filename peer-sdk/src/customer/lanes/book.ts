/**
 * All open lanes of a customer: in memory, with the purchases that no statement covers in a journal on disk. A purchase
 * leaves when it is durable; those of one turn become durable together.
 */
import { LeptaError, lanePurchase, limits, type Txn, type Uid, writeBuy } from "@lepta/protocol";
import { Journal, type JournalEntry } from "../../journal.ts";
import type { Party } from "../../party.ts";
import { afterTurn, type CallOff } from "../../ports.ts";
import type { Bought } from "../bought.ts";
import type { CustomerTables } from "../records.ts";
import { type Lane, laneOf, type Pair, type Sent, type Settle, type Wish } from "./lane.ts";
import { type KnownOrder, orderOf } from "./orders.ts";
import { journalRecord, type LaneTables, laneTables, readJournalRecord } from "./records.ts";

/** A purchase that waits until it is durable. */
interface Leaving {
  readonly lane: Lane;
  readonly sent: Sent;
}

export class LaneBook {
  readonly tables: LaneTables;
  readonly #party: Party;
  readonly #journal: Journal;
  readonly #lanes = new Map<string, Lane>();
  readonly #pairs = new Map<Uid, Pair>();
  /** Lanes on which something waits for room. */
  readonly #waiting = new Set<Lane>();
  #leaving: Leaving[] = [];
  #isWriting = false;
  /** The oldest purchase of each lane that somebody waited for at the last look, and the next look. */
  #unanswered = new Map<Lane, Sent>();
  #silence: CallOff | undefined;
  #isBroken = false;
  #patience: CallOff | undefined;
  /** When something that waited was sent last. */
  #progressAt = 0;

  private constructor(party: Party, journal: Journal) {
    this.#party = party;
    this.#journal = journal;
    this.tables = laneTables(party.store);
  }

  /** Whether lanes can be bought on: not after a fault of the store, nor after the end. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** Reads what lanes are open, and what was bought on them since their last statements. Throws `store-damaged`. */
  static async open(party: Party, { vendorscrip }: Pick<CustomerTables, "vendorscrip">): Promise<LaneBook> {
    const { journal, found } = await Journal.open(party.store, "buying");
    const book = new LaneBook(party, journal);
    for (const [id, record] of await book.tables.lanes.list()) {
      const [merchant = "", number = ""] = id.split("/");
      const held = await vendorscrip.get(`${merchant}/${record.scrip}`);
      // A closing lane has given its scrip away: only its signature is still to arrive. A lost one's may have been reversed.
      if (record.state === "closing" || (record.state === "lost" && held === undefined)) continue;
      if (held === undefined) throw new LeptaError("store-damaged", `lane ${id} has no scrip`);
      book.add(laneOf(merchant, id, Number(number), record, held, book.pairOf(merchant)));
    }
    const gone: JournalEntry[] = [];
    for (const { record, entry } of found) book.#replay(record, entry, gone);
    journal.release(gone);
    return book;
  }

  /** The open lanes with one merchant. */
  with(merchant: Uid): readonly Lane[] {
    return this.all().filter((lane) => lane.merchant === merchant);
  }

  all(): readonly Lane[] {
    return [...this.#lanes.values()];
  }

  get(id: string): Lane | undefined {
    return this.#lanes.get(id);
  }

  add(lane: Lane): void {
    this.#lanes.set(lane.id, lane);
  }

  /** Forgets a lane that has ended. */
  remove(lane: Lane): void {
    this.#lanes.delete(lane.id);
  }

  pairOf(merchant: Uid): Pair {
    const known = this.#pairs.get(merchant);
    if (known !== undefined) return known;
    const pair: Pair = { count: 0, value: 0 };
    this.#pairs.set(merchant, pair);
    return pair;
  }

  /** The opening of the last session that held a lane with this merchant, where none holds it now. */
  lastOpening(merchant: Uid): Uint8Array | undefined {
    const lane = this.with(merchant).findLast(
      ({ session, record }) => session === undefined && record.state !== "lost",
    );
    return lane && (lane.record.openings.at(-1) ?? lane.record.session);
  }

  /** Whether somebody waits for a purchase on this lane. */
  isWaitedFor({ flight, wishes }: Lane): boolean {
    return wishes.length > 0 || flight.some(({ settle }) => settle !== undefined);
  }

  /**
   * Waits until nothing is under way on a lane and nothing waits, but no longer than for an answer: a merchant may never give one.
   * Tells whether it is so.
   */
  async whenIdle(lane: Lane): Promise<boolean> {
    if (isIdle(lane)) return true;
    await new Promise<void>((resolve) => {
      const callOff = this.#party.runtime.later(ANSWER_WITHIN, resolve);
      lane.idlers.push(() => {
        callOff();
        resolve();
      });
    });
    return isIdle(lane);
  }

  /** Buys on a lane that is worth enough: at once where there is room, or when a statement or an answer has made room. */
  buy(lane: Lane, order: KnownOrder, named?: (txn: Txn) => void): Promise<Bought> {
    return new Promise((resolve, reject) => {
      lane.remaining -= order.units;
      const wish: Wish = named === undefined ? { order, resolve, reject } : { order, resolve, reject, named };
      if (lane.wishes.length === 0 && hasRoom(lane, order)) this.#send(lane, order, wish);
      else this.#wait(lane, wish);
    });
  }

  /** An answer has made room on a lane. */
  goOn(lane: Lane): void {
    while (lane.wishes.length > 0) {
      const [wish] = lane.wishes;
      if (wish === undefined || !hasRoom(lane, wish.order)) return;
      lane.wishes.shift();
      this.#progressAt = this.#party.runtime.now();
      this.#send(lane, wish.order, wish);
    }
    this.#waiting.delete(lane);
    if (this.#waiting.size === 0) this.#stopWaiting();
    if (lane.idlers.length > 0 && isIdle(lane)) for (const idler of lane.idlers.splice(0)) idler();
  }

  /** A statement has made room for all lanes with its merchant. */
  goOnAll(): void {
    for (const lane of [...this.#waiting]) this.goOn(lane);
  }

  /** Whoever waits on this lane is told; what was sent stays under way. */
  giveUp(lane: Lane, error: Error): void {
    for (const { reject, order } of lane.wishes.splice(0)) {
      lane.remaining += order.units;
      reject(error);
    }
    for (const sent of lane.flight) {
      sent.settle?.reject(error);
      sent.settle = undefined;
    }
    this.goOn(lane);
    // Who wants to close it is told by the lane's having no session.
    for (const idler of lane.idlers.splice(0)) idler();
  }

  /** What waits on a lane that has ended, or is under way on it, has come to nothing; its records are released by the caller. */
  drop(lane: Lane, error: Error): void {
    for (const { price } of lane.flight) lane.pair.value -= price;
    lane.pair.count -= lane.flight.length;
    const gone = lane.flight;
    lane.flight = [];
    this.giveUp(lane, error);
    for (const { settle } of gone) settle?.reject(error);
  }

  /** Lets go of these journal entries, when the commit that covers them is durable. */
  release(entries: Iterable<JournalEntry>): void {
    this.#journal.release(entries);
  }

  close(): void {
    this.#isBroken = true;
    for (const lane of this.all()) this.giveUp(lane, new LeptaError("closed"));
    this.#stopWaiting();
    this.#silence?.();
  }

  #send(lane: Lane, order: KnownOrder, settle: Settle): void {
    const at = this.#party.runtime.now();
    lane.sequence += 1;
    lane.pair.count += 1;
    lane.pair.value += order.units;
    lane.isUsed = true;
    const item = writeBuy(lane.number, lane.sequence, order.tail);
    const entry = this.#journal.append(journalRecord(lane.idBytes, at, item));
    const { sequence } = lane;
    const sent: Sent = { sequence, at, item, price: order.units, order, entry, settle, isDurable: false };
    lane.flight.push(sent);
    this.#leaving.push({ lane, sent });
    settle.named?.(lanePurchase(lane.origin, sequence));
    this.#silence ??= this.#listenLater();
    if (this.#isWriting) return;
    this.#isWriting = true;
    afterTurn(this.#party.runtime, () => this.#write());
  }

  async #write(): Promise<void> {
    try {
      while (this.#leaving.length > 0) {
        const leaving = this.#leaving;
        this.#leaving = [];
        await this.#journal.sync();
        for (const { lane, sent } of leaving) {
          // Where the lane is between two sessions, the next one sends what is durable.
          sent.isDurable = true;
          lane.session?.send(sent.item);
        }
      }
    } catch (error) {
      const failure = error instanceof Error ? error : new LeptaError("internal");
      this.#leaving = [];
      // What is in memory may not be on disk: nothing more is sent by this process.
      this.#isBroken = true;
      for (const lane of this.all()) {
        lane.session?.close("internal");
        this.giveUp(lane, failure);
      }
    } finally {
      this.#isWriting = false;
    }
  }

  #wait(lane: Lane, wish: Wish): void {
    lane.wishes.push(wish);
    if (this.#waiting.size === 0) this.#progressAt = this.#party.runtime.now();
    this.#waiting.add(lane);
    this.#patience ??= this.#lookLater(limits.statementPatience);
  }

  #lookLater(wait: number): CallOff {
    return this.#party.runtime.later(wait, () => {
      const left = this.#progressAt + limits.statementPatience - this.#party.runtime.now();
      this.#patience = undefined;
      if (left <= 0) for (const each of [...this.#waiting]) this.#tellDue(each);
      if (this.#waiting.size > 0)
        this.#patience = this.#lookLater(left > 0 ? left : limits.statementPatience);
    });
  }

  /** Nothing has made room for too long. What was sent may still be answered. */
  #tellDue(lane: Lane): void {
    if (lane.session === undefined) {
      this.giveUp(lane, new LeptaError("unreachable", "no session has taken the lane up"));
      return;
    }
    for (const { reject, order } of lane.wishes.splice(0)) {
      lane.remaining += order.units;
      reject(new LeptaError("statement-due"));
    }
    this.goOn(lane);
  }

  /** Looks now and then whether answers come; what was sent stays under way, but nobody waits for ever. */
  #listenLater(): CallOff {
    return this.#party.runtime.later(ANSWER_WITHIN, () => {
      const before = this.#unanswered;
      const now = this.#party.runtime.now();
      this.#unanswered = new Map();
      for (const lane of this.all()) {
        const oldest = lane.flight.find(({ settle }) => settle !== undefined);
        if (oldest === undefined) continue;
        // What is metered is answered when it was used.
        const isSilent = oldest.order.isMetered
          ? now >= oldest.at + limits.pieceWithin
          : before.get(lane) === oldest;
        if (isSilent) this.giveUp(lane, new LeptaError("unreachable", "no answer in time"));
        else this.#unanswered.set(lane, oldest);
      }
      this.#silence = this.#unanswered.size > 0 ? this.#listenLater() : undefined;
    });
  }

  #stopWaiting(): void {
    this.#patience?.();
    this.#patience = undefined;
  }

  #replay(bytes: Uint8Array, entry: JournalEntry, gone: JournalEntry[]): void {
    const { lane: id, at, item } = readJournalRecord(bytes);
    const lane = this.#lanes.get(id);
    const order = orderOf(item);
    if (lane === undefined || order.sequence !== lane.sequence + 1) {
      gone.push(entry);
      return;
    }
    const { sequence, units } = order;
    const settle = undefined;
    const sent: Sent = { sequence, at, item, price: units, order, entry, settle, isDurable: true };
    lane.flight.push(sent);
    lane.sequence += 1;
    lane.remaining -= units;
    lane.pair.count += 1;
    lane.pair.value += units;
  }
}

/** A purchase whose answer does not come for so long, and for no longer than twice that, is waited for no more, in milliseconds. */
const ANSWER_WITHIN = 20_000;

/** Whether a purchase may be sent now: the bounds of the pair count what is under way. */
const hasRoom = (lane: Lane, order: KnownOrder): boolean =>
  lane.session !== undefined &&
  lane.flight.length < limits.laneInFlight &&
  lane.pair.count < limits.unstatedPurchases &&
  lane.pair.value + order.units <= Number(limits.unstatedAmount);

const isIdle = ({ flight, wishes }: Lane): boolean => flight.length === 0 && wishes.length === 0;
