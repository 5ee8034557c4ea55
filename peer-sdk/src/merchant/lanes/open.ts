/** Item 1: a scrip is held for one lane, and pays for its purchases until the lane closes. */
import {
  amountOf,
  type ErrorCode,
  encodeAs,
  equalBytes,
  isRefusal,
  laneOpened,
  laneOrigin,
  limits,
  proveLane,
  readScrip,
  type ScripTuple,
} from "@lepta/protocol";
import { chainOver, laneId, type Stated } from "../../lanes/run.ts";
import { shownLine, withLine } from "../line.ts";
import { usableScrip } from "../sell-item.ts";
import type { Shop } from "../shop.ts";
import { type Lane, type LaneVisit, laneOf, mayTake } from "./lane.ts";
import type { LaneRecord } from "./records.ts";

interface Opening {
  readonly number: number;
  readonly scrip: ScripTuple;
  readonly pop: Uint8Array;
  /** M4, or empty. */
  readonly authorization: Uint8Array;
}

/** Opens a lane, or says why not. The same item again gets the same answer. */
export async function openLane(shop: Shop, visit: LaneVisit, opening: Opening): Promise<void> {
  const shown = readScrip(opening.scrip[0]);
  if (isRefusal(shown)) return visit.end("malformed");
  const line = shownLine(visit.customer.uid, shown);
  // One at a time for a customer, as they have numbers and bounds in common; before the line, as everywhere.
  const { uid } = visit.customer;
  const outcome = await shop.lanes.whileOpening(uid, opening.number, () =>
    shop.lock.run(`opening/${uid}`, () => withLine(shop, line, () => decide(shop, visit, opening, shown.id))),
  );
  if (typeof outcome === "string") return visit.fault(opening.number, outcome);
  visit.send(openedItem(outcome));
}

/** The statement, or the lane's origin, from which h is counted on. */
export type ChainBase = Pick<Stated, "sequence" | "chain">;

/** Item 2: where a lane stands, counted from there. */
export const openedItem = (
  { number, sequence, remaining, record, stated, run }: Lane,
  base: ChainBase = stated,
): Uint8Array =>
  encodeAs(laneOpened, [
    2,
    number,
    sequence,
    amountOf(record.currency, BigInt(remaining)),
    chainOver(base.chain, run.slice(base.sequence - stated.sequence)),
  ]);

async function decide(
  shop: Shop,
  visit: LaneVisit,
  { number, scrip, pop, authorization }: Opening,
  id: string,
): Promise<Lane | ErrorCode> {
  const { party, lanes, tables } = shop;
  const owner = visit.customer.uid;
  const session = visit.session.opening;
  const known = lanes.find(owner, number);
  if (known !== undefined) {
    const isSame = known.record.scrip === id && equalBytes(known.record.session, session);
    return isSame && mayTake(known, visit) ? known : "in-use";
  }
  // Nobody would learn of it: its customer asks for it in the next session.
  if (!visit.session.isOpen) return "closed";
  if (lanes.isBroken) return "internal";
  if (number < 1 || lanes.all(owner).length >= limits.lanes) return "busy";
  if (!lanes.hasRoom(lanes.pairOf(owner), 1)) return "statement-due";
  const shown = readScrip(scrip[0]);
  if (isRefusal(shown)) return "malformed";
  const origin = laneOrigin(session, number, id);
  const m4 = authorization.length === 0 ? undefined : authorization;
  const usable = await usableScrip(shop, visit.customer, shown, scrip, m4, (secret) =>
    equalBytes(proveLane(secret, origin), pop),
  );
  if (isRefusal(usable)) return usable.code;
  if (usable.state !== "live" || usable.salt === undefined) return "scrip-spent";
  const now = party.runtime.now();
  if (now >= usable.expiresAt) return "scrip-expired";
  const remaining = Number(usable.value.value);
  const record: LaneRecord = {
    session,
    scrip: id,
    origin: usable.origin,
    currency: usable.value.currency,
    expiresAt: usable.expiresAt,
    stated: { sequence: 0, remaining, chain: origin },
    openedAt: now,
  };
  await party.store.commit([
    lanes.tables.lanes.put(laneId(owner, number), record),
    tables.scrip.put(id, { ...usable, state: "lane" }),
  ]);
  // The pair as it is now: it may have been forgotten and begun anew with another lane's end.
  const lane = laneOf(party, owner, number, record, usable.salt, lanes.pairOf(owner));
  lanes.add(lane);
  if (!visit.session.isOpen) return "closed";
  lane.visit = visit;
  visit.lanes.set(number, lane);
  return lane;
}
