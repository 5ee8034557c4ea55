/** BrokerScrip on its way back: renewed, and redeemed to the account that was enrolled. */
import {
  amountOf,
  isRefusal,
  type Or,
  readScrip,
  readSpend,
  redeemRequest,
  redeemResponse,
  refuse,
  renewalRequest,
  renewalResponse,
  returnSpendCodec,
  type Spend,
  type Txn,
  type Uid,
} from "@lepta/protocol";
import { credentialItem, keys, purseItem, tombstoneItem, transactionItem } from "../broker/items.ts";
import { decidePayout, decideRedemption } from "../broker/redeem.ts";
import { decideRenewal, type ReturnOutcome, type ReturnState } from "../broker/renew.ts";
import type { KeySet } from "../ports/custody.ts";
import { conflictVerdict, secretsBeside, signRedemption, signRenewal } from "./answers.ts";
import {
  type Broker,
  freshFrom,
  isFrozenPeer,
  receive,
  sealAnswer,
  settle,
  signAnswer,
  termsOf,
} from "./broker.ts";
import { railKey } from "./rail-key.ts";
import { tellRefusal, tellStep } from "./tell.ts";

/** POST /renew. */
export async function renewBrokerScrip(broker: Broker, bytes: Uint8Array): Promise<Or<Uint8Array>> {
  const received = await receive(broker, bytes, [renewalRequest]);
  if (isRefusal(received)) return received;
  const { message, sender, keySet, now } = received;
  const { uid, sealingKey } = sender;
  const { txn, spend } = message.payload;
  const fresh = freshFrom(broker);
  const outcome = await settle(
    broker,
    () => loadReturn(broker, uid, txn, spend),
    (state) => decideRenewal(message, state, now, termsOf(broker, keySet), fresh),
    tellStep(broker.observer),
  );
  if (isRefusal(outcome)) return outcome;
  if (outcome.step === "undecided") return refuse("pending");
  if (outcome.step === "conflict") {
    tellRefusal(broker.observer, "conflict");
    const draft = { to: uid, txn, request: message.digest, ...conflictVerdict(now) };
    return sealAnswer(broker, await signAnswer(broker, keySet, renewalResponse, draft), sealingKey);
  }
  const answer = await signRenewal(broker, keySet, uid, txn, message.digest, outcome.record);
  const secrets = await secretsBeside(broker, keySet, uid, outcome.record);
  return sealAnswer(broker, answer, sealingKey, { secrets });
}

/** POST /redeem: figure 6 backwards; `pending` where the rail has not confirmed the payment yet. */
export async function redeemBrokerScrip(broker: Broker, bytes: Uint8Array): Promise<Or<Uint8Array>> {
  const received = await receive(broker, bytes, [redeemRequest]);
  if (isRefusal(received)) return received;
  const { message, sender, keySet, now } = received;
  const { uid, sealingKey } = sender;
  const { txn, spend } = message.payload;
  const fresh = freshFrom(broker);
  const begun = await settle(
    broker,
    async () => ({ ...(await loadReturn(broker, uid, txn, spend)), isFrozen: isFrozenPeer(sender) }),
    (state) => decideRedemption(message, state, now, termsOf(broker, keySet), fresh),
    tellStep(broker.observer),
  );
  if (isRefusal(begun)) return begun;
  const outcome = begun.step === "undecided" ? await finishRedemption(broker, keySet, uid, txn) : begun;

  if (outcome.step === "undecided") return refuse("pending");
  if (outcome.step === "conflict") {
    tellRefusal(broker.observer, "conflict");
    const draft = { to: uid, txn, request: message.digest, ...conflictVerdict(now) };
    return sealAnswer(broker, await signAnswer(broker, keySet, redeemResponse, draft), sealingKey);
  }
  const answer = await signRedemption(broker, keySet, uid, txn, message.digest, outcome.record);
  const secrets = await secretsBeside(broker, keySet, uid, outcome.record);
  return sealAnswer(broker, answer, sealingKey, { secrets });
}

/** Has the rail pay what was redeemed, and takes its answer. */
export async function finishRedemption(
  broker: Broker,
  keySet: KeySet,
  uid: Uid,
  txn: Txn,
): Promise<ReturnOutcome> {
  const load = () => loadPaying(broker, uid, txn);
  const { account, transaction } = await load();
  if (transaction.state !== "paying") return { step: "decided", record: transaction };
  const amount = amountOf(transaction.currency ?? broker.policy.currency, transaction.value ?? 0n);
  const answer = await broker.rail.pay({ key: railKey("pay", keySet.network, uid, txn), account, amount });
  const now = broker.runtime.now();
  const fresh = freshFrom(broker);
  const outcome = await settle(
    broker,
    load,
    (state) => decidePayout(uid, txn, state, answer, account, now, termsOf(broker, keySet), fresh),
    tellStep(broker.observer),
  );
  if (isRefusal(outcome)) throw new Error(`a payout was refused as input: ${outcome.code}`);
  return outcome;
}

async function loadReturn(broker: Broker, uid: Uid, txn: Txn, spend: Spend): Promise<ReturnState> {
  const read = readSpend(returnSpendCodec, spend);
  const shown = isRefusal(read) ? read : readScrip(read.scrip[0]);
  const fixed = [keys.purse(uid), keys.transaction(uid, txn)];
  const items = await broker.store.get(isRefusal(shown) ? fixed : [...fixed, keys.tombstone(uid, shown.id)]);
  const purse = purseItem.read(items[0]);
  if (purse === undefined) throw new Error("an enrolled peer has no purse");
  return { purse, transaction: transactionItem.read(items[1]), tombstone: tombstoneItem.read(items[2]) };
}

async function loadPaying(broker: Broker, uid: Uid, txn: Txn) {
  const items = await broker.store.get([keys.credential(uid), keys.purse(uid), keys.transaction(uid, txn)]);
  const account = credentialItem.read(items[0])?.account;
  const purse = purseItem.read(items[1]);
  const transaction = transactionItem.read(items[2]);
  if (account === undefined || purse === undefined || transaction === undefined)
    throw new Error("a payment that was begun is gone");
  return { account, purse, transaction };
}
