/** What the customer's side of each figure works with. */
import type { Amount, Awaitable, Secret } from "@lepta/protocol/core";
import { isErrorCode, LeptaError, parseAmount } from "@lepta/protocol/core";
import type { KeyedLock } from "../lock.ts";
import type { Outbox } from "../outbox.ts";
import type { Party } from "../party.ts";
import type { ConnectChannel } from "../ports.ts";
import type { Acquaintance } from "./acquaintance.ts";
import type { LaneBook } from "./lanes/book.ts";
import type { Lane } from "./lanes/lane.ts";
import type { CustomerTables, Holding } from "./records.ts";
import type { SignerTable } from "./signers.ts";

export interface Customer {
  readonly party: Party;
  readonly tables: CustomerTables;
  readonly outbox: Outbox;
  /** The open lanes. These and the outbox are for the parts that work with them, and are opened by then. */
  readonly lanes: LaneBook;
  /** Brings what few purchases need. Throws `unreachable` where a page cannot load it. */
  readonly returns: () => Awaitable<Returns>;
  readonly signers: SignerTable;
  readonly connect: ConnectChannel;
  /** `brokerscrip` for what moves the purse, a merchant's UID for what moves its VendorScrip. */
  readonly lock: KeyedLock;
  /** How long notices are gathered before they are sent, in milliseconds. */
  readonly noticeDelay: number;
  /** Our clock, but never twice the same: what happens later is later in the history too. */
  readonly moment: () => number;
  /** Runs something that nobody waits for; closing waits for it. */
  readonly background: (work: Promise<unknown>) => void;
  /** A copy of a statement was kept: in time it goes to the broker, unless the broker's receipt comes first. */
  readonly copyLater: () => void;
  /** A session has ended, and these lanes were in it. */
  readonly onBroken: (lanes: readonly Lane[]) => void;
  /** Transactions whose answer this process is waiting for. */
  readonly underWay: Set<string>;
}

/** What the part that brings money back does for the figures. */
export interface Returns {
  readonly endRedemption: (customer: Customer, txn: string) => Promise<void>;
  readonly endBrokerRenewal: (customer: Customer, txn: string) => Promise<void>;
  readonly renewBrokerScrip: (customer: Customer, before: number) => Promise<void>;
  readonly resumeBrokerRenewal: (customer: Customer, txn: string) => Promise<void>;
  readonly resumeRedemption: (customer: Customer, txn: string) => Promise<void>;
  readonly resumeRefund: (customer: Customer, txn: string) => Promise<void>;
  readonly resumeRestoring: (customer: Customer) => Promise<void>;
  readonly resumeReversal: (customer: Customer, txn: string) => Promise<void>;
  readonly resumeVendorRenewal: (customer: Customer, merchant: Acquaintance, txn: string) => Promise<void>;
  readonly takeLive: (customer: Customer) => Promise<unknown>;
  readonly wasSpentByUs: (
    customer: Customer,
    merchant: Acquaintance,
    origin: string,
    value: Amount,
  ) => Promise<boolean>;
}

/** The name of the lock that the purse moves under. */
export const PURSE_LOCK = "brokerscrip";

/** Does what brings a transaction's answer; meanwhile it counts as waited for. */
export async function awaiting<T>({ underWay }: Customer, txn: string, work: () => Promise<T>): Promise<T> {
  underWay.add(txn);
  try {
    return await work();
  } finally {
    underWay.delete(txn);
  }
}

/** A scrip that is on its way no more. */
export function unlocked({ lockedBy: _gone, ...held }: Holding): Holding {
  return held;
}

/** Somebody is away, or has refused: what is under way stays so, and `pending` tells. */
export function remains(error: unknown): void {
  if (!(error instanceof LeptaError)) throw error;
}

/** What the caller is told of a signed refusal. */
export const refusedWith = (reason: string): LeptaError =>
  new LeptaError(isErrorCode(reason) ? reason : "internal");

/** The CustomerSecret beside an answer. Throws `wrong-reference` where the answer grants a scrip and brings none. */
export function secretFor(secrets: readonly Secret[], scrip: string): Uint8Array {
  const secret = secrets.find((each) => each.scrip === scrip)?.secret;
  if (secret === undefined) throw new LeptaError("wrong-reference", "a scrip without its CustomerSecret");
  return secret;
}

/** An amount of something. Throws `bad-amount`. */
export function positive(text: string): Amount {
  const amount = parseAmount(text);
  if (amount.value === 0n) throw new LeptaError("bad-amount", text);
  return amount;
}
