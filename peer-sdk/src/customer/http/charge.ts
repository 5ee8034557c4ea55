/**
 * Intent `charge`: M1 of figure 7 goes in the credential, M2 comes in the receipt. Where HTTP brings no answer the merchant is asked
 * over its WebSocket, as for any purchase under way: the same M1 gets the same M2.
 */
import { fromText, hello, isRefusal, purchaseResponse, toText } from "@lepta/protocol";
import type { Challenge } from "../../http/challenge.ts";
import { writeCharge } from "../../http/payload.ts";
import { REQUEST_LIFE } from "../../party.ts";
import type { Acquaintance } from "../acquaintance.ts";
import type { Bargain, Bought } from "../bought.ts";
import { finish, prepare, resumePurchase } from "../buy-item.ts";
import { awaiting, type Customer } from "../customer.ts";
import { readReply } from "../meet.ts";
import { mustHaveRoom, type Provision, provide } from "../spend.ts";
import { credentialFor, type Exchange, receiptOf } from "./exchange.ts";

/** Pays and gets the answer. Throws what `spendAt` throws; what came of HTTP before is told to `exchange`'s caller. */
export async function payCharge(
  customer: Customer,
  merchant: Acquaintance,
  challenge: Challenge,
  bargain: Bargain,
  provision: Provision,
  exchange: Exchange,
): Promise<Bought> {
  const { party, lock } = customer;
  const { runtime, identity } = party;
  mustHaveRoom(customer);
  return lock.run(merchant.credential.uid, async () => {
    const held = await provide(customer, merchant, bargain.price, provision, () =>
      merchant.session?.closeLanes(({ remaining }) => BigInt(remaining) >= bargain.price.value),
    );
    const txn = toText(runtime.random(16));
    const greeting = await party.sign(hello, {
      to: merchant.credential.uid,
      txn: toText(runtime.random(16)),
      expiresAt: runtime.now() + REQUEST_LIFE,
      credential: merchant.ours.bytes,
    });
    const pending = await prepare(customer, merchant, txn, held, bargain, true);
    const payload = writeCharge({ hello: greeting.bytes, request: pending.message });
    return awaiting(customer, txn, async () => {
      const response = await exchange(credentialFor(challenge, identity.uid, payload), txn);
      const bytes = response && answerIn(response);
      const answer =
        bytes && (await readReply(party, merchant.credential.verifyingKey, bytes, purchaseResponse));
      if (answer !== undefined && !isRefusal(answer)) return finish(customer, merchant, txn, pending, answer);
      const bought = await resumePurchase(customer, merchant, txn);
      if (bought === undefined) throw new Error("a purchase that is under way twice");
      return bought;
    });
  });
}

/** M2, sealed, as it stands in the receipt; undefined where there is none. */
function answerIn(response: Response): Uint8Array | undefined {
  const sealed = receiptOf(response)?.response;
  // A receipt that is longer than a header may be was not read.
  return typeof sealed === "string" ? fromText(sealed, Math.floor((sealed.length * 3) / 4)) : undefined;
}
