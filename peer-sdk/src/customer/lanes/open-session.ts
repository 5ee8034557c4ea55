/** A session with the merchant at the other end of a wire, in place of the lane's last one. */
import type { Wire } from "../../ports.ts";
import { openHandshake } from "../../session/handshake.ts";
import type { Met } from "../acquaintance.ts";
import type { Customer } from "../customer.ts";
import { attendMerchant } from "./attend.ts";

/** Shows who we are and attends to what comes. Throws what `openHandshake` throws. */
export async function openSession(
  customer: Customer,
  wire: Wire,
  isExpected: (uid: string) => void,
): Promise<Met> {
  const { party, lanes } = customer;
  const resumes = (uid: string) => lanes.lastOpening(uid);
  const { keys, credential, ours, wire: held } = await openHandshake(party, wire, isExpected, resumes);
  const signers = { ours, merchant: credential, metAt: party.runtime.now() };
  return { ours, credential, session: attendMerchant(customer, held, keys, signers) };
}
