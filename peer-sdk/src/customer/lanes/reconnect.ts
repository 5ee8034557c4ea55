/** A connection that broke while purchases were under way is opened again: they get their answers, or stay under way. */
import { LeptaError, limits } from "@lepta/protocol";
import type { Acquaintances } from "../acquaintances.ts";
import type { Customer } from "../customer.ts";
import type { Lane } from "./lane.ts";
import { resumeLane } from "./resume.ts";

/** The first pause before a connection is opened again, in milliseconds; each next one is twice as long. */
const PAUSE = 250;

/** Takes up lanes whose session has ended, while somebody waits for what was bought on them. */
export async function reconnect(
  customer: Customer,
  merchants: Acquaintances,
  lanes: readonly Lane[],
): Promise<void> {
  const { runtime } = customer.party;
  const { lanes: book } = customer;
  const left = () => lanes.filter((lane) => lane.session === undefined && book.isWaitedFor(lane));
  let failure: unknown;
  for (let attempt = 0; attempt < limits.reconnectAttempts; attempt += 1) {
    const [first] = left();
    if (first === undefined) return;
    // At once where only the connection broke; a merchant that is restarting needs a moment.
    if (attempt > 0) await runtime.sleep(PAUSE * 2 ** (attempt - 1));
    try {
      const { session } = await merchants.at(`${first.record.url}#${first.merchant}`);
      // Where we have met already, or it did not let us go on at once.
      if (session !== undefined) for (const lane of left()) await resumeLane(customer, session, lane);
    } catch (error) {
      failure = error;
    }
  }
  const error =
    failure instanceof LeptaError ? failure : new LeptaError("unreachable", "the connection broke");
  for (const lane of left()) book.giveUp(lane, error);
}
