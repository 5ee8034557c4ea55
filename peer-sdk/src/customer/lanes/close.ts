/** Item 7 at the customer: a lane ends, and what remains is scrip like any other. */
import { LeptaError } from "@lepta/protocol";
import type { Customer } from "../customer.ts";
import type { Lane } from "./lane.ts";
import type { MerchantSession } from "./merchant-session.ts";

/** Closes a lane when nothing is under way on it any more. Throws `unreachable` and the merchant's codes. */
export function closeLane(customer: Customer, session: MerchantSession, lane: Lane): Promise<void> {
  lane.closing ??= close(customer, session, lane).finally(() => {
    lane.closing = undefined;
    // It can be bought on again, unless we have signed its end.
    lane.isClosing = lane.record.state === "closing";
  });
  return lane.closing;
}

async function close({ lanes }: Customer, session: MerchantSession, lane: Lane): Promise<void> {
  lane.isClosing = true;
  const isIdle = await lanes.whenIdle(lane);
  if (lane.session !== session.session) throw new LeptaError("unreachable", "the lane has left this session");
  if (!isIdle) throw new LeptaError("unreachable", "a purchase on it has no answer");
  await session.closed(lane);
}

/** Closes the lanes with one merchant that the choice falls on. What cannot be closed now stays, and is closed later. */
export async function closeLanes(
  customer: Customer,
  session: MerchantSession | undefined,
  isChosen: (lane: Lane) => boolean = () => true,
): Promise<void> {
  if (session === undefined) return;
  const chosen = [...session.lanes.values()].filter((lane) => lane.session !== undefined && isChosen(lane));
  await Promise.all(
    chosen.map((lane) =>
      closeLane(customer, session, lane).catch((error: unknown) => {
        if (!(error instanceof LeptaError)) throw error;
      }),
    ),
  );
}
