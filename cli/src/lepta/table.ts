/** Tables on a terminal: aligned columns, what others say made harmless, times of this machine's clock in UTC. */
import { columns, moment, paintFor } from "../report.ts";
import { numberOf } from "./amount.ts";
import type { CommandOption, Context } from "./command.ts";
import { plain } from "./plain.ts";

export const limitOption: CommandOption = {
  name: "limit",
  value: "number",
  summary: "how many, the latest ones (20)",
};

const LIMIT = "20";
const MOST = 1_000_000;

/** How many are wished for. Throws a `UsageFault`. */
export const limitOf = ({ option }: Context): number =>
  numberOf("--limit", option("limit") ?? LIMIT, 1, MOST);

/** The latest entries, and how many there are in all. */
export const latest = <T>(
  limit: number,
  entries: readonly T[],
): { readonly shown: readonly T[]; readonly total: number } => ({
  shown: entries.slice(-limit),
  total: entries.length,
});

/** A head and rows; one sentence where there are none. */
export function tableLines(
  { isColor }: Pick<Context, "isColor">,
  head: readonly string[],
  rows: readonly (readonly string[])[],
  none: string,
): readonly string[] {
  if (rows.length === 0) return [none];
  const [first = "", ...others] = columns([head, ...rows.map((row) => row.map(plain))]);
  return [paintFor(isColor).faint(first), ...others];
}

/** What is left out, where something is. */
export const leftOut = (shown: number, total: number): readonly string[] =>
  shown === total ? [] : ["", `The latest ${shown} of ${total}; --limit ${total} shows all.`];

/** `2026-12-01 03:00:16`, UTC. */
export const time = (at: number): string => moment(at);

/** A UID as it fits into a table; the JSON has it whole. */
export const short = (uid: string | undefined): string => (uid === undefined ? "" : `${uid.slice(0, 8)}…`);
