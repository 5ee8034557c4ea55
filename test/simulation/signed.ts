/** What the broker has booked against what customer and merchant have signed. */
import type { TransactionRecord } from "@lepta/lambdas";
import {
  authorizationRequest,
  brokerSpendCodec,
  isRefusal,
  readMessage,
  readScrip,
  readSpend,
  vendorscripOrder,
} from "@lepta/protocol";

/** How the record differs from what customer and merchant have signed. */
export function unlikeSigned(uid: string, txn: string, record: TransactionRecord): string | undefined {
  const part = record.signed && readMessage(record.signed, [vendorscripOrder]);
  const request = record.authorization && readMessage(record.authorization, [authorizationRequest]);
  if (part === undefined || request === undefined || isRefusal(part) || isRefusal(request))
    return "no signed requests";
  const spend = readSpend(brokerSpendCodec, part.payload.spend);
  const scrip = readScrip(request.payload.scrip);
  if (isRefusal(spend) || isRefusal(scrip)) return "no readable scrip";
  const facts: readonly (readonly [string, unknown, unknown])[] = [
    ["customer", part.payload.from, uid],
    ["transaction", part.payload.txn, txn],
    ["merchant", part.payload.merchant, record.merchant],
    ["merchant of M2", request.payload.from, record.merchant],
    ["amount", spend.amount.value, record.value],
    ["scrip", readScripId(spend.scrip[0]), record.spent],
    ["V0's owner", scrip.owner, uid],
    ["V0's issuer", scrip.issuer, record.merchant],
    ["V0's value", scrip.value.value, record.value],
  ];
  return facts.find(([, signed, booked]) => signed !== booked)?.join(" ");
}

function readScripId(body: Uint8Array): string | undefined {
  const scrip = readScrip(body);
  return isRefusal(scrip) ? undefined : scrip.id;
}
