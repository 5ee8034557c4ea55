/** Watches the lanes of an honest merchant: every purchase decided once, in order, at its price, and no more of them unstated than may be. */
import type { Change, PeerStore } from "@lepta/peer-sdk";
import {
  decodeAs,
  decodePayload,
  digestOf,
  isRefusal,
  laneBuy,
  laneOrigin,
  lanePurchase,
  laneRefused,
  laneSold,
  limits,
  statement,
} from "@lepta/protocol";
import { type Run, runEntries } from "../../peer-sdk/src/lanes/run.ts";
import { answeredOf } from "../../peer-sdk/src/merchant/lanes/answer.ts";
import { type LaneRecord, laneTables, readJournalRecord } from "../../peer-sdk/src/merchant/lanes/records.ts";
import { chargedIn, laneWeight } from "./books.ts";
import type { Clock } from "./clock.ts";
import { goodsAt, isCharge } from "./goods.ts";
import { meter } from "./rates.ts";
import type { Statements } from "./statements.ts";
import type { Findings } from "./violation.ts";

export interface LaneKeeper {
  readonly findings: Findings;
  readonly clock: Clock;
  readonly trace: (line: string) => void;
  /** Purchases that were charged on a lane. */
  readonly sold: (isMetered: boolean) => void;
  readonly statements: Statements;
}

export interface LaneShelfOptions {
  readonly name: string;
  /** What one costs, in millionths. */
  readonly prices: (sku: string) => bigint;
}

/** A lane as its commits have left it. */
interface Standing {
  readonly record: LaneRecord;
  /** The last purchase that is durable, and what remains after it. */
  sequence: number;
  remaining: number;
  /** What was charged for each that no statement covers, the first of them the one after the last statement. */
  unstated: number[];
}

/** What a commit is about, as it is on the disk. */
export interface Laned {
  readonly lanes: ReadonlyMap<string, LaneRecord | undefined>;
  readonly runs: ReadonlyMap<string, Run | undefined>;
}

export class LaneShelf {
  readonly #keeper: LaneKeeper;
  readonly #options: LaneShelfOptions;
  readonly #tables: ReturnType<typeof laneTables>;
  readonly #standing = new Map<string, Standing>();
  /** What was charged on lanes, by owner and transaction, for what may be given back. */
  readonly #charged = new Map<string, string>();
  /** What stays without a statement, by owner. */
  readonly #forGood = new Map<string, { readonly count: number; readonly value: number }>();

  constructor(keeper: LaneKeeper, store: PeerStore, options: LaneShelfOptions) {
    this.#keeper = keeper;
    this.#options = options;
    this.#tables = laneTables(store);
  }

  /** What the disk says of what these changes are about. */
  async read(changes: readonly Change[]): Promise<Laned> {
    const lanes = new Map<string, LaneRecord | undefined>();
    const runs = new Map<string, Run | undefined>();
    for (const { key } of changes) {
      const id = key.slice(key.indexOf("/") + 1);
      if (key.startsWith("lane/")) lanes.set(id, await this.#tables.lanes.get(id));
      if (key.startsWith("run/")) runs.set(id, await this.#tables.runs.get(id));
    }
    return { lanes, runs };
  }

  /** What the step adds to authorised − live − sold − given back. */
  async step(before: Laned, after: Laned, changes: readonly Change[]): Promise<number> {
    let change = 0;
    for (const { key } of changes) if (key.startsWith("unstated/")) await this.#stays(key.slice(9));
    for (const [id, run] of after.runs) {
      change += laneWeight.run(run) - laneWeight.run(before.runs.get(id));
      if (before.runs.get(id) !== undefined) this.#broken("what a statement covers is kept", id);
      if (run !== undefined) this.#stated(id, run);
    }
    for (const [id, lane] of after.lanes) {
      change += laneWeight.lane(lane) - laneWeight.lane(before.lanes.get(id));
      this.#lane(id, before.lanes.get(id), lane);
    }
    return change;
  }

  /** The name of a purchase on a lane that was charged, which is the same in every run; undefined for any other. */
  nameOf(id: string): string | undefined {
    return this.#charged.get(id);
  }

  #broken(rule: string, what: string): void {
    this.#keeper.findings.broken(rule, `${this.#options.name}: ${what}`);
  }

  /** A purchase became durable. */
  bought(bytes: Uint8Array): void {
    const { trace, clock, sold, findings } = this.#keeper;
    const {
      lane: id,
      entry: { at, bought, answered },
    } = readJournalRecord(bytes);
    const [owner = ""] = id.split("/");
    const lane = this.#standing.get(id);
    const buy = decodeAs(laneBuy, bought);
    const answer = answeredOf(answered);
    const said = sequenceOf(answered);
    if (lane === undefined || isRefusal(buy) || isRefusal(answer)) {
      this.#broken("a purchase on a lane", `${id}: no open lane, or no item`);
      return;
    }
    const [, , sequence, amount, , order] = buy;
    const { charged, remaining, code } = answer;
    if (sequence !== lane.sequence + 1 || said !== sequence)
      this.#broken(
        "purchases follow each other",
        `${id}: ${sequence}, answered ${said}, after ${lane.sequence}`,
      );
    if (remaining !== lane.remaining - charged)
      this.#broken("what remains on a lane", `${id}: ${remaining} of ${lane.remaining} for ${charged}`);
    lane.sequence = sequence;
    lane.remaining = remaining;
    lane.unstated.push(charged);
    const unitPrice = this.#options.prices(order.sku);
    const price = unitPrice * BigInt(order.quantity);
    const isPriced =
      amount.value === price && isCharge(order.sku, order.quantity, unitPrice, BigInt(charged));
    if (code === undefined && !isPriced)
      this.#broken("the price is the catalogue's", `${id} at ${sequence}: ${charged} for ${price}`);
    const txn = lanePurchase(laneOrigin(lane.record.session, numberOf(id), lane.record.scrip), sequence);
    if (code === undefined) {
      const goods = decodeAs(laneSold, answered);
      const text = isRefusal(goods) ? "" : new TextDecoder().decode(goods[5]);
      if (text !== goodsAt(owner, txn, order.sku, BigInt(charged)))
        this.#broken("the goods are what was bought", `${id} at ${sequence}: ${text}`);
      // What is metered was begun before.
      const lag = order.sku === meter.sku ? meter.use[1] + clock.leapt : 0;
      if (at >= lane.record.expiresAt + lag)
        this.#broken("expired scrip buys nothing", `${id} at ${sequence}`);
      this.#charged.set(`${owner}/${txn}`, `${id}#${sequence}`);
      sold(order.sku === meter.sku);
    }
    this.#checkBounds(owner);
    trace(`M ${clock.now} ${this.#options.name} lane ${id} ${sequence} ${code ?? charged} ${remaining}\n`);
    findings.tell(
      clock.now,
      this.#options.name,
      () => `lane ${id.slice(0, 8)}/${numberOf(id)} #${sequence} ${code ?? charged}, ${remaining} left`,
    );
  }

