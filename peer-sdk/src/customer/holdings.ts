/** What a merchant holds for us: asked under a fresh signature of ours, and taken where it is ours to take. */
import {
  type Amount,
  checkGrant,
  type HoldingsLine,
  holdingsRequest,
  holdingsResponse,
  isRefusal,
  LeptaError,
  limits,
  type Opened,
  originOf,
  orThrow,
  purchaseRequest,
  purchaseSpendCodec,
  readMessage,
  readScrip,
  readSpend,
  readStatement,
  refuse,
  type Secret,
  subtract,
  toText,
  verifyMessage,
  verifyStatementBy,
} from "@lepta/protocol";
import { REQUEST_LIFE } from "../party.ts";
import type { Acquaintance } from "./acquaintance.ts";
import type { Customer } from "./customer.ts";
import { readReply, sealTo } from "./meet.ts";
import { bodyOf, type Holding, historyId } from "./records.ts";

/** A line as the merchant tells it, and the scrip in it, where there is one that holds. */
export interface HeldLine {
  readonly line: HoldingsLine;
  readonly held: Holding | undefined;
}

/** All pages of what the merchant holds for us. Throws the merchant's codes. */
export async function askHoldings(
  customer: Customer,
  merchant: Acquaintance,
  all: boolean,
): Promise<readonly HeldLine[]> {
  const { party } = customer;
  const { runtime } = party;
  const lines: HeldLine[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < limits.holdingsPages; page += 1) {
    const request = await party.sign(holdingsRequest, {
      to: merchant.credential.uid,
      txn: toText(runtime.random(16)),
      expiresAt: runtime.now() + REQUEST_LIFE,
      all,
      ...(cursor === undefined ? {} : { cursor }),
    });
    const [reply] = await merchant.channel.request([await sealTo(party, merchant, request)]);
    const answer = orThrow(await readReply(party, merchant.credential.verifyingKey, reply, holdingsResponse));
    if (answer.payload.request !== request.digest) throw new LeptaError("wrong-reference");
    for (const line of answer.payload.lines)
      lines.push({ line, held: heldOf(customer, merchant, line, answer.secrets) });
    cursor = answer.payload.cursor;
    if (cursor === undefined) return lines;
  }
  throw new LeptaError("too-large", "a merchant tells of more scrip than we read");
}

/**
 * Takes purchases that the merchant has given back: scrip that begins a line of its own, and that we do not know. Nothing
 * else is taken so; what we hold stands. The caller holds the merchant's lock.
 */
export async function takeReturned(customer: Customer, merchant: Acquaintance): Promise<void> {
  const { party, tables } = customer;
  const { uid } = merchant.credential;
  const isBusy = (await tables.pending.list()).some(([, each]) => each.merchant === uid);
  // While something is under way with this merchant its answer says what we hold.
  if (isBusy) return;
  for (const { line, held } of await askHoldings(customer, merchant, false)) {
    if (held === undefined) continue;
    const { id, origin, value } = bodyOf(held);
    const isOld = origin !== undefined || (await tables.evidence.get(line.txn)) === undefined;
    const isKnown = (await tables.vendorscrip.get(`${uid}/${id}`)) !== undefined;
    // Each is taken once: what it became later is in its own history.
    const name = `${line.txn}/${id}`;
    if (isOld || isKnown || (await tables.received.get(name))) continue;
    const at = customer.moment();
    await party.store.commit([
      tables.vendorscrip.put(`${uid}/${id}`, held),
      tables.received.put(name, true),
      tables.history.put(historyId(at, line.txn), {
        kind: "received",
        txn: line.txn,
        at,
        amount: value,
        outcome: "done",
        merchant: uid,
      }),
    ]);
  }
}

/** What we have signed ourselves of a line: the V0 at its beginning, and what is left of it. */
export interface LeftOver {
  readonly origin: string | undefined;
  readonly rest: Amount;
}

/** What is left by the latest purchase or statement under a scrip, where that is one that we signed ourselves. */
export async function leftOverOf(
  customer: Customer,
  merchant: string,
  { evidence }: HoldingsLine,
): Promise<LeftOver | undefined> {
  if (evidence === undefined) return undefined;
  const purchase = readMessage(evidence, [purchaseRequest]);
  return isRefusal(purchase)
    ? leftByStatement(customer, merchant, evidence)
    : leftByPurchase(customer, merchant, purchase);
}

async function leftByPurchase(
  { party }: Customer,
  merchant: string,
  purchase: Opened<typeof purchaseRequest>,
): Promise<LeftOver | undefined> {
  const { uid, network, signing } = party.identity;
  const key = orThrow(await party.suite.verifyingKey(signing.publicKey));
  const by = { key, kid: uid, from: uid, to: merchant, network, now: party.runtime.now() };
  const verified = await verifyMessage(purchase, by);
  if (isRefusal(verified)) return undefined;
  const spend = readSpend(purchaseSpendCodec, verified.payload.spend);
  const scrip = isRefusal(spend) ? spend : readScrip(spend.scrip[0]);
  const rest =
    isRefusal(spend) || isRefusal(scrip) ? refuse("malformed") : subtract(scrip.value, spend.amount);
  return isRefusal(scrip) || isRefusal(rest) ? undefined : { origin: scrip.origin ?? scrip.id, rest };
}

/** A statement of this merchant's that we have signed says which V0 its lane's scrip descends from. */
async function leftByStatement(
  { party }: Customer,
  merchant: string,
  evidence: Uint8Array,
): Promise<LeftOver | undefined> {
  const { uid, network, signing } = party.identity;
  const read = readStatement(evidence);
  if (isRefusal(read) || read.signed.customer === undefined) return undefined;
  const key = orThrow(await party.suite.verifyingKey(signing.publicKey));
  const said = await verifyStatementBy(read.signed.statement, read.signed.customer, key, uid);
  if (isRefusal(said)) return undefined;
  const isOurs = said.from === merchant && said.customer === uid && said.network === network;
  return isOurs ? { origin: originOf({ ...said, id: said.scrip }), rest: said.remaining } : undefined;
}

/**
 * Whether our own signature says that less than `value` is left in a line: another wallet of ours has spent there since. The
 * merchant's word alone would not do.
 */
export async function wasSpentByUs(
  customer: Customer,
  merchant: Acquaintance,
  origin: string,
  value: Amount,
): Promise<boolean> {
  const { uid } = merchant.credential;
  for (const { line } of await askHoldings(customer, merchant, true)) {
    const signed = line.origin === origin ? await leftOverOf(customer, uid, line) : undefined;
    const isOfThis = signed?.origin === origin && signed.rest.currency === value.currency;
    if (isOfThis && signed.rest.value < value.value) return true;
  }
  return false;
}

function heldOf(
  { party }: Customer,
  { credential }: Acquaintance,
  { grant, txn, origin }: HoldingsLine,
  secrets: readonly Secret[],
): Holding | undefined {
  if (grant === undefined) return undefined;
  const { uid: owner, network } = party.identity;
  const expected = { kind: "vendor", network, issuer: credential.uid, owner } as const;
  const body = checkGrant(grant, undefined, expected);
  if (isRefusal(body) || (body.origin ?? body.id) !== origin) return undefined;
  const secret = secrets.find((each) => each.scrip === body.id)?.secret;
  if (secret === undefined || isRefusal(checkGrant(grant, secret, expected))) return undefined;
  return { grant, secret, obtained: txn };
}
