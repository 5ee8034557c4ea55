/** Who holds what: the words in which wallets and issuers are compared. */

/** Which scrip of whom somebody holds, and what it is worth. */
export type Holdings = ReadonlyMap<string, string>;

/** A wallet's or a merchant's directory. */
export interface Peer {
  readonly uid: string;
  readonly dir: string;
}
