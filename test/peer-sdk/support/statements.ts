/** Signed statements as they stand in an outbox, made by hand: about one purchase of a lane each. */
import {
  encodeAs,
  encodePayload,
  makeScripId,
  type SignedStatement,
  type SigningKey,
  sha256,
  signedStatement,
  signStatement,
  statement,
  toText,
  utf8,
} from "@lepta/protocol";
import { euro } from "./hand.ts";

export interface MadeStatement {
  /** The entry: a `SignedStatement`. */
  readonly bytes: Uint8Array;
  readonly payload: Uint8Array;
  readonly digest: string;
}

/** What stands under a statement: both signatures, unless told otherwise. */
export async function makeStatement(
  network: string,
  merchant: SigningKey,
  customer: SigningKey,
  number: number,
  signers: { readonly merchant?: boolean; readonly customer?: boolean } = {},
): Promise<MadeStatement> {
  const label = (what: string) => sha256(utf8(`${what} ${merchant.id} ${customer.id} ${number}`));
  const payload = encodePayload(statement, {
    network,
    from: merchant.id,
    to: network,
    txn: toText(label("txn").subarray(0, 16)),
    issuedAt: Date.UTC(2027, 0, 1),
    customer: customer.id,
    session: label("session"),
    lane: 1,
    scrip: makeScripId(1, label("scrip").subarray(0, 12)),
    first: number,
    last: number,
    total: euro("0.02"),
    remaining: euro("0.98"),
    chain: label("chain"),
  });
  const signed: SignedStatement = {
    statement: payload,
    ...(signers.merchant === false ? {} : { merchant: await signStatement(payload, merchant) }),
    ...(signers.customer === false ? {} : { customer: await signStatement(payload, customer) }),
  };
  return { bytes: encodeAs(signedStatement, signed), payload, digest: toText(sha256(payload)) };
}
