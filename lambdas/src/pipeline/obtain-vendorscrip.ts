/** Figure 8 at the broker, top to bottom: M2 in; M4 out, with M3 for the customer attached. */
import {
  authorizationRequest,
  authorizationResponse,
  brokerSpendCodec,
  isRefusal,
  type Or,
  readScrip,
  readSpend,
  type ScripId,
  type Verified,
  vendorscripOrder,
} from "@lepta/protocol";
import { type AuthoriseState, decideAuthorisation } from "../broker/authorise.ts";
import {
  creditItem,
  keys,
  purseItem,
  type TransactionRecord,
  tombstoneItem,
  transactionItem,
} from "../broker/items.ts";
import { conflictVerdict, secretsBeside, signAuthorization, signChange } from "./answers.ts";
import {
  type Broker,
  freshFrom,
  isFrozenPeer,
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

type Authorization = Received<typeof authorizationRequest>;

/** POST /authorise. */
export async function obtainVendorScrip(broker: Broker, bytes: Uint8Array): Promise<Or<Uint8Array>> {
  const received = await receive(broker, bytes, [authorizationRequest]);
  if (isRefusal(received)) return received;
  const { message, sender, keySet, now } = received;
  const { customer, txn, amount } = message.payload;
  const order = await receivePart(broker, message, vendorscripOrder);
  const part = isRefusal(order) ? order : order.message;
  const isFrozen = isFrozenPeer(sender) || (!isRefusal(order) && isFrozenPeer(order.sender));
  const fresh = freshFrom(broker);
  const outcome = await settle(
    broker,
    async () => ({ ...(await loadState(broker, received, part)), isFrozen }),
    (state) => decideAuthorisation(message, part, state, now, termsOf(broker, keySet), fresh),
    (decided) => {
      if (decided.step !== "decided") return;
      // What is between merchant and customer leaves no transaction: then the void is all that there is to tell.
      if (decided.transaction === undefined) tellRefusal(broker.observer, "refused");
      else tellEnd(broker.observer, decided.transaction);
    },
  );
  if (isRefusal(outcome)) return outcome;

  if (outcome.step === "conflict") {
    tellRefusal(broker.observer, "conflict");
    const draft = { to: sender.uid, txn, request: message.digest, customer, amount, ...conflictVerdict(now) };
    return sealAnswer(
      broker,
      await signAnswer(broker, keySet, authorizationResponse, draft),
      sender.sealingKey,
    );
  }
  const authorization = await signAuthorization(broker, keySet, sender.uid, customer, txn, outcome.credit);
  const change = await sealChange(broker, received, outcome.transaction, authorization.bytes);
  return sealAnswer(broker, authorization, sender.sealingKey, { attachments: change });
}

async function loadState(
  broker: Broker,
  { message, sender }: Authorization,
  part: Or<Verified<typeof vendorscripOrder>>,
): Promise<AuthoriseState> {
  const { customer, txn } = message.payload;
  const shown = isRefusal(part) ? undefined : shownScrip(part);
  const fixed = [
    keys.credit(sender.uid, customer, txn),
    keys.transaction(customer, txn),
    keys.purse(customer),
  ];
  const items = await broker.store.get(
    shown === undefined ? fixed : [...fixed, keys.tombstone(customer, shown)],
  );
  return {
    credit: creditItem.read(items[0]),
    transaction: transactionItem.read(items[1]),
    purse: purseItem.read(items[2]),
    tombstone: tombstoneItem.read(items[3]),
  };
}

function shownScrip(part: Verified<typeof vendorscripOrder>): ScripId | undefined {
  const spend = readSpend(brokerSpendCodec, part.payload.spend);
  const scrip = isRefusal(spend) ? spend : readScrip(spend.scrip[0]);
  return isRefusal(scrip) ? undefined : scrip.id;
}

/** M3, where this authorization decided the customer's transaction. */
async function sealChange(
  broker: Broker,
  { message, keySet }: Authorization,
  record: TransactionRecord | undefined,
  authorization: Uint8Array,
): Promise<readonly Uint8Array[]> {
  if (record === undefined) return [];
  const { customer, txn } = message.payload;
  const peer = await loadPeer(broker, customer);
  if (peer === undefined) throw new Error("a customer with a transaction has no credential");
  const change = await signChange(broker, keySet, customer, txn, record, authorization);
  const secrets = await secretsBeside(broker, keySet, customer, record);
  return [await sealAnswer(broker, change, peer.sealingKey, { secrets })];
}
