/** A transaction's record: its hash, its sum, and the other side of what it did. */
import { equalBytes, isRefusal, readScrip, type Txn, type Uid } from "@lepta/protocol";
import type { Item, Key } from "../../ports/store.ts";
import { chainHead, isTerminal } from "../decision.ts";
import { creditItem, keys, openItem, type TransactionRecord, transactionItem } from "../items.ts";
import { creditsOf } from "../settle.ts";
import type { FindingName } from "./findings.ts";
import { type Around, alone, found, type Look } from "./look.ts";

/** In which states a transaction of each kind may be. */
const STATES: Readonly<Record<string, readonly string[]>> = {
  enrol: ["done"],
  abort: ["aborted"],
  brokerscrip: ["charging", "charged", "done", "refused"],
  vendorscrip: ["open", "done", "refused", "aborted"],
  renewal: ["done", "refused"],
  redeem: ["paying", "done", "refused"],
  refund: ["done", "refused"],
  reversal: ["disputed", "done", "refused"],
  settlement: ["paying", "done", "refused"],
};

export function lookAtRecord(uid: Uid, txn: Txn, item: Item): Look {
  const record = transactionItem.fromItem(item);
  if (!STATES[record.kind]?.includes(record.state)) return alone("unknown-item");
  // What was altered cannot be compared with anything.
  if (isTerminal(record) && !isChained(uid, txn, record, item)) return alone("record-altered");
  const open = keys.open(uid, txn);
  const spent = record.spent === undefined ? [] : [keys.tombstone(uid, record.spent)];
  const sides = sidesOf(uid, txn, record);
  return {
    needs: [...spent, ...(isTerminal(record) ? [] : [open]), ...sides.needs],
    judge: (around) => [
      ...found(
        ["open-missing", !isTerminal(record) && openItem.read(around(open)) === undefined],
        ["chain-broken", !isTerminal(record) && record.sequence !== undefined],
        ["record-unbalanced", !isBalanced(record)],
        ["tombstone-missing", spent.some((key) => around(key) === undefined)],
      ),
      ...sides.judge(around),
    ],
  };
}

function isChained(uid: Uid, txn: Txn, { sequence, previous, head }: TransactionRecord, item: Item): boolean {
  return (
    sequence !== undefined && !!previous && !!head && equalBytes(head, chainHead(previous, uid, txn, item))
  );
}

/** The value of the scrip that a record grants: undefined where it grants none, −1 where it cannot be read. */
export function grantedBy({ grantBody }: TransactionRecord): bigint | undefined {
  if (grantBody === undefined) return undefined;
  const scrip = readScrip(grantBody);
  return isRefusal(scrip) ? -1n : scrip.value.value;
}

/** What is minted is what was spent, and what came in or went out with it. */
function isBalanced(record: TransactionRecord): boolean {
  const { kind, state, value = 0n, spentValue = 0n, spent } = record;
  const grant = grantedBy(record);
  if (grant !== undefined && grant <= 0n) return false;
  const minted = grant ?? 0n;
  if (kind === "redeem" && state === "refused") return grant === undefined || minted >= value;
  if (state !== "done" && !(kind === "redeem" && state === "paying"))
    return grant === undefined && spent === undefined;
  switch (kind) {
    case "brokerscrip":
    case "refund":
      return value > 0n && minted === value + spentValue;
    case "reversal":
      return value === 0n ? grant === undefined && spent === undefined : minted === value + spentValue;
    case "renewal":
      return minted === spentValue && value === spentValue && value > 0n;
    case "vendorscrip":
    case "redeem":
      return value > 0n && minted === spentValue - value;
    default:
      return grant === undefined && spent === undefined;
  }
}

/** What the record's merchant has of it, or what a settlement took. */
function sidesOf(uid: Uid, txn: Txn, record: TransactionRecord): Look {
  const { kind, state, merchant = "", subject = "" } = record;
  if (kind === "vendorscrip" && state === "done")
    return credited(keys.credit(merchant, uid, txn), "credit-missing", ["void", "refund"]);
  if (kind === "refund" && state === "done") {
    const outcome = keys.credit(merchant, uid, txn);
    return {
      needs: [outcome],
      judge: (around) => found(["credit-missing", creditItem.read(around(outcome))?.state !== "refund"]),
    };
  }
  if (kind === "reversal" && state === "disputed") {
    const [credit, dispute] = [keys.credit(merchant, uid, subject), keys.dispute(merchant, uid, subject)];
    return {
      needs: [credit, dispute],
      judge: (around) =>
        found([
          "dispute-one-sided",
          creditItem.read(around(credit))?.state !== "disputed" || around(dispute)?.txn !== txn,
        ]),
    };
  }
  if (kind === "reversal" && state === "done") {
    const credit = keys.credit(merchant, uid, subject);
    return {
      needs: [credit],
      judge: (around) => found(["dispute-one-sided", creditItem.read(around(credit))?.reversedBy !== txn]),
    };
  }
  if (kind === "settlement" && state !== "refused") return settled(uid, txn, record);
  return alone();
}

function credited(at: Key, name: FindingName, not: readonly string[]): Look {
  return {
    needs: [at],
    judge: (around) => {
      const credit = creditItem.read(around(at));
      return found([name, credit === undefined || not.includes(credit.state)]);
    },
  };
}

function settled(merchant: Uid, txn: Txn, record: TransactionRecord): Look {
  const { brought = 0n, paid = 0n, carried = 0n } = record;
  const listed = creditsOf(record);
  const sum = listed.reduce((total, [, , owed]) => total + owed.value, brought);
  const isTaken = (around: Around, [customer, subject, owed]: (typeof listed)[number]): boolean => {
    const credit = creditItem.read(around(keys.credit(merchant, customer, subject)));
    return credit?.state === "settled" && credit.settlement === txn && credit.owed === owed.value;
  };
  return {
    needs: listed.map(([customer, subject]) => keys.credit(merchant, customer, subject)),
    judge: (around) =>
      found(
        ["settlement-unbalanced", paid + carried !== sum || paid < 0n || carried < 0n],
        ["settlement-credit-missing", !listed.every((each) => isTaken(around, each))],
      ),
  };
}
