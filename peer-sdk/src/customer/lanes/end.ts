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
import type { Change } from "../../ports.ts";
import { type Customer, unlocked } from "../customer.ts";
import { bodyOf } from "../records.ts";
import { answeredUpTo, type Lane, laneLock } from "./lane.ts";

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
  const { party, lanes, tables, outbox, lock } = customer;
  await lock.run(laneLock(lane), async () => {
    // Of a closed one both have signed the end: whatever its merchant says after that changes nothing.
    if (lane.record.state === "lost" || lane.record.state === "closing") return;
    const held = await tables.vendorscrip.get(holdingId(lane));
    const { stated, run, answered } = lane;
    const before = lane.record;
    const chain = chainOver(stated.chain, run);
    // What our own statement covers is under way no more.
    const ours = { ...stated, sequence: answeredUpTo(lane), remaining: answered, chain };
    const record = { ...before, state: "lost" as const, stated: run.length === 0 ? stated : ours };
    lane.record = record;
    await party.store.commit([
      lanes.tables.lanes.put(lane.id, record),
      ...(held === undefined
        ? []
        : [tables.vendorscrip.put(holdingId(lane), { ...held, unusable: "scrip-mismatch" })]),
      ...(await oursOf(customer, lane)),
    ]);
    lanes.release(run.map(({ entry }) => entry));
    lane.stated = record.stated;
    lane.run = [];
    lanes.giveUp(lane, new LeptaError("scrip-mismatch"));
    outbox.flushSoon(customer.noticeDelay);
  });
}

/**
 * Lanes whose scrip the broker has taken back: the changes that end them, to be committed with its end, and what is to be done
 * then.
 */
export async function reversedLanes(
  customer: Customer,
  holdings: readonly string[],
): Promise<{ readonly changes: readonly Change[]; readonly done: () => void }> {
  const { lanes } = customer;
  const gone = lanes.all().filter((lane) => holdings.includes(holdingId(lane)));
  const changes: Change[] = [];
  for (const lane of gone) {
    changes.push(lanes.tables.lanes.remove(lane.id));
    // A lost one's run was kept when it was lost.
    if (lane.record.state !== "lost") changes.push(...(await oursOf(customer, lane)));
  }
  const done = (): void => {
    for (const lane of gone) {
      lanes.release([...lane.run, ...lane.flight].map(({ entry }) => entry));
      lanes.remove(lane);
      lane.pair.count -= lane.run.length;
      for (const { charged } of lane.run) lane.pair.value -= charged;
      lanes.drop(lane, new LeptaError("closed", "the broker has taken its scrip back"));
    }
  };
  return { changes, done };
}

/** What was bought since the last statement, under our signature alone. */
async function oursOf(customer: Customer, lane: Lane): Promise<readonly Change[]> {
  const { party, lanes, outbox } = customer;
  if (lane.run.length === 0) return [];
  const payload = encodePayload(statement, versionOf(customer, lane));
  const signature = await signStatement(payload, party.identity.signing);
  const signed = encodeAs(signedStatement, { statement: payload, customer: signature });
  return [
    lanes.tables.runs.put(`${lane.merchant}/${lane.name}/${digits(answeredUpTo(lane))}`, {
      statement: signed,
      before: lane.stated.chain,
      entries: keptEntries(lane.run),
    }),
    outbox.put(signed),
  ];
}

/** The statement as our own chain has it. */
function versionOf({ party }: Customer, { record, stated, run, held, ...lane }: Lane) {
  const { identity, runtime } = party;
  const { origin } = bodyOf(held);
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
    ...(origin === undefined ? {} : { origin }),
  };
}

/** Where the lane's scrip stands among the VendorScrip. */
export const holdingId = ({ merchant, record }: Pick<Lane, "merchant" | "record">): string =>
  `${merchant}/${record.scrip}`;
