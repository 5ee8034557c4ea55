/**
 * Money: an unsigned integer of millionths of the currency's major unit, with its ISO 4217 code (design: EUR 0.000001 is
 * 1). Never a float; two amounts meet only when their currencies agree.
 */

import { limits } from "./core-limits.ts";
import { LeptaError, type Or, refuse } from "./errors.ts";

/** Money: millionths of a currency's major unit. Two amounts meet only where their currencies agree. */
export interface Amount {
  /** Three capital letters, ISO 4217. */
  readonly currency: string;
  /** Millionths of the major unit, 0 to 2^53−1 (0 only where nothing was charged). */
  readonly value: bigint;
}

const SCALE = 1_000_000n;
const DIGITS = 6;
const TEXT = /^([A-Z]{3}) (0|[1-9][0-9]{0,15})(?:\.([0-9]{1,6}))?$/;

/** The amount with this value. Throws `bad-amount` outside 0 … 2^53−1 or where the currency is not a code. */
export function amountOf(currency: string, value: bigint): Amount {
  if (!/^[A-Z]{3}$/.test(currency) || value < 0n || value > limits.amount)
    throw new LeptaError("bad-amount", `${currency} ${value}`);
  return Object.freeze({ currency, value });
}

/** Reads `"EUR 0.02"`: code, one space, decimal digits with a point and at most six places. Throws `bad-amount`. */
export function parseAmount(text: string): Amount {
  const [, currency, whole, fraction = ""] = TEXT.exec(text) ?? [];
  if (currency === undefined || whole === undefined) throw new LeptaError("bad-amount", JSON.stringify(text));
  return amountOf(currency, BigInt(whole) * SCALE + BigInt(fraction.padEnd(DIGITS, "0")));
}

/** Writes `"EUR 0.02"`: at least two places, more only where they are needed. */
export function formatAmount({ currency, value }: Amount): string {
  const fraction = (value % SCALE)
    .toString()
    .padStart(DIGITS, "0")
    .replace(/0{1,4}$/, "");
  return `${currency} ${value / SCALE}.${fraction}`;
}

/** a + b, or `wrong-currency`, or `amount-overflow`. */
export function add(a: Amount, b: Amount): Or<Amount> {
  if (a.currency !== b.currency) return refuse("wrong-currency");
  const value = a.value + b.value;
  return value > limits.amount ? refuse("amount-overflow") : amountOf(a.currency, value);
}

/** a − b, or `wrong-currency`, or `insufficient` where b is more. */
export function subtract(a: Amount, b: Amount): Or<Amount> {
  if (a.currency !== b.currency) return refuse("wrong-currency");
  return b.value > a.value ? refuse("insufficient") : amountOf(a.currency, a.value - b.value);
}

/** a × quantity, or `amount-overflow`. The quantity is a safe integer. */
export function multiply(a: Amount, quantity: number): Or<Amount> {
  const value = a.value * BigInt(quantity);
  return value > limits.amount ? refuse("amount-overflow") : amountOf(a.currency, value);
}

/** Whether currency and value are the same. */
export const sameAmount = (a: Amount, b: Amount): boolean => a.currency === b.currency && a.value === b.value;
