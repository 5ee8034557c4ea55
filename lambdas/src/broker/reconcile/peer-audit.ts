/**
 * One peer's chain and purse, from its records in any order and in a memory that does not grow with them. The chain is
 * whole when the heads that its records make, with the first one, are the heads that its records come from, with the
 * purse's: both sides are compared as sums of hashes of (place, head), modulo 2^256.
 */
import { fromText, sha256, toText, type Uid, utf8 } from "@lepta/protocol";
import type { Item } from "../../ports/store.ts";
import { genesis } from "../genesis.ts";
import { carryItem, purseItem, transactionItem } from "../items.ts";
import type { FindingName } from "./findings.ts";
import { found } from "./look.ts";
import { holds } from "./peer-items.ts";

/** Plain JSON: a run can be interrupted between two pages of one peer. Sums are decimal. */
export interface PeerAudit {
  readonly count: number;
  /** Records that were linked behind the end that the audit goes by. */
  readonly beyond: number;
  readonly made: string;
  readonly from: string;
  /** What the records have put into the purse, less what they took out of it. */
  readonly balance: string;
  readonly carried: string;
  /** The live scrip's record was seen. */
  readonly seenLive: boolean;
}

/** The purse and what is carried over, as they were before the records were read. */
export interface PeerState {
  readonly purse: Item;
  readonly carry: Item | undefined;
}

export const newAudit: PeerAudit = {
  count: 0,
  beyond: 0,
  made: "0",
  from: "0",
  balance: "0",
  carried: "0",
  seenLive: false,
};

/** Where the chain ended when the audit began: what is linked up to there never changes again. */
export interface ChainEnd {
  readonly sequence: number;
  /** base64url. */
  readonly head: string;
}

export function chainEnd(purse: Item): ChainEnd {
  const { sequence, head } = purseItem.fromItem(purse);
  return { sequence, head: toText(head) };
}

/** The audit after one more record. Throws where it cannot be read. */
export function auditRecord(audit: PeerAudit, item: Item, end: ChainEnd, state: PeerState): PeerAudit {
  const record = transactionItem.fromItem(item);
  const { kind, sequence, previous, head, grantBody } = record;
  const seenLive = audit.seenLive || holds(purseItem.fromItem(state.purse), grantBody);
  const moved = {
    ...audit,
    seenLive,
    balance: (BigInt(audit.balance) + intoPurse(record)).toString(),
    carried: (BigInt(audit.carried) + (kind === "settlement" ? carriedBy(record) : 0n)).toString(),
  };
  if (sequence === undefined || !previous || !head) return moved;
  if (sequence > end.sequence) return { ...moved, beyond: audit.beyond + 1 };
  return {
    ...moved,
    count: audit.count + 1,
    made: plus(audit.made, place(sequence, head)),
    from: plus(audit.from, place(sequence - 1, previous)),
  };
}

/** Whether every record up to the end is there once; also while more are added behind it. */
export function isChainWhole(
  audit: PeerAudit,
  uid: Uid,
  network: Uid,
  { sequence, head }: ChainEnd,
): boolean {
  const made = plus(audit.made, place(0, genesis(network, uid)));
  const from = plus(audit.from, place(sequence, fromText(head, HEAD_LENGTH) ?? new Uint8Array(0)));
  return audit.count === sequence && made === from;
}

/** What is wrong with the purse, once every record was seen and neither purse nor carry has moved meanwhile. */
export function auditPurse(audit: PeerAudit, { purse: item }: PeerState): readonly FindingName[] {
  const { scrip, value = 0n } = purseItem.fromItem(item);
  return found(
    ["chain-broken", audit.beyond > 0],
    ["purse-of-no-record", scrip !== undefined && !audit.seenLive],
    ["purse-wrong", BigInt(audit.balance) !== value],
  );
}

/** The same of what is carried over. */
export const auditCarry = (audit: PeerAudit, { carry }: PeerState): readonly FindingName[] =>
  found(["carry-wrong", BigInt(audit.carried) !== (carryItem.read(carry)?.carried ?? 0n)]);

function intoPurse(record: ReturnType<typeof transactionItem.fromItem>): bigint {
  const { kind, state, value = 0n } = record;
  const isDone = state === "done";
  if (kind === "redeem") return isDone || state === "paying" ? -value : 0n;
  if (!isDone) return 0n;
  if (kind === "brokerscrip" || kind === "refund" || kind === "reversal") return value;
  return kind === "vendorscrip" ? -value : 0n;
}

function carriedBy(record: ReturnType<typeof transactionItem.fromItem>): bigint {
  const { state, brought = 0n, carried = 0n } = record;
  if (state === "done") return carried - brought;
  return state === "paying" ? -brought : 0n;
}

const place = (sequence: number, head: Uint8Array): bigint =>
  BigInt(`0x${Buffer.from(sha256(utf8(`${sequence}\0`), head)).toString("hex")}`);

const HEAD_LENGTH = 32;
const MODULUS = 1n << 256n;
const plus = (sum: string, more: bigint): string => ((BigInt(sum) + more) % MODULUS).toString();
