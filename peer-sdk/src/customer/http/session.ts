/** Intent `session`: M1 goes on a lane, and the credential names it. */
import type { Txn } from "@lepta/protocol";
import { LeptaError } from "@lepta/protocol";
import type { DealingsPart } from "#parts";
import type { Challenge } from "../../http/challenge.ts";
import { provePayload, writeSession } from "../../http/payload.ts";
import type { Acquaintance } from "../acquaintance.ts";
import type { Bargain, Bought } from "../bought.ts";
import type { Customer } from "../customer.ts";
import type { Provision } from "../spend.ts";
import { credentialFor } from "./exchange.ts";

/** A purchase that has left on a lane. */
export interface OnLane {
  readonly txn: Txn;
  /** For the header. */
  readonly credential: string;
  /** Settles when the merchant has answered on the lane. */
  readonly bought: Promise<Bought>;
}

/** Sends a purchase on its way, and names it. Throws what buying on a lane throws before it has left. */
export async function buyNamed(
  customer: Customer,
  { spendOnLane }: Pick<DealingsPart, "spendOnLane">,
  merchant: Acquaintance,
  challenge: Challenge,
  bargain: Bargain,
  provision: Provision,
): Promise<OnLane> {
  const { session } = merchant;
  if (session === undefined) throw new LeptaError("signature-needed", "there is no session");
  const { uid } = customer.party.identity;
  const { promise, resolve, reject } = Promise.withResolvers<Omit<OnLane, "bought">>();
  const bought = spendOnLane(customer, merchant, session, bargain, provision, (txn, secret) => {
    const payload = writeSession({ purchase: txn, proof: provePayload(secret, challenge.id, txn) });
    resolve({ txn, credential: credentialFor(challenge, uid, payload) });
  });
  // Where it has left already the caller has the promise itself.
  bought.catch(reject);
  return { ...(await promise), bought };
}
