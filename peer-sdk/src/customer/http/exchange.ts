/** A request that was paid for, on its way to its answer: what both intents have in common. */
import { isRefusal, type Txn, type Uid } from "@lepta/protocol";
import type { Challenge } from "../../http/challenge.ts";
import { formatCredential } from "../../http/credential.ts";
import type { JsonPayload } from "../../http/payload.ts";
import { type PaymentReceipt, RECEIPT_HEADER, readPaymentReceipt } from "../../http/payment-receipt.ts";

/** Sends the request with this credential, which names this purchase; undefined where no answer came. */
export type Exchange = (credential: string, txn: Txn) => Promise<Response | undefined>;

/** The credential, as the header has it. */
export const credentialFor = (challenge: Challenge, source: Uid, payload: JsonPayload): string =>
  formatCredential({ challenge, source, payload });

/** The receipt of an answer that was paid for; undefined where it was not. */
export function receiptOf({ ok, headers }: Response): PaymentReceipt | undefined {
  const header = headers.get(RECEIPT_HEADER);
  if (!ok || header === null) return undefined;
  const receipt = readPaymentReceipt(header);
  return isRefusal(receipt) ? undefined : receipt;
}
