/** Amounts and times as the reader's own country writes them. */
import { parseAmount } from "@lepta/protocol";

/** `"EUR 0.02"` in the reader's way: all places that count, and at least those that the currency has. */
export function money(text: string, locale?: string): string {
  const { currency, value } = parseAmount(text);
  const format = new Intl.NumberFormat(locale, {
    style: "currency",
    currency,
    maximumFractionDigits: MOST_PLACES,
  });
  // As text, so that no float stands between the amount and what is shown.
  const fraction = (value % MILLION).toString().padStart(MOST_PLACES, "0");
  return format.format(`${value / MILLION}.${fraction}` as Intl.StringNumericLiteral);
}

/** The same, without places where there is nothing in them: `"+€5"` on a button. */
export function wholeMoney(text: string, locale?: string): string {
  const { currency, value } = parseAmount(text);
  if (value % MILLION !== 0n) return money(text, locale);
  const format = new Intl.NumberFormat(locale, { style: "currency", currency, maximumFractionDigits: 0 });
  return format.format(value / MILLION);
}

/** The sum of amounts of one currency; the others are left out. Undefined where there is none. */
export function sumOf(texts: readonly string[]): string | undefined {
  const [first] = texts;
  if (first === undefined) return undefined;
  const { currency } = parseAmount(first);
  const all = texts.map(parseAmount).filter((each) => each.currency === currency);
  const total = all.reduce((sum, { value }) => sum + value, 0n);
  return `${currency} ${total / MILLION}.${(total % MILLION).toString().padStart(MOST_PLACES, "0")}`;
}

/** Date and time, in milliseconds. */
export const moment = (at: number, locale?: string): string =>
  new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" }).format(at);

/** The time of day, to the millisecond. */
export const instant = (at: number, locale?: string): string =>
  new Intl.DateTimeFormat(locale, {
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    fractionalSecondDigits: 3,
  }).format(at);

export const count = (value: number, locale?: string): string => new Intl.NumberFormat(locale).format(value);

const MILLION = 1_000_000n;
const MOST_PLACES = 6;
