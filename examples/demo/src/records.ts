/**
 * What the SDK keeps in a peer's store, read from outside: a rogue needs its own keys and scrip, and the books compare
 * what wallets hold with what issuers say. Programs that only pay and sell never do this.
 */
import type { PeerStore } from "@lepta/peer-sdk";
import {
  amount,
  bytes,
  type Codec,
  decodeAs,
  embedded,
  field,
  grantCodec,
  optional,
  orThrow,
  readScrip,
  type ScripBody,
  struct,
  text,
  time,
  txn,
  uid,
  uint,
  type Value,
  word,
} from "@lepta/protocol";

const identityRecord = struct({
  suite: field(1, text(16)),
  network: field(2, uid),
  signing: field(3, bytes(16, 1024)),
  sealing: field(4, bytes(16, 1024)),
  statement: field(5, embedded(1024)),
  serial: field(6, uint()),
  epochRoot: field(7, bytes(32)),
  credential: optional(8, embedded(3072)),
});

const holdingRecord = struct({
  grant: field(1, grantCodec),
  secret: field(2, bytes(32)),
  lockedBy: optional(3, txn),
});
/** A scrip as its owner keeps it, with its CustomerSecret. */
export type Holding = Value<typeof holdingRecord>;

const issuedRecord = struct({
  state: field(1, word("reserved", "live", "spent")),
  owner: field(2, uid),
  value: field(3, amount),
  expiresAt: field(4, time),
  salt: optional(5, bytes(32)),
  from: field(6, txn),
  spentBy: optional(7, txn),
});

/** A peer's private keys and credential. */
export async function readIdentity(store: PeerStore) {
  const [record] = (await list(store, "identity/self", identityRecord)).values();
  if (record?.credential === undefined) throw new Error("the store holds no enrolled identity");
  return { ...record, credential: record.credential };
}

/** The one BrokerScrip of a wallet, where there is one. */
export async function readPurse(store: PeerStore): Promise<Holding | undefined> {
  return (await list(store, "brokerscrip/live", holdingRecord)).get("brokerscrip/live");
}

/** The VendorScrip of a wallet, of one merchant or of all. */
export async function readVendorScrip(store: PeerStore, merchant = ""): Promise<readonly Holding[]> {
  return [...(await list(store, `vendorscrip/${merchant}`, holdingRecord)).values()];
}

/** The live VendorScrip that a merchant issued to one owner: values by scrip id. */
export async function readIssued(store: PeerStore, owner: string): Promise<ReadonlyMap<string, bigint>> {
  const issued = await list(store, "scrip/", issuedRecord);
  const live = [...issued].filter(([, scrip]) => scrip.owner === owner && scrip.state === "live");
  return new Map(live.map(([key, { value }]) => [key.slice("scrip/".length), value.value]));
}

/** What a scrip says of itself. */
export const bodyOf = (held: Holding): ScripBody => orThrow(readScrip(held.grant.body));

async function list<T>(store: PeerStore, prefix: string, codec: Codec<T>): Promise<ReadonlyMap<string, T>> {
  const entries = await store.list(prefix);
  return new Map(entries.map(([key, value]) => [key, orThrow(decodeAs(codec, value))]));
}
