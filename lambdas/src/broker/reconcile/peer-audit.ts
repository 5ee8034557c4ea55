/**
 * One peer's chain and purse, from its records in any order and in a memory that does not grow with them. The chain is
 * whole when the heads that its records make, with the first one, are the heads that its records come from, with the
 * purse's: both sides are compared as sums of hashes of (place, head), modulo 2^256.
 */
import { sha256, type Uid, utf8 } from "@lepta/protocol";
import type { Item } from "../../ports/store.ts";
import { genesis } from "../genesis.ts";
import { carryItem, purseItem, transactionItem } from "../items.ts";
import type { FindingName } from "./findings.ts";
import { holds } from "./peer-items.ts";

/** Plain JSON: a run can be interrupted between two pages of one peer. Sums are decimal. */
export interface PeerAudit {
  readonly count: number;
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
  made: "0",
  from: "0",
  balance: "0",
  carried: "0",
  seenLive: false,
};

/** The audit after one more record. Throws where it cannot be read. */
export function auditRecord(audit: PeerAudit, item: Item, state: PeerState): PeerAudit {
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
  return {
    ...moved,
    count: audit.count + 1,
    made: plus(audit.made, place(sequence, head)),
    from: plus(audit.from, place(sequence - 1, previous)),
  };
}

/** What is wrong, once every record was seen and neither purse nor carry has moved meanwhile. */
export function closeAudit(
  audit: PeerAudit,
  uid: Uid,
  network: Uid,
  { purse: item, carry }: PeerState,
): { readonly purse: readonly FindingName[]; readonly carry: readonly FindingName[] } {
  const purse = purseItem.fromItem(item);
  const made = plus(audit.made, place(0, genesis(network, uid)));
  const from = plus(audit.from, place(purse.sequence, purse.head));
  const isWhole = audit.count === purse.sequence && made === from;
  const carried = carryItem.read(carry)?.carried ?? 0n;
  const names: FindingName[] = [];
  if (!isWhole) names.push("chain-broken");
  if (purse.scrip !== undefined && !audit.seenLive) names.push("purse-of-no-record");
  if (BigInt(audit.balance) !== (purse.value ?? 0n)) names.push("purse-wrong");
  return { purse: names, carry: BigInt(audit.carried) === carried ? [] : ["carry-wrong"] };
}

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

const MODULUS = 1n << 256n;
const plus = (sum: string, more: bigint): string => ((BigInt(sum) + more) % MODULUS).toString();
