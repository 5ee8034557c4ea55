/** Amounts as people write them on a command line. */
import { type Amount, formatAmount, LeptaError, parseAmount } from "@lepta/protocol";
import { UsageFault } from "../usage.ts";

/** Reads an amount of something and writes it as it is always written. Throws a `UsageFault` that says what is meant. */
export function amountText(name: string, text: string): string {
  return formatAmount(readAmount(name, text));
}

function readAmount(name: string, text: string): Amount {
  try {
    const amount = parseAmount(text);
    if (amount.value > 0n) return amount;
  } catch (error) {
    if (!(error instanceof LeptaError)) throw error;
  }
  throw new UsageFault(
    `${name} is an amount such as "EUR 0.02", in quotes: a currency, a space, a number with at most six places; not ${JSON.stringify(text)}`,
  );
}

/** A whole number. Throws a `UsageFault`. */
export function numberOf(name: string, text: string, least: number, most: number): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new UsageFault(`${name} is a whole number from ${least} to ${most}, not ${JSON.stringify(text)}`);
}
