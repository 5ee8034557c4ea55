/** Money's way back over decisions and a table alone, for the property that value is conserved. */
import type { Item, Key } from "@lepta/lambdas";
import type { Decision, Fresh } from "@lepta/lambdas/broker/decision";
import {
  behind,
  carryItem,
  creditItem,
  DUE,
  disputeItem,
  dueItem,
  excessItem,
  keys,
  type PurseRecord,
  tombstoneItem,
  transactionItem,
} from "@lepta/lambdas/broker/items";
import { decidePayout, decideRedemption } from "@lepta/lambdas/broker/redeem";
import { decideRefund } from "@lepta/lambdas/broker/refund";
import { decideRenewal, type ReturnOutcome } from "@lepta/lambdas/broker/renew";
import { decideDispute, decideReversal } from "@lepta/lambdas/broker/reverse";
import { creditsOf, decideSettled, decideSettlement } from "@lepta/lambdas/broker/settle";
import type { PayoutState } from "@lepta/lambdas/ports/rail";
import {
  amountOf,
  encodeAs,
  type Grant,
  limits,
  orThrow,
  proveSpend,
  purchaseRequest,
  purchaseSpendCodec,
  readScrip,
  redeemRequest,
  refundAuthorization,
  refundOrder,
  renewalRequest,
  returnSpendCodec,
  reversalRequest,
  type ScripTuple,
  scripOf,
  settleRequest,
  sha256,
} from "@lepta/protocol";
import { frozen, HOUR, terms, verified } from "./cases.ts";

/** What the returns need of the world that they happen in. */
export interface Ground {
  readonly read: (...wanted: readonly Key[]) => Promise<readonly (Item | undefined)[]>;
  readonly list: (
    pk: string,
    prefix: string,
  ) => Promise<readonly { readonly key: Key; readonly item: Item }[]>;
  readonly apply: <R>(decision: Decision<R>) => Promise<R>;
  readonly purseAt: (uid: string) => Promise<PurseRecord>;
  /** Notes the scrip that this peer has now. */
  readonly remember: (uid: string) => Promise<void>;
  readonly now: () => number;
  readonly newTxn: () => string;
  readonly fresh: () => Fresh;
}

export interface HeldScrip {
  readonly scrip: ScripTuple;
  readonly secret: Uint8Array;
}

/** A sale of figure 8: who bought where, under which transaction, and V0. */
export interface Sold {
  readonly customer: string;
  readonly merchant: string;
  readonly txn: string;
  readonly v0: Grant;
}

export type RailSays = PayoutState["state"];
const ACCOUNT = "a";
const answerOf = (state: RailSays, asked = 0n): PayoutState =>
  state === "paid" ? { state, account: ACCOUNT, amount: amountOf("EUR", asked), reference: "r" } : { state };

