/** `lepta inspect`: any message, scrip, receipt or statement in readable form, with every check and its reason. */
import {
  type InspectContext,
  type InspectedCheck,
  type InspectedField,
  type Inspection,
  inspect,
} from "@lepta/protocol/inspect";
import { readInput } from "./inspect-input.ts";

export { INPUT_BYTES } from "./inspect-input.ts";

export interface InspectOptions extends InspectContext {
  /** Whether the text is for a terminal with colours. */
  readonly isColor?: boolean;
}

export interface Inspected {
  readonly text: string;
  readonly json: unknown;
  /** Whether a check is red: the command then ends with 3. */
  readonly isBad: boolean;
}

/** Inspects a file's or standard input's bytes: as they are, or what they are in hex, base64 or base64url. */
export async function inspectInput(input: Uint8Array, options: InspectOptions = {}): Promise<Inspected> {
  const { isColor = false, ...context } = options;
  const { bytes, notation } = readInput(input);
  const inspection = await inspect(bytes, context);
  const isBad = inspection.checks.some(({ state }) => state === "bad");
  return { text: textOf(inspection, notation, isColor), json: inspection, isBad };
}

function textOf(
  { kind, title, length, fields, checks }: Inspection,
  notation: string,
  isColor: boolean,
): string {
  const paint = paintWith(isColor);
  const bytes = `${length} byte${length === 1 ? "" : "s"}`;
  const lines = [paint.strong(title), `${kind}, ${bytes}${notation === "raw" ? "" : ` in ${notation}`}`, ""];
  for (const field of fields) lines.push(...fieldLines(field, "  ", paint));
  if (fields.length > 0) lines.push("");
  const width = Math.max(0, ...checks.map(({ name }) => name.length));
  for (const each of checks)
    lines.push(`  ${paint[each.state](MARKS[each.state])} ${each.name.padEnd(width)}  ${each.reason}`);
  lines.push("", sumOf(checks));
  return `${lines.join("\n")}\n`;
}

function fieldLines(
  { name, value, note, fields = [] }: InspectedField,
  indent: string,
  paint: Paint,
): string[] {
  const beside = note === undefined ? "" : paint.faint(`  (${note})`);
  const line = `${indent}${name}: ${value}${beside}`;
  return [line, ...fields.flatMap((field) => fieldLines(field, `${indent}  `, paint))];
}

/** The state is told by the mark as well as by its colour. */
const MARKS = { good: "✓", bad: "✗", unknown: "?" } as const;

function sumOf(checks: readonly InspectedCheck[]): string {
  const number = (state: InspectedCheck["state"]): number =>
    checks.filter((each) => each.state === state).length;
  const [good, bad, unknown] = [number("good"), number("bad"), number("unknown")];
  const rest = unknown === 0 ? "" : `, ${unknown} could not be made with what is at hand`;
  return `${good} of ${checks.length} checks hold, ${bad} ${bad === 1 ? "does" : "do"} not${rest}.`;
}

type Paint = Readonly<Record<InspectedCheck["state"] | "strong" | "faint", (text: string) => string>>;

function paintWith(isColor: boolean): Paint {
  const sgr =
    (code: number) =>
    (text: string): string =>
      isColor ? `\u001b[${code}m${text}\u001b[0m` : text;
  return { good: sgr(32), bad: sgr(31), unknown: sgr(33), strong: sgr(1), faint: sgr(2) };
}
