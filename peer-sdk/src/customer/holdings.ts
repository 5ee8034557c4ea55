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
  orThrow,
  type Payload,
  purchaseRequest,
  purchaseSpendCodec,
  readMessage,
  readScrip,
  readSpend,
  type Secret,
  subtract,
  toText,
  verifyMessage,
} from "@lepta/protocol";
import { REQUEST_LIFE } from "../party.ts";
import type { Customer } from "./customer.ts";
import { type Acquaintance, readReply, sealTo } from "./meet.ts";
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

/** What is left of a scrip by the latest purchase under it, where that is one that we signed ourselves. */
export async function evidenceOf(
  { party }: Customer,
  merchant: string,
  { evidence }: HoldingsLine,
): Promise<Payload<typeof purchaseRequest> | undefined> {
  const { identity } = party;
  const read = evidence && readMessage(evidence, [purchaseRequest]);
  if (read === undefined || isRefusal(read)) return undefined;
  const { uid, network, signing } = identity;
  const key = orThrow(await party.suite.verifyingKey(signing.publicKey));
  const by = { key, kid: uid, from: uid, to: merchant, network, now: party.runtime.now() };
  const verified = await verifyMessage(read, by);
  return isRefusal(verified) ? undefined : verified.payload;
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
    const signed = line.origin === origin ? await evidenceOf(customer, uid, line) : undefined;
    if (signed === undefined || originOfPurchase(signed) !== origin) continue;
    const spend = readSpend(purchaseSpendCodec, signed.spend);
    const scrip = isRefusal(spend) ? spend : readScrip(spend.scrip[0]);
    if (isRefusal(spend) || isRefusal(scrip)) continue;
    const rest = subtract(scrip.value, spend.amount);
    if (!isRefusal(rest) && rest.value < value.value) return true;
  }
  return false;
}

/** The line that a purchase was paid from: the id of its V0. */
export function originOfPurchase({ spend }: Payload<typeof purchaseRequest>): string | undefined {
  const body = readSpend(purchaseSpendCodec, spend);
  const scrip = isRefusal(body) ? body : readScrip(body.scrip[0]);
  return isRefusal(scrip) ? undefined : (scrip.origin ?? scrip.id);
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
