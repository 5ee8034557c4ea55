/** Item 11: a customer comes back, and gets the answers that were lost on the way. */
import { encodeAs, equalBytes, laneJoined, proveResumption } from "@lepta/protocol";
import { chainOver, readEntry } from "../../lanes/run.ts";
import type { Shop } from "../shop.ts";
import { type Lane, type LaneVisit, mayTake } from "./lane.ts";
import { type ChainBase, openedItem } from "./open.ts";
import { isStatementDue, proposeStatement, sendProposal } from "./state.ts";

interface Resuming {
  readonly number: number;
  /** The last sequence whose answer the customer has, and h there. */
  readonly sequence: number;
  readonly chain: Uint8Array;
  readonly pop: Uint8Array;
}

/** Gives the lane to this session: the answers that its customer lacks, then where it stands. */
export function resumeLane(shop: Shop, visit: LaneVisit, { number, sequence, chain, pop }: Resuming): void {
  const lane = shop.lanes.find(visit.customer.uid, number);
  if (lane === undefined) {
    // What the session before brought last may still be at work.
    const code = shop.lanes.isOpening(visit.customer.uid, number) ? "pending" : "wrong-reference";
    visit.fault(number, code);
    return;
  }
  // Its session proves it once, for all that is bought in it: before it learns or changes anything.
  if (!equalBytes(proveResumption(lane.secret, lane.origin, visit.session.opening), pop)) {
    visit.fault(number, "bad-proof");
    return;
  }
  if (!mayTake(lane, visit)) {
    visit.fault(number, "in-use");
    return;
  }
  if (shop.lanes.isBroken) {
    visit.fault(number, "internal");
    return;
  }
  // A goods' handler or the disk is still at work on what the broken connection brought: its answer would pass us by.
  if (lane.isDelivering || lane.durable !== lane.sequence) {
    visit.fault(number, "pending");
    return;
  }
  const base = baseOf(lane, sequence, chain);
  if (base === undefined) {
    visit.fault(number, "conflict");
    return;
  }
  if (lane.visit !== visit) lane.visit?.end("closed");
  lane.visit = visit;
  lane.waiting = [];
  lane.joining = equalBytes(visit.session.opening, lane.record.session) ? undefined : visit.session.opening;
  visit.lanes.set(number, lane);
  for (const [i, { kept, joined }] of lane.run.entries()) {
    const each = lane.stated.sequence + 1 + i;
    if (each <= sequence) continue;
    if (joined !== undefined) visit.send(encodeAs(laneJoined, [12, number, each, joined]));
    visit.send(readEntry(kept).answered);
  }
  visit.send(openedItem(lane, base));
  sendProposal(shop, lane);
  if (lane.isClosing || isStatementDue(lane)) proposeStatement(shop, lane);
}

/**
 * The statement from which the customer counts on, where the lane went through what it says: our last one, or the one that was
 * proposed and that it has signed without our having the signature yet.
 */
function baseOf(lane: Lane, sequence: number, chain: Uint8Array): ChainBase | undefined {
  const { stated, proposed, run } = lane;
  if (sequence < stated.sequence || sequence > stated.sequence + run.length) return undefined;
  const bases: readonly ChainBase[] =
    proposed === undefined ? [stated] : [stated, { sequence: proposed.last, chain: proposed.chain }];
  return bases.find(
    (base) =>
      sequence >= base.sequence &&
      equalBytes(
        chainOver(base.chain, run.slice(base.sequence - stated.sequence, sequence - stated.sequence)),
        chain,
      ),
  );
}
