/** Query and abort: the state of a transaction and, once it is decided, its answer again, attached. */
import {
  abort,
  isRefusal,
  type Or,
  query,
  type Secret,
  transactionResponse,
  type Uid,
} from "@lepta/protocol";
import { creditItem, keys, purseItem, type TransactionRecord, transactionItem } from "../broker/items.ts";
import { decideAbort, decideQuery, type Standing, type SubjectState } from "../broker/transaction.ts";
import type { KeySet } from "../ports/custody.ts";
import {
  secretsBeside,
  signAuthorization,
  signBrokerscripResponse,
  signChange,
  signRedemption,
  signRefund,
  signRenewal,
  signReversal,
  signStatement,
  verdictOf,
} from "./answers.ts";
import { askPurchase, type PurchaseStanding } from "./ask-purchase.ts";
import { type Broker, type Peer, receive, sealAnswer, settle, signAnswer } from "./broker.ts";

interface Subject {
  readonly initiator: Uid;
  readonly subject: string;
}

/** POST /query. */
export async function queryTransaction(broker: Broker, bytes: Uint8Array): Promise<Or<Uint8Array>> {
  const received = await receive(broker, bytes, [query]);
  if (isRefusal(received)) return received;
  const { message, sender, keySet, now } = received;
  const { initiator, subject, merchant } = message.payload;
  const standing = await settle(
    broker,
    // A purchase that C asks about is no transaction of C's with B.
    async () => (merchant === undefined ? loadSubject(broker, sender.uid, message.payload) : NOTHING),
    (state) => decideQuery(message, state, now),
  );
  if (isRefusal(standing)) return standing;
  // M's question is about a credit or, where there is none, about a purchase; only the two parties of either are told.
  const seller = merchant ?? sender.uid;
  const isParty = sender.uid === initiator || sender.uid === seller;
  const isTold = standing.state !== "unknown" || seller === initiator || !isParty;
  const purchase = isTold ? undefined : await askPurchase(broker.store, initiator, seller, subject);
  return answer(broker, keySet, sender, message.digest, message.payload, standing, purchase);
}

const NOTHING: SubjectState = { transaction: undefined, purse: undefined, credit: undefined };

/** POST /abort. */
export async function abortTransaction(broker: Broker, bytes: Uint8Array): Promise<Or<Uint8Array>> {
  const received = await receive(broker, bytes, [abort]);
  if (isRefusal(received)) return received;
  const { message, sender, keySet, now } = received;
  const standing = await settle(
    broker,
    () => loadSubject(broker, sender.uid, message.payload),
    (state) => decideAbort(message, state, now),
  );
  if (isRefusal(standing)) return standing;
  return answer(broker, keySet, sender, message.digest, message.payload, standing);
}

async function loadSubject(
  broker: Broker,
  asker: Uid,
  { initiator, subject }: Subject,
): Promise<SubjectState> {
  const isInitiator = asker === initiator;
  const items = await broker.store.get(
    isInitiator
      ? [keys.transaction(initiator, subject), keys.purse(initiator)]
      : [keys.credit(asker, initiator, subject)],
  );
  return isInitiator
    ? { transaction: transactionItem.read(items[0]), purse: purseItem.read(items[1]), credit: undefined }
    : { transaction: undefined, purse: undefined, credit: creditItem.read(items[0]) };
}

async function answer(
  broker: Broker,
  keySet: KeySet,
  asker: Peer,
  request: string,
  payload: Subject & { readonly txn: string },
  standing: Standing,
  purchase?: PurchaseStanding,
): Promise<Uint8Array> {
  const { initiator, subject, txn } = payload;
  const decided =
    purchase === undefined
      ? await decidedAnswer(broker, keySet, asker.uid, payload, standing)
      : { attachments: purchase.signed };
  const verdict = standing.transaction === undefined ? undefined : verdictOf(standing.transaction);
  const decidedAt = standing.transaction?.decidedAt ?? standing.credit?.decidedAt;
  const message = await signAnswer(broker, keySet, transactionResponse, {
    to: asker.uid,
    txn,
    request,
    initiator,
    subject,
    state: purchase?.state ?? standing.state,
    ...(decidedAt === undefined ? {} : { decidedAt }),
    ...(verdict?.record ? { record: verdict.record } : {}),
  });
  return sealAnswer(broker, message, asker.sealingKey, decided);
}

/** The answer that the transaction's own request got, or would have got. */
async function decidedAnswer(
  broker: Broker,
  keySet: KeySet,
  asker: Uid,
  { initiator, subject }: Subject,
  { transaction, credit }: Standing,
): Promise<{ readonly attachments?: readonly Uint8Array[]; readonly secrets?: readonly Secret[] }> {
  if (credit !== undefined)
    return {
      attachments: [(await signAuthorization(broker, keySet, asker, initiator, subject, credit)).bytes],
    };
  if (transaction?.request === undefined || transaction.decidedAt === undefined) return {};
  const secrets = await secretsBeside(broker, keySet, asker, transaction);
  const signed = await signDecided(broker, keySet, asker, subject, transaction, transaction.request);
  return signed === undefined ? {} : { attachments: [signed], secrets };
}

/** Answers that follow from the transaction's record alone, by its kind. */
const SIGNERS: Readonly<
  Record<
    string,
    | undefined
    | ((
        broker: Broker,
        keySet: KeySet,
        to: Uid,
        txn: string,
        request: string,
        record: TransactionRecord,
      ) => Promise<{ readonly bytes: Uint8Array }>)
  >
> = {
  brokerscrip: signBrokerscripResponse,
  renewal: signRenewal,
  redeem: signRedemption,
  refund: signRefund,
  reversal: (broker, keySet, to, txn, request, record) =>
    signReversal(broker, keySet, { to, txn, request, customer: to }, record),
  settlement: signStatement,
};

async function signDecided(
  broker: Broker,
  keySet: KeySet,
  asker: Uid,
  subject: string,
  record: TransactionRecord,
  request: string,
): Promise<Uint8Array | undefined> {
  const simple = SIGNERS[record.kind];
  if (simple !== undefined) return (await simple(broker, keySet, asker, subject, request, record)).bytes;
  if (record.kind !== "vendorscrip" || record.merchant === undefined || record.authorization === undefined)
    return undefined;
  const [item] = await broker.store.get([keys.credit(record.merchant, asker, subject)]);
  const credit = creditItem.read(item);
  if (credit === undefined) throw new Error("a decided transaction has no credit");
  const { merchant } = record;
  const authorization = await signAuthorization(broker, keySet, merchant, asker, subject, credit);
  return (await signChange(broker, keySet, asker, subject, record, authorization.bytes)).bytes;
}
