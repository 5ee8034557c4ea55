/** Figure 6 where no answer came: the broker is asked how it ended. */
import { brokerscripResponse, LeptaError } from "@lepta/protocol";
import { endAtBroker } from "./ask-broker.ts";
import { type Customer, PURSE_LOCK } from "./customer.ts";
import { endedPending } from "./ended.ts";
import { concludeTopUp } from "./purse.ts";

/** Brings a top-up that was left under way to its end, if it has one by now. */
export async function resumeTopUp(customer: Customer, txn: string): Promise<void> {
  await customer.lock.run(PURSE_LOCK, async () => {
    const pending = await customer.tables.pending.get(txn);
    if (pending === undefined) return;
    const funding = await endAtBroker(customer.party, txn, brokerscripResponse);
    if (funding !== undefined) await concludeTopUp(customer, txn, pending, funding).catch(ignoreRefusal);
    else await customer.party.store.commit(endedPending(customer, txn, pending, "aborted"));
  });
}

function ignoreRefusal(error: unknown): void {
  // The refusal is in the history; whoever asked for the top-up is gone.
  if (!(error instanceof LeptaError)) throw error;
}
