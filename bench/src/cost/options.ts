/** The command line of `npm run cost`. */
import { parseArgs } from "node:util";
import { limits } from "@lepta/protocol";
import { type Assumptions, standardAssumptions } from "./assumptions.ts";

export interface Options {
  readonly purchases: number;
  readonly assumptions: Assumptions;
  readonly json: boolean;
  readonly help: boolean;
}

const standard = standardAssumptions;

export const HELP = `Usage: npm run cost -- [--purchases 1000000] [--per-batch ${standard.purchasesPerBatch}] [--json] [assumptions]

Counts what the flows ask of AWS on the embedded cloud, and prices it with bench/src/cost/prices.json.
  --purchases N          purchases in the month (0 to 10^12)
  --per-batch N          purchases whose notices go in one batch, on each side (1 to ${limits.outboxBatch})
  --json                 one JSON object on the last line
  --per-vendorscrip N    purchases that one VendorScrip pays for; ${standard.purchasesPerVendorScrip}
  --per-customer N       purchases of one customer in a month; ${standard.purchasesPerCustomer}
  --top-ups N            top-ups of one customer in a month; ${standard.topUpsPerCustomer}
  --redemptions N        redemptions of one customer in a month; ${standard.redemptionsPerCustomer}
  --days N               days of the month on which a customer comes; ${standard.daysPerCustomer}
  --per-merchant N       purchases at one merchant in a month; ${standard.purchasesPerMerchant}
  --kept-months N        months of purchases that the table holds; ${standard.keptMonths}
  --wait-per-call N      milliseconds that a function waits for each SDK call on AWS; ${standard.waitPerCall}
`;

interface Bound {
  readonly assumption: keyof Assumptions;
  readonly least: number;
  readonly most: number;
  readonly whole?: true;
}

const MANY = 1e9;

const bounds: Readonly<Record<string, Bound>> = {
  "per-batch": { assumption: "purchasesPerBatch", least: 1, most: limits.outboxBatch, whole: true },
  "per-vendorscrip": { assumption: "purchasesPerVendorScrip", least: 1, most: MANY },
  "per-customer": { assumption: "purchasesPerCustomer", least: 1, most: MANY },
  "top-ups": { assumption: "topUpsPerCustomer", least: 0, most: MANY },
  redemptions: { assumption: "redemptionsPerCustomer", least: 0, most: MANY },
  days: { assumption: "daysPerCustomer", least: 0, most: 31 },
  "per-merchant": { assumption: "purchasesPerMerchant", least: 1, most: MANY },
  "kept-months": { assumption: "keptMonths", least: 0, most: 1200 },
  "wait-per-call": { assumption: "waitPerCall", least: 0, most: 10_000 },
};

const MOST_PURCHASES = 1e12;

/** Reads the arguments; a sentence that says what is wrong where they mean nothing. */
export function readOptions(args: readonly string[]): Options | { readonly wrong: string } {
  let values: Readonly<Record<string, unknown>>;
  try {
    const strings = ["purchases", ...Object.keys(bounds)].map((name) => [name, { type: "string" }] as const);
    const flags = ["json", "help"].map((name) => [name, { type: "boolean" }] as const);
    values = parseArgs({ args: [...args], options: Object.fromEntries([...strings, ...flags]) }).values;
  } catch (error) {
    return { wrong: error instanceof Error ? error.message : String(error) };
  }
  const purchases = readNumber("purchases", values.purchases ?? "1000000", 0, MOST_PURCHASES, true);
  if (typeof purchases === "string") return { wrong: purchases };
  const assumed: Record<string, number> = {};
  for (const [name, { assumption, least, most, whole }] of Object.entries(bounds)) {
    const text = values[name];
    if (text === undefined) continue;
    const value = readNumber(name, text, least, most, whole === true);
    if (typeof value === "string") return { wrong: value };
    assumed[assumption] = value;
  }
  const assumptions = { ...standard, ...assumed };
  return { purchases, assumptions, json: values.json === true, help: values.help === true };
}

function readNumber(
  name: string,
  text: unknown,
  least: number,
  most: number,
  isWhole: boolean,
): number | string {
  const value = Number(text);
  const isNumber = typeof text === "string" && /^\d+(\.\d+)?$/.test(text);
  if (isNumber && value >= least && value <= most && (!isWhole || Number.isInteger(value))) return value;
  return `--${name} takes a ${isWhole ? "whole " : ""}number from ${least} to ${most}, not ${String(text)}`;
}
