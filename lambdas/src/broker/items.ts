/** What the table holds: every kind of item, its key and its attributes (design section 7). */
import type { Digest, ScripId, Txn, Uid } from "@lepta/protocol";
import type { Attribute, Item, Key } from "../ports/store.ts";

type AttributeKind = "text" | "integer" | "money" | "bytes";
type Declared = Readonly<Record<string, AttributeKind | `${AttributeKind}?`>>;
interface KindTypes {
  text: string;
  integer: number;
  money: bigint;
  bytes: Uint8Array;
}
type Plain<K> = K extends AttributeKind ? KindTypes[K] : never;
type Rec<D extends Declared> = {
  readonly [K in keyof D as D[K] extends AttributeKind ? K : never]: Plain<D[K]>;
} & {
  readonly [K in keyof D as D[K] extends AttributeKind ? never : K]?: D[K] extends `${infer A}?`
    ? Plain<A>
    : never;
};

export interface ItemType<T> {
  toItem(record: T): Item;
  /** Throws where the item is not of this type: our own table is damaged. */
  fromItem(item: Item): T;
  /** The same of an item that may not be there. */
  read(item: Item | undefined): T | undefined;
}

type RecordOf<I> = I extends ItemType<infer T> ? T : never;

function itemType<const D extends Declared>(declared: D): ItemType<Rec<D>> {
  const names = Object.keys(declared).sort();
  const fromItem = (item: Item): Rec<D> => {
    const record: Record<string, Attribute> = {};
    for (const name of names) {
      const kind = declared[name] ?? "text";
      const value = item[name];
      if (value !== undefined) record[name] = typed(value, kind.replace("?", "") as AttributeKind, name);
      else if (!kind.endsWith("?")) throw new Error(`an item of the table lacks ${name}`);
    }
    return record as Rec<D>;
  };
  return {
    toItem: (record) => {
      const item: Record<string, Attribute> = {};
      for (const name of names) {
        const value = (record as Readonly<Record<string, Attribute | undefined>>)[name];
        if (value !== undefined) item[name] = value;
      }
      return item;
    },
    fromItem,
    read: (item) => (item === undefined ? undefined : fromItem(item)),
  };
}

function typed(value: Attribute, kind: AttributeKind, name: string): Attribute {
  if (kind === "text" && typeof value === "string") return value;
  if (kind === "bytes" && value instanceof Uint8Array) return value;
  if (kind === "integer" && (typeof value === "number" || typeof value === "bigint")) return Number(value);
  if (kind === "money" && (typeof value === "number" || typeof value === "bigint")) return BigInt(value);
  throw new Error(`an item of the table has another kind of ${name}`);
}

/** An enrolled peer. */
export const credentialItem = itemType({
  signingKey: "bytes",
  /** The peer's signed statement of its sealing key. */
  sealingKey: "bytes",
  serial: "integer",
  account: "text",
  enrolledAt: "integer",
  /** Since when the operator has it frozen, in milliseconds, and the operator's words why: no peer ever sees them. */
  frozenAt: "integer?",
  frozenFor: "text?",
});
export type CredentialRecord = RecordOf<typeof credentialItem>;

/** Which peer an account belongs to; the account itself is only in that peer's credential. */
export const accountItem = itemType({ uid: "text", enrolledAt: "integer" });

/** A peer's purse: its one live BrokerScrip, if any, and the head of its audit chain. Exists from enrolment. */
export const purseItem = itemType({
  sequence: "integer",
  head: "bytes",
  scrip: "text?",
  body: "bytes?",
  certificate: "bytes?",
  salt: "bytes?",
  value: "money?",
  currency: "text?",
  expiresAt: "integer?",
});
export type PurseRecord = RecordOf<typeof purseItem>;

/** What is left of a spent BrokerScrip: which transaction spent it. */
export const tombstoneItem = itemType({
  initiator: "text",
  txn: "text",
  at: "integer",
  value: "money",
  currency: "text",
});
export type TombstoneRecord = RecordOf<typeof tombstoneItem>;

