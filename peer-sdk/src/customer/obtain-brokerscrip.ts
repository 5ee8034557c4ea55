/** Figure 6 at the customer, top to bottom: M0 kept and sent, M1 checked, the purse moved. */
import { type Amount, brokerscripRequest, isRefusal, LeptaError, toText } from "@lepta/protocol/core";
import { askAt, doors } from "../doors.ts";
import { REQUEST_LIFE } from "../party.ts";
import { awaiting, type Customer, PURSE_LOCK } from "./customer.ts";
import { concludeTopUp } from "./purse.ts";
import type { Pending } from "./records.ts";

/** Buys BrokerScrip. Throws `declined` and the like when refused, `pending` while the outcome is not known. */
export function obtainBrokerScrip(customer: Customer, amount: Amount): Promise<void> {
  return customer.lock.run(PURSE_LOCK, async () => {
    const { party, tables } = customer;
    const { link, runtime } = party;
    const { currency } = await link.keys();
    if (amount.currency !== currency)
      throw new LeptaError("wrong-currency", `this broker deals in ${currency}`);
    const txn = toText(runtime.random(16));
    const at = customer.moment();
    const request = await party.sign(brokerscripRequest, {
      to: link.network,
      txn,
      expiresAt: runtime.now() + REQUEST_LIFE,
      amount,
    });
    const pending: Pending = {
      kind: "topup",
      message: await link.seal(request),
      request: request.digest,
      amount,
      at,
    };
    await party.store.commit([tables.pending.put(txn, pending)]);
    const named = { txn, digest: request.digest };
    const answer = await awaiting(customer, txn, () =>
      askAt(party, doors.brokerscrip, pending.message, named),
    );
    // Whatever was not signed may still be decided, when the same request comes again: that is for `resumeTopUp`.
    if (isRefusal(answer)) throw new LeptaError(answer.code, answer.detail);
    await concludeTopUp(customer, txn, pending, answer);
  });
}
