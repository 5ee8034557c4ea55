/** The broker's answers, made from the table: signed again at any time, always with the same decision. */
import {
  amountOf,
  authorizationRequest,
  authorizationResponse,
  brokerscripChange,
  brokerscripResponse,
  customerSecret,
  type Draft,
  isErrorCode,
  isRefusal,
  readMessage,
  readScrip,
  redeemResponse,
  refundChange,
  renewalResponse,
  reversal,
  type Secret,
  type Signed,
  settlementStatement,
  type Txn,
  type Uid,
} from "@lepta/protocol";
import { grantOf, secretsOf } from "../broker/decision.ts";
import {
  type CreditRecord,
  keys,
  purseItem,
  type TransactionRecord,
  tombstoneItem,
} from "../broker/items.ts";
import { creditsOf } from "../broker/settle.ts";
import type { KeySet } from "../ports/custody.ts";
import { type Broker, signAnswer, termsOf } from "./broker.ts";

/** The fields of an answer that tell the decision, from a terminal record. */
export function verdictOf(record: TransactionRecord) {
  return {
    ok: record.state === "done",
    ...(record.reason !== undefined && isErrorCode(record.reason) ? { reason: record.reason } : {}),
    decidedAt: record.decidedAt ?? 0,
    ...(record.sequence !== undefined && record.head
      ? { record: [record.sequence, record.head] as const }
      : {}),
  };
}

/** A signed conflict: it ends nothing. */
export const conflictVerdict = (now: number) => ({ ok: false, reason: "conflict", decidedAt: now }) as const;

/** Figure 6, M1. */
export function signBrokerscripResponse(
  broker: Broker,
  keySet: KeySet,
  to: Uid,
  txn: Txn,
  request: string,
  record: TransactionRecord,
): Promise<Signed<typeof brokerscripResponse>> {
  return signAnswer(broker, keySet, brokerscripResponse, {
    to,
    txn,
    request,
    ...verdictOf(record),
    ...grantFields(record),
    ...replacedField(record),
    ...amountField(record),
    ...referenceField(record),
  });
}

/** Figure 8, M4: the merchant is told no reason. */
export function signAuthorization(
  broker: Broker,
  keySet: KeySet,
  to: Uid,
  customer: Uid,
  txn: Txn,
  credit: CreditRecord,
): Promise<Signed<typeof authorizationResponse>> {
  const ok = credit.state !== "void";
  return signAnswer(broker, keySet, authorizationResponse, {
    to,
    txn,
    request: credit.authorizationDigest,
    ok,
    ...(ok ? {} : { reason: "refused" }),
    decidedAt: credit.decidedAt,
    customer,
    amount: amountOf(credit.currency, credit.value),
  });
}

/** Figure 8, M3: with M4 and, when it went well, the escrowed M5. */
export function signChange(
  broker: Broker,
  keySet: KeySet,
  to: Uid,
  txn: Txn,
  record: TransactionRecord,
  authorization: Uint8Array,
): Promise<Signed<typeof brokerscripChange>> {
  const verdict = verdictOf(record);
  const escrow = escrowOf(record);
  const draft: Omit<Draft<typeof brokerscripChange>, "network" | "from" | "issuedAt"> = {
    to,
    txn,
    request: record.request ?? "",
    ...verdict,
    ...grantFields(record),
    ...spentField(record),
    amount: amountOf(record.currency ?? "", record.value ?? 0n),
    merchant: record.merchant ?? "",
    authorization,
    ...(verdict.ok && escrow ? { escrow } : {}),
  };
  return signAnswer(broker, keySet, brokerscripChange, draft);
}

/** The answer to a renewal. */
export function signRenewal(
  broker: Broker,
  keySet: KeySet,
  to: Uid,
  txn: Txn,
  request: string,
  record: TransactionRecord,
): Promise<Signed<typeof renewalResponse>> {
  const draft = { to, txn, request, ...verdictOf(record), ...grantFields(record), ...spentField(record) };
  return signAnswer(broker, keySet, renewalResponse, draft);
}

/** The answer to a redemption. */
export function signRedemption(
  broker: Broker,
  keySet: KeySet,
  to: Uid,
  txn: Txn,
  request: string,
  record: TransactionRecord,
): Promise<Signed<typeof redeemResponse>> {
  return signAnswer(broker, keySet, redeemResponse, {
    to,
    txn,
    request,
    ...verdictOf(record),
    ...grantFields(record),
    ...spentField(record),
    ...amountField(record),
    ...referenceField(record),
  });
}

