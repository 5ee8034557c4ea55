/** What the schedules go by, what was lost, and what was told of purchases. */
import type { Txn, Uid } from "@lepta/protocol";
import type { Item } from "../../ports/store.ts";
import { isTerminal } from "../decision.ts";
import {
  excessItem,
  keys,
  lossItem,
  noticeItem,
  openItem,
  statementItem,
  transactionItem,
  waitingItem,
} from "../items.ts";
import { placeOfStatement, stateOf, versionsOf } from "../statements.ts";
import { alone, found, type Look } from "./look.ts";

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

export function lookAtStatement(customer: Uid, merchant: Uid, place: string, item: Item): Look {
  const record = statementItem.fromItem(item);
  const versions = versionsOf(record, { customer, merchant });
  const isOfThese = versions.every(
    ({ payload }) =>
      payload.customer === customer && payload.from === merchant && placeOfStatement(payload) === place,
  );
  return alone(...found(["statement-altered", !isOfThese || record.state !== stateOf(versions)]));
}

/** A wait may be for nothing: what was to come after it never did, and the sweep takes it away. */
export function lookAtWaiting(sk: string, item: Item): Look {
  const { customer, merchant, txn, due, place } = waitingItem.fromItem(item);
  return alone(...found(["notice-altered", keys.waiting(due, customer, merchant, txn, place).sk !== sk]));
}

export function lookAtExcess(customer: Uid, merchant: Uid, item: Item): Look {
  const { txn, currency } = excessItem.fromItem(item);
  const at = keys.transaction(customer, txn);
  return {
    needs: [at],
    judge: (around) => {
      const record = transactionItem.read(around(at));
      const isRight =
        record?.kind === "reversal" &&
        record.state === "done" &&
        record.merchant === merchant &&
        record.currency === currency;
      return found(["excess-of-no-reversal", !isRight]);
    },
  };
}
