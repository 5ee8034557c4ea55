/**
 * Statements (design section 5, docs/protocol.md section 13): one payload from the merchant to the network, and over it
 * two COSE_Sign1 without it, the merchant's and the customer's.
 */
import { type Amount, add, sameAmount } from "./amount.ts";
import { equalBytes } from "./bytes.ts";
import { readSign1, sign1Detached } from "./cose/sign1.ts";
import { digestOf, verifyMessage } from "./envelope.ts";
import { isRefusal, type Or, type Refusal, refuse } from "./errors.ts";
import { chainAfter } from "./lane.ts";
import { decodePayload, type Payload } from "./messages/define.ts";
import { statement } from "./messages/session.ts";
import { type SignedStatement, signedStatement } from "./messages/signed-statement.ts";
import { type Digest, decodeAs, type Uid } from "./schema.ts";
import { checkGrant, originOf, type ScripBody } from "./scrip.ts";
import type { SigningKey, VerifyingKey } from "./suite/suite.ts";

/** The payload of a statement: the total over a run of a lane (section 13 of the protocol). */
export type Statement = Payload<typeof statement>;

/** A statement that was read but whose signatures nobody has checked. */
export interface ReadStatement {
  readonly signed: SignedStatement;
  readonly payload: Statement;
  /** SHA-256 of the payload: what the next statement and the broker call this one by. */
  readonly digest: Digest;
}

/** A statement each of whose signatures holds. */
export interface VerifiedStatement extends ReadStatement {
  readonly byMerchant: boolean;
  readonly byCustomer: boolean;
  /** Whether both have signed; otherwise it binds the one who did. */
  readonly isBoth: boolean;
}

/** The parties of a statement, as the reader knows them. */
export interface StatementParties {
  readonly merchant: VerifyingKey;
  readonly customer: VerifyingKey;
  readonly network: Uid;
  /** Our clock, in milliseconds. */
  readonly now: number;
}

/** A COSE_Sign1 over an encoded statement, without it. `kid` is the signer's UID, the merchant's or the customer's. */
export const signStatement = (payload: Uint8Array, key: SigningKey, kid: Uid = key.id): Promise<Uint8Array> =>
  sign1Detached(key, kid, statement.mediaType, payload);

/** Takes the encoding of a `SignedStatement` apart, or `malformed`. Nothing is verified yet. */
export function readStatement(bytes: Uint8Array): Or<ReadStatement> {
  const signed = decodeAs(signedStatement, bytes);
  return isRefusal(signed) ? signed : openStatement(signed);
}

/** The same from one that is decoded already. */
export function openStatement(signed: SignedStatement): Or<ReadStatement> {
  const payload = decodePayload(statement, signed.statement);
  return isRefusal(payload) ? payload : { signed, payload, digest: digestOf(signed.statement) };
}

/**
 * Whether this signature over an encoded statement is this key's, under this `kid`: the statement, or `malformed`,
 * `wrong-type` or `unauthentic`. What the statement says of the parties is not looked at.
 */
export async function verifyStatementBy(
  payload: Uint8Array,
  sign1: Uint8Array,
  key: VerifyingKey,
  kid: Uid = key.id,
): Promise<Or<Statement>> {
  const said = decodePayload(statement, payload);
  if (isRefusal(said)) return said;
  const parts = readSign1(sign1, payload);
  if (isRefusal(parts)) return parts;
  if (parts.contentType !== statement.mediaType) return refuse("wrong-type", parts.contentType);
  if (parts.alg !== key.alg || parts.kid !== kid) return refuse("unauthentic", "other signer");
  const holds = await key.verify(parts.toBeSigned, parts.signature);
  return holds ? said : refuse("unauthentic", "signature");
}

/**
 * Checks each signature that is there, and that the statement is this merchant's, to this network, about this customer:
 * `unauthentic`, `wrong-network`, `wrong-recipient`, `future-dated`, `wrong-type` or `malformed` where one of them is not so.
 */
export async function verifyStatement(
  read: ReadStatement,
  parties: StatementParties,
): Promise<Or<VerifiedStatement>> {
  const about = checkCustomer(read, parties);
  if (about !== undefined) return about;
  const { merchant, customer } = read.signed;
  const [byMerchant, byCustomer] = [merchant !== undefined, customer !== undefined];
  for (const [side, isThere] of [
    ["merchant", byMerchant],
    ["customer", byCustomer],
  ] as const) {
    if (!isThere) continue;
    const verified = await verifyStatementOf(side, read, parties);
    if (isRefusal(verified)) return verified;
  }
  return { ...read, byMerchant, byCustomer, isBoth: byMerchant && byCustomer };
}

