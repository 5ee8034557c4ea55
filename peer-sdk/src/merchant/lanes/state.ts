/** Statements at the merchant: proposed under our signature, kept with the customer's, handed to the broker through the outbox. */
import {
  type Amount,
  amountOf,
  customerSecret,
  digestOf,
  encodeAs,
  encodePayload,
  LeptaError,
  lanePurchase,
  limits,
  type Payload,
  signedStatement,
  signStatement,
  statement,
  statementProposal,
  toText,
} from "@lepta/protocol";
import { chainOver, digits, keptEntries } from "../../lanes/run.ts";
import type { Change } from "../../ports.ts";
import { issue, secretsOf } from "../issue.ts";
import { lineOf, steppedLine } from "../line.ts";
import type { Shop } from "../shop.ts";
import { advance, type Lane, type Pair, type Proposed, type Sold } from "./lane.ts";
import type { LaneRecord, UnstatedRecord } from "./records.ts";

type Statement = Payload<typeof statement>;

/** Whether so much was bought since the last statement that another is due. */
export const isStatementDue = ({ run, runCharged }: Lane): boolean =>
  run.length >= limits.statementAfter || runCharged * 2 >= Number(limits.unstatedAmount);

/** Whether a customer's lanes together are so near to its bounds that all of them are to be stated. */
export const isPairDue = ({ count, value, bytes }: Pair): boolean =>
  count >= limits.unstatedPurchases * NEAR ||
  value >= Number(limits.unstatedAmount) * NEAR ||
  bytes >= limits.unstatedBytes * NEAR;

const NEAR = 0.75;

/** Proposes a statement about what is durable, unless one is under way; the closing one where the lane closes. */
export function proposeStatement(shop: Shop, lane: Lane): void {
  const { visit } = lane;
  // Without its customer nothing is proposed: what both sign, they sign under the credentials that they have shown each other.
  if (lane.isStating || shop.lanes.isBroken || visit === undefined || !shop.lanes.has(lane)) return;
  if (visit.isOver()) {
    visit.end("unknown-peer");
    return;
  }
  const isIdle = lane.waiting.length === 0 && !lane.isDelivering && lane.durable === lane.sequence;
  const closes = lane.isClosing && isIdle;
  // It was sent, and is sent again where the lane is resumed.
  if (lane.proposed !== undefined) return;
  if (!closes && lane.durable === lane.stated.sequence) return;
  lane.isStating = true;
  propose(shop, lane, closes)
    .catch((error: unknown) => {
      shop.lanes.fail(error);
    })
    .finally(() => {
      lane.isStating = false;
    });
}

async function propose(shop: Shop, lane: Lane, closes: boolean): Promise<void> {
  const { party, lanes } = shop;
  const { record } = lane;
  const change = closes && lane.remaining > 0 ? changeOf(shop, lane) : undefined;
  const draft = draftOf(shop, lane, closes, change?.grant);
  const payload = encodePayload(statement, draft);
  const signature = await signStatement(payload, party.identity.signing);
  const proposed: Proposed = {
    payload,
    signature,
    digest: digestOf(payload),
    last: draft.last,
    remaining: Number(draft.remaining.value),
    chain: draft.chain,
    closes,
  };
  const next: LaneRecord = {
    ...record,
    proposed: [payload, signature],
    ...(change === undefined ? {} : { change: [change.id, change.salt] }),
  };
  // The same words again after a crash: two statements about one run would contradict each other.
  await party.store.commit([lanes.tables.lanes.put(lane.id, next)]);
  lane.record = next;
  lane.proposed = proposed;
  sendProposal(shop, lane);
}

/** What the purchases that are durable come to. */
function draftOf(shop: Shop, lane: Lane, closes: boolean, grant: Statement["change"]) {
  const { party } = shop;
  const { identity, runtime } = party;
  const { record, stated, number } = lane;
  const covered = lane.run.slice(0, lane.durable - stated.sequence);
  const total = covered.reduce((sum, { charged }) => sum + charged, 0);
  const money = (value: number): Amount => amountOf(record.currency, BigInt(value));
  return {
    network: identity.network,
    from: identity.uid,
    to: identity.network,
    txn: toText(runtime.random(16)),
    issuedAt: runtime.now(),
    customer: lane.owner,
    session: record.session,
    lane: number,
    scrip: record.scrip,
    first: stated.sequence + 1,
    last: stated.sequence + covered.length,
    total: money(total),
    remaining: money(stated.remaining - total),
    chain: chainOver(stated.chain, covered),
    ...(stated.statement === undefined ? {} : { previous: stated.statement }),
    ...(grant === undefined ? {} : { change: grant }),
    ...(closes ? { closes: 1 } : {}),
    ...(record.origin === record.scrip ? {} : { origin: record.origin }),
  };
}

function changeOf(shop: Shop, { owner, record, remaining }: Lane) {
  const { scrip: parent, origin, expiresAt, currency } = record;
  return issue(shop, {
    owner,
    value: amountOf(currency, BigInt(remaining)),
    expiresAt,
    parent,
    origin,
  });
}

