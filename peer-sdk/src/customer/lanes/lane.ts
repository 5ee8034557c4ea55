/** An open lane as its customer holds it in memory: what the last statement says, and what was bought since. */
import { laneOrigin, lanePurchase, type Txn, toText, type Uid, utf8 } from "@lepta/protocol";
import type { JournalEntry } from "../../journal.ts";
import type { KeptEntry, Stated } from "../../lanes/run.ts";
import type { Session } from "../../session/session.ts";
import type { Bought } from "../bought.ts";
import type { Holding } from "../records.ts";
import type { KnownOrder } from "./orders.ts";
import type { LaneRecord } from "./records.ts";

/** An answered purchase that no statement covers yet. */
export interface Answered extends KeptEntry {
  /** Millionths; 0 where it was refused. */
  readonly charged: number;
  readonly entry: JournalEntry;
}

/** A purchase that was made durable, and perhaps sent. */
export interface Sent {
  readonly sequence: number;
  readonly at: number;
  readonly item: Uint8Array;
  /** Millionths. */
  readonly price: number;
  readonly order: KnownOrder;
  readonly entry: JournalEntry;
  /** It may leave. */
  isDurable: boolean;
  /** Whoever waits for it in this process. */
  settle: Settle | undefined;
}

/** A purchase that waits for room on its lane. */
export interface Wish extends Settle {
  readonly order: KnownOrder;
}

export interface Settle {
  /** Told of the purchase's name as soon as it has one. */
  readonly named?: (txn: Txn) => void;
  readonly resolve: (bought: Bought) => void;
  readonly reject: (error: Error) => void;
}

/** What all lanes with one merchant have in common: what no statement covers, purchases under way included. */
export interface Pair {
  count: number;
  /** Millionths. */
  value: number;
}

export interface Lane {
  /** `merchant/number`. */
  readonly id: string;
  readonly idBytes: Uint8Array;
  readonly merchant: Uid;
  readonly number: number;
  /** h_0. */
  readonly origin: Uint8Array;
  /** Its first 8 bytes: the lane's name in the names of its purchases. */
  readonly name: string;
  /** What its scrip is locked by. */
  readonly lock: Txn;
  readonly held: Holding;
  readonly pair: Pair;
  record: LaneRecord;
  stated: Stated;
  /** Answered since the last statement, oldest first. */
  run: Answered[];
  /** Under way, oldest first. */
  flight: Sent[];
  /** The last sequence that was given away, and what will remain when all under way is bought. */
  sequence: number;
  remaining: number;
  /** What remained after the last answer. */
  answered: number;
  /** The opening of the session that goes on with it, until its first answer has taken it into the chain. */
  joining: Uint8Array | undefined;
  /** Whether anything was sent since the last session was noted: only then can that have entered the chain. */
  isUsed: boolean;
  /** The session that may buy on it. */
  session: Session | undefined;
  /** What waits for room, oldest first: its price is taken from `remaining` already. */
  wishes: Wish[];
  /** Whoever waits until nothing is under way. */
  idlers: (() => void)[];
  /** Proposals that wait to be looked at, with the one that is. */
  proposals: number;
  isClosing: boolean;
  /** It is being taken up in a session, or closed: whoever asks meanwhile waits for the same. */
  resuming: Promise<boolean> | undefined;
  closing: Promise<void> | undefined;
}

/** The lane of a record, where its last statement left it. */
export function laneOf(
  merchant: Uid,
  id: string,
  number: number,
  record: LaneRecord,
  held: Holding,
  pair: Pair,
): Lane {
  const { session, scrip, stated } = record;
  const origin = laneOrigin(session, number, scrip);
  return {
    id,
    idBytes: utf8(id),
    merchant,
    number,
    origin,
    name: toText(origin.subarray(0, 8)),
    lock: lanePurchase(origin, 0),
    held,
    pair,
    record,
    stated,
    run: [],
    flight: [],
    sequence: stated.sequence,
    remaining: stated.remaining,
    answered: stated.remaining,
    joining: undefined,
    isUsed: true,
    session: undefined,
    wishes: [],
    idlers: [],
    proposals: 0,
    isClosing: record.state === "closing",
    resuming: undefined,
    closing: undefined,
  };
}

/** The lock of what is written about one lane: its record says what the one before it has left. */
export const laneLock = ({ id }: Pick<Lane, "id">): string => `lane/${id}`;

/** The last sequence whose answer has come. */
export const answeredUpTo = ({ stated, run }: Lane): number => stated.sequence + run.length;
