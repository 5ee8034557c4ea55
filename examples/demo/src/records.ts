/**
 * What the SDK keeps in a peer's store, read from outside: a rogue needs its own keys and scrip, and the books compare
 * what wallets hold with what issuers say. Programs that only pay and sell never do this.
 */
import type { PeerStore } from "@lepta/peer-sdk";
import {
  bodyOf,
  customerTables,
  type Holding,
  identities,
  merchantTables,
  PURSE,
  SELF,
} from "@lepta/peer-sdk/records";

export { bodyOf, type Holding } from "@lepta/peer-sdk/records";

/** A peer's private keys and credential. */
export async function readIdentity(store: PeerStore) {
  const record = await identities(store).get(SELF);
  if (record?.credential === undefined) throw new Error("the store holds no enrolled identity");
  return { ...record, credential: record.credential };
}

/** The one BrokerScrip of a wallet, where there is one. */
export const readPurse = (store: PeerStore): Promise<Holding | undefined> =>
  customerTables(store).purse.get(PURSE);

/** The VendorScrip of a wallet, of one merchant or of all. */
export async function readVendorScrip(store: PeerStore, merchant = ""): Promise<readonly Holding[]> {
  return (await customerTables(store).vendorscrip.list({ under: merchant })).map(([, held]) => held);
}

/** A lane that was driven by hand has turned one scrip into another: the wallet is told. */
export async function exchangeVendorScrip(
  store: PeerStore,
  merchant: string,
  spent: Holding,
  change: Pick<Holding, "grant" | "secret">,
): Promise<void> {
  const { vendorscrip } = customerTables(store);
  const kept = { ...change, ...(spent.obtained === undefined ? {} : { obtained: spent.obtained }) };
  await store.commit([
    vendorscrip.remove(`${merchant}/${bodyOf(spent).id}`),
    vendorscrip.put(`${merchant}/${bodyOf(kept).id}`, kept),
  ]);
}

/** The live VendorScrip that a merchant issued to one owner: values by scrip id. */
export async function readIssued(store: PeerStore, owner: string): Promise<ReadonlyMap<string, bigint>> {
  const issued = await merchantTables(store).scrip.list();
  const live = issued.filter(([, scrip]) => scrip.owner === owner && scrip.state === "live");
  return new Map(live.map(([id, { value }]) => [id, value.value]));
}
