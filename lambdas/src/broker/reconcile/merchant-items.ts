/** What a merchant is owed: credits, the order in which they become free, disputes, and what is carried over. */
import type { Txn, Uid } from "@lepta/protocol";
import type { Item, Key } from "../../ports/store.ts";
import {
  type CreditRecord,
  carryItem,
  creditItem,
  disputeItem,
  dueItem,
  keys,
  type TransactionRecord,
  transactionItem,
} from "../items.ts";
import { creditsOf } from "../settle.ts";
import type { FindingName } from "./findings.ts";
import { type Around, alone, found, type Look } from "./look.ts";

const OWING = new Set(["held", "disputed", "settled", "ended"]);

export function lookAtCredit(merchant: Uid, customer: Uid, txn: Txn, item: Item): Look {
  const credit = creditItem.fromItem(item);
  if (credit.state === "void") return alone();
  if (credit.state !== "refund" && !OWING.has(credit.state)) return alone("unknown-item");
  const source = keys.transaction(customer, txn);
  const rest = credit.state === "refund" ? alone() : lookAtOwed(merchant, customer, txn, credit);
  return {
    needs: [source, ...rest.needs],
    judge: (around) => {
      const wrong = compare(merchant, credit, transactionItem.read(around(source)));
      // A credit that comes from nothing is wrong as a whole.
      return wrong.length > 0 ? wrong : rest.judge(around);
    },
  };
}

function compare(
  merchant: Uid,
  credit: CreditRecord,
  record: TransactionRecord | undefined,
): readonly FindingName[] {
  const kind = credit.state === "refund" ? "refund" : "vendorscrip";
  if (record?.kind !== kind || record.state !== "done" || record.merchant !== merchant)
    return ["credit-of-no-transaction"];
  const isSame =
    record.value === credit.value &&
    record.currency === credit.currency &&
    record.authorizationDigest === credit.authorizationDigest;
  return found(["credit-differs", !isSame]);
}

function lookAtOwed(merchant: Uid, customer: Uid, txn: Txn, credit: CreditRecord): Look {
  const { state, value, owed = -1n, heldUntil = 0, settlement, reversedBy } = credit;
  const due = keys.due(merchant, heldUntil, customer, txn);
  const paidBy = settlement === undefined ? undefined : keys.transaction(merchant, settlement);
  const reversal = reversedBy === undefined ? undefined : keys.transaction(customer, reversedBy);
  const dispute = keys.dispute(merchant, customer, txn);
  const needs: Key[] = [];
  if (state === "held") needs.push(due);
  if (state === "disputed") needs.push(dispute);
  if (paidBy) needs.push(paidBy);
  if (reversal) needs.push(reversal);
  const reversedIn = (around: Around): bigint => {
    const record = reversal && transactionItem.read(around(reversal));
    return record?.kind === "reversal" && record.state === "done" ? (record.value ?? 0n) : -1n;
  };
  const isPaid = (around: Around): boolean => {
    const record = paidBy && transactionItem.read(around(paidBy));
    if (record?.kind !== "settlement" || (record.state !== "paying" && record.state !== "done")) return false;
    return creditsOf(record).some(
      ([who, subject, amount]) => who === customer && subject === txn && amount.value === owed,
    );
  };
  return {
    needs,
    judge: (around) =>
      found(
        [
          "credit-owed-wrong",
          owed < 0n ||
            owed > value ||
            (state === "ended") !== (owed === 0n) ||
            (reversal !== undefined && (reversedIn(around) < 0n || owed > value - reversedIn(around))),
        ],
        ["due-missing", state === "held" && around(due) === undefined],
        ["dispute-one-sided", state === "disputed" && around(dispute) === undefined],
        ["credit-not-in-settlement", (state === "settled") !== (paidBy !== undefined)],
        ["credit-not-in-settlement", state === "settled" && paidBy !== undefined && !isPaid(around)],
      ),
  };
}

export function lookAtDue(merchant: Uid, moment: string, customer: Uid, txn: Txn, item: Item): Look {
  const named = dueItem.fromItem(item);
  const at = keys.credit(merchant, customer, txn);
  return {
    needs: [at],
    judge: (around) => {
      const credit = creditItem.read(around(at));
      const isRight =
        named.customer === customer &&
        named.txn === txn &&
        credit?.state === "held" &&
        credit.heldUntil === Number(moment);
      return found(["due-stray", !isRight]);
    },
  };
}

export function lookAtDispute(merchant: Uid, customer: Uid, subject: Txn, item: Item): Look {
  const named = disputeItem.fromItem(item);
  const [credit, reversal] = [
    keys.credit(merchant, customer, subject),
    keys.transaction(customer, named.txn),
  ];
  return {
    needs: [credit, reversal],
    judge: (around) => {
      const record = transactionItem.read(around(reversal));
      // Where the merchant was silent its dispute stays, until it is heard.
      const isRight =
        named.customer === customer &&
        named.subject === subject &&
        around(credit) !== undefined &&
        record?.kind === "reversal" &&
        record.subject === subject &&
        record.merchant === merchant &&
        record.state !== "refused";
      return found(["dispute-one-sided", !isRight]);
    },
  };
}

/** How much is carried is for `PeerAudit`, beside the settlements. */
export function lookAtCarry(merchant: Uid, item: Item): Look {
  const { carried } = carryItem.fromItem(item);
  return {
    needs: [keys.purse(merchant)],
    judge: (around) => found(["carry-wrong", carried < 0n || around(keys.purse(merchant)) === undefined]),
  };
}
