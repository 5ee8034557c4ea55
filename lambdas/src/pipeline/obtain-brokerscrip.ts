/**
 * Figure 6 at the broker, top to bottom: decide → commit → the rail → decide → commit → sign → seal. The schedule goes
 * the same way for what was interrupted.
 */
import {
  amountOf,
  brokerscripRequest,
  brokerscripResponse,
  isRefusal,
  type Or,
  refuse,
  type Txn,
  type Uid,
} from "@lepta/protocol";
import { isTerminal } from "../broker/decision.ts";
import {
  decideCharge,
  decideFinal,
  decideFunding,
  decideMint,
  decideRecalled,
  decideUncharged,
  type FundOutcome,
} from "../broker/fund.ts";
import { credentialItem, exposureItem, keys, openItem, purseItem, transactionItem } from "../broker/items.ts";
import type { KeySet } from "../ports/custody.ts";
import type { Charge, ChargeState } from "../ports/rail.ts";
import { conflictVerdict, secretsBeside, signBrokerscripResponse } from "./answers.ts";
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

/** POST /brokerscrip: M0 in, M1 out; `pending` where the rail has not settled it yet. */
export async function obtainBrokerScrip(broker: Broker, bytes: Uint8Array): Promise<Or<Uint8Array>> {
  const received = await receive(broker, bytes, [brokerscripRequest]);
  if (isRefusal(received)) return received;
  const { message, sender, keySet, now } = received;
  const { uid } = sender;
  const { txn } = message.payload;
  const tell = tellStep(broker.observer);
  const begun = await settle(
    broker,
    async () => ({ ...(await loadFunding(broker, uid, txn)), isFrozen: isFrozenPeer(sender) }),
    (state) => decideFunding(message, state, now, termsOf(broker, keySet)),
    tell,
  );
  if (isRefusal(begun)) return begun;
  const outcome = begun.step === "undecided" ? await finishFunding(broker, keySet, uid, txn) : begun;

  if (outcome.step === "undecided") return refuse("pending");
  if (outcome.step === "conflict") {
    tellRefusal(broker.observer, "conflict");
    const draft = { to: uid, txn, request: message.digest, ...conflictVerdict(now) };
    return sealAnswer(
      broker,
      await signAnswer(broker, keySet, brokerscripResponse, draft),
      sender.sealingKey,
    );
  }
  const answer = await signBrokerscripResponse(broker, keySet, uid, txn, message.digest, outcome.record);
  const secrets = await secretsBeside(broker, keySet, uid, outcome.record);
  return sealAnswer(broker, answer, sender.sealingKey, { secrets });
}

/** Brings one that was begun as far as the rail allows. */
export async function finishFunding(
  broker: Broker,
  keySet: KeySet,
  uid: Uid,
  txn: Txn,
): Promise<FundOutcome> {
  const load = () => loadCharging(broker, uid, txn);
  const tell = tellStep(broker.observer);
  const begun = await load();
  const { transaction } = begun;
  const amount = amountOf(transaction.currency ?? "", transaction.value ?? 0n);
  const charge: Charge = { key: railKey("fund", keySet.network, uid, txn), account: begun.account, amount };
  if (isTerminal(transaction)) {
    if (begun.open?.recallable !== undefined) await releaseFinal(broker, uid, txn, charge);
    return { step: "decided", record: transaction };
  }
  const isOver = broker.runtime.now() >= (transaction.expiresAt ?? 0);
  const answer = await askRail(broker, charge, isOver);
  const now = broker.runtime.now();
  const charged = await settle(
    broker,
    load,
    (state) => decideCharge(uid, txn, state, answer, charge.account, now),
    tell,
  );
  if (isRefusal(charged)) throw new Error(`a charge was refused as input: ${charged.code}`);
  if (charged.step !== "undecided") return charged;
  if (answer.state === "recalled") {
    const ended = await settle(broker, load, (state) => decideUncharged(uid, txn, state, now), tell);
    if (isRefusal(ended)) throw new Error(`an end was refused as input: ${ended.code}`);
    return ended;
  }
  if (answer.state !== "charged") return charged;
  const fresh = freshFrom(broker);
  const minted = await settle(
    broker,
    load,
    (state) => decideMint(uid, txn, state, answer.final, now, termsOf(broker, keySet), fresh),
    tell,
  );
  if (isRefusal(minted)) throw new Error(`a minting was refused as input: ${minted.code}`);
  return minted;
}

/** What was minted against recallable money stays on the list until the rail says that it is final, or was taken back. */
async function releaseFinal(broker: Broker, uid: Uid, txn: Txn, charge: Charge): Promise<void> {
  const answer = await broker.rail.find(charge.key);
  const isFinal = answer.state === "charged" && answer.final;
  if (!isFinal && answer.state !== "recalled") return;
  const { currency } = charge.amount;
  const decide = isFinal ? decideFinal : decideRecalled;
  await settle(
    broker,
    () => loadCharging(broker, uid, txn),
    (state) => decide(uid, txn, currency, state),
  );
}

/**
 * What the rail knows of this charge; a key that it does not know is charged while the request lives, and made unusable
 * after that, so that only the rail's own word can end the transaction.
 */
async function askRail({ rail }: Broker, charge: Charge, isOver: boolean): Promise<ChargeState> {
  const known = await rail.find(charge.key);
  if (known.state !== "not-found") return known;
  return isOver ? rail.cancel(charge.key) : rail.charge(charge);
}

async function loadFunding(broker: Broker, uid: Uid, txn: Txn) {
  const items = await broker.store.get([
    keys.credential(uid),
    keys.purse(uid),
    keys.transaction(uid, txn),
    keys.open(uid, txn),
    keys.exposure(broker.policy.currency),
  ]);
  const credential = credentialItem.read(items[0]);
  const purse = purseItem.read(items[1]);
  if (credential === undefined || purse === undefined) throw new Error("an enrolled peer has no purse");
  return {
    account: credential.account,
    purse,
    transaction: transactionItem.read(items[2]),
    open: openItem.read(items[3]),
    exposure: exposureItem.read(items[4])?.outstanding,
  };
}

async function loadCharging(broker: Broker, uid: Uid, txn: Txn) {
  const { transaction, ...state } = await loadFunding(broker, uid, txn);
  if (transaction === undefined) throw new Error("a transaction that was begun is gone");
  return { ...state, transaction };
}
