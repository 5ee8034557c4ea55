/** The header `Payment-Receipt`, which stands on what was paid for and never on an error. */
import { isRefusal, limits, type Or, refuse } from "@lepta/protocol";
import { decodeJson, encodeJson } from "./json-text.ts";

export const RECEIPT_HEADER = "Payment-Receipt";

export interface PaymentReceipt {
  readonly status: "success";
  readonly method: string;
  /** RFC 3339. */
  readonly timestamp: string;
  /** What names the payment in the method. */
  readonly reference: string;
  /** The method's own. */
  readonly [other: string]: unknown;
}

/** The header's value. Throws where a member is not for canonical JSON, or the timestamp is none. */
export function formatPaymentReceipt(receipt: PaymentReceipt): string {
  if (!isReceipt(receipt)) throw new TypeError("not a receipt of HTTP");
  return encodeJson(receipt);
}

/** The receipt in a header's value, or `malformed`. It is the server's word: what proves a purchase is Lepta's own receipt. */
export function readPaymentReceipt(header: string): Or<PaymentReceipt> {
  const json = decodeJson(header, limits.credentialLength);
  if (isRefusal(json)) return json;
  return isReceipt(json) ? json : refuse("malformed", "not a receipt of HTTP");
}

const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;

function isReceipt(value: Readonly<Record<string, unknown>>): value is PaymentReceipt {
  const { status, method, timestamp, reference } = value;
  const texts = typeof method === "string" && typeof reference === "string" && typeof timestamp === "string";
  return status === "success" && texts && TIMESTAMP.test(timestamp);
}
