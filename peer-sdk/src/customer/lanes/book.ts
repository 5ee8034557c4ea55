/**
 * All open lanes of a customer: in memory, with the purchases that no statement covers in a journal on disk. A purchase
 * leaves when it is durable; those of one turn become durable together.
 */
import { decodeAs, encodeCbor, isRefusal, LeptaError, limits, type Uid, writeBuy } from "@lepta/protocol";
import { Journal, type JournalEntry } from "../../journal.ts";
import type { Session } from "../../session/session.ts";
import type { Bought } from "../buy-item.ts";
import type { CustomerTables } from "../records.ts";
import type { Party } from "../../party.ts";
import type { CallOff } from "../../ports.ts";
import { type Lane, laneOf, type Pair, type Sent, type Settle } from "./lane.ts";
import { type KnownOrder, orderOf } from "./orders.ts";
import { journalRecord, type LaneTables, laneTables } from "./records.ts";

/** A purchase that waits for room on its lane. */
interface Wish extends Settle {
  readonly lane: Lane;
  readonly order: KnownOrder;
}

/** A purchase that waits until it is durable. */
interface Leaving {
  readonly lane: Lane;
  readonly session: Session | undefined;
  readonly item: Uint8Array;
}

export class LaneBook {
  readonly tables: LaneTables;
  readonly #party: Party;
  readonly #journal: Journal;
  readonly #lanes = new Map<string, Lane>();
  readonly #pairs = new Map<Uid, Pair>();
  #wishes: Wish[] = [];
  #leaving: Leaving[] = [];
  #isWriting = false;
  #patience: CallOff | undefined;

  private constructor(party: Party, journal: Journal) {
    this.#party = party;
    this.#journal = journal;
    this.tables = laneTables(party.store);
  }

  /** Reads what lanes are open, and what was bought on them since their last statements. Throws `store-damaged`. */
  static async open(party: Party, { vendorscrip }: Pick<CustomerTables, "vendorscrip">): Promise<LaneBook> {
    const { journal, found } = await Journal.open(party.store, "buying");
    const book = new LaneBook(party, journal);
    for (const [id, record] of await book.tables.lanes.list()) {
      const [merchant = "", number = ""] = id.split("/");
      const held = await vendorscrip.get(`${merchant}/${record.scrip}`);
      // A closing lane has given its scrip away: only its signature is still to arrive.
      if (held === undefined && record.state !== "closing")
        throw new LeptaError("store-damaged", `lane ${id} has no scrip`);
      if (held === undefined) continue;
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

  /** Buys on a lane: at once where there is room, or when a statement or an answer has made room. */
  buy(lane: Lane, order: KnownOrder): Promise<Bought> {
    return new Promise((resolve, reject) => {
      lane.remaining -= order.units;
      const wish: Wish = { lane, order, resolve, reject };
      if (this.#wishes.length === 0 && hasRoom(lane, order)) this.#send(lane, order, wish);
      else this.#wait(wish);
    });
  }

  /** Sends what has room by now. */
  goOn(): void {
    if (this.#wishes.length === 0) return;
    const waiting = this.#wishes;
    this.#wishes = [];
    for (const wish of waiting) {
      if (hasRoom(wish.lane, wish.order)) this.#send(wish.lane, wish.order, wish);
      else this.#wishes.push(wish);
    }
    if (this.#wishes.length === 0) this.#stopWaiting();
  }

  /** Nothing that waits on this lane will be sent on it. */
  giveUp(lane: Lane, error: Error): void {
    const [own, others] = [
      this.#wishes.filter((wish) => wish.lane === lane),
      this.#wishes.filter((wish) => wish.lane !== lane),
    ];
    this.#wishes = others;
    for (const { reject, order } of own) {
      lane.remaining += order.units;
      reject(error);
    }
    if (others.length === 0) this.#stopWaiting();
  }

  /** Lets go of these journal entries, when the commit that covers them is durable. */
  release(entries: Iterable<JournalEntry>): void {
    this.#journal.release(entries);
  }

  close(): void {
    for (const lane of this.all()) this.giveUp(lane, new LeptaError("closed"));
    this.#stopWaiting();
  }

  #send(lane: Lane, order: KnownOrder, settle: Settle): void {
    const at = this.#party.runtime.now();
    lane.sequence += 1;
    lane.pair.count += 1;
    lane.pair.value += order.units;
    const item = writeBuy(lane.origin, lane.number, lane.sequence, order.tail, lane.mac);
    const entry = this.#journal.append(encodeCbor([lane.idBytes, at, item]));
    const { sequence } = lane;
    lane.flight.push({ sequence, at, item, price: order.units, order, entry, settle });
    this.#leaving.push({ lane, session: lane.session, item });
    if (!this.#isWriting) this.#write();
  }

  async #write(): Promise<void> {
    this.#isWriting = true;
    try {
      while (this.#leaving.length > 0) {
        const leaving = this.#leaving;
        this.#leaving = [];
        await this.#journal.sync();
        for (const { lane, session, item } of leaving)
          // What a new session has taken up meanwhile it sends by itself.
          if (lane.session === session) session?.send(item);
      }
    } catch (error) {
      const failure = error instanceof Error ? error : new LeptaError("internal");
      for (const { lane } of this.#leaving.splice(0)) this.giveUp(lane, failure);
      for (const lane of this.all())
        for (const { settle } of lane.flight) settle?.reject(failure);
    } finally {
      this.#isWriting = false;
    }
  }

  #wait(wish: Wish): void {
    this.#wishes.push(wish);
    this.#patience ??= this.#party.runtime.later(limits.statementPatience, () => {
      this.#patience = undefined;
      for (const lane of new Set(this.#wishes.map(({ lane: each }) => each)))
        this.giveUp(lane, new LeptaError("statement-due"));
    });
  }

  #stopWaiting(): void {
    this.#patience?.();
    this.#patience = undefined;
  }

  #replay(bytes: Uint8Array, entry: JournalEntry, gone: JournalEntry[]): void {
    const record = decodeAs(journalRecord, bytes);
    if (isRefusal(record)) throw new LeptaError("store-damaged", "the journal of purchases");
    const [name, at, item] = record;
    const lane = this.#lanes.get(new TextDecoder().decode(name));
    const order = orderOf(item);
    if (lane === undefined || order.sequence !== lane.sequence + 1) {
      gone.push(entry);
      return;
    }
    const { sequence, units } = order;
    const sent: Sent = { sequence, at, item, price: units, order, entry, settle: undefined };
    lane.flight.push(sent);
    lane.sequence += 1;
    lane.remaining -= units;
    lane.pair.count += 1;
    lane.pair.value += units;
  }
}

/** Whether a purchase may be sent now: the bounds of the pair count what is under way. */
const hasRoom = (lane: Lane, order: KnownOrder): boolean =>
  lane.session !== undefined &&
  lane.flight.length < limits.laneInFlight &&
  lane.pair.count < limits.unstatedPurchases &&
  lane.pair.value + order.units <= Number(limits.unstatedAmount);
