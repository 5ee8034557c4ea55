/** What adversarial customers do in sessions: items of their own making, under keys and scrip that are theirs. */
import { LeptaError } from "@lepta/peer-sdk";
import type { Holding } from "@lepta/peer-sdk/records";
import {
  chainAfter,
  decodeAs,
  encodeAs,
  isRefusal,
  laneClose,
  laneOpen,
  laneOrigin,
  laneResume,
  laneSold,
  orderTail,
  orThrow,
  proveLane,
  proveResumption,
  readScrip,
  scripOf,
  signStatement,
  statementProposal,
  statementSigned,
  writeBuy,
} from "@lepta/protocol";
import { openHandshake } from "../../peer-sdk/src/session/handshake.ts";
import { itemKind, Session } from "../../peer-sdk/src/session/session.ts";
import { type Hand, orderFor } from "../peer-sdk/support/hand.ts";
import type { Action, Stage } from "./actions.ts";
import { connectFor } from "./channel.ts";
import { UNIT_PRICE } from "./goods.ts";
import type { MerchantSide } from "./peers.ts";
import { meter } from "./rates.ts";

export const laneAttacks: readonly Action[] = [
  { name: "one scrip on two lanes", weight: 5, run: openTwice },
  { name: "repeats and skips on a lane", weight: 8, run: wander },
  { name: "orders more units than the piece", weight: 3, run: orderBeyondPiece },
  { name: "takes up a lane without its secret", weight: 3, run: resumeUnproven },
  { name: "never signs", weight: 5, run: (stage) => buyOn(stage, () => undefined) },
  { name: "signs another statement", weight: 5, run: (stage) => buyOn(stage, signOther) },
  { name: "resumes with another chain", weight: 5, run: resumeElsewhere },
];

/** How long an answer may be on its way, in milliseconds. */
const MOMENT = 400;

/** A session with a merchant whose items are written by hand. */
interface Talk {
  readonly stage: Stage;
  readonly hand: Hand;
  readonly merchant: MerchantSide;
  readonly session: Session;
  /** All that has come, in order. */
  readonly come: Uint8Array[];
}

interface LaneAtHand {
  readonly number: number;
  readonly origin: Uint8Array;
  readonly secret: Uint8Array;
}

async function talk(stage: Stage, merchant: MerchantSide, resumes?: Uint8Array): Promise<Talk> {
  const { customer } = stage;
  const hand = await customer.hand();
  const { wire } = await connectFor(customer, customer.life)(merchant.plan.url);
  if (wire === undefined) throw new LeptaError("unreachable", "no sessions here");
  const met = await openHandshake(
    hand.party,
    wire,
    () => {},
    () => resumes,
  );
  const come: Uint8Array[] = [];
  const session = new Session(met.wire, met.keys, hand.party.runtime, {
    items: (items) => come.push(...items.map((each) => each.slice())),
    ended: () => {},
  });
  return { stage, hand, merchant, session, come };
}

const moment = ({ stage }: Talk): Promise<void> => stage.customer.around.clock.sleep(MOMENT);

/** A scrip of this merchant's, and the merchant: one from whom there is some, where there is one. */
async function something({ customer, merchants, draws }: Stage): Promise<readonly [MerchantSide, Holding]> {
  const hand = await customer.hand();
  const all: (readonly [MerchantSide, Holding])[] = [];
  for (const merchant of merchants)
    for (const held of await hand.holdings(merchant.uid)) all.push([merchant, held]);
  if (all.length === 0) throw new LeptaError("insufficient-funds", "nothing to attack with");
  return draws.pick(all);
}

/** Numbers that the wallet itself has not come to. */
const aNumber = ({ stage }: Talk): number => 1000 + stage.draws.below(1_000_000);

function open(one: Talk, held: Holding, number = aNumber(one)): LaneAtHand {
  const scrip = orThrow(readScrip(held.grant.body));
  const origin = laneOrigin(one.session.opening, number, scrip.id);
  one.session.send(
    encodeAs(laneOpen, [1, number, scripOf(held.grant), proveLane(held.secret, origin), new Uint8Array(0)]),
  );
  return { number, origin, secret: held.secret };
}

/** A session with a lane on something of its merchant's. */
async function opened(stage: Stage) {
  const [merchant, held] = await something(stage);
  const one = await talk(stage, merchant);
  const lane = open(one, held);
  await moment(one);
  return { one, lane };
}

/** Item 3: of one of what is sold, unless something else is said. */
function buying(
  { stage, merchant }: Talk,
  { number }: LaneAtHand,
  sequence: number,
  wish: { readonly quantity?: number; readonly cheaper?: boolean } = {},
): Uint8Array {
  const { quantity = 1, cheaper = false } = wish;
  const sku = stage.draws.pick([...merchant.prices.keys()]);
  const order = orderFor(sku, merchant.plan.catalogue[sku]?.price ?? "EUR 0.01", quantity);
  const value = cheaper ? 1n : order.unitPrice.value * BigInt(quantity);
  return writeBuy(number, sequence, orderTail({ ...order.unitPrice, value }, order));
}

/** Item 3: of some units of what is metered, for their price unless something else is said. */
function metering(
  { number }: LaneAtHand,
  sequence: number,
  quantity: number,
  wish: { readonly value?: bigint; readonly isMetered?: boolean } = {},
): Uint8Array {
  const { value = UNIT_PRICE.value * BigInt(quantity), isMetered = true } = wish;
  const order = { sku: meter.sku, description: "", unitPrice: UNIT_PRICE, quantity };
  return writeBuy(number, sequence, orderTail({ ...UNIT_PRICE, value }, order, isMetered));
}

