/** What the broker is only told: figure 7's M0 and M3, alone and in batches, and figure 8's M0. */
import {
  acknowledgement,
  type ErrorCode,
  entryDigest,
  idBytes,
  isRefusal,
  noticeBatch,
  type Or,
  purchaseNotice,
  readMessage,
  refuse,
  saleNotice,
  treeHash,
  type Uid,
  type Verified,
  vendorscripIntent,
  verifyMessage,
} from "@lepta/protocol";
import { decideIntent } from "../broker/authorise.ts";
import { keys, noticeItem, transactionItem } from "../broker/items.ts";
import { decideNotice, type Notice, pairOf } from "../broker/notices.ts";
import type { KeySet } from "../ports/custody.ts";
import {
  type Broker,
  loadPeer,
  type Peer,
  receive,
  sealAnswer,
  settle,
  signAnswer,
  termsOf,
} from "./broker.ts";
import { tellRefusal } from "./tell.ts";

/** POST /notices: one notice or a batch. */
export async function recordNotices(broker: Broker, bytes: Uint8Array): Promise<Or<Uint8Array>> {
  const received = await receive(broker, bytes, [noticeBatch, purchaseNotice, saleNotice]);
  if (isRefusal(received)) return received;
  const { message, sender, keySet, now } = received;
  const entries = message.payload.type === "notice-batch" ? message.payload.entries : [message.signed];
  const senders = new Map<Uid, Promise<Peer | undefined>>();
  const digests: Uint8Array[] = [];
  const refused: (readonly [number, ErrorCode])[] = [];
  // One after the other: entries of one pair meet in one item, and a batch is off everybody's way.
  for (const [index, entry] of entries.entries()) {
    const notice = await readNotice(broker, keySet, senders, entry, now);
    digests.push(entryDigest(entry));
    const code = isRefusal(notice) ? notice.code : await recordNotice(broker, keySet, notice, now);
    if (code !== undefined) refused.push([index, code]);
  }
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

async function readNotice(
  broker: Broker,
  keySet: KeySet,
  senders: Map<Uid, Promise<Peer | undefined>>,
  entry: Uint8Array,
  now: number,
): Promise<Or<Notice>> {
  const opened = readMessage(entry, [purchaseNotice, saleNotice]);
  if (isRefusal(opened)) return opened;
  const { from } = opened.payload;
  const loading = senders.get(from) ?? loadPeer(broker, from);
  senders.set(from, loading);
  const peer = await loading;
  if (peer === undefined) return refuse("unknown-peer");
  const { network } = keySet;
  const by = { key: peer.verifyingKey, kid: from, from, to: network, network, now };
  return verifyMessage(opened, by);
}

async function recordNotice(
  broker: Broker,
  keySet: KeySet,
  notice: Notice,
  now: number,
): Promise<ErrorCode | undefined> {
  const { customer, merchant, place } = pairOf(notice);
  const load = async () =>
    noticeItem.read((await broker.store.get([keys.notice(customer, merchant, place)]))[0]);
  const outcome = await settle(broker, load, (before) =>
    decideNotice(notice, before, now, termsOf(broker, keySet)),
  );
  if (isRefusal(outcome)) return outcome.code;
  return outcome.conflict ? "conflict" : undefined;
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
