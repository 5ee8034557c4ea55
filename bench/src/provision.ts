/** Makes a customer for the bench with the SDK's own wallet: enrolled, and with VendorScrip of the merchant. */
import { memoryPeerStore, Wallet } from "@lepta/peer-sdk";
import { formatAmount, multiply, orThrow, parseAmount, type Suite } from "@lepta/protocol";
import { customerTables, type Holding } from "../../peer-sdk/src/customer/records.ts";
import { Outbox } from "../../peer-sdk/src/outbox.ts";
import { openParty, type Party } from "../../peer-sdk/src/party.ts";

/** A peer that has bought VendorScrip and nothing else. */
export interface Provision {
  readonly party: Party;
  readonly holdings: readonly Holding[];
}

export interface CustomerOptions {
  /** The broker's address with its pin. */
  readonly broker: string;
  readonly suite: Suite;
  /** The merchant's. */
  readonly url: string;
  readonly scrips: number;
}

/** Of one scrip: ten million purchases of the bench's item. */
export const VENDORSCRIP = "EUR 10.00";

/** Enrols, tops up and obtains VendorScrip as any customer does. */
export async function provision({ broker, suite, url, scrips }: CustomerOptions): Promise<Provision> {
  const party = await openParty({ store: memoryPeerStore(), broker, suite });
  const wallet = await Wallet.of(party, await Outbox.open(party));
  try {
    await wallet.topUp(formatAmount(orThrow(multiply(parseAmount(VENDORSCRIP), scrips))));
    for (let i = 0; i < scrips; i += 1) await wallet.obtain(url, VENDORSCRIP);
  } finally {
    await wallet.close();
  }
  const held = await customerTables(party.store).vendorscrip.list();
  if (held.length !== scrips)
    throw new Error(`the wallet's store holds ${held.length} scrips, not ${scrips}`);
  return { party, holdings: held.map(([, each]) => each) };
}
