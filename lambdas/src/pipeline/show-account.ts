/** POST /account: what a peer holds, what is open, with whom it dealt and who waits for its answer; some at a time. */
import {
  accountQuery,
  accountResponse,
  customerSecret,
  isExpired,
  isRefusal,
  limits,
  type Or,
  readScrip,
  refuse,
  sha256,
  type TransactionKind,
  transactionKinds,
} from "@lepta/protocol";
import { isTerminal, secretsOf } from "../broker/decision.ts";
import {
  creditItem,
  DISPUTE,
  disputeItem,
  keys,
  type PurseRecord,
  purseItem,
  TRANSACTION,
  transactionItem,
} from "../broker/items.ts";
import { owedOf } from "../broker/settle.ts";
import type { KeySet } from "../ports/custody.ts";
import { type Broker, receive, sealAnswer, signAnswer, termsOf } from "./broker.ts";

export async function showAccount(broker: Broker, bytes: Uint8Array): Promise<Or<Uint8Array>> {
  const received = await receive(broker, bytes, [accountQuery]);
  if (isRefusal(received)) return received;
  const { message, sender, keySet, now } = received;
  const { uid } = sender;
  const { cursor, txn } = message.payload;
  if (isExpired(message.payload, now)) return refuse("expired");
  const { pk } = keys.purse(uid);
  const limit = limits.accountEntries;
  const after = cursor === undefined ? {} : { after: TRANSACTION + cursor };
  const page = await broker.store.list(pk, { prefix: TRANSACTION, limit, ...after });
  const disputes = await broker.store.list(keys.carry(uid, "").pk, { prefix: DISPUTE, limit });
  // The purse last: what a transaction of this page has moved stands in it.
  const purse = purseItem.read((await broker.store.get([keys.purse(uid)]))[0]);
  if (purse === undefined) throw new Error("an enrolled peer has no purse");
  const live = liveOf(broker, keySet, purse);
  const records = page.items.map(({ key, item }) => ({
    txn: key.sk.slice(TRANSACTION.length),
    record: transactionItem.fromItem(item),
  }));
  const obtained = records.filter(({ record }) => record.kind === "vendorscrip" && record.state === "done");
  // What was refunded whole or reversed is no VendorScrip any more.
  const credits =
    obtained.length === 0
      ? []
      : await broker.store.get(
          obtained.map((each) => keys.credit(each.record.merchant ?? "", uid, each.txn)),
        );
  const answer = await signAnswer(broker, keySet, accountResponse, {
    to: uid,
    txn,
    request: message.digest,
    record: [purse.sequence, purse.head],
    ...live.granted,
    open: records
      .filter(({ record }) => !isTerminal(record))
      .map((each) => [each.txn, kindOf(each.record.kind)] as const),
    vendors: obtained.flatMap(({ txn: of, record }, i) => {
      const credit = creditItem.read(credits[i]);
      const { merchant = "", address = "" } = record;
      return credit === undefined || credit.state === "ended"
        ? []
        : [[merchant, of, address, owedOf(credit)] as const];
    }),
    disputes: disputes.items
      .map(({ item }) => disputeItem.fromItem(item))
      .map(({ customer, subject, answerBy }) => [customer, subject, answerBy] as const),
    ...(page.next === undefined ? {} : { cursor: page.next.slice(TRANSACTION.length) }),
  });
  return sealAnswer(
    broker,
    answer,
    sender.sealingKey,
    live.secrets.length > 0 ? { secrets: live.secrets } : {},
  );
}

/** The live scrip as it was granted, and its secret. */
function liveOf(broker: Broker, keySet: KeySet, { scrip, body, certificate, salt }: PurseRecord) {
  if (scrip === undefined || body === undefined || certificate === undefined || salt === undefined)
    return { granted: {}, secrets: [] };
  const shown = readScrip(body);
  if (isRefusal(shown)) throw new Error("a stored scrip cannot be read");
  const secret = customerSecret(secretsOf(scrip, salt, termsOf(broker, keySet)), shown);
  return {
    granted: { live: { body, certificate, secretHash: sha256(secret) } },
    secrets: [{ scrip, secret }],
  };
}

const KINDS: ReadonlySet<string> = new Set(transactionKinds);

function kindOf(kind: string): TransactionKind {
  if (!KINDS.has(kind)) throw new Error(`a stored transaction is of an unknown kind: ${kind}`);
  return kind as TransactionKind;
}
