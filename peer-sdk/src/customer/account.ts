/** Our account at the broker: what lives, what is open, with whom we dealt. */
import {
  type Amount,
  accountQuery,
  type accountResponse,
  limits,
  orThrow,
  toText,
  type VerifiedOf,
} from "@lepta/protocol";
import { askAt } from "../doors.ts";
import { moreDoors } from "../more-doors.ts";
import { REQUEST_LIFE } from "../party.ts";
import { type Customer, PURSE_LOCK } from "./customer.ts";
import { purseOf, purseWith } from "./purse.ts";

/** One figure 8 that went well. */
export interface Dealing {
  readonly merchant: string;
  readonly txn: string;
  /** Where we reached the merchant, by our own note. */
  readonly address: string;
  /** What the merchant is owed for it, or was paid: its value less what was given back. */
  readonly owed: Amount;
}

/** The purse as the broker knows it, where nothing of it is on its way; tells our dealings. */
export function takeLive(customer: Customer): Promise<readonly Dealing[]> {
  return customer.lock.run(PURSE_LOCK, async () => {
    // Asked while nothing else moves the purse: an older answer would take a newer one's place.
    const { dealings, live, secrets } = await readAccount(customer);
    const held = await purseOf(customer);
    // What is on its way comes back with its own answer.
    if (live === undefined || held?.lockedBy !== undefined) return dealings;
    const changes = await purseWith(customer, { grant: live, replaced: "", secrets }, undefined);
    await customer.party.store.commit([...changes]);
    return dealings;
  });
}

/** All pages of our account. */
export async function readAccount(customer: Customer) {
  const open: (readonly [txn: string, kind: string])[] = [];
  const dealings: Dealing[] = [];
  let cursor: string | undefined;
  let last: VerifiedOf<typeof accountResponse> | undefined;
  for (let page = 0; page < limits.accountPages; page += 1) {
    const { party } = customer;
    const { link, runtime } = party;
    const txn = toText(runtime.random(16));
    const expiresAt = runtime.now() + REQUEST_LIFE;
    const draft = { to: link.network, txn, expiresAt, ...(cursor === undefined ? {} : { cursor }) };
    const request = await party.sign(accountQuery, draft);
    const named = { txn, digest: request.digest };
    last = orThrow(await askAt(party, moreDoors.account, await link.seal(request), named));
    open.push(...last.payload.open);
    dealings.push(
      ...last.payload.vendors.map(([merchant, of, address, owed]) => ({ merchant, txn: of, address, owed })),
    );
    cursor = last.payload.cursor;
    if (cursor === undefined) break;
  }
  return { open, dealings, live: last?.payload.live, secrets: last?.secrets ?? [] };
}
