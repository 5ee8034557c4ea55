/** What we hold for a customer: told to nobody but the one whose key has just signed for it (design section 6, rule 7). */
import {
  type HoldingsLine,
  type holdingsRequest,
  holdingsResponse,
  isExpired,
  limits,
  mint,
  type Or,
  refuse,
  type Secret,
  sealMessage,
  type Uid,
} from "@lepta/protocol";
import type { Party } from "../party.ts";
import { secretBeside, secretsOf } from "./issue.ts";
import { endDeserted } from "./lanes/desert.ts";
import type { LineRecord, ScripRecord } from "./records.ts";
import type { FromCustomer, Shop } from "./shop.ts";

/** One page of the customer's lines: what lives in each, or the purchase that used it up. */
export async function showHoldings(
  shop: Shop,
  { message, customer }: FromCustomer<typeof holdingsRequest>,
): Promise<Or<readonly Uint8Array[]>> {
  const { party } = shop;
  const { uid } = customer;
  const { cursor, txn, all } = message.payload;
  if (isExpired(message.payload, party.runtime.now())) return refuse("expired");
  // A wallet that was restored from its phrase asks for all of it; what its lost device holds open is its own again.
  if (all && cursor === undefined) await endDeserted(shop, uid);
  const { shown, next } = await readPage(shop, uid, cursor, all);
  const answer = await party.sign(holdingsResponse, {
    to: uid,
    txn,
    request: message.digest,
    lines: shown.map(({ line }) => line),
    ...(next === undefined ? {} : { cursor: next }),
  });
  const secrets = shown.flatMap(({ secret }) => (secret === undefined ? [] : [secret]));
  return [
    await sealMessage(
      answer,
      customer.sealingKey,
      party.runtime.random,
      secrets.length > 0 ? { secrets } : {},
    ),
  ];
}

interface Shown {
  readonly line: HoldingsLine;
  readonly secret?: Secret;
}

/** As many lines as a page holds, out of a bounded number that are looked at; where the next begins. */
async function readPage(
  shop: Shop,
  owner: Uid,
  cursor: string | undefined,
  all: boolean,
): Promise<{ readonly shown: readonly Shown[]; readonly next: string | undefined }> {
  const under = `${owner}/`;
  const after = cursor === undefined ? {} : { after: under + cursor };
  const found = await shop.tables.lines.list({ under, limit: limits.linesRead, ...after });
  const shown: Shown[] = [];
  let last: string | undefined;
  for (const [id, record] of found) {
    const origin = id.slice(under.length);
    const lines = all || record.live.length > 0 ? await linesOf(shop, owner, origin, record) : [];
    // A line's scrips are told together.
    if (shown.length + lines.length > limits.holdings) return { shown, next: last };
    shown.push(...lines);
    last = origin;
  }
  return { shown, next: found.length === limits.linesRead ? last : undefined };
}

async function linesOf({ party, tables }: Shop, owner: Uid, origin: string, record: LineRecord) {
  const evidence = record.latest === undefined ? {} : { evidence: record.latest };
  const base = { txn: record.credit, origin };
  const lines: Shown[] = [];
  for (const id of record.live.slice(0, limits.holdings)) {
    const scrip = await tables.scrip.get(id);
    if (scrip?.state !== "live" || scrip.salt === undefined) continue;
    const first = lines.length === 0 ? evidence : {};
    const grant = grantOf(party, owner, id, { ...scrip, salt: scrip.salt });
    lines.push({ line: { ...base, grant, ...first }, secret: secretBeside(party, id, scrip) });
  }
  return lines.length > 0 ? lines : [{ line: { ...base, ...evidence } }];
}

/** The scrip as it was granted: the same body under the same secrets gives the same certificate. */
function grantOf(
  party: Party,
  owner: Uid,
  id: string,
  { value, expiresAt, parent, origin, salt }: ScripRecord & { readonly salt: Uint8Array },
) {
  const { uid: issuer, network } = party.identity;
  const body = {
    kind: "vendor",
    network,
    issuer,
    owner,
    id,
    value,
    expiresAt,
    ...(parent === undefined ? {} : { parent }),
    ...(origin === id ? {} : { origin }),
  } as const;
  return mint(secretsOf(party, salt), body).grant;
}
