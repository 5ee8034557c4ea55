/** Held credit goes back to a customer for whom its VendorScrip was of no use; the merchant is heard first. */
import {
  isExpired,
  isRefusal,
  type Or,
  purchaseRequest,
  readMessage,
  readStatement,
  refuse,
  reversal,
  reversalClaim,
  reversalRequest,
  type Txn,
  type Uid,
  verifyMessage,
  verifyStatement,
} from "@lepta/protocol";
import {
  credentialItem,
  creditItem,
  disputeItem,
  excessItem,
  keys,
  purseItem,
  transactionItem,
} from "../broker/items.ts";
import type { ReturnOutcome } from "../broker/renew.ts";
import {
  type Claim,
  type ClosingState,
  decideDispute,
  decideReversal,
  type Evidence,
} from "../broker/reverse.ts";
import type { KeySet } from "../ports/custody.ts";
import { conflictVerdict, secretsBeside, signReversal } from "./answers.ts";
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
import { tellRefusal, tellStep } from "./tell.ts";

/** POST /reversal: the customer asks; `pending` until the merchant was heard or its time is over. */
export async function reverseCredit(broker: Broker, bytes: Uint8Array): Promise<Or<Uint8Array>> {
  const received = await receive(broker, bytes, [reversalRequest]);
  if (isRefusal(received)) return received;
  const { message, sender, keySet, now } = received;
  const { uid, sealingKey } = sender;
  const { txn, merchant, subject } = message.payload;
  const load = async () => {
    const items = await broker.store.get([
      keys.purse(uid),
      keys.transaction(uid, txn),
      keys.credit(merchant, uid, subject),
      keys.credential(merchant),
    ]);
    const purse = purseItem.read(items[0]);
    if (purse === undefined) throw new Error("an enrolled peer has no purse");
    return {
      purse,
      transaction: transactionItem.read(items[1]),
      credit: creditItem.read(items[2]),
      isFrozen: credentialItem.read(items[3])?.frozenAt !== undefined,
    };
  };
  const begun = await settle(
    broker,
    load,
    (state) => decideReversal(message, state, now, termsOf(broker, keySet)),
    tellStep(broker.observer),
  );
  if (isRefusal(begun)) return begun;
  const outcome = begun.step === "undecided" ? await finishReversal(broker, keySet, uid, txn) : begun;
  if (outcome.step === "undecided") return refuse("pending");
  if (outcome.step === "conflict") {
    tellRefusal(broker.observer, "conflict");
    const nothing = { currency: broker.policy.currency, value: 0n };
    const named = { customer: uid, merchant, subject, amount: nothing };
    const draft = { to: uid, txn, request: message.digest, ...conflictVerdict(now), ...named };
    return sealAnswer(broker, await signAnswer(broker, keySet, reversal, draft), sealingKey);
  }
  const parties = { to: uid, txn, request: message.digest, customer: uid };
  // An abort that came first knows nothing of what it ended.
  const record = { currency: broker.policy.currency, ...outcome.record, merchant, subject };
  const answer = await signReversal(broker, keySet, parties, record);
  const secrets = await secretsBeside(broker, keySet, uid, outcome.record);
  return sealAnswer(broker, answer, sealingKey, { secrets });
}

/** POST /claim: the merchant answers a reversal; what it gets back says how it ended, also when it comes late. */
export async function claimCredit(broker: Broker, bytes: Uint8Array): Promise<Or<Uint8Array>> {
  const received = await receive(broker, bytes, [reversalClaim]);
  if (isRefusal(received)) return received;
  const { message, sender, keySet, now } = received;
  const { customer, subject, txn, claimed } = message.payload;
  const [item, creditOf] = await broker.store.get([
    keys.dispute(sender.uid, customer, subject),
    keys.credit(sender.uid, customer, subject),
  ]);
  const open = disputeItem.read(item);
  // A claim that somebody kept back is not heard later; one that comes again is told what was decided.
  if (open !== undefined && isExpired(message.payload, now)) return refuse("expired");
  const reversalTxn = open?.txn ?? creditItem.read(creditOf)?.reversedBy;
  if (reversalTxn === undefined) return refuse("wrong-reference");
  const claim = { claimed, evidence: await verifyEvidence(broker, received) };
  const outcome = await closeDispute(broker, keySet, customer, reversalTxn, claim);
  if (outcome.step !== "decided") return refuse("pending");
  const parties = { to: sender.uid, txn, request: message.digest, customer };
  return sealAnswer(broker, await signReversal(broker, keySet, parties, outcome.record), sender.sealingKey);
}

/** Ends a reversal whose merchant's time is over. */
export const finishReversal = (
  broker: Broker,
  keySet: KeySet,
  customer: Uid,
  txn: Txn,
): Promise<ReturnOutcome> => closeDispute(broker, keySet, customer, txn, undefined);

async function closeDispute(
  broker: Broker,
  keySet: KeySet,
  customer: Uid,
  txn: Txn,
  claim: Claim | undefined,
): Promise<ReturnOutcome> {
  const now = broker.runtime.now();
  const fresh = freshFrom(broker);
  const outcome = await settle(
    broker,
    () => loadDispute(broker, customer, txn),
    (state) => decideDispute(customer, txn, state, claim, now, termsOf(broker, keySet), fresh),
  );
  if (isRefusal(outcome)) throw new Error(`the end of a dispute was refused as input: ${outcome.code}`);
  return outcome;
}

/** What the merchant shows: signed by this customer, for this merchant. Anything else bears nothing out. */
async function verifyEvidence(
  broker: Broker,
  { message, sender, keySet, now }: Received<typeof reversalClaim>,
): Promise<Evidence | undefined> {
  const { evidence, customer } = message.payload;
  const peer = evidence && (await loadPeer(broker, customer));
  if (evidence === undefined || peer === undefined) return undefined;
  const { network } = keySet;
  const purchase = readMessage(evidence, [purchaseRequest]);
  if (!isRefusal(purchase)) {
    const by = { key: peer.verifyingKey, kid: customer, from: customer, to: sender.uid, network, now };
    const verified = await verifyMessage(purchase, by);
    return isRefusal(verified) ? undefined : verified.payload;
  }
  const statement = readStatement(evidence);
  if (isRefusal(statement)) return undefined;
  const parties = { merchant: sender.verifyingKey, customer: peer.verifyingKey, network, now };
  const verified = await verifyStatement(statement, parties);
  return isRefusal(verified) || !verified.byCustomer ? undefined : verified.payload;
}

async function loadDispute(broker: Broker, customer: Uid, txn: Txn): Promise<ClosingState> {
  const first = transactionItem.read((await broker.store.get([keys.transaction(customer, txn)]))[0]);
  if (first?.merchant === undefined || first.subject === undefined) throw new Error("a dispute is gone");
  const { merchant, subject } = first;
  const items = await broker.store.get([
    keys.transaction(customer, txn),
    keys.purse(customer),
    keys.credit(merchant, customer, subject),
    keys.dispute(merchant, customer, subject),
    keys.excess(customer, merchant),
  ]);
  const purse = purseItem.read(items[1]);
  if (purse === undefined) throw new Error("an enrolled peer has no purse");
  const transaction = transactionItem.fromItem(items[0] ?? {});
  return {
    transaction,
    purse,
    credit: creditItem.read(items[2]),
    dispute: disputeItem.read(items[3]),
    excess: excessItem.read(items[4]),
  };
}
