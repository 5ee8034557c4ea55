/** What the schedules go by, what was lost, and notices. */
import type { Txn, Uid } from "@lepta/protocol";
import type { Item } from "../../ports/store.ts";
import { isTerminal } from "../decision.ts";
import { keys, lossItem, noticeItem, openItem, transactionItem, waitingItem } from "../items.ts";
import { placeOf } from "../notices.ts";
import { found, type Look } from "./look.ts";

export function lookAtOpen(uid: Uid, txn: Txn, item: Item): Look {
  const open = openItem.fromItem(item);
  const at = keys.transaction(uid, txn);
  return {
    needs: [at],
    judge: (around) => {
      const record = transactionItem.read(around(at));
      const isMinted = record?.kind === "brokerscrip" && record.state === "done";
      const isRight =
        record !== undefined &&
        open.uid === uid &&
        open.txn === txn &&
        (open.recallable === undefined ? !isTerminal(record) : isMinted && open.recallable === record.value);
      return found(["open-stray", !isRight]);
    },
  };
}

export function lookAtLoss(currency: string, uid: Uid, txn: Txn, item: Item): Look {
  const { value } = lossItem.fromItem(item);
  const at = keys.transaction(uid, txn);
  return {
    needs: [at],
    judge: (around) => {
      const record = transactionItem.read(around(at));
      const isRight =
        record?.kind === "brokerscrip" &&
        record.state === "done" &&
        record.value === value &&
        record.currency === currency;
      return found(["loss-of-no-transaction", !isRight]);
    },
  };
}

export function lookAtNotice(item: Item): Look {
  const { state, customerDigest, merchantDigest } = noticeItem.fromItem(item);
  const sides = Number(customerDigest !== undefined) + Number(merchantDigest !== undefined);
  // Two notices of one side differ before the other side has said anything.
  const isRight =
    (state === "one-sided" && sides === 1) ||
    (state === "matched" && sides === 2) ||
    (state === "differs" && sides >= 1);
  return { needs: [], judge: () => found(["notice-altered", !isRight]) };
}

export function lookAtWaiting(sk: string, item: Item): Look {
  const { customer, merchant, txn, due } = waitingItem.fromItem(item);
  const at = keys.notice(customer, merchant, placeOf(txn));
  return {
    needs: [at],
    judge: (around) =>
      found([
        "notice-altered",
        around(at) === undefined || keys.waiting(due, customer, merchant, txn).sk !== sk,
      ]),
  };
}
