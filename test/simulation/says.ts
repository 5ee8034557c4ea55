/** What the broker's table says, by peer: the sums that the audit compares. */
import {
  type CreditRecord,
  carryItem,
  creditItem,
  type Item,
  type Key,
  transactionItem,
} from "@lepta/lambdas";

/** Of one merchant, in millionths. */
export interface SettledSums {
  /** Owed for credits that settlements have taken. */
  readonly taken: bigint;
  readonly paid: bigint;
  readonly underWay: bigint;
  readonly carried: bigint;
}

export interface BrokerSays {
  /** What the sandbox bank has charged and paid. */
  readonly bank: { readonly charged: bigint; readonly paid: bigint };
  /** What is booked as charged, what may be charged and not booked yet. */
  readonly funded: bigint;
  readonly charging: bigint;
  /** What is booked as paid out, what may be paid and not booked yet. */
  readonly paidOut: bigint;
  readonly paying: bigint;
  /** By `customer merchant txn`; voids and refunds are none. */
  readonly credits: ReadonlyMap<string, CreditRecord>;
  /** Owed or paid to merchants, by `customer` and by `customer merchant`. */
  readonly owed: ReadonlyMap<string, bigint>;
  readonly toppedUp: ReadonlyMap<string, bigint>;
  readonly redeemed: ReadonlyMap<string, bigint>;
  readonly settled: ReadonlyMap<string, SettledSums>;
  /** Reversals, `customer txn`, that were decided when the merchant's time was over. */
  readonly silent: ReadonlySet<string>;
  readonly undecided: readonly {
    readonly uid: string;
    readonly txn: string;
    readonly kind: string;
    readonly state: string;
  }[];
}

/** Reads all items of the table. */
export function readTable(items: readonly { readonly key: Key; readonly item: Item }[]): BrokerSays {
  const bank = { charged: 0n, paid: 0n };
  const sums = { funded: 0n, charging: 0n, paidOut: 0n, paying: 0n };
  const credits = new Map<string, CreditRecord>();
  const owed = new Map<string, bigint>();
  const toppedUp = new Map<string, bigint>();
  const redeemed = new Map<string, bigint>();
  const settled = new Map<string, SettledSums>();
  const silent = new Set<string>();
  const undecided: { uid: string; txn: string; kind: string; state: string }[] = [];
  const more = (map: Map<string, bigint>, name: string, value: bigint) =>
    map.set(name, (map.get(name) ?? 0n) + value);
  const settle = (merchant: string, what: keyof SettledSums, value: bigint): void => {
    const before = settled.get(merchant) ?? { taken: 0n, paid: 0n, underWay: 0n, carried: 0n };
    settled.set(merchant, { ...before, [what]: before[what] + value });
  };
  for (const { key, item } of items) {
    const [kind = "", customer = "", txn = ""] = key.sk.split("#");
    if (key.pk.startsWith("BANKCHARGE#") && item.state === "charged")
      bank.charged += BigInt(item.value as bigint);
    else if (key.pk.startsWith("BANKPAYOUT#") && item.state === "paid")
      bank.paid += BigInt(item.value as bigint);
    else if (key.pk.startsWith("MERCHANT#") && kind === "CARRY")
      settle(key.pk.slice(9), "carried", carryItem.fromItem(item).carried);
    else if (key.pk.startsWith("MERCHANT#") && kind === "CREDIT") {
      const credit = creditItem.fromItem(item);
      const merchant = key.pk.slice(9);
      if (credit.state === "void" || credit.state === "refund") continue;
      credits.set(`${customer} ${merchant} ${txn}`, credit);
      for (const name of [customer, `${customer} ${merchant}`]) more(owed, name, credit.owed ?? 0n);
      if (credit.state === "settled") settle(merchant, "taken", credit.owed ?? 0n);
    } else if (key.pk.startsWith("PEER#") && kind === "TXN") transaction(key.pk.slice(5), customer, item);
  }
  return { bank, ...sums, credits, owed, toppedUp, redeemed, settled, silent, undecided };

  function transaction(uid: string, name: string, item: Item): void {
    const record = transactionItem.fromItem(item);
    const { kind, state, value = 0n, paid = 0n, carried = 0n, decidedAt = 0, answerBy = 0 } = record;
    const isDone = state === "done";
    if (kind === "brokerscrip" && isDone) more(toppedUp, uid, value);
    if (kind === "brokerscrip" && (isDone || state === "charged")) sums.funded += value;
    if (state === "charging") sums.charging += value;
    if (kind === "redeem" && (isDone || state === "paying")) more(redeemed, uid, value);
    if (kind === "redeem" && isDone) sums.paidOut += value;
    if (kind === "redeem" && state === "paying") sums.paying += value;
    if (kind === "settlement" && isDone) {
      sums.paidOut += paid;
      settle(uid, "paid", paid);
    }
    if (kind === "settlement" && state === "paying") {
      sums.paying += paid;
      settle(uid, "underWay", paid + carried);
    }
    if (kind === "reversal" && isDone && decidedAt >= answerBy) silent.add(`${uid} ${name}`);
    if (["charging", "charged", "paying", "disputed"].includes(state))
      undecided.push({ uid, txn: name, kind, state });
  }
}
