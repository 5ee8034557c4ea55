/** An open lane as its merchant holds it in memory: what the last statement says, and what was bought since. */
import {
  type BuyHeads,
  customerSecret,
  type Digest,
  decodePayload,
  digestOf,
  type ErrorCode,
  equalBytes,
  isRefusal,
  type KnownPeer,
  LeptaError,
  laneOrigin,
  statement,
  toText,
  type Uid,
  utf8,
} from "@lepta/protocol";
import type { JournalEntry } from "../../journal.ts";
import { type KeptEntry, laneId, type Stated } from "../../lanes/run.ts";
import type { Party } from "../../party.ts";
import type { Session } from "../../session/session.ts";
import { secretsOf } from "../issue.ts";
import { lineId } from "../records.ts";
import type { LaneRecord, UnstatedRecord } from "./records.ts";

/** A purchase that no statement covers yet. */
export interface Sold extends KeptEntry {
  /** Milliseconds. */
  readonly at: number;
  /** Millionths; 0 where it was refused. */
  readonly charged: number;
  /** What remained after it, in millionths. */
  readonly remaining: number;
  /** Where it lies in the journal. */
  readonly entry: JournalEntry;
}

/** A statement that was proposed and that the customer has not signed yet. */
export interface Proposed {
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
  readonly digest: Digest;
  /** Its last sequence, what remained after it, and h there. */
  readonly last: number;
  readonly remaining: number;
  readonly chain: Uint8Array;
  readonly closes: boolean;
}

/** A purchase that its customer asks for. */
export interface Asked {
  /** Item 3. */
  readonly item: Uint8Array;
  readonly heads: BuyHeads;
}

/** What all lanes of one customer have in common: what no statement of both covers. */
export interface Pair {
  count: number;
  /** Millionths. */
  value: number;
  /** Of the purchases and their goods, as they are kept. */
  bytes: number;
  /** What of it stays so: it was bought on lanes that have ended without their customer's signature. */
  forGood: UnstatedRecord;
  /** What goods are being made for, on whichever lane: it counts before it is decided. */
  making: UnstatedRecord;
  /** Lanes whose next purchase waits until there is room. */
  readonly waiting: Set<Lane>;
}

/** One customer's session, and the lanes that it holds. */
export interface LaneVisit {
  readonly customer: KnownPeer;
  readonly session: Session;
  /** The opening of the session that it said it resumes. */
  readonly resumes: Uint8Array | undefined;
  /** By their numbers. */
  readonly lanes: Map<number, Lane>;
  send(item: Uint8Array): void;
  /** Whether its customer's credential has ended, or ours as it was shown here: nothing more is agreed on in this session. */
  isOver(): boolean;
  /** Says that a lane cannot be gone on with, and lets go of it. */
  fault(lane: number, code: ErrorCode): void;
  /** A lane stands at its bound: where no signature comes in time, its customer is told. */
  awaitStatement(): void;
  /** Ends the session. */
  end(code: ErrorCode): void;
}

export interface Lane {
  /** `owner/number`. */
  readonly id: string;
  /** `id/name` in UTF-8: a customer may use a number again, and the journal may hold both. */
  readonly journalName: Uint8Array;
  readonly owner: Uid;
  readonly number: number;
  /** h_0, and its first 8 bytes: the lane's name in the names of its purchases. */
  readonly origin: Uint8Array;
  readonly name: string;
  /** The CustomerSecret of its opening scrip. */
  readonly secret: Uint8Array;
  /** The name of its scrip's line. */
  readonly line: string;
  readonly pair: Pair;
  /** As it is in the table. */
  record: LaneRecord;
  stated: Stated;
  /** Since the last statement, oldest first. */
  run: Sold[];
  runCharged: number;
  /** The last purchase that was decided, and what remains, in millionths. */
  sequence: number;
  remaining: number;
  /** The last purchase that is durable. */
  durable: number;
  proposed: Proposed | undefined;
  /** A statement is being made or taken: one at a time. */
  isStating: boolean;
  /** No more purchases: the closing statement follows. */
  isClosing: boolean;
  /** Purchases that wait: for the goods of the one before, or for a statement. */
  waiting: Asked[];
  isDelivering: boolean;
  /** Since when the next purchase waits for a statement, in milliseconds. */
  dueSince: number | undefined;
  /** The opening of the session that goes on with it, until its first purchase has taken it into the chain. */
  joining: Uint8Array | undefined;
  /** The connection that it belongs to at the moment. */
  visit: LaneVisit | undefined;
}

/** The lane of a record, where its last statement left it. `salt` is its opening scrip's. */
export function laneOf(
  party: Party,
  owner: Uid,
  number: number,
  record: LaneRecord,
  salt: Uint8Array,
  pair: Pair,
): Lane {
  const { session, scrip, stated } = record;
  const origin = laneOrigin(session, number, scrip);
  const id = laneId(owner, number);
  const name = toText(origin.subarray(0, 8));
  const proposed = proposedOf(record);
  return {
    id,
    journalName: utf8(`${id}/${name}`),
    owner,
    number,
    origin,
    name,
    secret: customerSecret(secretsOf(party, salt), { owner, id: scrip }),
    line: lineId(owner, record.origin),
    pair,
    record,
    stated,
    run: [],
    runCharged: 0,
    sequence: stated.sequence,
    remaining: stated.remaining,
    durable: stated.sequence,
    proposed,
    isStating: false,
    isClosing: proposed?.closes ?? false,
    waiting: [],
    isDelivering: false,
    dueSince: undefined,
    joining: undefined,
    visit: undefined,
  };
}

/** What was proposed when the record was written, and perhaps sent. */
function proposedOf({ proposed }: LaneRecord): Proposed | undefined {
  if (proposed === undefined) return undefined;
  const [payload, signature] = proposed;
  const said = decodePayload(statement, payload);
  if (isRefusal(said)) throw new LeptaError("store-damaged", "a proposed statement");
  const { last, remaining, chain, closes } = said;
  return {
    payload,
    signature,
    digest: digestOf(payload),
    last,
    remaining: Number(remaining.value),
    chain,
    closes: closes !== undefined,
  };
}

/** Takes a decided purchase into the lane. */
export function append(lane: Lane, sold: Sold): void {
  lane.run.push(sold);
  lane.runCharged += sold.charged;
  lane.sequence += 1;
  lane.remaining = sold.remaining;
  lane.pair.count += 1;
  lane.pair.value += sold.charged;
  lane.pair.bytes += bytesOf(sold);
  if (sold.joined !== undefined) lane.joining = undefined;
}

/** Lets go of the purchases that a statement covers. */
export function advance(lane: Lane, stated: Stated): readonly Sold[] {
  const covered = lane.run.splice(0, stated.sequence - lane.stated.sequence);
  for (const sold of covered) {
    lane.runCharged -= sold.charged;
    lane.pair.value -= sold.charged;
    lane.pair.bytes -= bytesOf(sold);
  }
  lane.pair.count -= covered.length;
  lane.stated = stated;
  return covered;
}

const bytesOf = ({ kept }: Sold): number => kept.length;

/** Whether a session may take a lane from the one that holds it. */
export const mayTake = ({ visit }: Lane, by: LaneVisit): boolean =>
  visit === undefined || visit === by || isGivenUp(visit, by.resumes);

const isGivenUp = (visit: LaneVisit, resumes: Uint8Array | undefined): boolean =>
  !visit.session.isOpen || (resumes !== undefined && equalBytes(visit.session.opening, resumes));
