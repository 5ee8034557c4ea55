/** What went wrong, in plain words, with what to do about it and the exit status for scripts. */
import { type ErrorCode, errors, LeptaError } from "@lepta/protocol";
import { UsageFault } from "../usage.ts";
import { plain } from "./plain.ts";
import { words } from "./words.ts";

/** The exit statuses; docs/wallet.md has the table. */
export const exit = { ok: 0, other: 1, usage: 2, decided: 3, again: 4, interrupted: 130 } as const;

export type Exit = (typeof exit)[keyof typeof exit];

/** A fault of the command's own, that says what to do. */
export class Fault extends Error {
  override readonly name = "Fault";
  readonly code: string;
  readonly todo: string;
  readonly exit: Exit;
  constructor(code: string, message: string, todo: string, status: Exit = exit.other) {
    super(message);
    this.code = code;
    this.todo = todo;
    this.exit = status;
  }
}

export interface Explained {
  /** Of the table of errors, or one of the command line's own. */
  readonly code: string;
  readonly message: string;
  readonly todo: string;
  readonly exit: Exit;
}

/** Explains whatever was thrown; `command` is named where its help is of use. */
export function explain(error: unknown, command = ""): Explained {
  if (error instanceof Fault) return shown(error.code, error.message, error.todo, error.exit);
  if (error instanceof UsageFault) {
    const help = ["lepta", command, "--help"].filter((each) => each !== "").join(" ");
    return shown("usage", error.message, `${help} shows how it is used.`, exit.usage);
  }
  if (error instanceof LeptaError) return ofTheTable(error);
  if (!(error instanceof Error)) return shown("internal", String(error), REPORT, exit.other);
  const { code } = error as NodeJS.ErrnoException;
  const known = code === undefined ? undefined : SYSTEM[code];
  if (known !== undefined) return shown(known[0], error.message, known[1], exit.other);
  return shown("internal", `${error.name}: ${error.message}`, REPORT, exit.other);
}

/** What a script may make of a code: 4 where the same may be tried again, 3 where somebody has decided, 1 otherwise. */
export function exitOf(code: ErrorCode): Exit {
  const { retry, status } = errors[code];
  if (retry === "same") return exit.again;
  return status === PAYMENT_REQUIRED || DECISIONS.has(code) ? exit.decided : exit.other;
}

/** What stands in an error of the table beyond the meaning of its code. */
export const detailOf = ({ code, message }: LeptaError): string =>
  message.slice(errors[code].meaning.length).trim();

const PAYMENT_REQUIRED = 402;

/** Those whose HTTP status is another one. */
const DECISIONS: ReadonlySet<ErrorCode> = new Set([
  "frozen",
  "aborted",
  "account-taken",
  "paid-out",
  "too-late",
  "unknown-item",
  "price-mismatch",
  "signature-needed",
  "delivery-failed",
]);

const REPORT = "This is a fault of lepta itself: please report it, with the command that you gave.";

const SYSTEM: Readonly<Record<string, readonly [code: string, todo: string]>> = {
  EADDRINUSE: [
    "address-in-use",
    "Another program listens there: choose another with --port, or end that one.",
  ],
  EADDRNOTAVAIL: ["no-such-address", "This machine has no such address: choose another with --host."],
  ENOTFOUND: ["no-such-address", "There is no such host: check --host."],
  EACCES: [
    "no-permission",
    "You may not read or write there: choose another place, or mend its permissions.",
  ],
  EPERM: ["no-permission", "You may not read or write there: choose another place, or mend its permissions."],
  EROFS: ["no-permission", "Nothing can be written there: choose another place."],
  ENOENT: ["no-such-file", "Check the path: there is nothing at it."],
  ENOTDIR: ["no-such-file", "Check the path: a part of it is no directory."],
  EISDIR: ["no-such-file", "Name a file: this is a directory."],
  EEXIST: ["file-exists", "Nothing was overwritten: name a file that is not there yet."],
  ENOSPC: ["disk-full", "Make room on the disk and try again."],
};

function ofTheTable(error: LeptaError): Explained {
  const { code } = error;
  const known = words[code];
  const { says, todo } = known ?? { says: errors[code].meaning, todo: BY_RETRY[errors[code].retry] };
  const detail = detailOf(error);
  return shown(code, detail === "" ? says : `${says} ${detail}`, todo, exitOf(code));
}

const BY_RETRY = {
  same: "Try the same again in a while.",
  new: "Nothing was paid: try it again.",
  no: "It will not go through as it is: look at the message, and at lepta wallet history.",
} as const;

const shown = (code: string, message: string, todo: string, status: Exit): Explained => ({
  code,
  message: plain(message),
  todo: plain(todo),
  exit: status,
});
