/** Makes a customer for the bench with the SDK's own wallet: enrolled, and with VendorScrip of the merchant. */
import { memoryPeerStore, type PeerStore, Wallet } from "@lepta/peer-sdk";
import {
  type Cbor,
  decodeAs,
  decodeCbor,
  encodeCbor,
  type Grant,
  grantCodec,
  isRefusal,
  type OpeningKey,
  orThrow,
  type SigningKey,
  type Suite,
} from "@lepta/protocol";

/** What a wallet holds that has bought VendorScrip and nothing else. */
export interface Provision {
  readonly signing: SigningKey;
  readonly opening: OpeningKey;
  readonly credential: Uint8Array;
  readonly holding: Holding;
}

/** A scrip and its CustomerSecret. */
export interface Holding {
  readonly grant: Grant;
  readonly secret: Uint8Array;
}

export interface CustomerOptions {
  /** The broker's address with its pin. */
  readonly broker: string;
  readonly suite: Suite;
  /** The merchant's. */
  readonly url: string;
}

/** Ten million purchases of the bench's item. */
const VENDORSCRIP = "EUR 10.00";

/** Enrols, tops up and obtains VendorScrip as any customer does. */
export async function provision({ broker, suite, url }: CustomerOptions): Promise<Provision> {
  const store = memoryPeerStore();
  const wallet = await Wallet.open({ store, broker, suite });
  try {
    await wallet.topUp(VENDORSCRIP);
    await wallet.obtain(url, VENDORSCRIP);
  } finally {
    await wallet.close();
  }
  const identity = await onlyRecord(store, "identity/");
  const held = await onlyRecord(store, "vendorscrip/");
  return {
    signing: await suite.signingKey(bytesAt(identity, 3)),
    opening: await suite.openingKey(bytesAt(identity, 4)),
    credential: bytesAt(identity, 8),
    holding: {
      grant: orThrow(decodeAs(grantCodec, encodeCbor(held.get(1) ?? null))),
      secret: bytesAt(held, 2),
    },
  };
}

/** The one record of a kind. The bench reads the wallet's own store: a wallet hands out neither keys nor scrip. */
async function onlyRecord(store: PeerStore, prefix: string): Promise<ReadonlyMap<number, Cbor>> {
  const [entry, ...more] = await store.list(prefix);
  const record = entry && decodeCbor(entry[1]);
  if (!(record instanceof Map) || isRefusal(record) || more.length > 0)
    throw new Error(`the wallet's store holds not exactly one record under ${prefix}`);
  return record;
}

function bytesAt(record: ReadonlyMap<number, Cbor>, key: number): Uint8Array {
  const value = record.get(key);
  if (!(value instanceof Uint8Array)) throw new Error(`the wallet's record has no bytes under ${key}`);
  return value;
}
