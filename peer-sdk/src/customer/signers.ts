/** The credentials of those who have signed something that a customer keeps. */
import { type Credential, type Digest, embedded, sha256, toText } from "@lepta/protocol";
import type { Change, PeerStore } from "../ports.ts";
import { type Table, table } from "../store/table.ts";

export class SignerTable {
  /** Under `credentialId`. */
  readonly table: Table<Uint8Array>;
  /** A commit that failed has broken the wallet: what it was to keep is kept after the next start. */
  readonly #kept = new WeakSet<Credential>();

  constructor(store: PeerStore) {
    this.table = table(store, "signer", embedded(3072));
  }

  /** The changes that keep these credentials: each once while we run. */
  keep(...signers: readonly Credential[]): readonly Change[] {
    const fresh = signers.filter((each) => !this.#kept.has(each));
    for (const each of fresh) this.#kept.add(each);
    return fresh.map((each) => this.table.put(credentialId(each), each.bytes));
  }
}

/** SHA-256 of a credential, in base64url. */
export const credentialId = ({ bytes }: Pick<Credential, "bytes">): Digest => toText(sha256(bytes));
