/**
 * Receipts (docs/protocol.md section 13): one purchase proved to a third party who knows the network and nothing else.
 * A file holds what both signed, what leads from there to this one purchase, and from the root key to both signers.
 */

import { defaultSuite } from "#platform";
import { type Amount, amountOf, multiply, sameAmount } from "./amount.ts";
import { equalBytes, idBytes, toText } from "./bytes.ts";
import { thumbprint } from "./cose/key.ts";
import { type Credential, type Trust, verifyCertificate, verifyCredential } from "./credential.ts";
import { readMessage, verifyMessage } from "./envelope.ts";
import { isRefusal, type Or, refuse } from "./errors.ts";
import { chainAfter, laneElement, laneOrigin, lanePurchase } from "./lane.ts";
import { limits } from "./limits.ts";
import { isInTree } from "./merkle.ts";
import { type Order, purchaseSpendCodec } from "./messages/parts.ts";
import { acknowledgement, purchaseRequest, purchaseResponse } from "./messages/purchase.ts";
import { type Receipt, type Recorded, type Run, receiptCodec } from "./messages/receipt.ts";
import { GOODS_TYPE, laneBuy, laneRefused, laneSold } from "./messages/session.ts";
import { type Digest, decodeAs, encodeAs, type Txn, type Uid } from "./schema.ts";
import { readScrip, readSpend } from "./scrip.ts";
import { openStatement, type ReadStatement, verifyStatement } from "./statement.ts";
import type { Suite } from "./suite/suite.ts";

/** What a receipt that holds proves that both parties, or for a signed M2 the merchant, have said. */
export interface VerifiedReceipt {
  readonly network: Uid;
  readonly customer: Uid;
  readonly merchant: Uid;
  /** The purchase's name: M1's `txn`, or that of lane and sequence. */
  readonly txn: Txn;
  readonly order: Order;
  /** The price, or the maximum when metered. */
  readonly amount: Amount;
  readonly metered: boolean;
  /** Whether the merchant sold; otherwise `reason` says why it refused, and nothing was charged. */
  readonly ok: boolean;
  readonly reason: string | undefined;
  readonly charged: Amount;
  readonly goods: Uint8Array | undefined;
  readonly goodsType: string | undefined;
  /** `issuedAt` of the statement or of M2, by the merchant's clock, in milliseconds. */
  readonly at: number;
  /** Where on a lane it stands; undefined where M1 and M2 are signed themselves. */
  readonly place: LanePlace | undefined;
  /** When the broker recorded the statement, in milliseconds; undefined where the receipt does not show it. */
  readonly recordedAt: number | undefined;
}

/** Where a purchase stands on a lane. */
export interface LanePlace {
  /** The opening of the session in which the lane was opened, in base64url. */
  readonly session: Digest;
  readonly lane: number;
  readonly sequence: number;
  /** Digest of the statement. */
  readonly statement: Digest;
}

/** What a verifier may know beyond the network. */
export interface ReceiptOptions {
  /** The suite that the network uses; the default one where nothing is said. */
  readonly suite?: Suite;
  /** Operational keys that are known to be stolen: what they have signed proves nothing, whatever its date. */
  readonly revoked?: Iterable<Uid>;
  /** Our clock, in milliseconds: a receipt dated ahead of it is `future-dated`. Nothing else depends on it. */
  readonly now?: number;
}

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
  { suite = defaultSuite, revoked = [], now = Number.POSITIVE_INFINITY }: ReceiptOptions = {},
): Promise<Or<VerifiedReceipt>> {
  if (bytes.length > limits.receiptBytes) return refuse("too-large");
  const receipt = decodeAs(receiptCodec, bytes);
  if (isRefusal(receipt)) return receipt;
  if (thumbprint(receipt.rootKey) !== network) return refuse("wrong-root");
  const rootKey = await defaultSuite.verifyingKey(receipt.rootKey);
  if (isRefusal(rootKey)) return rootKey;
  // Whoever has stolen a key writes any date: there is no moment before which its signature would prove something.
  const trust: Trust = { suite, rootKey, revoked: new Map(Array.from(revoked, (id) => [id, 0])) };
  const { run } = receipt;
  const said = run === undefined ? readSigned(receipt) : readLane(receipt, run);
  if (isRefusal(said)) return said;
  const { at } = said;
  if (at > now + limits.clockSkew) return refuse("future-dated");
  const customer = await verifyCredential(receipt.customer, trust, at);
  if (isRefusal(customer)) return customer;
  const merchant = await verifyCredential(receipt.merchant, trust, at);
  if (isRefusal(merchant)) return merchant;
  if (customer.uid === merchant.uid) return refuse("same-party");
  const parties = { network, customer: customer.uid, merchant: merchant.uid };
  const isSigned = await said.verify({ network, customer, merchant });
  if (isRefusal(isSigned)) return isSigned;
  const recordedAt = run?.recorded && (await verifyRecorded(run.recorded, said.place, parties, trust, now));
  if (isRefusal(recordedAt)) return recordedAt;
  const { verify: _, ...facts } = said;
  return { ...parties, ...facts, recordedAt };
}