/** The same for one side alone; `unauthentic` also where it has not signed. */
export async function verifyStatementOf(
  side: "merchant" | "customer",
  read: ReadStatement,
  parties: StatementParties,
): Promise<Or<Statement>> {
  const about = checkCustomer(read, parties);
  if (about !== undefined) return about;
  const { signed, payload } = read;
  const [bytes, key] = [signed[side], parties[side]];
  if (bytes === undefined) return refuse("unauthentic", "this side has not signed");
  const sign1 = readSign1(bytes, signed.statement);
  if (isRefusal(sign1)) return sign1;
  if (sign1.contentType !== statement.mediaType) return refuse("wrong-type", sign1.contentType);
  const { merchant, network, now } = parties;
  // The customer signs the merchant's words: `from` is the merchant under either signature.
  const expected = { key, kid: key.id, from: merchant.id, to: network, network, now };
  const verified = await verifyMessage({ sign1, payload }, expected);
  return isRefusal(verified) ? verified : payload;
}

const checkCustomer = ({ payload }: ReadStatement, { customer }: StatementParties): Refusal | undefined =>
  payload.customer === customer.id ? undefined : refuse("unauthentic", "about another customer");

/** A run of a lane as its customer has it: what a proposed statement must say. */
export interface LaneRun {
  readonly network: Uid;
  readonly merchant: Uid;
  readonly customer: Uid;
  /** The opening of the session in which the lane was opened. */
  readonly session: Uint8Array;
  readonly lane: number;
  /** The lane's opening scrip. */
  readonly scrip: ScripBody;
  /** Sequences of the run; `last` is below `first` where nothing is left to state. */
  readonly first: number;
  readonly last: number;
  /** What the run's purchases came to. */
  readonly total: Amount;
  /** What was left before the run. */
  readonly available: Amount;
  /** h before the run. */
  readonly before: Uint8Array;
  /** Purchases and openings of sessions, in their order. */
  readonly elements: readonly Uint8Array[];
  /** Digest of the statement before. */
  readonly previous: Digest | undefined;
}

/**
 * Whether a proposed statement says what its customer knows of the run: the change's body where it grants one.
 * `wrong-network`, `wrong-recipient` or `wrong-reference` where it is about something else; `scrip-mismatch` where sums,
 * chain or change are other ones, `bad-proof` where the CustomerSecret is not the change's. Give the secret where the
 * change is to be taken. Either side may close a lane, so whether this one does is the caller's to look at.
 */
export function checkRun(
  run: LaneRun,
  proposed: Statement,
  secret?: Uint8Array,
): Or<{ readonly change: ScripBody | undefined }> {
  if (proposed.network !== run.network) return refuse("wrong-network");
  if (proposed.to !== run.network) return refuse("wrong-recipient");
  const named = wronglyNamed(run, proposed);
  if (named !== undefined) return refuse("wrong-reference", named);
  const sum = add(proposed.remaining, proposed.total);
  if (isRefusal(sum)) return refuse("scrip-mismatch", "the sum");
  if (!sameAmount(proposed.total, run.total)) return refuse("scrip-mismatch", "the total");
  if (!sameAmount(sum, run.available)) return refuse("scrip-mismatch", "what remains");
  if (!equalBytes(proposed.chain, chainAfter(run.before, run.elements)))
    return refuse("scrip-mismatch", "the chain");
  return checkChange(run, proposed, secret);
}

/** The first name in a statement that is not the run's. */
function wronglyNamed(run: LaneRun, proposed: Statement): string | undefined {
  const names = {
    merchant: proposed.from === run.merchant,
    customer: proposed.customer === run.customer,
    session: equalBytes(proposed.session, run.session),
    lane: proposed.lane === run.lane,
    scrip: proposed.scrip === run.scrip.id,
    origin: proposed.origin === run.scrip.origin,
    first: proposed.first === run.first,
    last: proposed.last === run.last,
    previous: proposed.previous === run.previous,
  };
  return Object.entries(names).find(([, isRight]) => !isRight)?.[0];
}

/** A closing statement grants all that remains, and no other grants anything. */
function checkChange(
  { network, merchant, customer, scrip }: LaneRun,
  { closes, change, remaining }: Statement,
  secret: Uint8Array | undefined,
): Or<{ readonly change: ScripBody | undefined }> {
  const isDue = closes !== undefined && remaining.value > 0n;
  if (change === undefined) return isDue ? refuse("scrip-mismatch", "no change") : { change: undefined };
  if (!isDue) return refuse("scrip-mismatch", "change that is not due");
  const body = checkGrant(change, secret, {
    kind: "vendor",
    network,
    issuer: merchant,
    owner: customer,
    value: remaining,
    expiresAt: scrip.expiresAt,
    parent: scrip.id,
    origin: originOf(scrip),
  });
  return isRefusal(body) ? body : { change: body };
}
