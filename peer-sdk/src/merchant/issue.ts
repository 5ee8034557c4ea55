/** VendorScrip as its issuer makes and knows it. */
import {
  type Amount,
  customerSecret,
  type IssuerSecrets,
  type Minted,
  mint,
  type Secret,
} from "@lepta/protocol";
import type { Party } from "../party.ts";
import { SALT } from "./outstanding.ts";
import type { ScripRecord } from "./records.ts";
import type { ScripTable } from "./scrip-table.ts";

export interface Issued extends Minted {
  readonly id: string;
  readonly salt: Uint8Array;
}

/** What it takes to make VendorScrip; a shop has it. */
export interface Issuer {
  readonly party: Pick<Party, "runtime"> & {
    readonly identity: Pick<Party["identity"], "uid" | "network" | "epochRoot">;
  };
  readonly tables: { readonly scrip: ScripTable };
}

/** Makes a VendorScrip of this merchant. */
export function issue(
  { party, tables }: Issuer,
  draft: {
    readonly owner: string;
    readonly value: Amount;
    readonly expiresAt: number;
    readonly parent?: string;
    /** The first of the line, where it is another. */
    readonly origin?: string;
  },
): Issued {
  const { uid: issuer, network, epochRoot } = party.identity;
  const salt = party.runtime.random(SALT);
  const id = tables.scrip.take(salt);
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
