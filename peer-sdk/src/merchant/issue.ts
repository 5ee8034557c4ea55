/** VendorScrip as its issuer makes and knows it. */
import {
  type Amount,
  customerSecret,
  type IssuerSecrets,
  type Minted,
  makeScripId,
  mint,
  type Secret,
} from "@lepta/protocol";
import type { Party } from "../party.ts";
import type { ScripRecord } from "./records.ts";

export interface Issued extends Minted {
  readonly id: string;
  readonly salt: Uint8Array;
}

/** Makes a VendorScrip of this merchant. */
export function issue(
  { identity, runtime }: Party,
  draft: {
    readonly owner: string;
    readonly value: Amount;
    readonly expiresAt: number;
    readonly parent?: string;
    /** The first of the line, where it is another. */
    readonly origin?: string;
  },
): Issued {
  const { uid: issuer, network, epoch, epochRoot } = identity;
  const id = makeScripId(epoch, runtime.random(12));
  const salt = runtime.random(32);
  return { id, salt, ...mint({ epochRoot, salt }, { kind: "vendor", network, issuer, id, ...draft }) };
}

/** The secrets of a scrip that is not spent. */
export const secretsOf = ({ identity }: Party, salt: Uint8Array): IssuerSecrets => ({
  epochRoot: identity.epochRoot,
  salt,
});

/** What goes beside an answer that grants this scrip. */
export function secretBeside(party: Party, id: string, record: ScripRecord): Secret {
  const { salt, owner, spentBy } = record;
  if (salt !== undefined) return { scrip: id, secret: customerSecret(secretsOf(party, salt), { owner, id }) };
  return { scrip: id, ...(spentBy === undefined ? {} : { spentBy: [owner, spentBy] as const }) };
}
