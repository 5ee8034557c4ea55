/** The error message, which is no evidence of anything. */
import { field, optional, struct, text, txn, uint, word } from "../schema.ts";

/** What one side says when there is nothing that it could sign about: not signed, not sealed, proves nothing. */
export const errorCodec = struct({
  version: field(1, uint(1, 1)),
  type: field(3, word("error")),
  txn: optional(6, txn),
  code: field(10, text(32)),
});

/** Of an error: a body or a message that is not signed, and decides nothing. */
export const ERROR_MEDIA_TYPE = "application/lepta.error+cbor";