/** A transaction by its initiator; once decided it is this peer's audit record. */
export const transactionItem = itemType({
  /** A transaction kind of the protocol; abort where nothing else was seen. */
  kind: "text",
  /** open, charging, charged, paying, disputed; done, refused, aborted. */
  state: "text",
  /** Digest of the request that is decided, once it is known. */
  request: "text?",
  /** The signed requests. */
  signed: "bytes?",
  intent: "bytes?",
  intentDigest: "text?",
  authorization: "bytes?",
  authorizationDigest: "text?",
  expiresAt: "integer?",
  value: "money?",
  currency: "text?",
  merchant: "text?",
  /** Where the customer reached the merchant, in its own words. */
  address: "text?",
  /** The transaction that a refund or a reversal is about. */
  subject: "text?",
  reason: "text?",
  decidedAt: "integer?",
  reference: "text?",
  /** Of a settlement: its credits, what was carried over from before, what is paid and what is carried on. */
  credits: "bytes?",
  brought: "money?",
  paid: "money?",
  carried: "money?",
  /** 1 where more was free when it was decided. */
  more: "integer?",
  /** Until when a merchant may answer a reversal, exclusive. */
  answerBy: "integer?",
  /** What was minted: body, certificate, SHA-256 of the CustomerSecret. */
  grantBody: "bytes?",
  grantCertificate: "bytes?",
  grantSecretHash: "bytes?",
  /** The scrip that was spent or replaced, and what it was worth. */
  spent: "text?",
  spentValue: "money?",
  /** The place in this peer's chain, and the head before and after. */
  sequence: "integer?",
  previous: "bytes?",
  head: "bytes?",
});
export type TransactionRecord = RecordOf<typeof transactionItem>;

/**
 * What the broker owes a merchant for one VendorScrip, or a void where it never will; under a refund's transaction, what
 * the refund did.
 */
export const creditItem = itemType({
  /** held (free once `heldUntil` is over), disputed, settled, ended; void; refund. */
  state: "text",
  authorizationDigest: "text",
  /** What was authorised, or refunded. */
  value: "money",
  /** What is owed of it; absent where nothing ever was. */
  owed: "money?",
  currency: "text",
  reason: "text?",
  scrip: "text?",
  decidedAt: "integer",
  heldUntil: "integer?",
  /** The settlement that paid it. */
  settlement: "text?",
  /** The reversal that it went through. */
  reversedBy: "text?",
});
export type CreditRecord = RecordOf<typeof creditItem>;

/** Both sides' notices of one purchase. */
export const noticeItem = itemType({
  /** one-sided, matched or differs. */
  state: "text",
  customerDigest: "text?",
  customerNotice: "bytes?",
  merchantDigest: "text?",
  merchantNotice: "bytes?",
  firstAt: "integer",
  lastAt: "integer",
  /** When a sweep found it one-sided for too long. */
  flaggedAt: "integer?",
  /** In seconds: when the table may forget it. Nothing is judged by it. */
  ttl: "integer",
});
export type NoticeRecord = RecordOf<typeof noticeItem>;

/** A statement over a run of a lane: one item, of one write unit, for all its purchases. */
export const statementItem = itemType({
  /** one-sided, matched or differs. */
  state: "text",
  /** The signed-statement that came first, with each signature over it that has come, packed (`packed.ts`). */
  signed: "bytes",
  /** Another about the same end of the run: the other side's version, or that of a side that says two things. */
  other: "bytes?",
  at: "integer",
  /** When a sweep found it one-sided for too long. */
  flaggedAt: "integer?",
  /** In seconds: when the table may forget it. Nothing is judged by it. */
  ttl: "integer",
});
export type StatementRecord = RecordOf<typeof statementItem>;

/** What a merchant kept once beyond what its customer had signed: never again in this pair, so it is never forgotten. */
export const excessItem = itemType({
  /** The reversal in which it was. */
  txn: "text",
  value: "money",
  currency: "text",
  at: "integer",
});
export type ExcessRecord = RecordOf<typeof excessItem>;

/** A notice or a statement whose other side is missing. */
export const waitingItem = itemType({
  customer: "text",
  merchant: "text",
  txn: "text",
  due: "integer",
  /** Of a statement: the sort key of its item. */
  place: "text?",
});
export type WaitingRecord = RecordOf<typeof waitingItem>;

/** A transaction that a schedule must bring to its end. */
export const openItem = itemType({
  uid: "text",
  txn: "text",
  since: "integer",
  /** Nothing is to be done before. */
  due: "integer?",
  /** What was minted against money that can still be recalled. */
  recallable: "money?",
});
export type OpenRecord = RecordOf<typeof openItem>;

/** All that is minted against money that can still be recalled: it never passes the operator's limit. */
export const exposureItem = itemType({ outstanding: "money" });

