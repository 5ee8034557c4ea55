/** Signed statements as they stand in an outbox, made by hand: each about the one purchase of a lane of its own. */
import {
  chainAfter,
  encodeAs,
  encodePayload,
  laneBuy,
  laneElement,
  laneOrigin,
  laneSold,
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
import { euro, orderFor } from "./hand.ts";

export interface MadeStatement {
  /** The entry: a `SignedStatement`. */
  readonly bytes: Uint8Array;
  readonly signed: SignedStatement;
  readonly digest: string;
  /** Of the purchase: M1, M2, and h_0. */
  readonly request: Uint8Array;
  readonly response: Uint8Array;
  readonly origin: Uint8Array;
}

/** Both have signed it, unless told otherwise. `lane` tells statements of one pair apart. */
export async function makeStatement(
  network: string,
  merchant: SigningKey,
  customer: SigningKey,
  lane: number,
  signers: { readonly merchant?: boolean; readonly customer?: boolean } = {},
): Promise<MadeStatement> {
  const label = (what: string) => sha256(utf8(`${what} ${merchant.id} ${customer.id} ${lane}`));
  const session = label("session");
  const scrip = makeScripId(1, label("scrip").subarray(0, 12));
  const origin = laneOrigin(session, lane, scrip);
  const [price, remaining] = [euro("0.02"), euro("0.98")];
  const request = encodeAs(laneBuy, [3, lane, 1, price, 0, orderFor("article", "EUR 0.02")]);
  const response = encodeAs(laneSold, [4, lane, 1, 20_000, 980_000, utf8("text"), "text/plain"]);
  const payload = encodePayload(statement, {
    network,
    from: merchant.id,
    to: network,
    txn: toText(label("txn").subarray(0, 16)),
    issuedAt: Date.UTC(2027, 0, 1),
    customer: customer.id,
    session,
    lane,
    scrip,
    first: 1,
    last: 1,
    total: price,
    remaining,
    chain: chainAfter(origin, [laneElement(request, response)]),
  });
  const signed: SignedStatement = {
    statement: payload,
    ...(signers.merchant === false ? {} : { merchant: await signStatement(payload, merchant) }),
    ...(signers.customer === false ? {} : { customer: await signStatement(payload, customer) }),
  };
  const digest = toText(sha256(payload));
  return { bytes: encodeAs(signedStatement, signed), signed, digest, request, response, origin };
}
