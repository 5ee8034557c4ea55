/** What every decision of the broker is made of. A decision is a pure, synchronous, total function. */
import {
  type Amount,
  add,
  amountOf,
  encodeCbor,
  epochOf,
  type Grant,
  type IssuerSecrets,
  isRefusal,
  type Minted,
  makeScripId,
  mint,
  type Or,
  type Refusal,
  type ScripBody,
  sha256,
  type Txn,
  type Uid,
} from "@lepta/protocol";
import type { Item, Write } from "../ports/store.ts";
import {
  keys,
  openItem,
  type PurseRecord,
  purseItem,
  type TransactionRecord,
  tombstoneItem,
  transactionItem,
} from "./items.ts";

/** Writes to commit, and what is known once they are. Without writes it was decided before, or nothing changes. */
export interface Decided<R> {
  readonly writes: readonly Write[];
  /**
   * Each by itself before the commit and after it, which costs half of what it costs within: entries of an index by which
   * a sweep goes. One too many does no harm there, and a sweep takes it away.
   */
  readonly ahead?: readonly Write[];
  readonly behind?: readonly Write[];
  readonly outcome: R;
}

/** A decision, or bad input that writes nothing. */
export type Decision<R> = Decided<R> | Refusal;

/** What the operator sets, and the secrets that minting needs. */
export interface Terms {
  readonly network: Uid;
  /** ISO 4217. */
  readonly currency: string;
  /** How long new BrokerScrip lives, in milliseconds. */
  readonly scripLife: number;
  /** How long a merchant's credit is held, in milliseconds. */
  readonly holdTime: number;
  /** How long a merchant may take to answer a reversal, in milliseconds: less than `holdTime`. */
  readonly claimTime: number;
  /** How long expired BrokerScrip can still be renewed and redeemed, in milliseconds. */
  readonly grace: number;
  /** How long a notice may wait for its other side before it is flagged, in milliseconds. */
  readonly noticePatience: number;
  /** The smallest amount that the rail pays, in millionths. */
  readonly unit: bigint;
  /** How much may be minted against recallable money in all; 0 waits until money is final. Millionths. */
  readonly recallableLimit: bigint;
  readonly epoch: number;
  /** The root of an epoch; undefined where there is none. */
  readonly epochRoot: (epoch: number) => Uint8Array | undefined;
  /** The moment from which on an epoch's scrip is only renewed and redeemed, in milliseconds. */
  readonly epochRevokedFrom: (epoch: number) => number | undefined;
  /** How long evidence is kept for disputes, in milliseconds. */
  readonly disputeWindow: number;
}

/** Randomness for one minting, drawn before the decision. */
export interface Fresh {
  /** 12 bytes of the scrip's id. */
  readonly id: Uint8Array;
  /** 32 bytes. */
  readonly salt: Uint8Array;
}

/** The BrokerScrip that lives in a purse. */
export interface LiveScrip {
  readonly id: string;
  readonly value: Amount;
  readonly expiresAt: number;
  readonly secrets: IssuerSecrets;
}

/** The live scrip of a purse, or undefined. Throws where its epoch's root is not at hand: our own keys are incomplete. */
export function liveScrip(purse: PurseRecord, terms: Terms): LiveScrip | undefined {
  const { scrip: id, value, currency, expiresAt, salt } = purse;
  if (
    id === undefined ||
    value === undefined ||
    currency === undefined ||
    expiresAt === undefined ||
    salt === undefined
  )
    return undefined;
  return { id, value: amountOf(currency, value), expiresAt, secrets: secretsOf(id, salt, terms) };
}

/** The issuer's secrets of one scrip. */
export function secretsOf(id: string, salt: Uint8Array, terms: Terms): IssuerSecrets {
  const epoch = epochOf(id);
  const epochRoot = terms.epochRoot(epoch);
  if (epochRoot === undefined) throw new Error(`the root of epoch ${epoch} is not at hand`);
  return { epochRoot, salt };
}

/** Whether a live scrip buys nothing as it is: it has expired, or its epoch was revoked. Renewed, it does. */
export function isOverdue({ id, expiresAt }: LiveScrip, now: number, terms: Terms): boolean {
  const revokedFrom = terms.epochRevokedFrom(epochOf(id)) ?? Number.POSITIVE_INFINITY;
  return now >= expiresAt || now >= revokedFrom;
}

/** Makes a BrokerScrip of the current epoch. */
export function mintBrokerScrip(
  draft: Pick<ScripBody, "owner" | "value" | "expiresAt" | "parent">,
  fresh: Fresh,
  terms: Terms,
): Minted & { readonly salt: Uint8Array } {
  const id = makeScripId(terms.epoch, fresh.id);
  const { network } = terms;
  const secrets = secretsOf(id, fresh.salt, terms);
  return { ...mint(secrets, { kind: "broker", network, issuer: network, id, ...draft }), salt: fresh.salt };
}

/** The purse's part that names its live scrip. */
export const pursed = ({
  body,
  grant,
  salt,
}: Minted & { readonly salt: Uint8Array }): Partial<PurseRecord> => ({
  scrip: body.id,
  body: grant.body,
  certificate: grant.certificate,
  salt,
  value: body.value.value,
  currency: body.value.currency,
  expiresAt: body.expiresAt,
});

