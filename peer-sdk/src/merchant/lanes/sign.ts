/** Item 15 at the merchant: the customer's signature under the statement that we proposed. */
import { encodeAs, isRefusal, laneClose, verifyStatementBy } from "@lepta/protocol";
import { withLine } from "../line.ts";
import type { Shop } from "../shop.ts";
import type { Lane, LaneVisit } from "./lane.ts";
import { goOn, goOnWaiting } from "./sell.ts";
import { isStatementDue, keep, proposeStatement } from "./state.ts";

/** Takes the customer's signature under the statement that we proposed; one under another ends the connection. */
export async function takeSignature(
  shop: Shop,
  visit: LaneVisit,
  lane: Lane,
  signature: Uint8Array,
): Promise<void> {
  const { proposed } = lane;
  const { verifyingKey } = visit.customer;
  // A signature that we have already: its customer could not know.
  if (proposed === undefined) return;
  const said = await verifyStatementBy(proposed.payload, signature, verifyingKey, lane.owner);
  if (isRefusal(said)) return visit.fault(lane.number, said.code);
  if (lane.proposed !== proposed) return;
  await withLine(shop, lane.line, async () => {
    if (lane.proposed !== proposed) return;
    // A commit that failed may be on disk or not, and memory cannot say which: nothing more is sold on it.
    await keep(shop, lane, proposed, signature).catch((error: unknown) => {
      shop.lanes.fail(error);
      throw error;
    });
  });
  if (proposed.closes) visit.send(encodeAs(laneClose, [7, lane.number]));
  else if (lane.isClosing || isStatementDue(lane)) proposeStatement(shop, lane);
  goOn(shop, lane);
  goOnWaiting(shop, lane);
}
