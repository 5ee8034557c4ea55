/** What a command has to say: to people in lines, to programs as one JSON document. */

export interface Report {
  /** False where something is wrong: the exit status is 1. */
  readonly good: boolean;
  readonly lines: readonly string[];
  readonly json: object;
}

/** Paints text where the terminal has colours. */
export interface Paint {
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly faint: (text: string) => string;
}

const colour =
  (code: number, isColoured: boolean) =>
  (text: string): string =>
    isColoured ? `\u001b[${code}m${text}\u001b[0m` : text;

export const paintFor = (isColoured: boolean): Paint => ({
  good: colour(32, isColoured),
  bad: colour(31, isColoured),
  faint: colour(2, isColoured),
});

/** Rows in columns as wide as their widest text. */
export function columns(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((text, i) => text.padEnd(widths[i] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

/** A moment as an operator reads it, UTC. */
export const moment = (at: number): string => new Date(at).toISOString().replace("T", " ").slice(0, 19);
