/** What the broker has booked against what customer and merchant have signed. */
import type { TransactionRecord } from "@lepta/lambdas";
import {
  authorizationRequest,
  brokerSpendCodec,
  isRefusal,
  type MessageType,
  type Or,
  type Payload,
  readMessage,
  readScrip,
  readSpend,
  redeemRequest,
  refundAuthorization,
  refundOrder,
  renewalRequest,
  returnSpendCodec,
  reversalRequest,
  settleRequest,
  vendorscripOrder,
} from "@lepta/protocol";

type Fact = readonly [what: string, signed: unknown, booked: unknown];

/** How the record differs from what customer and merchant have signed. */
export function unlikeSigned(uid: string, txn: string, record: TransactionRecord): string | undefined {
  const facts = FACTS[record.kind]?.(uid, record);
  if (facts === undefined) return undefined;
  const signer = payloadOf(record.signed, SIGNED[record.kind]);
  const common: readonly Fact[] = [
    ["initiator", signer?.from, uid],
    ["transaction", signer?.txn, txn],
  ];
  return [...common, ...facts].find(([, signed, booked]) => signed !== booked)?.join(" ");
}

const SIGNED: Readonly<Record<string, MessageType>> = {
  vendorscrip: vendorscripOrder,
  redeem: redeemRequest,
  renewal: renewalRequest,
  refund: refundOrder,
  reversal: reversalRequest,
  settlement: settleRequest,
};

const FACTS: Readonly<Record<string, (uid: string, record: TransactionRecord) => readonly Fact[]>> = {
  vendorscrip: (uid, record) => {
    const part = payloadOf(record.signed, vendorscripOrder);
    const request = payloadOf(record.authorization, authorizationRequest);
    const spend = part && read(readSpend(brokerSpendCodec, part.spend));
    const scrip = request && read(readScrip(request.scrip));
    return [
      ["merchant", part?.merchant, record.merchant],
      ["merchant of M2", request?.from, record.merchant],
      ["amount", spend?.amount.value, record.value],
      ["scrip", spend && readScripId(spend.scrip[0]), record.spent],
      ["V0's owner", scrip?.owner, uid],
      ["V0's issuer", scrip?.issuer, record.merchant],
      ["V0's value", scrip?.value.value, record.value],
    ];
  },
  redeem: (_uid, record) => returned(payloadOf(record.signed, redeemRequest)?.spend, record),
  renewal: (_uid, record) => returned(payloadOf(record.signed, renewalRequest)?.spend, record),
  refund: (uid, record) => {
    const part = payloadOf(record.signed, refundOrder);
    const request = payloadOf(record.authorization, refundAuthorization);
    return [
      ["merchant", part?.merchant, record.merchant],
      ["amount", part?.amount.value, record.value],
      ["merchant of the request", request?.from, record.merchant],
      ["customer of the request", request?.customer, uid],
      ["amount of the request", request?.amount.value, record.value],
      ["credit", request?.credit, record.subject],
    ];
  },
  reversal: (_uid, record) => {
    const request = payloadOf(record.signed, reversalRequest);
    return [
      ["merchant", request?.merchant, record.merchant],
      ["subject", request?.subject, record.subject],
    ];
  },
  settlement: () => [],
};

/** What a return spend says: of a renewal the whole value, of a redemption what is paid out. */
function returned(proof: Payload<typeof redeemRequest>["spend"] | undefined, record: TransactionRecord) {
  const spend = proof && read(readSpend(returnSpendCodec, proof));
  return [
    ["scrip", spend && readScripId(spend.scrip[0]), record.spent],
    ["amount", spend?.amount.value, record.value],
  ] as const;
}

function payloadOf<M extends MessageType>(
  bytes: Uint8Array | undefined,
  type: M | undefined,
): Payload<M> | undefined {
  const message = bytes && type && readMessage(bytes, [type]);
  return message === undefined || isRefusal(message) ? undefined : (message.payload as Payload<M>);
}

const read = <T>(outcome: Or<T>): T | undefined => (isRefusal(outcome) ? undefined : outcome);

function readScripId(body: Uint8Array): string | undefined {
  return read(readScrip(body))?.id;
}
