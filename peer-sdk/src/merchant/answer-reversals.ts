/** Customers who say that their VendorScrip was of no use: the broker asks us before it takes our credit back. */
import {
  type Amount,
  accountQuery,
  add,
  isRefusal,
  LeptaError,
  limits,
  orThrow,
  reversalClaim,
  toText,
  type Uid,
} from "@lepta/protocol";
import { askAt, doors } from "../doors.ts";
import { REQUEST_LIFE } from "../party.ts";
import { withLine } from "./line.ts";
import type { LineRecord } from "./records.ts";
import type { Shop } from "./shop.ts";

/** Asks the broker who waits for our answer, and answers. Throws `unreachable` and the broker's codes. */
export async function answerReversals(shop: Shop): Promise<void> {
  // Those that were answered are told no more: a full list may have more behind it.
  for (let turn = 0; turn < limits.accountPages; turn += 1) {
    const disputes = await readDisputes(shop);
    for (const [customer, subject] of disputes) await answer(shop, customer, subject);
    if (disputes.length < limits.accountEntries) return;
  }
}

async function readDisputes({ party }: Shop) {
  const { link, runtime } = party;
  const txn = toText(runtime.random(16));
  const expiresAt = runtime.now() + REQUEST_LIFE;
  const request = await party.sign(accountQuery, { to: link.network, txn, expiresAt });
  const named = { txn, digest: request.digest };
  const account = orThrow(await askAt(party, doors.account, await link.seal(request), named));
  return account.payload.disputes;
}

/** Nothing more is sold under the credit; then we claim what was. Whatever the broker leaves us, the scrip is gone. */
async function answer(shop: Shop, customer: Uid, subject: string): Promise<void> {
  const { party } = shop;
  const { link, runtime } = party;
  const { currency } = await link.keys();
  const lines = await endLines(shop, customer, subject);
  const claimed = lines.reduce<Amount>((sum, [, line]) => orThrow(add(sum, line.sold)), {
    currency,
    value: 0n,
  });
  const authorization = await shop.tables.authorizations.get(`${customer}/${subject}`);
  const latest = lines.find(([id]) => id === `${customer}/${authorization?.scrip}`)?.[1].latest;
  const txn = toText(runtime.random(16));
  const request = await party.sign(reversalClaim, {
    to: link.network,
    txn,
    expiresAt: runtime.now() + REQUEST_LIFE,
    customer,
    subject,
    claimed,
    ...(latest === undefined ? {} : { evidence: latest }),
  });
  // Asked again at the next turn, for as long as the broker has not heard us.
  const answered = await askAt(party, doors.claim, await link.seal(request), { txn, digest: request.digest });
  if (isRefusal(answered)) throw new LeptaError(answered.code, answered.detail);
}

/** All lines behind which this credit stands, with nothing live in them any more. */
async function endLines(
  shop: Shop,
  customer: Uid,
  credit: string,
): Promise<readonly (readonly [id: string, line: LineRecord])[]> {
  const all = await shop.tables.lines.list({ under: `${customer}/` });
  const ended: (readonly [string, LineRecord])[] = [];
  for (const [id, line] of all)
    if (line.credit === credit) ended.push([id, await withLine(shop, id, () => endLine(shop, id, credit))]);
  return ended;
}

async function endLine({ party, tables }: Shop, id: string, credit: string): Promise<LineRecord> {
  const line = await tables.lines.get(id);
  if (line === undefined) throw new LeptaError("store-damaged", `there is no line ${id}`);
  if (line.ended) return line;
  const scrip = await Promise.all(
    line.live.map(async (each) => [each, await tables.scrip.get(each)] as const),
  );
  const ended: LineRecord = { ...line, live: [], ended: true };
  await party.store.commit([
    tables.lines.put(id, ended),
    ...scrip.flatMap(([each, record]) => {
      if (record === undefined) return [];
      const { salt: _gone, ...spent } = record;
      return [tables.scrip.put(each, { ...spent, state: "spent", spentBy: credit })];
    }),
  ]);
  return ended;
}