/** The transaction's part that keeps what was granted, without its secret. */
export const granted = ({ body, certificate, secretHash }: Grant): Partial<TransactionRecord> => ({
  grantBody: body,
  grantCertificate: certificate,
  grantSecretHash: secretHash,
});

/** What a transaction granted, from its record. */
export function grantOf(record: TransactionRecord): Grant | undefined {
  const { grantBody: body, grantCertificate: certificate, grantSecretHash: secretHash } = record;
  return body && certificate && secretHash ? { body, certificate, secretHash } : undefined;
}

/** What a minting changes: the transaction's record and the purse. */
export interface Minting {
  readonly record: Partial<TransactionRecord>;
  readonly purse: PurseChange;
}

/** One scrip of what is given and of what lives in the purse, in its place; `amount-overflow` where the sum is too large. */
export function mintOnTop(
  owner: Uid,
  given: Amount,
  purse: PurseRecord,
  now: number,
  terms: Terms,
  fresh: Fresh,
): Or<Minting> {
  const live = liveScrip(purse, terms);
  const value = live === undefined ? given : add(given, live.value);
  if (isRefusal(value)) return value;
  const draft = { owner, value, expiresAt: now + terms.scripLife, ...(live ? { parent: live.id } : {}) };
  const minted = mintBrokerScrip(draft, fresh, terms);
  const replaced = live ? { spent: live.id, spentValue: live.value.value } : {};
  return { record: { ...granted(minted.grant), ...replaced }, purse: pursed(minted) };
}

/** The change that a terminal decision makes to a purse: `undefined` leaves the live scrip as it is. */
export type PurseChange = Partial<PurseRecord> | "emptied" | undefined;

/**
 * The writes of a terminal decision: the transaction is linked into its initiator's audit chain once, on condition that
 * the chain's head and the purse have not moved.
 */
export function terminal(
  uid: Uid,
  txn: Txn,
  before: { readonly purse: PurseRecord; readonly transaction: TransactionRecord | undefined },
  record: TransactionRecord,
  change?: PurseChange,
): { readonly record: TransactionRecord; readonly writes: readonly Write[] } {
  const { purse, transaction } = before;
  const sequence = purse.sequence + 1;
  const head = chainHead(purse.head, uid, txn, transactionItem.toItem(record));
  const linked: TransactionRecord = { ...record, sequence, previous: purse.head, head };
  const kept = change === undefined ? purse : {};
  const next: PurseRecord = { ...kept, ...(change === "emptied" ? {} : change), sequence, head };
  const writes: Write[] = [
    {
      put: purseItem.toItem(next),
      at: keys.purse(uid),
      // The first record of a peer creates its purse.
      expect: purse.sequence === 0 ? "absent" : unmoved(purse),
    },
    {
      put: transactionItem.toItem(linked),
      at: keys.transaction(uid, txn),
      expect: transaction === undefined ? "absent" : { state: transaction.state },
    },
  ];
  if (change !== undefined && purse.scrip !== undefined)
    writes.push(tombstone(uid, txn, purse, record.decidedAt ?? 0));
  return { record: linked, writes };
}

/** What is left of the scrip that lived in a purse. */
export const tombstone = (uid: Uid, txn: Txn, purse: PurseRecord, at: number): Write => ({
  put: tombstoneItem.toItem({
    initiator: uid,
    txn,
    at,
    value: purse.value ?? 0n,
    currency: purse.currency ?? "",
  }),
  at: keys.tombstone(uid, purse.scrip ?? ""),
  expect: "absent",
});

/** What a purse is expected to be still when a decision about it is committed. */
export const unmoved = ({ sequence, head, scrip }: PurseRecord) => ({ sequence, head, scrip });

/** The next head of an audit chain: SHA-256 over the last one and the record under its name. */
export const chainHead = (previous: Uint8Array, uid: Uid, txn: Txn, item: Item): Uint8Array =>
  sha256(
    encodeCbor([
      previous,
      uid,
      txn,
      Object.entries(item)
        .filter(([name]) => name !== "sequence" && name !== "previous" && name !== "head")
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, value]) => [name, typeof value === "bigint" ? Number(value) : value]),
    ]),
  );

/** Whether the rail moved what it was asked to move, at the account that it was asked about. */
export const isAsAsked = (
  answer: { readonly account: string; readonly amount: Amount },
  account: string,
  currency: string | undefined,
  value: bigint | undefined,
): boolean =>
  answer.account === account && answer.amount.value === value && answer.amount.currency === currency;

/** The index by which a schedule finds what is open. */
export const openAt = (uid: Uid, txn: Txn, since: number, due?: number): Write => ({
  put: openItem.toItem({ uid, txn, since, ...(due === undefined ? {} : { due }) }),
  at: keys.open(uid, txn),
  expect: "any",
});

export const removeOpen = (uid: Uid, txn: Txn): Write => ({
  remove: true,
  at: keys.open(uid, txn),
  expect: "any",
});

const TERMINAL = new Set(["done", "refused", "aborted"]);

/** Whether a transaction has reached its end. */
export const isTerminal = (record: TransactionRecord): boolean => TERMINAL.has(record.state);
