/** The two sides of a session in a page's test, each as its own platform makes it. */
import { type Credential, orThrow, utf8, verifyCredential } from "@lepta/protocol";
import { systemRuntime } from "../../peer-sdk/src/ports.ts";
import type { openHandshake } from "../../peer-sdk/src/session/handshake.ts";
import { credentialOf } from "../protocol/receipts.ts";
import { network, now, type Party, trust } from "../vectors/parties.ts";

type SessionParty = Parameters<typeof openHandshake>[0];

export const runtime = { ...systemRuntime, now: () => now };

/** What a handshake asks of a party. */
export async function sessionParty(peer: Party): Promise<SessionParty> {
  const credential: Credential = orThrow(await verifyCredential(await credentialOf(peer), trust, now));
  const asked = {
    identity: { network, opening: peer.opening },
    link: { trust: () => trust },
    runtime,
    credential: async () => credential,
  };
  return asked as unknown as SessionParty;
}

/** What the customer sends, and what the merchant answers to `big`. */
export const ITEMS = 2000;
export const BIG_ID = 7;
export const big = utf8("small change ".repeat(75_000));