/** What a receipt says before anybody's signature was looked at, and how those are checked. */
interface Said extends Omit<VerifiedReceipt, "network" | "customer" | "merchant" | "recordedAt"> {
  readonly verify: (signers: Signers) => Promise<Or<unknown>>;
}

interface Signers {
  readonly network: Uid;
  readonly customer: Credential;
  readonly merchant: Credential;
}

/** A purchase of figure 7: M1 and M2, each signed by itself. */
function readSigned(receipt: Receipt): Or<Said> {
  const request = readMessage(receipt.request, [purchaseRequest]);
  if (isRefusal(request)) return request;
  const response = readMessage(receipt.response, [purchaseResponse]);
  if (isRefusal(response)) return response;
  const spend = readSpend(purchaseSpendCodec, request.payload.spend);
  if (isRefusal(spend)) return spend;
  const scrip = readScrip(spend.scrip[0]);
  if (isRefusal(scrip)) return scrip;
  const { txn, from: customer, to: merchant } = request.payload;
  const { ok, reason, charged, spent, goods, goodsType, issuedAt: at } = response.payload;
  if (response.payload.txn !== txn || response.payload.request !== request.digest)
    return refuse("wrong-reference", "M2 answers another M1");
  const { order, amount, metered } = spend;
  const bought = { order, amount, metered, ok, reason, charged };
  const wrong = checkCharge(bought);
  if (wrong !== undefined) return wrong;
  // What M refuses may be no scrip of its own: then just that is proved.
  const { kind, network, issuer, owner, id } = scrip;
  const isRightScrip = kind === "vendor" && issuer === merchant && owner === customer && id === spent;
  if (ok && (!isRightScrip || network !== request.payload.network)) return refuse("scrip-mismatch");
  const verify = async (signers: Signers) => {
    const common = { network: signers.network, now: at };
    const [C, M] = [signers.customer, signers.merchant];
    const bySender = { ...common, key: C.verifyingKey, kid: C.uid, from: C.uid, to: M.uid };
    const asked = await verifyMessage(request, bySender);
    if (isRefusal(asked)) return asked;
    const byAnswerer = { ...common, key: M.verifyingKey, kid: M.uid, from: M.uid, to: C.uid };
    return verifyMessage(response, byAnswerer);
  };
  return { ...bought, txn, goods, goodsType, at, place: undefined, verify };
}

/** A purchase on a lane: an element of the run whose chain is in the statement that both have signed. */
function readLane(receipt: Receipt, run: Run): Or<Said> {
  const request = decodeAs(laneBuy, receipt.request);
  if (isRefusal(request)) return request;
  const answer = readAnswer(receipt.response);
  if (isRefusal(answer)) return answer;
  const read = openStatement(run.statement);
  if (isRefusal(read)) return read;
  const [, lane, sequence, amount, metered, order] = request;
  const { payload, digest } = read;
  if (lane !== payload.lane || answer.lane !== lane || answer.sequence !== sequence)
    return refuse("wrong-reference", "M1, M2 and the statement are of different purchases or lanes");
  const origin = laneOrigin(payload.session, lane, payload.scrip);
  const misplaced = checkPlace(run, read, sequence, origin);
  if (misplaced !== undefined) return misplaced;
  const { ok, reason, goods, goodsType } = answer;
  // M2 says so in the currency of M1.
  const inCurrency = (units: number): Amount => amountOf(amount.currency, BigInt(units));
  const [charged, remaining] = [inCurrency(answer.charged), inCurrency(answer.remaining)];
  const bought = { order, amount, metered: metered === 1, ok, reason, charged };
  const wrong = checkCharge(bought) ?? checkSums(read, sequence, charged, remaining);
  if (wrong !== undefined) return wrong;
  const element = laneElement(receipt.request, receipt.response);
  if (!equalBytes(chainAfter(run.before, [...run.earlier, element, ...run.later]), payload.chain))
    return refuse("unauthentic", "the chain does not lead to what was signed");
  const at = payload.issuedAt;
  const place = { session: toText(payload.session), lane, sequence, statement: digest };
  const verify = async ({ network, customer, merchant }: Signers) => {
    const parties = { merchant: merchant.verifyingKey, customer: customer.verifyingKey, network, now: at };
    const verified = await verifyStatement(read, parties);
    if (isRefusal(verified)) return verified;
    return verified.isBoth ? verified : refuse("unauthentic", "a statement that one side has not signed");
  };
  return { ...bought, txn: lanePurchase(origin, sequence), goods, goodsType, at, place, verify };
}

