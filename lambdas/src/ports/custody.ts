/** The broker's private keys, unwrapped once per warm function and held in memory. */
import type { OpeningKey, Purpose, SigningKey, Trust, Uid } from "@lepta/protocol";

/** What one function may hold: it signs for one purpose. */
export type SigningPurpose = Exclude<Purpose, "seal">;

export interface KeySet {
  /** The root key and the suite; the root's id is the network. */
  readonly trust: Trust;
  readonly network: Uid;
  /** The operational key that signs for this function's purpose; its certificate. */
  readonly signing: {
    readonly purpose: SigningPurpose;
    readonly key: SigningKey;
    readonly certificate: Uint8Array;
    /** Exclusive, in milliseconds. */
    readonly notAfter: number;
  };
  /** The sealing key with this id, old ones included. */
  readonly opening: (kid: Uid) => OpeningKey | undefined;
  /** The epoch under which new BrokerScrip is made; only for the purpose `decide`. */
  readonly epoch: number;
  readonly epochRoot: (epoch: number) => Uint8Array | undefined;
  /** The moment from which on an epoch's scrip cannot be spent, in milliseconds; undefined where there is none. */
  readonly epochRevokedFrom: (epoch: number) => number | undefined;
}

export interface Custody {
  /** The keys that are good now. */
  keys(): Promise<KeySet>;
  /**
   * The same after another look at the table, for a key that is not known. Throws `StoreBusy` where the last look was
   * less than a second ago: whether the key exists is not known then.
   */
  refreshed(): Promise<KeySet>;
}