/** In one session, and in two at once. */
async function openTwice(stage: Stage): Promise<void> {
  const [merchant, held] = await something(stage);
  const [one, two] = [await talk(stage, merchant), await talk(stage, merchant)];
  const lanes = [
    [one, open(one, held)],
    [one, open(one, held)],
    [two, open(two, held)],
  ] as const;
  await moment(one);
  for (const sequence of [1, 2, 3])
    for (const [each, lane] of lanes) each.session.send(buying(each, lane, sequence));
  await moment(one);
  for (const each of [one, two]) each.session.close("closed");
}

/** Honest purchases, and between them what must not be sold. */
async function wander(stage: Stage): Promise<void> {
  const { draws } = stage;
  const { one, lane } = await opened(stage);
  let sequence = 0;
  let last: Uint8Array | undefined;
  const steps: readonly (() => Uint8Array)[] = [
    () => last ?? buying(one, lane, 1),
    () => buying(one, lane, Math.max(1, sequence)),
    () => buying(one, lane, sequence + 2),
    () => buying(one, lane, sequence + 1, { cheaper: true }),
    () => buying(one, lane, sequence + 1, { quantity: 1000 }),
    () => metering(lane, sequence + 1, meter.piece, { value: UNIT_PRICE.value }),
    () => metering(lane, sequence + 1, meter.piece, { isMetered: false }),
    () => encodeAs(laneClose, [7, lane.number]),
  ];
  for (let step = 0; step < WALK && one.session.isOpen; step += 1) {
    if (draws.chance(0.6)) {
      const isPiece = draws.chance(0.2);
      last = isPiece
        ? metering(lane, sequence + 1, draws.between(1, meter.piece))
        : buying(one, lane, sequence + 1);
      sequence += 1;
      one.session.send(last);
    } else one.session.send(draws.pick(steps)());
    await moment(one);
  }
  one.session.close("closed");
}

const WALK = 10;

/** What is metered costs little: only the piece bounds what one order holds up. */
async function orderBeyondPiece(stage: Stage): Promise<void> {
  const { one, lane } = await opened(stage);
  for (const sequence of [1, 2])
    one.session.send(metering(lane, sequence, stage.draws.between(meter.piece + 1, 2 * meter.piece)));
  await moment(one);
  one.session.close("closed");
}

/** Whoever has a peer's keys and not its scrip's secret buys nothing of an honest merchant. */
async function resumeUnproven(stage: Stage): Promise<void> {
  const { draws } = stage;
  const { one, lane } = await opened(stage);
  const { merchant } = one;
  const two = await talk(stage, merchant, one.session.opening);
  // Under another secret, or the proof of the session before, which is none in this one.
  const pop = draws.chance(0.5)
    ? proveResumption(draws.bytes(32), lane.origin, two.session.opening)
    : proveResumption(lane.secret, lane.origin, one.session.opening);
  two.session.send(encodeAs(laneResume, [11, lane.number, 0, chainAfter(lane.origin, []), pop]));
  await moment(two);
  two.session.send(buying(two, lane, 1));
  await moment(two);
  for (const item of two.come) {
    const sold = itemKind(item) === 4 ? decodeAs(laneSold, item) : undefined;
    if (sold === undefined || isRefusal(sold) || !merchant.options.isHonest) continue;
    merchant.around.findings.broken(
      "a purchase is proven",
      `${merchant.name} sold #${sold[2]} in a session that has not proved its lane`,
    );
  }
  two.session.close("closed");
}

/** Buys until the merchant stops. */
async function buyOn(stage: Stage, signed: (one: Talk, item: Uint8Array) => Promise<Uint8Array> | undefined) {
  const { one, lane } = await opened(stage);
  for (let sequence = 1; sequence <= MANY && one.session.isOpen; sequence += 1) {
    one.session.send(buying(one, lane, sequence));
    if (sequence % 8 !== 0) continue;
    await moment(one);
    for (const item of one.come.splice(0)) {
      const answer = itemKind(item) === 14 ? await signed(one, item) : undefined;
      if (answer !== undefined) one.session.send(answer);
    }
  }
  await moment(one);
}

const MANY = 48;

/** The words of another statement, or the right ones for another lane. */
async function signOther({ hand, stage }: Talk, item: Uint8Array): Promise<Uint8Array> {
  const [, number, payload] = orThrow(decodeAs(statementProposal, item));
  const isRight = stage.draws.chance(0.4);
  const other = payload.slice();
  if (!isRight) other[other.length - 1] = (other.at(-1) ?? 0) ^ 1;
  const signature = await signStatement(other, hand.party.identity.signing);
  return encodeAs(statementSigned, [15, isRight ? number + 1 : number, signature]);
}

async function resumeElsewhere(stage: Stage): Promise<void> {
  const { draws } = stage;
  const { one, lane } = await opened(stage);
  const { merchant } = one;
  for (const sequence of [1, 2, 3]) one.session.send(buying(one, lane, sequence));
  await moment(one);
  // In another session that says that it resumes the first, or does not.
  const two = await talk(stage, merchant, draws.chance(0.7) ? one.session.opening : undefined);
  const before = draws.pick([0, 1, 2, 3, 4, 9]);
  const pop = proveResumption(lane.secret, lane.origin, two.session.opening);
  two.session.send(encodeAs(laneResume, [11, lane.number, before, draws.bytes(32), pop]));
  two.session.send(buying(two, lane, 2));
  two.session.send(buying(two, lane, 4));
  one.session.send(buying(one, lane, 4));
  await moment(two);
  for (const each of [one, two]) each.session.close("closed");
}