/** All ways back; `moneyOut` is what the rail has said it paid. */
export function returning({ read, list, apply, purseAt, remember, now, newTxn, fresh }: Ground) {
  const open: {
    readonly uid: string;
    readonly txn: string;
    readonly end: (says: RailSays) => Promise<void>;
  }[] = [];
  const disputes: { readonly sold: Sold; readonly txn: string }[] = [];
  let moneyOut = 0n;
  const times = () => ({ issuedAt: now(), expiresAt: now() + HOUR });
  const transactionAt = async (uid: string, txn: string) =>
    transactionItem.read((await read(keys.transaction(uid, txn)))[0]);
  const spendOf = ({ scrip, secret }: HeldScrip, value: bigint) =>
    proveSpend(secret, encodeAs(returnSpendCodec, { scrip, amount: amountOf("EUR", value) }));

  const stateOf = async (uid: string, txn: string, { scrip }: HeldScrip) => {
    const [tombstone] = await read(keys.tombstone(uid, orThrow(readScrip(scrip[0])).id));
    const purse = await purseAt(uid);
    return frozen({
      purse,
      transaction: await transactionAt(uid, txn),
      tombstone: tombstoneItem.read(tombstone),
    });
  };

  async function renew(uid: string, held: HeldScrip): Promise<void> {
    const txn = newTxn();
    const { value } = orThrow(readScrip(held.scrip[0]));
    const request = verified(renewalRequest, {
      from: uid,
      txn,
      spend: spendOf(held, value.value),
      ...times(),
    });
    await apply(decideRenewal(request, await stateOf(uid, txn, held), now(), terms, fresh()));
    await remember(uid);
  }

  /** Rounded up to a coin. */
  async function redeem(uid: string, held: HeldScrip, value: bigint, says: RailSays): Promise<void> {
    const txn = newTxn();
    const amount = (value / terms.unit + 1n) * terms.unit;
    const request = verified(redeemRequest, { from: uid, txn, spend: spendOf(held, amount), ...times() });
    const outcome = await apply(
      decideRedemption(request, await stateOf(uid, txn, held), now(), terms, fresh()),
    );
    await remember(uid);
    if (outcome.step !== "undecided") return;
    const end = async (answer: RailSays): Promise<void> => {
      const transaction = await transactionAt(uid, txn);
      if (transaction === undefined) throw new Error("a redemption is gone");
      const state = frozen({ purse: await purseAt(uid), transaction });
      const told = answerOf(answer, transaction.value);
      const ended = await apply(decidePayout(uid, txn, state, told, ACCOUNT, now(), terms, fresh()));
      if (transaction.state === "paying" && isDone(ended)) moneyOut += transaction.value ?? 0n;
      await remember(uid);
    };
    open.push({ uid, txn, end });
    await end(says);
  }

  async function refund({ customer, merchant, txn: credit, v0 }: Sold, value: bigint): Promise<void> {
    const txn = newTxn();
    const amount = amountOf("EUR", value);
    const scrip = orThrow(readScrip(v0.body)).id;
    const part = verified(refundOrder, { from: customer, txn, merchant, amount, scrip, ...times() });
    const own = { customer, amount, part: part.digest, credit, ...times() };
    const request = verified(refundAuthorization, { from: merchant, txn, ...own });
    const [outcome, source] = await read(
      keys.credit(merchant, customer, txn),
      keys.credit(merchant, customer, credit),
    );
    const state = frozen({
      outcome: creditItem.read(outcome),
      credit: creditItem.read(source),
      transaction: await transactionAt(customer, txn),
      purse: await purseAt(customer),
    });
    await apply(decideRefund(request, part, state, now(), terms, fresh()));
    await remember(customer);
  }

  const disputed = async ({ customer, merchant, txn: subject }: Sold, txn: string) => {
    const [credit, dispute] = await read(
      keys.credit(merchant, customer, subject),
      keys.dispute(merchant, customer, subject),
    );
    return {
      purse: await purseAt(customer),
      transaction: await transactionAt(customer, txn),
      credit: creditItem.read(credit),
      dispute: disputeItem.read(dispute),
    };
  };

  async function reverse(sold: Sold): Promise<void> {
    const { customer, merchant, txn: subject } = sold;
    const txn = newTxn();
    const request = verified(reversalRequest, { from: customer, txn, merchant, subject, ...times() });
    const outcome = await apply(
      decideReversal(request, frozen({ ...(await disputed(sold, txn)), isFrozen: false }), now(), terms),
    );
    if (outcome.step === "undecided") disputes.push({ sold, txn });
  }

  /** The merchant answers, or the schedule comes by. */
  async function close(which: number, claimed: bigint | undefined, proven: bigint): Promise<void> {
    const found = disputes[which % Math.max(1, disputes.length)];
    if (found === undefined) return;
    const { sold, txn } = found;
    const { transaction, ...state } = await disputed(sold, txn);
    if (transaction === undefined) throw new Error("a dispute is gone");
    const order = { sku: "article", description: "", unitPrice: amountOf("EUR", 1n), quantity: 1 };
    // A purchase of part of V0, or of all of it.
    const amount = amountOf("EUR", 1n + (proven % orThrow(readScrip(sold.v0.body)).value.value));
    const spend = { scrip: scripOf(sold.v0), order, salt: new Uint8Array(16), amount, metered: false };
    const { payload: evidence } = verified(purchaseRequest, {
      from: sold.customer,
      spend: [encodeAs(purchaseSpendCodec, spend), sha256()],
    });
    const claim = claimed === undefined ? undefined : { claimed: amountOf("EUR", claimed), evidence };
    const [granted] = await read(keys.excess(sold.customer, sold.merchant));
    const excess = excessItem.read(granted);
    const whole = frozen({ ...state, transaction, excess });
    await apply(decideDispute(sold.customer, txn, whole, claim, now(), terms, fresh()));
    await remember(sold.customer);
  }

  async function settle(merchant: string, says: RailSays): Promise<void> {
    const txn = newTxn();
    const found = (await list(keys.carry(merchant, "EUR").pk, DUE)).filter(
      ({ key }) => key.sk < DUE + behind(now()),
    );
    const due = found.slice(0, limits.settlementCredits).map(({ item }) => dueItem.fromItem(item));
    const creditsAt = async (of: readonly { readonly customer: string; readonly txn: string }[]) =>
      (await read(...of.map((each) => keys.credit(merchant, each.customer, each.txn)))).map((item, i) => ({
        customer: of[i]?.customer ?? "",
        txn: of[i]?.txn ?? "",
        credit: creditItem.fromItem(item ?? {}),
      }));
    const carried = async () => carryItem.read((await read(keys.carry(merchant, "EUR")))[0])?.carried;
    const request = verified(settleRequest, { from: merchant, txn, ...times() });
    const credits = await creditsAt(due);
    // What becomes free is held, and nothing else: the order of what is due has no more and no less.
    for (const { credit } of credits) if (credit.state !== "held") throw new Error(`due and ${credit.state}`);
    const state = frozen({
      purse: await purseAt(merchant),
      transaction: await transactionAt(merchant, txn),
      credits,
      more: found.length > due.length,
      carried: await carried(),
    });
    const outcome = await apply(decideSettlement(request, state, now(), terms));
    if (outcome.step !== "undecided") return;
    const end = async (answer: RailSays): Promise<void> => {
      const transaction = await transactionAt(merchant, txn);
      if (transaction === undefined) throw new Error("a settlement is gone");
      const taken = creditsOf(transaction).map(([customer, subject]) => ({ customer, txn: subject }));
      const paying = frozen({
        purse: await purseAt(merchant),
        transaction,
        carried: await carried(),
        credits: await creditsAt(taken),
      });
      const told = answerOf(answer, transaction.paid);
      const ended = await apply(decideSettled(merchant, txn, paying, told, ACCOUNT, now(), terms));
      if (transaction.state === "paying" && isDone(ended)) moneyOut += transaction.paid ?? 0n;
    };
    open.push({ uid: merchant, txn, end });
    await end(says);
  }

  /** The schedule asks the rail again about one that was begun, also about one that has ended. */
  const ask = async (which: number, says: RailSays): Promise<void> =>
    open[which % Math.max(1, open.length)]?.end(says);

  return { renew, redeem, refund, reverse, close, settle, ask, moneyOut: () => moneyOut };
}

const isDone = (outcome: ReturnOutcome): boolean =>
  outcome.step === "decided" && outcome.record.state === "done";