/** Sends what is proposed, if anything is. */
export function sendProposal({ party }: Shop, lane: Lane): void {
  if (lane.proposed === undefined) return;
  const { payload, signature, closes } = lane.proposed;
  const { change } = lane.record;
  const secret =
    closes && change !== undefined
      ? customerSecret(secretsOf(party, change[1]), { owner: lane.owner, id: change[0] })
      : new Uint8Array(0);
  lane.visit?.send(encodeAs(statementProposal, [14, lane.number, payload, signature, secret]));
}

/** Both have signed, or we alone where the lane ends without its customer: in one commit with all that follows from it. */
export async function keep(
  shop: Shop,
  lane: Lane,
  proposed: Proposed,
  customer: Uint8Array | undefined,
): Promise<void> {
  const { party, lanes, outbox } = shop;
  const { payload, signature, digest, last, remaining, chain, closes } = proposed;
  const signed = encodeAs(signedStatement, {
    statement: payload,
    merchant: signature,
    ...(customer === undefined ? {} : { customer }),
  });
  const covered = lane.run.slice(0, last - lane.stated.sequence);
  const stated = { sequence: last, remaining, chain, statement: digest };
  const latest = customer === undefined ? undefined : signed;
  const unsigned = customer === undefined ? unstatedWith(lane, covered) : undefined;
  // At once: another lane that ends so meanwhile counts on from there.
  if (unsigned !== undefined) lanes.count(lane.pair, unsigned);
  const { proposed: _done, ...kept } = lane.record;
  const record: LaneRecord = { ...kept, stated };
  await party.store.commit([
    closes ? lanes.tables.lanes.remove(lane.id) : lanes.tables.lanes.put(lane.id, record),
    // One that only closes is about no purchase, and stands in nobody's place.
    ...(covered.length === 0
      ? []
      : [
          lanes.tables.runs.put(`${lane.owner}/${lane.name}/${digits(last)}`, {
            statement: signed,
            before: lane.stated.chain,
            entries: keptEntries(covered),
            line: lane.record.origin,
          }),
        ]),
    outbox.put(signed),
    ...(unsigned === undefined ? [] : [lanes.tables.unstated.put(lane.owner, unsigned)]),
    ...(await moneyOf(shop, lane, proposed, covered, latest)),
  ]);
  lanes.release(covered.map(({ entry }) => entry));
  lane.record = record;
  lane.proposed = undefined;
  advance(lane, stated);
  if (closes) {
    lanes.remove(lane);
    lane.visit?.lanes.delete(lane.number);
  }
  outbox.flushSoon(shop.noticeDelay);
}

/**
 * Ends a lane without its customer, whose phone was lost or whose word is another: what was bought stands under our signature
 * alone, and what remains is its customer's again. The caller holds the line.
 */
export async function endLane(shop: Shop, lane: Lane): Promise<void> {
  lane.isClosing = true;
  lane.waiting = [];
  lane.visit?.fault(lane.number, "closed");
  // What is metered ends when its reader likes it: a claim that the broker waits for cannot wait for that.
  if (lane.isDelivering) shop.ending?.(lane.owner);
  // What is being made or taken at this moment ends first.
  if (lane.isStating || lane.isDelivering || lane.durable !== lane.sequence)
    throw new LeptaError("pending", lane.id);
  if (lane.proposed !== undefined) await keep(shop, lane, lane.proposed, undefined);
  if (shop.lanes.find(lane.owner, lane.number) !== lane) return;
  lane.isStating = true;
  try {
    await propose(shop, lane, true);
    if (lane.proposed !== undefined) await keep(shop, lane, lane.proposed, undefined);
  } finally {
    lane.isStating = false;
  }
}

/** What its customer has not signed for counts against it for good. */
const unstatedWith = ({ pair: { forGood } }: Lane, unsigned: readonly Sold[]): UnstatedRecord => ({
  count: forGood.count + unsigned.length,
  value: unsigned.reduce((sum, { charged }) => sum + charged, forGood.value),
});

/** The line's sum grows; where the lane closes its scrip is spent and the change lives. */
async function moneyOf(
  shop: Shop,
  lane: Lane,
  { closes, remaining }: Proposed,
  covered: readonly Sold[],
  latest: Uint8Array | undefined,
): Promise<readonly Change[]> {
  const { tables } = shop;
  const { scrip: id, change, currency, expiresAt } = lane.record;
  const line = await lineOf(shop, lane.line);
  const charged = amountOf(currency, BigInt(covered.reduce((sum, each) => sum + each.charged, 0)));
  const signed = latest === undefined ? {} : { signed: latest };
  if (!closes) return [steppedLine(shop, lane.line, line, { charged, ...signed })];
  const scrip = await tables.scrip.get(id);
  if (scrip === undefined) throw new LeptaError("store-damaged", `lane ${lane.id} has no scrip`);
  const by = lanePurchase(lane.origin, 0);
  return [
    steppedLine(shop, lane.line, line, { spent: id, change: change?.[0], charged, ...signed }),
    ...tables.scrip.spend(id, scrip, by),
    ...(change === undefined
      ? []
      : [
          tables.scrip.put(change[0], {
            state: "live",
            owner: lane.owner,
            value: amountOf(currency, BigInt(remaining)),
            expiresAt,
            salt: change[1],
            from: by,
            parent: id,
            origin: lane.record.origin,
          }),
        ]),
  ];
}
