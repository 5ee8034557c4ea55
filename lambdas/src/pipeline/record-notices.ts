/** What the broker is only told: figure 7's M0 and M3, alone and in batches, statements, and figure 8's M0. */
import {
  acknowledgement,
  type Digest,
  type ErrorCode,
  entryDigest,
  idBytes,
  isRefusal,
  limits,
  noticeBatch,
  type OpenedOf,
  type Or,
  purchaseNotice,
  type ReadStatement,
  readMessage,
  readStatement,
  refuse,
  saleNotice,
  treeHash,
  type Uid,
  type Verified,
  type VerifyingKey,
  vendorscripIntent,
  verifyMessage,
  verifyStatement,
} from "@lepta/protocol";
import { decideIntent } from "../broker/authorise.ts";
import { keys, noticeItem, statementItem, transactionItem } from "../broker/items.ts";
import { decideNotice, type NoticeOutcome, pairOf } from "../broker/notices.ts";
import { decideStatement, placeOfStatement } from "../broker/statements.ts";
import type { KeySet } from "../ports/custody.ts";
import {
  type Broker,
  type Peer,
  receive,
  sealAnswer,
  settle,
  settleUntimed,
  signAnswer,
  signingKeyOf,
  termsOf,
} from "./broker.ts";
import { eachInOrder } from "./each-in-order.ts";
import { tellRefusal } from "./tell.ts";

/** POST /notices: one notice, or a batch of notices and statements. */
export async function recordNotices(broker: Broker, bytes: Uint8Array): Promise<Or<Uint8Array>> {
  const received = await receive(broker, bytes, [noticeBatch, purchaseNotice, saleNotice]);
  if (isRefusal(received)) return received;
  const { message, sender, keySet, now } = received;
  const entries = message.payload.type === "notice-batch" ? message.payload.entries : [message.signed];
  const recording = { broker, keySet, now, signers: new Map() };
  const { digests, refused } = await broker.observer.timed("settle", () => recordAll(recording, entries));
  return acknowledge(broker, keySet, sender, message, digests, refused, now);
}

/** POST /intent: figure 8, M0. */
export async function recordIntent(broker: Broker, bytes: Uint8Array): Promise<Or<Uint8Array>> {
  const received = await receive(broker, bytes, [vendorscripIntent]);
  if (isRefusal(received)) return received;
  const { message, sender, keySet, now } = received;
  const load = async () =>
    transactionItem.read((await broker.store.get([keys.transaction(sender.uid, message.payload.txn)]))[0]);
  const outcome = await settle(broker, load, (transaction) =>
    decideIntent(message, transaction, now, termsOf(broker, keySet)),
  );
  if (isRefusal(outcome)) return outcome;
  const refused = outcome.recorded ? [] : [[0, "conflict"] as const];
  return acknowledge(broker, keySet, sender, message, [idBytes(message.digest)], refused, now);
}

/** What the entries of one batch have in common. */
interface Recording {
  readonly broker: Broker;
  readonly keySet: KeySet;
  readonly now: number;
  /** Of those that an entry of the batch has named. */
  readonly signers: Map<Uid, Promise<VerifyingKey | undefined>>;
}

/** An entry that was read, and how it is recorded. */
interface Entry {
  readonly index: number;
  readonly read: Read;
}

type Refused = readonly (readonly [number, ErrorCode])[];

/** Entries of different items at once, as far as the limit goes; those of one item one after the other, as they stand. */
async function recordAll(
  recording: Recording,
  entries: readonly Uint8Array[],
): Promise<{ readonly digests: readonly Uint8Array[]; readonly refused: Refused }> {
  const digests: Uint8Array[] = [];
  const refused: (readonly [number, ErrorCode])[] = [];
  const items = new Map<string, Entry[]>();
  for (const [index, entry] of entries.entries()) {
    const read = readEntry(entry);
    digests.push(isRefusal(read) ? entryDigest(entry) : idBytes(read.digest));
    if (isRefusal(read)) {
      refused.push([index, read.code]);
      continue;
    }
    const { pk, sk } = keys.notice(read.customer, read.merchant, read.place);
    const item = JSON.stringify([pk, sk]);
    const before = items.get(item);
    if (before === undefined) items.set(item, [{ index, read }]);
    else before.push({ index, read });
  }
  await eachInOrder([...items.values()], limits.noticesAtOnce, async ({ index, read }) => {
    const code = await record(recording, read);
    if (code !== undefined) refused.push([index, code]);
  });
  return { digests, refused: refused.sort(([one], [other]) => one - other) };
}

