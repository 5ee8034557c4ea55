/**
 * Receipts (docs/protocol.md section 13): one purchase proved to a third party who knows the network and nothing else.
 * A file holds what both signed, what leads from there to this one purchase, and from the root key to both signers.
 */
import type { Or } from "./errors.ts";
import { type Receipt, receiptCodec } from "./messages/receipt.ts";
import type { ReceiptOptions, VerifiedReceipt } from "./receipt/said.ts";
import { receiptSteps } from "./receipt/steps.ts";
import { encodeAs, type Uid } from "./schema.ts";
import { walk } from "./step.ts";

export type { LanePlace, ReceiptOptions, VerifiedReceipt } from "./receipt/said.ts";

/** The file. Throws where a part is longer than any that holds. */
export const encodeReceipt = (parts: Omit<Receipt, "version" | "type">): Uint8Array =>
  encodeAs(receiptCodec, { version: 1, type: "receipt", ...parts });

/**
 * Checks a receipt offline against the network, which is the root key's thumbprint: what it proves, or the code of the
 * first thing that does not hold. Credentials and certificates must have been in force when the statement or M2 was signed;
 * what ended afterwards is good for ever.
 */
export async function verifyReceipt(
  bytes: Uint8Array,
  network: Uid,
  options: ReceiptOptions = {},
): Promise<Or<VerifiedReceipt>> {
  const { steps, verified } = receiptSteps(bytes, network, options);
  return walk(steps, verified);
}
