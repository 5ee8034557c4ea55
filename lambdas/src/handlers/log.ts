/** Logging by allow-list: a line can hold these fields and no others, so no secret finds its way into one. */
export interface LogEntry {
  readonly route: string;
  /** An error code, or `answered`. */
  readonly outcome: string;
  /** The kind and place of a fault of our own. */
  readonly fault?: string;
  readonly count?: number;
}

/** One line of JSON on the standard error stream. Answered requests are not worth one; metrics count them. */
export function log({ route, outcome, fault, count }: LogEntry): void {
  if (outcome === "answered") return;
  const level = fault === undefined ? "info" : "error";
  if (level === "info" && process.env.LEPTA_LOG !== "info") return;
  process.stderr.write(`${JSON.stringify({ level, route, outcome, fault, count })}\n`);
}