/** Whose purchases it is about and where it is kept, before anything is verified. */
type Read = Pair & { readonly digest: Digest } & (
    | { readonly notice: OpenedOf<typeof purchaseNotice | typeof saleNotice> }
    | { readonly notice: undefined; readonly statement: ReadStatement }
  );

type Pair = { readonly customer: Uid; readonly merchant: Uid; readonly place: string };

function readEntry(entry: Uint8Array): Or<Read> {
  // A COSE_Sign1 begins with its tag, a signed statement is a map.
  if (entry[0] === SIGN1) {
    const notice = readMessage(entry, [purchaseNotice, saleNotice]);
    return isRefusal(notice) ? notice : { ...pairOf(notice), digest: notice.digest, notice };
  }
  const statement = readStatement(entry);
  if (isRefusal(statement)) return statement;
  const { payload, digest } = statement;
  const { customer, from: merchant } = payload;
  return { customer, merchant, place: placeOfStatement(payload), digest, notice: undefined, statement };
}

const SIGN1 = 0xd2;

/** The code with which an entry is refused; undefined where it is recorded. */
async function record(recording: Recording, read: Read): Promise<ErrorCode | undefined> {
  const outcome = await (read.notice === undefined
    ? recordStatement(recording, read, read.statement)
    : recordNotice(recording, read, read.notice));
  if (isRefusal(outcome)) return outcome.code;
  return outcome.conflict ? "conflict" : undefined;
}

async function recordNotice(
  recording: Recording,
  { customer, merchant, place }: Pair,
  opened: OpenedOf<typeof purchaseNotice | typeof saleNotice>,
): Promise<Or<NoticeOutcome>> {
  const { broker, keySet, now } = recording;
  const { from } = opened.payload;
  const key = await signerOf(recording, from);
  if (key === undefined) return refuse("unknown-peer");
  const { network } = keySet;
  const notice = await verifyMessage(opened, {
    key,
    kid: from,
    from,
    to: network,
    network,
    now,
  });
  if (isRefusal(notice)) return notice;
  const load = async () =>
    noticeItem.read((await broker.store.get([keys.notice(customer, merchant, place)]))[0]);
  return settleUntimed(broker, load, (before) => decideNotice(notice, before, now, termsOf(broker, keySet)));
}

async function recordStatement(
  recording: Recording,
  { customer, merchant, place }: Pair,
  read: ReadStatement,
): Promise<Or<NoticeOutcome>> {
  const { broker, keySet, now } = recording;
  const [seller, buyer] = await Promise.all([signerOf(recording, merchant), signerOf(recording, customer)]);
  if (seller === undefined || buyer === undefined) return refuse("unknown-peer");
  const statement = await verifyStatement(read, {
    merchant: seller,
    customer: buyer,
    network: keySet.network,
    now,
  });
  if (isRefusal(statement)) return statement;
  // What both have signed nearly always comes once: it is written where nothing stands, without looking first.
  let isNew = statement.isBoth;
  const load = async () => {
    const before = isNew ? [] : await broker.store.get([keys.notice(customer, merchant, place)]);
    isNew = false;
    return statementItem.read(before[0]);
  };
  return settleUntimed(broker, load, (before) =>
    decideStatement(statement, before, now, termsOf(broker, keySet)),
  );
}

function signerOf({ broker, signers }: Recording, uid: Uid): Promise<VerifyingKey | undefined> {
  const loading = signers.get(uid) ?? signingKeyOf(broker, uid);
  signers.set(uid, loading);
  return loading;
}

async function acknowledge(
  broker: Broker,
  keySet: KeySet,
  sender: Peer,
  message: Pick<Verified<typeof vendorscripIntent>, "digest"> & {
    readonly payload: { readonly txn: string };
  },
  digests: readonly Uint8Array[],
  refused: readonly (readonly [number, ErrorCode])[],
  now: number,
): Promise<Uint8Array> {
  for (const [, code] of refused) tellRefusal(broker.observer, code);
  const answer = await signAnswer(broker, keySet, acknowledgement, {
    to: sender.uid,
    txn: message.payload.txn,
    request: message.digest,
    decidedAt: now,
    count: digests.length,
    tree: treeHash(digests),
    refused,
  });
  return sealAnswer(broker, answer, sender.sealingKey);
}
