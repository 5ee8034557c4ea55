/** Errors as values, and as what is thrown at the edge. What their codes mean is in `error-table.ts`, which pages load when one comes up. */
import { meaningOf, whenLoaded } from "#meanings";
import type { ErrorCode } from "./error-table.ts";

export type { ErrorCode };

// As words, which a page loads first of all: a test holds them to the table.
/** Codes whose very same bytes may be sent again: what came of them is not known. */
const repeated = new Set("pending busy internal statement-due unreachable store-locked".split(" "));
/** The others. */
const decided = new Set(
  (
    "malformed too-large unsupported-media not-found unauthentic unknown-peer wrong-type " +
    "wrong-network wrong-recipient wrong-reference expired future-dated frozen conflict aborted " +
    "refused account-refused account-taken bad-possession declined wrong-currency amount-overflow " +
    "scrip-forged scrip-spent scrip-expired wrong-issuer not-owner bad-proof insufficient paid-out " +
    "too-late intent-mismatch scrip-mismatch same-party unknown-item price-mismatch in-use " +
    "signature-needed delivery-failed over-max over-budget insufficient-funds bad-amount bad-phrase " +
    "not-pinned wrong-root account-needed store-damaged closed"
  ).split(" "),
);

/** Whether a text is a code of the table. */
export const isErrorCode = (text: string): text is ErrorCode => repeated.has(text) || decided.has(text);

/** Whether the very same bytes may be sent again: what came of them is not known. */
export const isToRepeat = (code: ErrorCode): boolean => repeated.has(code);

/** A peer's fault, as a value: it is returned, never thrown. */
export class Refusal {
  /** What is the matter. */
  readonly code: ErrorCode;
  /** For people who debug: never a secret, never sent to the other side. */
  readonly detail: string | undefined;
  /** A refusal with a code, and, for people who debug, a detail. */
  constructor(code: ErrorCode, detail?: string) {
    this.code = code;
    this.detail = detail;
  }
}

/** A result or the reason why there is none. */
export type Or<T> = T | Refusal;

/** A refusal with this code, to be returned. */
export const refuse = (code: ErrorCode, detail?: string): Refusal => new Refusal(code, detail);

/** Whether a result is a refusal: what `Or` is asked before its value is used. */
export const isRefusal = (value: unknown): value is Refusal => value instanceof Refusal;

/**
 * The error of the SDK: its `code` is of the table, its message the meaning of that. In a page that has not loaded the
 * meanings yet the message is the code until they have come.
 */
export class LeptaError extends Error {
  /** What is the matter: the same codes as a refusal has. */
  readonly code: ErrorCode;
  /** An error whose message is the meaning of its code, with the detail in brackets. */
  constructor(code: ErrorCode, detail?: string) {
    const worded = (meaning: string): string => (detail === undefined ? meaning : `${meaning} (${detail})`);
    super(worded(meaningOf(code)));
    this.name = "LeptaError";
    this.code = code;
    whenLoaded((errors) => {
      this.message = worded(errors[code].meaning);
    });
  }
}

/** The value, or a thrown LeptaError: for the edge where a caller wants an exception. */
export function orThrow<T>(value: Or<T>): T {
  if (isRefusal(value)) throw new LeptaError(value.code, value.detail);
  return value;
}
