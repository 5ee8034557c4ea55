/** What a merchant is owed and what is free goes to its account, some credits at a time. */
import {
  amountOf,
  isRefusal,
  limits,
  type Or,
  refuse,
  settlementStatement,
  settleRequest,
  type Txn,
  type Uid,
} from "@lepta/protocol";
import {
  behind,
  carryItem,
  credentialItem,
  creditItem,
  DUE,
  dueItem,
  keys,
  purseItem,
  transactionItem,
} from "../broker/items.ts";
import type { ReturnOutcome } from "../broker/renew.ts";
import {
  creditsOf,
  decideSettled,
  decideSettlement,
  isBornOut,
  type PayingState,
  type SettleState,
} from "../broker/settle.ts";
import type { KeySet } from "../ports/custody.ts";
import { conflictVerdict, signStatement } from "./answers.ts";
import { type Broker, isFrozenPeer, receive, sealAnswer, settle, signAnswer, termsOf } from "./broker.ts";
import { railKey } from "./rail-key.ts";
import { tellRefusal, tellStep } from "./tell.ts";

/** POST /settle: the statement, or `pending` where the rail has not confirmed the payment yet. */
export async function settleMerchant(broker: Broker, bytes: Uint8Array): Promise<Or<Uint8Array>> {
  const received = await receive(broker, bytes, [settleRequest]);
  if (isRefusal(received)) return received;
  const { message, sender, keySet, now } = received;
  const { uid, sealingKey } = sender;
  const { txn } = message.payload;
  const begun = await settle(
    broker,
    async () => ({ ...(await loadFree(broker, uid, txn, now)), isFrozen: isFrozenPeer(sender) }),
    (state) => decideSettlement(message, state, now, termsOf(broker, keySet)),
    tellStep(broker.observer),
  );
  if (isRefusal(begun)) return begun;
  const outcome = begun.step === "undecided" ? await finishSettlement(broker, keySet, uid, txn) : begun;
  if (outcome.step === "undecided") return refuse("pending");
  if (outcome.step === "conflict") {
    tellRefusal(broker.observer, "conflict");
    const nothing = amountOf(broker.policy.currency, 0n);
    const sums = { credits: [], brought: nothing, paid: nothing, carried: nothing, more: false };
    const draft = { to: uid, txn, request: message.digest, ...conflictVerdict(now), ...sums };
    return sealAnswer(broker, await signAnswer(broker, keySet, settlementStatement, draft), sealingKey);
  }
  const answer = await signStatement(broker, keySet, uid, txn, message.digest, outcome.record);
  return sealAnswer(broker, answer, sealingKey);
}

/** Has the rail pay what was taken for a settlement, and takes its answer. */
export async function finishSettlement(
  broker: Broker,
  keySet: KeySet,
  merchant: Uid,
  txn: Txn,
): Promise<ReturnOutcome> {
  const load = () => loadPaying(broker, merchant, txn);
  const { account, ...paying } = await load();
  const { transaction } = paying;
  if (transaction.state !== "paying") return { step: "decided", record: transaction };
  if (!isBornOut(paying, termsOf(broker, keySet)))
    throw new Error("a stored settlement pays what its credits do not bear out");
  const amount = amountOf(transaction.currency ?? broker.policy.currency, transaction.paid ?? 0n);
  const key = railKey("pay", keySet.network, merchant, txn);
  const answer = await broker.rail.pay({ key, account, amount });
  const now = broker.runtime.now();
  const outcome = await settle(
    broker,
    load,
    (state) => decideSettled(merchant, txn, state, answer, account, now, termsOf(broker, keySet)),
    tellStep(broker.observer),
  );
  if (isRefusal(outcome)) throw new Error(`a settlement was refused as input: ${outcome.code}`);
  return outcome;
}

/** The credits that are free now, in the order in which they became so. */
async function loadFree(broker: Broker, merchant: Uid, txn: Txn, now: number): Promise<SettleState> {
  const { pk } = keys.purse(merchant);
  const limit = limits.settlementCredits + 1;
  const page = await broker.store.list(keys.carry(merchant, "").pk, { prefix: DUE, limit });
  const due = page.items
    .filter(({ key }) => key.sk < DUE + behind(now))
    .map(({ item }) => dueItem.fromItem(item));
  const taken = due.slice(0, limits.settlementCredits);
  const items = await broker.store.get([
    keys.purse(merchant),
    keys.transaction(merchant, txn),
    keys.carry(merchant, broker.policy.currency),
    ...taken.map((each) => keys.credit(merchant, each.customer, each.txn)),
  ]);
  const purse = purseItem.read(items[0]);
  if (purse === undefined) throw new Error(`an enrolled peer has no purse: ${pk}`);
  const credits = taken.flatMap((each, i) => {
    const credit = creditItem.read(items[i + 3]);
    return credit?.state === "held" ? [{ ...each, credit }] : [];
  });
  return {
    purse,
    transaction: transactionItem.read(items[1]),
    carried: carryItem.read(items[2])?.carried,
    credits,
    more: due.length > taken.length,
  };
}

async function loadPaying(
  broker: Broker,
  merchant: Uid,
  txn: Txn,
): Promise<PayingState & { readonly account: string }> {
  const first = transactionItem.read((await broker.store.get([keys.transaction(merchant, txn)]))[0]);
  if (first === undefined) throw new Error("a settlement that was begun is gone");
  const taken = creditsOf(first);
  const items = await broker.store.get([
    keys.credential(merchant),
    keys.purse(merchant),
    keys.transaction(merchant, txn),
    keys.carry(merchant, broker.policy.currency),
    ...taken.map(([customer, subject]) => keys.credit(merchant, customer, subject)),
  ]);
  const account = credentialItem.read(items[0])?.account;
  const purse = purseItem.read(items[1]);
  if (account === undefined || purse === undefined) throw new Error("an enrolled peer has no account");
  const credits = taken.flatMap(([customer, subject], i) => {
    const credit = creditItem.read(items[i + 4]);
    return credit?.settlement === txn ? [{ customer, txn: subject, credit }] : [];
  });
  const transaction = transactionItem.fromItem(items[2] ?? {});
  return { account, purse, transaction, carried: carryItem.read(items[3])?.carried, credits };
}