  /** N and A hold per customer, over all its lanes. */
  #checkBounds(owner: string): void {
    let { count, value } = this.#forGood.get(owner) ?? { count: 0, value: 0 };
    for (const [id, { unstated }] of this.#standing) {
      if (!id.startsWith(`${owner}/`)) continue;
      count += unstated.length;
      value += unstated.reduce((sum, each) => sum + each, 0);
    }
    if (count > limits.unstatedPurchases || value > Number(limits.unstatedAmount))
      this.#broken("what is not stated is bounded", `${owner}: ${count} purchases, ${value}`);
  }

  async #stays(owner: string): Promise<void> {
    const known = await this.#tables.unstated.get(owner);
    if (known !== undefined) this.#forGood.set(owner, known);
  }

  /** A statement was kept with what it covers. */
  #stated(id: string, run: Run): void {
    const { statements, trace, clock } = this.#keeper;
    const said = statements.keep(this.#options.name, run.statement);
    if (said === undefined) return;
    const lane = this.#standing.get(laneIdOf(said.customer, said.lane));
    const charged = runEntries(run).map(({ answered }) => chargedIn(answered));
    const total = charged.reduce((sum, each) => sum + each, 0);
    if (said.last - said.first + 1 !== charged.length || Number(said.total.value) !== total)
      this.#broken("a statement says what was bought", `${id}: ${said.first} to ${said.last}, ${total}`);
    const isNext = lane?.unstated.slice(0, charged.length).every((each, i) => each === charged[i]) === true;
    if (!isNext || lane.unstated.length < charged.length)
      this.#broken("a statement covers what is not stated", id);
    lane?.unstated.splice(0, charged.length);
    trace(
      `M ${clock.now} ${this.#options.name} stated ${said.customer}/${said.lane} ${said.first} ${said.last} ${total} ${said.remaining.value}\n`,
    );
  }

  #lane(id: string, was: LaneRecord | undefined, lane: LaneRecord | undefined): void {
    const { findings, clock, trace, statements } = this.#keeper;
    const { name } = this.#options;
    if (lane === undefined) {
      if ((this.#standing.get(id)?.unstated.length ?? 0) > 0)
        this.#broken("a lane ends with a statement", `${id} has purchases that are in none`);
      this.#standing.delete(id);
    } else if (was === undefined)
      this.#standing.set(id, {
        record: lane,
        sequence: lane.stated.sequence,
        remaining: lane.stated.remaining,
        unstated: [],
      });
    const proposal = lane?.proposed?.[0];
    const said = proposal && decodePayload(statement, proposal);
    if (proposal !== undefined && said !== undefined && !isRefusal(said))
      statements.propose(name, said, digestOf(proposal));
    const what =
      lane === undefined ? "closed" : was === undefined ? "opened" : proposal ? "proposed" : "stated";
    trace(`M ${clock.now} ${name} lane ${id} ${what} ${lane?.stated.sequence} ${lane?.stated.remaining}\n`);
    findings.tell(
      clock.now,
      name,
      () =>
        `lane ${id.slice(0, 8)}/${numberOf(id)} ${what} at ${lane?.stated.sequence}, ${lane?.stated.remaining}`,
    );
  }
}

/** Whether a record of a merchant's journal says that a purchase was charged. */
export const isSold = (record: Uint8Array): boolean =>
  chargedIn(readJournalRecord(record).entry.answered) > 0;

const numberOf = (id: string): number => Number(id.split("/")[1]);
const laneIdOf = (peer: string, number: number): string => `${peer}/${number.toString().padStart(16, "0")}`;

function sequenceOf(answered: Uint8Array): number | undefined {
  const sold = decodeAs(laneSold, answered);
  if (!isRefusal(sold)) return sold[2];
  const refused = decodeAs(laneRefused, answered);
  return isRefusal(refused) ? undefined : refused[2];
}
