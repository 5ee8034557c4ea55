/** Statements over runs of a lane, signed by hand by one side or by both. */
import {
  type Draft,
  digestOf,
  encodeAs,
  encodePayload,
  laneOrigin,
  lanePurchase,
  makeScripId,
  type SigningKey,
  sha256,
  signedStatement,
  signStatement,
  statement,
  toText,
  utf8,
} from "@lepta/protocol";
import { euro } from "./peer.ts";

/** Who signs, and under which UID. */
export interface Signer {
  readonly uid: string;
  readonly signing: SigningKey;
}

/** Whose lane it is. */
export interface Lane {
  readonly network: string;
  readonly merchant: Signer;
  readonly customer: Signer;
  /** Lanes of different labels are different lanes. */
  readonly label?: string;
  /** The opening scrip, where it matters. */
  readonly scrip?: string;
}

export type Side = "merchant" | "customer";

export interface MadeStatement {
  /** The signed-statement, as it is an entry of a batch. */
  readonly bytes: Uint8Array;
  readonly payload: Uint8Array;
  readonly digest: string;
  /** The name of a purchase of the lane. */
  readonly purchase: (sequence: number) => string;
}

/** The statement of purchases `first` to `last` of a lane, of a cent each, that leaves a euro, unless told otherwise. */
export async function makeStatement(
  { network, merchant, customer, label = "lane", scrip = scripOfLane(label) }: Lane,
  said: Partial<Draft<typeof statement>> = {},
  signers: Partial<Record<Side, Signer | undefined>> = { merchant, customer },
): Promise<MadeStatement> {
  const [session, lane] = [sha256(utf8(label)), 1];
  const draft: Draft<typeof statement> = {
    network,
    from: merchant.uid,
    to: network,
    txn: toText(sha256(utf8(label), utf8(String(said.last ?? 128))).slice(0, 16)),
    issuedAt: 0,
    customer: customer.uid,
    session,
    lane,
    scrip,
    first: 1,
    last: 128,
    total: euro("1.28"),
    remaining: euro("1.00"),
    chain: sha256(utf8("chain")),
    ...said,
  };
  const payload = encodePayload(statement, draft);
  const bytes = encodeAs(signedStatement, {
    statement: payload,
    ...(await signatures(payload, signers)),
  });
  const origin = laneOrigin(draft.session, draft.lane, draft.scrip);
  return {
    bytes,
    payload,
    digest: digestOf(payload),
    purchase: (sequence) => lanePurchase(origin, sequence),
  };
}

/** The signatures of these over an encoded statement. */
export async function signatures(
  payload: Uint8Array,
  signers: Partial<Record<Side, Signer | undefined>>,
): Promise<Partial<Record<Side, Uint8Array>>> {
  const made: Partial<Record<Side, Uint8Array>> = {};
  for (const side of ["merchant", "customer"] as const) {
    const signer = signers[side];
    if (signer !== undefined) made[side] = await signStatement(payload, signer.signing, signer.uid);
  }
  return made;
}

const scripOfLane = (label: string): string => makeScripId(1, sha256(utf8(`scrip of ${label}`)).slice(0, 12));
