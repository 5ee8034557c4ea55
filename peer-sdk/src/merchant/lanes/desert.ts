/** Lanes that end without their customer: its device is lost, or its scrip has expired, or the broker reverses its credit. */
import { LeptaError, type ScripId, type Uid } from "@lepta/protocol";
import { withLine } from "../line.ts";
import type { Shop } from "../shop.ts";
import type { Lane } from "./lane.ts";
import { endLane } from "./state.ts";

/** Ends the lanes of one customer that no session of its holds. One on which something is still at work is left. */
export async function endDeserted(shop: Shop, owner: Uid): Promise<void> {
  for (const lane of shop.lanes.all(owner)) if (isDeserted(lane)) await end(shop, lane);
}

/** Ends what nobody can buy on any more: the scrip has expired for longer than it could be renewed. */
export async function endExpired(shop: Shop): Promise<void> {
  const now = shop.party.runtime.now();
  for (const lane of shop.lanes.all())
    if (isDeserted(lane) && now >= lane.record.expiresAt + shop.grace) await end(shop, lane);
}

/** Ends the lane that a scrip pays for, if there is one. The caller holds its line. Throws `pending`. */
export async function endLaneOf(shop: Shop, owner: Uid, scrip: ScripId): Promise<void> {
  const lane = shop.lanes.all(owner).find(({ record }) => record.scrip === scrip);
  if (lane !== undefined) await endLane(shop, lane);
}

const isDeserted = ({ visit }: Lane): boolean => visit === undefined || !visit.session.isOpen;

async function end(shop: Shop, lane: Lane): Promise<void> {
  try {
    await withLine(shop, lane.line, async () => {
      if (shop.lanes.find(lane.owner, lane.number) === lane) await endLane(shop, lane);
    });
  } catch (error) {
    if (!(error instanceof LeptaError) || error.code !== "pending") throw error;
  }
}
