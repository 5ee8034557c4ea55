/** What is checked of a receipt, in its order: `verifyReceipt` and whoever shows a receipt take the same steps. */

import { defaultSuite } from "#platform";
import { thumbprint } from "../cose/key.ts";
import { type Trust, verifyCredential } from "../credential.ts";
import { isRefusal, type Or, refuse } from "../errors.ts";
import { limits } from "../limits.ts";
import { type Receipt, receiptCodec } from "../messages/receipt.ts";
import { decodeAs, type Uid } from "../schema.ts";
import { type Step, step } from "../step.ts";
import { laneSteps } from "./lane.ts";
import { recordedSteps } from "./recorded.ts";
import type { PurchaseSteps, ReceiptOptions, VerifiedReceipt } from "./said.ts";
import { signedSteps } from "./signed.ts";

export interface ReceiptSteps {
  /** In the order in which they are taken. */
  readonly steps: readonly Step[];
  /** The last: what the receipt proves where all hold. */
  readonly verified: Step<VerifiedReceipt>;
}

/** The file's fields, or `too-large`, `malformed`. */
export const readReceipt = (bytes: Uint8Array): Or<Receipt> =>
  bytes.length > limits.receiptBytes ? refuse("too-large") : decodeAs(receiptCodec, bytes);

/** The steps by which a receipt is checked against a network. None is taken yet, but the file is decoded. */
export function receiptSteps(
  bytes: Uint8Array,
  network: Uid,
  { suite = defaultSuite, revoked = [], now = Number.POSITIVE_INFINITY }: ReceiptOptions = {},
): ReceiptSteps {
  const read = readReceipt(bytes);
  const file = step("File", "a receipt in its only encoding", [], () => read);
  if (isRefusal(read)) return { steps: [], verified: file as Step<never> };
  const root = step("Root key", "its thumbprint is the network", [file], async ({ rootKey: encoded }) => {
    if (thumbprint(encoded) !== network) return refuse("wrong-root");
    const rootKey = await defaultSuite.verifyingKey(encoded);
    if (isRefusal(rootKey)) return rootKey;
    // Whoever has stolen a key writes any date: there is no moment before which its signature would prove something.
    return { suite, rootKey, revoked: new Map(Array.from(revoked, (id) => [id, 0])) } satisfies Trust;
  });
  const { run } = read;
  const onLane = run && laneSteps(read, run, network);
  const { parts, content, signatures }: PurchaseSteps = onLane ?? signedSteps(read, network);
  const date = step("Date", "not ahead of our clock", [parts], ({ said }) =>
    said.at > now + limits.clockSkew ? refuse("future-dated") : true,
  );
  const credential = (name: string, encoded: Uint8Array) =>
    step(name, "in force when this was signed, and leads to the root key", [root, parts], (trust, { said }) =>
      verifyCredential(encoded, trust, said.at),
    );
  const customer = credential("Customer's credential", read.customer);
  const merchant = credential("Merchant's credential", read.merchant);
  const parties = step("Parties", "customer and merchant are two", [customer, merchant], (C, M) =>
    C.uid === M.uid ? refuse("same-party") : { network, customer: C.uid, merchant: M.uid },
  );
  const recorded =
    onLane && run.recorded
      ? recordedSteps(run.recorded, onLane.parts, [root, customer, merchant], { network, now })
      : undefined;
  const recordedAt = recorded?.recordedAt ?? step("Record", "none is shown", [], () => undefined);
  const verified = step(
    "Receipt",
    "it proves the purchase",
    [parts, parties, recordedAt],
    ({ said }, who, at) => ({
      ...who,
      ...said,
      recordedAt: at,
    }),
  );
  const steps = [
    ...[file, root, ...content, date, customer, merchant, parties],
    ...signatures(customer, merchant),
    ...(recorded ? [...recorded.steps, recorded.recordedAt] : []),
  ];
  return { steps, verified };
}
