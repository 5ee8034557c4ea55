/** What the broker owes us and what is free goes to our account, with a statement for each payment. */
import {
  type Amount,
  add,
  isRefusal,
  LeptaError,
  limits,
  orThrow,
  type Payload,
  readMessage,
  settlementStatement,
  settleRequest,
  toText,
} from "@lepta/protocol";
import { askAt } from "../doors.ts";
import { moreDoors } from "../more-doors.ts";
import { REQUEST_LIFE } from "../party.ts";
import type { SettlementRecord } from "./records.ts";
import type { Shop } from "./shop.ts";

export type Statement = Payload<typeof settlementStatement>;

/** Settles all that is free now; tells what was paid. Throws `declined`, `pending` while the rail is not known to have paid. */
export function settle(shop: Shop): Promise<Amount> {
  return shop.lock.run("settlement", async () => {
    const { currency } = await shop.party.link.keys();
    let paid: Amount = { currency, value: 0n };
    for (let turn = 0; turn < limits.settlements; turn += 1) {
      const [id, record] = (await openSettlement(shop)) ?? (await begin(shop));
      const statement = await ask(shop, id, record);
      if (!statement.ok) throw new LeptaError("declined", statement.reason);
      paid = orThrow(add(paid, statement.paid));
      if (!statement.more) break;
    }
    return paid;
  });
}

/** The statements that came, oldest first. */
export async function statements({ tables }: Shop): Promise<readonly Statement[]> {
  const all = (await tables.settlements.list()).flatMap(([, { statement }]) =>
    statement === undefined ? [] : [orThrow(readMessage(statement, [settlementStatement])).payload],
  );
  return all.filter(({ ok }) => ok);
}

/** Brings a settlement that was left under way to its end, if it has one by now. */
export async function resumeSettlement(shop: Shop): Promise<void> {
  await shop.lock.run("settlement", async () => {
    const open = await openSettlement(shop);
    if (open !== undefined) await ask(shop, open[0], open[1]);
  });
}

async function openSettlement({ tables }: Shop) {
  return (await tables.settlements.list()).find(([, { statement }]) => statement === undefined);
}

async function begin(shop: Shop): Promise<readonly [string, SettlementRecord]> {
  const { party, tables } = shop;
  const { link, runtime } = party;
  const txn = toText(runtime.random(16));
  const at = runtime.now();
  const request = await party.sign(settleRequest, { to: link.network, txn, expiresAt: at + REQUEST_LIFE });
  const record: SettlementRecord = { sealed: await link.seal(request), request: request.digest, at };
  const id = `${at.toString().padStart(15, "0")}-${txn}`;
  await party.store.commit([tables.settlements.put(id, record)]);
  return [id, record];
}

async function ask({ party, tables }: Shop, id: string, record: SettlementRecord): Promise<Statement> {
  const txn = id.slice(id.indexOf("-") + 1);
  const answer = await askAt(party, moreDoors.settle, record.sealed, { txn, digest: record.request });
  if (isRefusal(answer)) {
    // The broker never took it and never will: it is asked anew.
    if (answer.code === "expired") await party.store.commit([tables.settlements.remove(id)]);
    throw new LeptaError(answer.code, answer.detail);
  }
  if (answer.payload.reason === "conflict") throw new LeptaError("conflict");
  await party.store.commit([tables.settlements.put(id, { ...record, statement: answer.signed })]);
  return answer.payload;
}
