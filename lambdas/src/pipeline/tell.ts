/**
 * What the pipeline tells about a decision, once it is committed: `settle` calls this for decisions that wrote something,
 * so a request that was decided before is not counted again.
 */
import { amountOf, type ErrorCode, isErrorCode } from "@lepta/protocol";
import type { TransactionRecord } from "../broker/items.ts";
import type { Observer } from "../ports/observer.ts";

/** A refusal, signed or plain. One for spent scrip is an attempt to spend it twice. */
export function tellRefusal(observer: Observer, code: ErrorCode): void {
  observer.refused(code);
  if (code === "scrip-spent") observer.count("doubleSpends", 1);
}

/** The money that a transaction's end has moved, or why it was refused; nothing where it has not ended. */
export function tellEnd(observer: Observer, record: TransactionRecord): void {
  const { kind, state, reason, currency } = record;
  if (state === "refused" && reason !== undefined && isErrorCode(reason)) tellRefusal(observer, reason);
  const money = state === "done" ? MOVED[kind] : undefined;
  const value = kind === "settlement" ? record.paid : record.value;
  if (money === undefined || currency === undefined || value === undefined || value === 0n) return;
  observer.money(money, amountOf(currency, value));
}

/** What is told of an outcome that may have a record of a transaction. */
export const tellStep =
  (observer: Observer) =>
  (outcome: { readonly step: string; readonly record?: TransactionRecord }): void => {
    if (outcome.record !== undefined) tellEnd(observer, outcome.record);
  };

/** By the transaction's kind. */
const MOVED: Readonly<Record<string, "issued" | "redeemed" | "paidOut" | "authorised" | undefined>> = {
  brokerscrip: "issued",
  redeem: "redeemed",
  settlement: "paidOut",
  vendorscrip: "authorised",
};