/** Item 4 or item 5. */
function readAnswer(bytes: Uint8Array) {
  const sold = decodeAs(laneSold, bytes);
  if (!isRefusal(sold)) {
    const [, lane, sequence, charged, remaining, goods, type] = sold;
    const goodsType = type === "" ? GOODS_TYPE : type;
    return { ok: true, lane, sequence, charged, remaining, goods, goodsType, reason: undefined };
  }
  const refused = decodeAs(laneRefused, bytes);
  if (isRefusal(refused)) return refused;
  const [, lane, sequence, reason, remaining] = refused;
  const [goods, goodsType] = [undefined, undefined];
  return { ok: false, lane, sequence, charged: 0, remaining, goods, goodsType, reason };
}

/** The purchase stands in the run, which has room for the others before and after it, and begins where a lane begins. */
function checkPlace(
  { before, earlier, later }: Run,
  { payload }: ReadStatement,
  sequence: number,
  origin: Uint8Array,
) {
  const { first, last, previous } = payload;
  if (sequence < first || sequence > last) return refuse("wrong-reference", "outside the statement's run");
  if (earlier.length < sequence - first || later.length < last - sequence)
    return refuse("wrong-reference", "elements of the run are missing");
  if (previous === undefined && (first !== 1 || !equalBytes(before, origin)))
    return refuse("wrong-reference", "the lane does not begin with its origin");
  return undefined;
}

/** What was charged is the price of the order, when metered at most the maximum, and nothing where M refused. */
function checkCharge({
  order,
  amount,
  metered,
  ok,
  charged,
}: Pick<Said, "order" | "amount" | "metered" | "ok" | "charged">) {
  if (!ok) return charged.value === 0n ? undefined : refuse("price-mismatch", "a refusal that charges");
  if (charged.currency !== amount.currency) return refuse("wrong-currency");
  if (metered)
    return charged.value <= amount.value ? undefined : refuse("price-mismatch", "above the maximum");
  const price = multiply(order.unitPrice, order.quantity);
  if (isRefusal(price) || !sameAmount(price, amount) || !sameAmount(charged, amount))
    return refuse("price-mismatch", "not the price of the order");
  return undefined;
}

/** One purchase of a run costs no more than the run, and leaves what the run leaves and what came after it cost. */
function checkSums({ payload }: ReadStatement, sequence: number, charged: Amount, remaining: Amount) {
  const { total, last } = payload;
  const left = payload.remaining;
  if (
    charged.currency !== total.currency ||
    remaining.currency !== left.currency ||
    left.currency !== total.currency
  )
    return refuse("wrong-currency");
  const after = remaining.value - left.value;
  const isSound = after >= 0n && charged.value + after <= total.value && (sequence !== last || after === 0n);
  return isSound ? undefined : refuse("price-mismatch", "not the sums of the statement");
}

/** When the broker recorded the statement: an acknowledgement to one of the two, with the statement's digest in its tree. */
async function verifyRecorded(
  { acknowledgement: signed, certificate, index, path }: Recorded,
  place: LanePlace | undefined,
  { network, customer, merchant }: { readonly network: Uid; readonly customer: Uid; readonly merchant: Uid },
  trust: Trust,
  now: number,
): Promise<Or<number>> {
  const opened = readMessage(signed, [acknowledgement]);
  if (isRefusal(opened)) return opened;
  const { to, issuedAt, decidedAt, count, tree, refused } = opened.payload;
  if (issuedAt > now + limits.clockSkew) return refuse("future-dated");
  const operational = await verifyCertificate(certificate, trust, issuedAt);
  if (isRefusal(operational)) return operational;
  if (operational.purpose !== "acknowledge")
    return refuse("unauthentic", "a key of the broker for another purpose");
  const key = await trust.suite.verifyingKey(operational.publicKey);
  if (isRefusal(key)) return key;
  if (to !== customer && to !== merchant) return refuse("wrong-recipient");
  const expected = { key, kid: operational.id, from: network, to, network, now: issuedAt };
  const verified = await verifyMessage(opened, expected);
  if (isRefusal(verified)) return verified;
  const isThere =
    place !== undefined &&
    isInTree(idBytes(place.statement), index, count, path, tree) &&
    !refused.some(([at]) => at === index);
  return isThere ? decidedAt : refuse("wrong-reference", "the broker has not recorded this statement");
}
