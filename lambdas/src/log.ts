/** Logging by allow-list: a line can hold the fields of `LogEntry` and no others, so no secret finds its way into one. */
import { type LogEntry, type Observer, silentObserver } from "./ports/observer.ts";

/** One line of JSON on the standard error stream. Answered requests are not worth one; metrics count them. */
export function log(entry: LogEntry): void {
  if (!isWorthALine(entry)) return;
  process.stderr.write(`${JSON.stringify({ level: levelOf(entry), ...allowed(entry) })}\n`);
}

/** The observer where nobody collects metrics: the embedded cloud. Faults go to the standard error stream. */
export const plainObserver: Observer = { ...silentObserver, log };

/** The fields that a line may hold, one by one: what else an object brings stays outside. */
export function allowed({ route, outcome, fault, count, requestId }: LogEntry): LogEntry {
  return {
    route: plain(route),
    outcome: plain(outcome),
    ...(fault === undefined ? {} : { fault: plain(fault) }),
    ...(count === undefined ? {} : { count: Number(count) }),
    ...(requestId === undefined ? {} : { requestId: plain(requestId) }),
  };
}

export const levelOf = ({ fault }: LogEntry): "info" | "error" => (fault === undefined ? "info" : "error");

/** Faults are; of the rest, what was not simply answered, where `LEPTA_LOG=info` asks for it. */
export const isWorthALine = (entry: LogEntry): boolean =>
  levelOf(entry) === "error" || (entry.outcome !== "answered" && process.env.LEPTA_LOG === "info");

/** Our own faults are told by kind and place; a message could quote what it choked on. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  // A message may have lines of its own that look like places: the stack begins behind all of them.
  const lines = (error.stack ?? "").split("\n").slice(error.message.split("\n").length);
  const place = lines.map((line) => PLACE.exec(line)).find((found) => found !== null);
  const { by, file = "" } = place?.groups ?? {};
  const kind = /^\w{1,60}$/.test(error.name) ? error.name : "Error";
  if (place === undefined) return kind;
  return by === undefined ? `${kind} at ${file}` : `${kind} at ${by} (${file})`;
}

/** One line of a stack: the function, and the last part of the file's path with line and column. */
const PLACE =
  /^\s+at (?:async )?(?:(?<by>[\w.<>$# ]{1,80}) \()?(?:[^()]*[\\/])?(?<file>[\w.-]{1,80}:\d+:\d+)\)?$/;

const LONGEST = 200;

/** Routes, codes, places and ids are plain text of one line; anything else is nothing that we would write. */
const plain = (text: string): string =>
  /^[\w ./:<>()$#=-]*$/.test(text) && text.length <= LONGEST ? text : "unprintable";
