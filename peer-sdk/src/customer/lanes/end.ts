/** Lanes that end: closed with their merchant, never opened there, or lost where it says something else than we know. */
import {
  amountOf,
  encodeAs,
  encodePayload,
  LeptaError,
  signedStatement,
  signStatement,
  statement,
  toText,
} from "@lepta/protocol";
import { chainOver, digits, keptEntries } from "../../lanes/run.ts";
import { type Customer, unlocked } from "../customer.ts";
import { bodyOf, type Holding } from "../records.ts";
import { answeredUpTo, type Lane } from "./lane.ts";

/** Lets go of a lane whose merchant has our closing signature. */
export async function forgetLane({ party, lanes }: Customer, lane: Lane): Promise<void> {
  await party.store.commit([lanes.tables.lanes.remove(lane.id)]);
  lanes.remove(lane);
}

/** Its merchant does not have it, and nothing was ever bought on it: the scrip is free again. */
export async function abandonLane(customer: Customer, lane: Lane): Promise<void> {
  const { party, lanes, tables } = customer;
  const id = holdingId(lane);
  const held = await tables.vendorscrip.get(id);
  await party.store.commit([
    lanes.tables.lanes.remove(lane.id),
    ...(held?.lockedBy === lane.lock ? [tables.vendorscrip.put(id, unlocked(held))] : []),
  ]);
  lanes.remove(lane);
}

/**
 * Its merchant says something else: what was bought since the last statement stands under our signature alone and goes to the
 * broker; the scrip is evidence, and money no more.
 */
export async function loseLane(customer: Customer, lane: Lane): Promise<void> {
  const { party, lanes, tables, outbox } = customer;
  if (lane.record.state === "lost") return;
  const held = await tables.vendorscrip.get(holdingId(lane));
  const record = { ...lane.record, state: "lost" as const };
  lane.record = record;
  const payload = encodePayload(statement, versionOf(customer, lane));
  const signature = await signStatement(payload, party.identity.signing);
  const signed = encodeAs(signedStatement, { statement: payload, customer: signature });
  await party.store.commit([
    lanes.tables.lanes.put(lane.id, record),
    ...(held === undefined
      ? []
      : [tables.vendorscrip.put(holdingId(lane), { ...held, unusable: "scrip-mismatch" })]),
    ...(lane.run.length === 0
      ? []
      : [
          lanes.tables.runs.put(`${lane.merchant}/${lane.name}/${digits(answeredUpTo(lane))}`, {
            statement: signed,
            before: lane.stated.chain,
            entries: keptEntries(lane.run),
          }),
          outbox.put(signed),
        ]),
  ]);
  lanes.giveUp(lane, new LeptaError("scrip-mismatch"));
  outbox.flushSoon(customer.noticeDelay);
}

/** The statement as our own chain has it. */
function versionOf({ party }: Customer, { record, stated, run, ...lane }: Lane) {
  const { identity, runtime } = party;
  const total = run.reduce((sum, { charged }) => sum + charged, 0);
  const money = (value: number) => amountOf(record.currency, BigInt(value));
  return {
    network: identity.network,
    from: lane.merchant,
    to: identity.network,
    txn: toText(runtime.random(16)),
    issuedAt: runtime.now(),
    customer: identity.uid,
    session: record.session,
    lane: lane.number,
    scrip: record.scrip,
    first: stated.sequence + 1,
    last: stated.sequence + run.length,
    total: money(total),
    remaining: money(stated.remaining - total),
    chain: chainOver(stated.chain, run),
    ...(stated.statement === undefined ? {} : { previous: stated.statement }),
  };
}

/** Where the lane's scrip stands among the VendorScrip. */
export const holdingId = ({ merchant, record }: Pick<Lane, "merchant" | "record">): string =>
  `${merchant}/${record.scrip}`;

/** What a lane's scrip is worth by now, in millionths: what its merchant has answered. */
export const worthLeft = (held: Holding, lane: Lane | undefined): bigint =>
  lane === undefined ? bodyOf(held).value.value : BigInt(lane.answered);
