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
import { askAt } from "../doors.ts";
import { moreDoors } from "../more-doors.ts";
import { REQUEST_LIFE } from "../party.ts";
import { endLaneOf } from "./lanes/desert.ts";
import { lineOf, withLine } from "./line.ts";
import type { LineRecord } from "./records.ts";
import { resumeAuthorization } from "./sell-vendorscrip.ts";
import type { Shop } from "./shop.ts";

/** Asks the broker who waits for our answer, and answers. Throws `unreachable` and the broker's codes. */
export async function answerReversals(shop: Shop): Promise<void> {
  // Those that were answered are told no more: a full list may have more behind it.
  for (let turn = 0; turn < limits.accountPages; turn += 1) {
    const disputes = await readDisputes(shop);
    const outcomes: (unknown | undefined)[] = [];
    // One that cannot be answered yet does not hold up the others.
    for (const [customer, subject] of disputes)
      outcomes.push(await answer(shop, customer, subject).catch((error: unknown) => error));
    const failed = outcomes.filter((each) => each !== undefined);
    if (disputes.length === limits.accountEntries && failed.length < disputes.length) continue;
    if (failed.length > 0) throw failed[0];
    return;
  }
}

async function readDisputes({ party }: Shop) {
  const { link, runtime } = party;
  const txn = toText(runtime.random(16));
  const expiresAt = runtime.now() + REQUEST_LIFE;
  const request = await party.sign(accountQuery, { to: link.network, txn, expiresAt });
  const named = { txn, digest: request.digest };
  const account = orThrow(await askAt(party, moreDoors.account, await link.seal(request), named));
  return account.payload.disputes;
}

/** Nothing more is sold under the credit; then we claim what was. Whatever the broker leaves us, the scrip is gone. */
async function answer(shop: Shop, customer: Uid, subject: string): Promise<void> {
  const { party } = shop;
  const { link, runtime } = party;
  const { currency } = await link.keys();
  // V0 is ended only where we know it: what is still on its way to us is ended first.
  const id = `${customer}/${subject}`;
  await resumeAuthorization(shop, id, undefined);
  if ((await shop.tables.authorizations.get(id))?.state === "sent") throw new LeptaError("pending", subject);
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
  const answered = await askAt(party, moreDoors.claim, await link.seal(request), {
    txn,
    digest: request.digest,
  });
  if (isRefusal(answered)) throw new LeptaError(answered.code, answered.detail);
}

/** All lines behind which this credit stands, with nothing live in them any more. */
async function endLines(
  shop: Shop,
  customer: Uid,
  credit: string,
): Promise<readonly (readonly [id: string, line: LineRecord])[]> {
  const linesOf = async () =>
    (await shop.tables.lines.list({ under: `${customer}/` })).filter(([, line]) => line.credit === credit);
  // A purchase that was given back meanwhile has begun another line.
  for (let all = await linesOf(); all.some(([, line]) => !line.ended); all = await linesOf())
    for (const [id] of all) await withLine(shop, id, () => endLine(shop, id, credit));
  return linesOf();
}

async function endLine(shop: Shop, id: string, credit: string): Promise<void> {
  const { party, tables } = shop;
  const before = await lineOf(shop, id);
  if (before.ended) return;
  const [owner = ""] = id.split("/");
  for (const each of before.live) await endLaneOf(shop, owner, each);
  const line = await lineOf(shop, id);
  const scrip = await Promise.all(
    line.live.map(async (each) => [each, await tables.scrip.get(each)] as const),
  );
  const ended: LineRecord = { ...line, live: [], ended: true };
  await party.store.commit([
    tables.lines.put(id, ended),
    ...scrip.flatMap(([each, record]) => {
      if (record === undefined) return [];
      return tables.scrip.spend(each, record, credit);
    }),
  ]);
}
