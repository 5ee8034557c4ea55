/** Item 1 at the customer: a scrip is locked for one lane, in one commit with the lane's record, before its merchant hears of it. */
import { encodeAs, LeptaError, laneOpen, laneOrigin, proveLane, scripOf } from "@lepta/protocol";
import { laneId } from "../../lanes/run.ts";
import type { Customer } from "../customer.ts";
import { bodyOf, type Holding } from "../records.ts";
import { abandonLane, holdingId } from "./end.ts";
import { type Lane, laneLock, laneOf } from "./lane.ts";
import type { MerchantSession } from "./merchant-session.ts";
import type { LaneRecord } from "./records.ts";
import { notedSigners } from "./sign.ts";

/**
 * Opens a lane on a scrip that nothing else is under way with. The caller holds the merchant's lock. Throws the merchant's code
 * where it opens none, and then the scrip is free again: nothing can have been bought with it.
 */
export async function openLane(
  customer: Customer,
  url: string,
  session: MerchantSession,
  held: Holding,
): Promise<Lane> {
  const { party, tables, lanes } = customer;
  const { uid: merchant } = session.signers.merchant;
  const { opening } = session.session;
  const { id: scrip, value } = bodyOf(held);
  const number = ((await lanes.tables.numbers.get(merchant)) ?? firstNumber(customer)) + 1;
  const remaining = Number(value.value);
  const chain = laneOrigin(opening, number, scrip);
  const { signers, changes } = notedSigners(customer, session.signers, []);
  const record: LaneRecord = {
    state: "opening",
    session: opening,
    scrip,
    currency: value.currency,
    stated: { sequence: 0, remaining, chain },
    url,
    openings: [],
    at: customer.moment(),
    signers,
  };
  const lane = laneOf(merchant, laneId(merchant, number), number, record, held, lanes.pairOf(merchant));
  await party.store.commit([
    lanes.tables.lanes.put(lane.id, record),
    lanes.tables.numbers.put(merchant, number),
    ...changes,
    tables.vendorscrip.put(holdingId(lane), { ...held, lockedBy: lane.lock }),
  ]);
  lanes.add(lane);
  const { authorization = NOTHING } = held;
  const item = encodeAs(laneOpen, [
    1,
    number,
    scripOf(held.grant),
    proveLane(held.secret, lane.origin),
    authorization,
  ]);
  session.lanes.set(number, lane);
  const isAsOurs = await session.standing(number, item).catch(async (error: unknown) => {
    session.lanes.delete(number);
    const isRefused = error instanceof LeptaError && error.code !== "unreachable" && error.code !== "pending";
    if (isRefused) await abandonLane(customer, lane);
    throw error;
  });
  if (!isAsOurs) {
    session.disagree(lane, "scrip-mismatch");
    throw new LeptaError("scrip-mismatch", "the lane does not stand where it begins");
  }
  await markOpen(customer, lane);
  if (session.session.isOpen) lane.session = session.session;
  return lane;
}

/** Its merchant has the lane: M4 is needed no more. */
export function markOpen({ party, tables, lanes, lock }: Customer, lane: Lane): Promise<void> {
  const { authorization: _seen, ...held } = lane.held;
  return lock.run(laneLock(lane), async () => {
    if (lane.record.state !== "opening") return;
    const record: LaneRecord = { ...lane.record, state: "open" };
    await party.store.commit([
      lanes.tables.lanes.put(lane.id, record),
      tables.vendorscrip.put(holdingId(lane), { ...held, lockedBy: lane.lock }),
    ]);
    lane.record = record;
  });
}

const NOTHING = new Uint8Array(0);

/**
 * No number is used twice: a wallet that was restored from its phrase does not know what its lost device has used, and goes on from
 * the time, in milliseconds.
 */
const firstNumber = ({ party }: Customer): number => (party.identity.isRestored ? party.runtime.now() : 0);
