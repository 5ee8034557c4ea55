/** BrokerScrip on its way back: the request is kept and the purse locked in one commit, before anything is sent. */
import {
  type Amount,
  encodeAs,
  proveSpend,
  redeemRequest,
  renewalRequest,
  returnSpendCodec,
  scripOf,
  toText,
} from "@lepta/protocol";
import { REQUEST_LIFE } from "../party.ts";
import type { Customer } from "./customer.ts";
import { bodyOf, type Holding, type Pending, PURSE } from "./records.ts";

const TYPES = { redeem: redeemRequest, renewal: renewalRequest } as const;

/** Makes, keeps and seals a return spend of `amount` out of the purse: a redemption, or a renewal of its whole value. */
export async function prepareReturn(
  customer: Customer,
  kind: keyof typeof TYPES,
  held: Holding,
  amount: Amount,
): Promise<{ readonly txn: string; readonly pending: Pending }> {
  const { party, tables } = customer;
  const { link, runtime } = party;
  const txn = toText(runtime.random(16));
  const body = encodeAs(returnSpendCodec, { scrip: scripOf(held.grant), amount });
  const request = await party.sign(TYPES[kind], {
    to: link.network,
    txn,
    expiresAt: runtime.now() + REQUEST_LIFE,
    spend: proveSpend(held.secret, body),
  });
  const pending: Pending = {
    kind,
    message: await link.seal(request),
    request: request.digest,
    amount,
    at: customer.moment(),
    scrip: bodyOf(held).id,
  };
  await party.store.commit([
    tables.pending.put(txn, pending),
    tables.purse.put(PURSE, { ...held, lockedBy: txn }),
  ]);
  return { txn, pending };
}