/** What the customer is told of a refund. */
export function signRefund(
  broker: Broker,
  keySet: KeySet,
  to: Uid,
  txn: Txn,
  request: string,
  record: TransactionRecord,
): Promise<Signed<typeof refundChange>> {
  return signAnswer(broker, keySet, refundChange, {
    to,
    txn,
    request,
    ...verdictOf(record),
    ...grantFields(record),
    ...replacedField(record),
    amount: amountOf(record.currency ?? "", record.value ?? 0n),
    merchant: record.merchant ?? "",
  });
}

/** What both parties are told of a reversal; the merchant learns nothing about the customer's purse. */
export function signReversal(
  broker: Broker,
  keySet: KeySet,
  { to, txn, request, customer }: Record<"to" | "txn" | "request" | "customer", string>,
  record: TransactionRecord,
): Promise<Signed<typeof reversal>> {
  const { record: place, ...verdict } = verdictOf(record);
  const own =
    to === customer
      ? {
          ...(place ? { record: place } : {}),
          ...grantFields(record),
          ...replacedField(record),
        }
      : {};
  return signAnswer(broker, keySet, reversal, {
    to,
    txn,
    request,
    ...verdict,
    ...own,
    customer,
    merchant: record.merchant ?? "",
    subject: record.subject ?? "",
    amount: amountOf(record.currency ?? "", record.value ?? 0n),
  });
}

/** The statement of a settlement. */
export function signStatement(
  broker: Broker,
  keySet: KeySet,
  to: Uid,
  txn: Txn,
  request: string,
  record: TransactionRecord,
): Promise<Signed<typeof settlementStatement>> {
  const { currency = broker.policy.currency, state, brought = 0n, paid = 0n, carried = 0n } = record;
  const isPaid = state === "done";
  return signAnswer(broker, keySet, settlementStatement, {
    to,
    txn,
    request,
    ...verdictOf(record),
    credits: isPaid ? creditsOf(record) : [],
    brought: amountOf(currency, brought),
    paid: amountOf(currency, isPaid ? paid : 0n),
    carried: amountOf(currency, isPaid ? carried : brought),
    ...referenceField(record),
    more: record.more === 1,
  });
}

const grantFields = (record: TransactionRecord) => {
  const grant = grantOf(record);
  return grant === undefined ? {} : { grant };
};

const spentField = ({ spent }: TransactionRecord) => (spent === undefined ? {} : { spent });

const replacedField = ({ spent }: TransactionRecord) => (spent === undefined ? {} : { replaced: spent });

const amountField = ({ value, currency }: TransactionRecord) =>
  value === undefined || currency === undefined ? {} : { amount: amountOf(currency, value) };

const referenceField = ({ reference }: TransactionRecord) => (reference === undefined ? {} : { reference });

/** What goes beside an answer that grants a scrip: its secret while it lives, or the transaction that spent it. */
export const secretsBeside = (
  broker: Broker,
  keySet: KeySet,
  owner: Uid,
  record: TransactionRecord,
): Promise<readonly Secret[]> =>
  broker.observer.timed("answer", () => secretsOfGrant(broker, keySet, owner, record));

async function secretsOfGrant(
  broker: Broker,
  keySet: KeySet,
  owner: Uid,
  record: TransactionRecord,
): Promise<readonly Secret[]> {
  const grant = grantOf(record);
  const body = grant === undefined ? undefined : readScrip(grant.body);
  if (body === undefined || isRefusal(body)) return [];
  const items = await broker.store.get([keys.purse(owner), keys.tombstone(owner, body.id)]);
  const purse = purseItem.read(items[0]);
  const tombstone = tombstoneItem.read(items[1]);
  if (purse?.scrip === body.id && purse.salt !== undefined) {
    const secrets = secretsOf(body.id, purse.salt, termsOf(broker, keySet));
    return [{ scrip: body.id, secret: customerSecret(secrets, body) }];
  }
  return tombstone === undefined ? [] : [{ scrip: body.id, spentBy: [tombstone.initiator, tombstone.txn] }];
}

function escrowOf(record: TransactionRecord): Uint8Array | undefined {
  if (record.authorization === undefined) return undefined;
  const request = readMessage(record.authorization, [authorizationRequest]);
  if (isRefusal(request)) throw new Error("a stored authorization request cannot be read");
  return request.payload.escrow;
}
