/**
 * Paid requests whose answers have not come: kept before they are sent, so that the same request, made again after a crash or a
 * lost answer, brings what was paid for and is not paid again.
 */
import {
  amount,
  concat,
  field,
  limits,
  sha256,
  struct,
  text,
  time,
  toText,
  txn,
  utf8,
  type Value,
} from "@lepta/protocol";
import type { PeerStore } from "../../ports.ts";
import { type Table, table } from "../../store/table.ts";

/** Characters of an address with the longest resource. */
const TARGET_LENGTH = 2 * limits.resourceLength;

const keptCodec = struct({
  /** As the header has it. */
  credential: field(1, text(limits.credentialLength)),
  /** The purchase, and its price. */
  txn: field(2, txn),
  amount: field(3, amount),
  at: field(4, time),
  /** Where it was paid for, and as what: the request may have been led elsewhere. */
  target: field(5, text(TARGET_LENGTH)),
  resource: field(6, text(limits.resourceLength)),
});
export type Kept = Value<typeof keptCodec>;

export const keptPayments = (store: PeerStore): Table<Kept> => table(store, "paid-request", keptCodec);

/** The name of a request: its method, its address and its body. */
export const requestName = (method: string, url: string, body: Uint8Array): string =>
  toText(sha256(concat(utf8(`${method} ${url}\n`), body)));
