/** The schedule: brings what was left open to its end, as far as that is possible now. */
import { isRefusal } from "@lepta/protocol";
import { decideIntentOver } from "../broker/authorise.ts";
import { isTerminal, removeOpen } from "../broker/decision.ts";
import {
  keys,
  noticeItem,
  type OpenRecord,
  openItem,
  openPartitions,
  purseItem,
  transactionItem,
} from "../broker/items.ts";
import { decideFlag } from "../broker/notices.ts";
import type { KeySet } from "../ports/custody.ts";
import { type Broker, settle } from "./broker.ts";
import { finishFunding } from "./obtain-brokerscrip.ts";
import { finishRedemption } from "./return-brokerscrip.ts";
import { finishReversal } from "./reverse-credit.ts";
import { finishSettlement } from "./settle-merchant.ts";

/** What one turn of the schedule did. */
export interface Finished {
  /** How many were open. */
  readonly seen: number;
  /** How many of them are open no more. */
  readonly decided: number;
  /** How many could not be worked on: our own fault, or the store's. */
  readonly failed: number;
}

const PAGE = 100;

export async function finishOpen(broker: Broker): Promise<Finished> {
  const keySet = await broker.custody.keys();
  let seen = 0;
  let decided = 0;
  let failed = 0;
  for (const partition of openPartitions) {
    let after: string | undefined;
    do {
      const page = await broker.store.list(partition, {
        limit: PAGE,
        ...(after === undefined ? {} : { after }),
      });
      for (const { item } of page.items) {
        const open = openItem.fromItem(item);
        seen += 1;
        // One that fails is told and tried at the next turn; it does not hold up the others.
        const hasEnded = await finish(broker, keySet, open).catch(() => undefined);
        if (hasEnded === undefined) failed += 1;
        else if (hasEnded) decided += 1;
      }
      after = page.next;
    } while (after !== undefined);
  }
  return { seen, decided, failed };
}

async function finish(broker: Broker, keySet: KeySet, open: OpenRecord): Promise<boolean> {
  const { uid, txn, due = 0 } = open;
  const now = broker.runtime.now();
  if (now < due) return false;
  if (open.merchant !== undefined) return flag(broker, open, open.merchant, now);
  const transaction = transactionItem.read((await broker.store.get([keys.transaction(uid, txn)]))[0]);
  switch (transaction?.kind) {
    case "brokerscrip":
      return (await finishFunding(broker, keySet, uid, txn)).step === "decided";
    case "redeem":
      return (await finishRedemption(broker, keySet, uid, txn)).step === "decided";
    case "settlement":
      return (await finishSettlement(broker, keySet, uid, txn)).step === "decided";
    case "reversal":
      return (await finishReversal(broker, keySet, uid, txn)).step === "decided";
    default:
      return endIntent(broker, open, now);
  }
}

async function flag(broker: Broker, open: OpenRecord, merchant: string, now: number): Promise<boolean> {
  const at = keys.notice(open.uid, merchant, `TXN#${open.txn}`);
  const load = async () => noticeItem.read((await broker.store.get([at]))[0]);
  return !isRefusal(await settle(broker, load, (before) => decideFlag(open, before, now)));
}

async function endIntent(broker: Broker, { uid, txn }: OpenRecord, now: number): Promise<boolean> {
  const load = async () => {
    const items = await broker.store.get([keys.purse(uid), keys.transaction(uid, txn)]);
    const purse = purseItem.read(items[0]);
    if (purse === undefined) throw new Error("an enrolled peer has no purse");
    return { purse, transaction: transactionItem.read(items[1]) };
  };
  const outcome = await settle(broker, load, (state) => {
    const { transaction } = state;
    // It ended otherwise, and only its place on the list is left.
    if (transaction === undefined || isTerminal(transaction))
      return { writes: [removeOpen(uid, txn)], outcome: { ended: true } };
    return decideIntentOver(uid, txn, state, now);
  });
  return !isRefusal(outcome) && outcome.ended;
}
