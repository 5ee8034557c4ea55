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
  /** enrol, brokerscrip, vendorscrip, or abort where nothing else was seen. */
  kind: "text",
  /** open, charging, charged; done, refused, aborted. */
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
  reason: "text?",
  decidedAt: "integer?",
  reference: "text?",
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

/** What the broker owes a merchant for one VendorScrip, or a void where it never will. */
export const creditItem = itemType({
  /** held or void. */
  state: "text",
  authorizationDigest: "text",
  value: "money",
  currency: "text",
  reason: "text?",
  scrip: "text?",
  decidedAt: "integer",
  heldUntil: "integer?",
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
});
export type NoticeRecord = RecordOf<typeof noticeItem>;

/** A transaction that a schedule must bring to its end. */
export const openItem = itemType({
  uid: "text",
  txn: "text",
  since: "integer",
  /** What was minted against money that can still be recalled. */
  recallable: "money?",
});
export type OpenRecord = RecordOf<typeof openItem>;

/** All that is minted against money that can still be recalled: it never passes the operator's limit. */
export const exposureItem = itemType({ outstanding: "money" });

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
  exposure: (currency: string): Key => ({ pk: "EXPOSURE", sk: currency }),
  open: (uid: Uid, txn: Txn): Key => ({ pk: openPartition(txn), sk: `${uid}#${txn}` }),
} as const;

/** Open transactions lie in 64 partitions, so that no one of them is hot. */
const openPartition = (txn: Txn): string => `OPEN#${txn.charAt(0)}`;
export const openPartitions: readonly string[] = [
  ..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
].map((first) => `OPEN#${first}`);
