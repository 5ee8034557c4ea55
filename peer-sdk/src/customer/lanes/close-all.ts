/** All lanes with a merchant are closed before what they hold is given back, however often the connection breaks meanwhile. */
import { LeptaError, limits } from "@lepta/protocol";
import type { Acquaintance } from "../acquaintance.ts";
import type { Acquaintances } from "../acquaintances.ts";
import type { Customer } from "../customer.ts";
import { closeLanes } from "./close.ts";
import { resumeLeft } from "./resume.ts";

/**
 * Closes all lanes with the merchant at this address, in another session where one breaks; tells whether none is left open. The
 * merchant that it brings is the one that was met last.
 */
export async function closeAll(
  customer: Customer,
  merchants: Acquaintances,
  url: string,
): Promise<{ readonly merchant: Acquaintance; readonly isDone: boolean }> {
  for (let attempt = 1; ; attempt += 1) {
    const merchant = await merchants.at(url);
    const { session, credential } = merchant;
    if (session !== undefined)
      await resumeLeft(customer, session).catch((error: unknown) => {
        if (!(error instanceof LeptaError)) throw error;
      });
    await closeLanes(customer, session);
    const isDone = customer.lanes.with(credential.uid).every(({ record: { state } }) => ENDED.has(state));
    if (isDone || attempt === limits.reconnectAttempts) return { merchant, isDone };
    await customer.party.runtime.sleep(PAUSE * attempt);
  }
}

const ENDED: ReadonlySet<string> = new Set(["closing", "lost"]);
/** Before a lane that would not close is tried again, in milliseconds. */
const PAUSE = 50;
