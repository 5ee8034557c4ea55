/** The schedule: brings what was left open to its end, as far as that is possible now. */
import { isRefusal } from "@lepta/protocol";
import { decideIntentOver } from "../broker/authorise.ts";
import { isTerminal, removeOpen } from "../broker/decision.ts";
import {
  behind,
  keys,
  type OpenRecord,
  openItem,
  openPartitions,
  purseItem,
  transactionItem,
  type WaitingRecord,
  waitingItem,
  waitingPartitions,
} from "../broker/items.ts";
import { decideFlag, waitsAt } from "../broker/notices.ts";
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
  // Not on a table that is out of service.
  await broker.custody.keys();
  let seen = 0;
  let decided = 0;
  let failed = 0;
  const work = async (finishing: Promise<boolean>): Promise<void> => {
    seen += 1;
    // One that fails is told and tried at the next turn; it does not hold up the others.
    const hasEnded = await finishing.catch(() => undefined);
    if (hasEnded === undefined) failed += 1;
    else if (hasEnded) decided += 1;
  };
  for (const partition of openPartitions) {
    let after: string | undefined;
    do {
      const page = await broker.store.list(partition, {
        limit: PAGE,
        ...(after === undefined ? {} : { after }),
      });
      for (const { item } of page.items) {
        // As they are now: a long run may go on over a revocation.
        const keySet = await broker.custody.keys();
        await work(finish(broker, keySet, openItem.fromItem(item)));
      }
      after = page.next;
    } while (after !== undefined);
  }
  const now = broker.runtime.now();
  for (const partition of waitingPartitions) {
    let after: string | undefined;
    do {
      const page = await broker.store.list(partition, {
        limit: PAGE,
        ...(after === undefined ? {} : { after }),
      });
      const due = page.items.filter(({ key }) => key.sk < behind(now));
      for (const { item } of due) await work(flag(broker, waitingItem.fromItem(item), now));
      // Behind the first that is not due, none is.
      after = due.length === page.items.length ? page.next : undefined;
    } while (after !== undefined);
  }
  return { seen, decided, failed };
}

async function finish(broker: Broker, keySet: KeySet, open: OpenRecord): Promise<boolean> {
  const { uid, txn, due = 0 } = open;
  const now = broker.runtime.now();
  if (now < due) return false;
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

async function flag(broker: Broker, waiting: WaitingRecord, now: number): Promise<boolean> {
  const load = async () => (await broker.store.get([waitsAt(waiting)]))[0];
  return !isRefusal(await settle(broker, load, (before) => decideFlag(waiting, before, now)));
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
