/** Figure 8 backwards at the broker, top to bottom: M's request in; the answer for M out, with C's attached. */
import { authorizationResponse, isRefusal, type Or, refundAuthorization, refundOrder } from "@lepta/protocol";
import { creditItem, keys, purseItem, type TransactionRecord, transactionItem } from "../broker/items.ts";
import { decideRefund, type RefundState } from "../broker/refund.ts";
import { conflictVerdict, secretsBeside, signAuthorization, signRefund } from "./answers.ts";
import {
  type Broker,
  freshFrom,
  loadPeer,
  type Received,
  receive,
  sealAnswer,
  settle,
  signAnswer,
  termsOf,
} from "./broker.ts";
import { receivePart } from "./receive-part.ts";
import { tellEnd, tellRefusal } from "./tell.ts";

type Authorization = Received<typeof refundAuthorization>;

/** POST /refund. */
export async function refundVendorScrip(broker: Broker, bytes: Uint8Array): Promise<Or<Uint8Array>> {
  const received = await receive(broker, bytes, [refundAuthorization]);
  if (isRefusal(received)) return received;
  const { message, sender, keySet, now } = received;
  const { customer, txn, amount } = message.payload;
  const order = await receivePart(broker, message, refundOrder);
  const part = isRefusal(order) ? order : order.message;
  const fresh = freshFrom(broker);
  const outcome = await settle(
    broker,
    () => loadState(broker, received),
    (state) => decideRefund(message, part, state, now, termsOf(broker, keySet), fresh),
    (decided) => {
      if (decided.step !== "decided") return;
      if (decided.transaction === undefined) tellRefusal(broker.observer, "refused");
      else tellEnd(broker.observer, decided.transaction);
    },
  );
  if (isRefusal(outcome)) return outcome;

  if (outcome.step === "conflict") {
    tellRefusal(broker.observer, "conflict");
    const draft = { to: sender.uid, txn, request: message.digest, customer, amount, ...conflictVerdict(now) };
    const conflict = await signAnswer(broker, keySet, authorizationResponse, draft);
    return sealAnswer(broker, conflict, sender.sealingKey);
  }
  const answer = await signAuthorization(broker, keySet, sender.uid, customer, txn, outcome.outcome);
  const attachments = await sealChange(broker, received, outcome.transaction);
  return sealAnswer(broker, answer, sender.sealingKey, { attachments });
}

async function loadState(broker: Broker, { message, sender }: Authorization): Promise<RefundState> {
  const { customer, txn, credit } = message.payload;
  const isOwn = credit === txn;
  const fixed = [
    keys.credit(sender.uid, customer, txn),
    keys.transaction(customer, txn),
    keys.purse(customer),
  ];
  const items = await broker.store.get(isOwn ? fixed : [...fixed, keys.credit(sender.uid, customer, credit)]);
  return {
    outcome: creditItem.read(items[0]),
    transaction: transactionItem.read(items[1]),
    purse: purseItem.read(items[2]),
    credit: creditItem.read(items[3]),
  };
}

/** What the customer is told, where this request decided its transaction. */
async function sealChange(
  broker: Broker,
  { message, keySet }: Authorization,
  record: TransactionRecord | undefined,
): Promise<readonly Uint8Array[]> {
  if (record === undefined) return [];
  const { customer, txn } = message.payload;
  const peer = await loadPeer(broker, customer);
  if (peer === undefined) throw new Error("a customer with a transaction has no credential");
  const change = await signRefund(broker, keySet, customer, txn, record.request ?? "", record);
  const secrets = await secretsBeside(broker, keySet, customer, record);
  return [await sealAnswer(broker, change, peer.sealingKey, { secrets })];
}