/** What is free for a merchant from a moment on: the order of the keys is that of the moments. */
export const dueItem = itemType({ customer: "text", txn: "text" });

/** A reversal that a merchant has not answered. */
export const disputeItem = itemType({
  customer: "text",
  /** The transaction of figure 8, and the reversal's. */
  subject: "text",
  txn: "text",
  answerBy: "integer",
});
export type DisputeRecord = RecordOf<typeof disputeItem>;

/** What a merchant is owed beyond its credits: less than its account's smallest unit. */
export const carryItem = itemType({ carried: "money" });

/** Recallable money that was minted against and taken back: the operator's loss. */
export const lossItem = itemType({ value: "money" });

/** The keys of the items. */
export const keys = {
  credential: (uid: Uid): Key => ({ pk: `PEER#${uid}`, sk: "CREDENTIAL" }),
  purse: (uid: Uid): Key => ({ pk: `PEER#${uid}`, sk: "BROKERSCRIP" }),
  tombstone: (uid: Uid, scrip: ScripId): Key => ({ pk: `PEER#${uid}`, sk: `SPENT#${scrip}` }),
  transaction: (uid: Uid, txn: Txn): Key => ({ pk: `PEER#${uid}`, sk: `TXN#${txn}` }),
  account: (accountHash: Digest): Key => ({ pk: `ACCOUNT#${accountHash}`, sk: "ENROLMENT" }),
  credit: (merchant: Uid, customer: Uid, txn: Txn): Key => ({
    pk: `MERCHANT#${merchant}`,
    sk: `CREDIT#${customer}#${txn}`,
  }),
  notice: (customer: Uid, merchant: Uid, place: string): Key => ({
    pk: `PAIR#${customer}#${merchant}`,
    sk: place,
  }),
  due: (merchant: Uid, from: number, customer: Uid, txn: Txn): Key => ({
    pk: `MERCHANT#${merchant}`,
    sk: `${DUE}${moment(from)}#${customer}#${txn}`,
  }),
  dispute: (merchant: Uid, customer: Uid, txn: Txn): Key => ({
    pk: `MERCHANT#${merchant}`,
    sk: `${DISPUTE}${customer}#${txn}`,
  }),
  carry: (merchant: Uid, currency: string): Key => ({ pk: `MERCHANT#${merchant}`, sk: `CARRY#${currency}` }),
  loss: (currency: string, uid: Uid, txn: Txn): Key => ({ pk: `LOSS#${currency}`, sk: `${uid}#${txn}` }),
  exposure: (currency: string): Key => ({ pk: "EXPOSURE", sk: currency }),
  excess: (customer: Uid, merchant: Uid): Key => ({ pk: `PAIR#${customer}#${merchant}`, sk: "EXCESS" }),
  waiting: (due: number, customer: Uid, merchant: Uid, txn: Txn, place?: string): Key => ({
    pk: `WAITING#${txn.charAt(0)}`,
    sk: `${moment(due)}#${customer}#${merchant}#${place ?? txn}`,
  }),
  open: (uid: Uid, txn: Txn): Key => ({ pk: openPartition(txn), sk: `${uid}#${txn}` }),
} as const;

/** The first part of the sort keys of what is due, of disputes and of transactions. */
export const DUE = "DUE#";
export const DISPUTE = "DISPUTE#";
export const TRANSACTION = "TXN#";

/** The first part of the sort keys of a lane's statements. */
export const statementsOf = (lane: string): string => `STATEMENT#${lane}#`;

/** The sort key of a statement: those of a lane sort by their last purchase, one that only closes it behind its last. */
export const statementPlace = (lane: string, last: number, closesOnly = false): string =>
  `${statementsOf(lane)}${last.toString().padStart(16, "0")}${closesOnly ? "#CLOSED" : ""}`;

/** Sorts as the moments do. */
const moment = (at: number): string => at.toString().padStart(15, "0");
/** Sorts behind all that is due at this moment. */
export const behind = (now: number): string => moment(now + 1);

/** Open transactions lie in 64 partitions, so that no one of them is hot. */
const openPartition = (txn: Txn): string => `OPEN#${txn.charAt(0)}`;
const FIRST = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"];
export const openPartitions: readonly string[] = FIRST.map((first) => `OPEN#${first}`);
/** Notices that wait for their other side, in the order in which they are looked at. */
export const waitingPartitions: readonly string[] = FIRST.map((first) => `WAITING#${first}`);
