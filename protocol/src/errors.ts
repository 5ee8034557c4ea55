/** Errors as values, and as what is thrown at the edge. What their codes mean is in `error-table.ts`, which pages load when one comes up. */
import { meaningOf, whenLoaded } from "#meanings";
import type { CodeToTry, ErrorCode } from "./error-table.ts";

export type { ErrorCode };

/** Every code of the table: whether the very same bytes may be sent again. */
const codes: { readonly [C in ErrorCode]: C extends CodeToTry<"same"> ? true : false } = {
  malformed: false,
  "too-large": false,
  "unsupported-media": false,
  "not-found": false,
  unauthentic: false,
  "unknown-peer": false,
  "wrong-type": false,
  "wrong-network": false,
  "wrong-recipient": false,
  "wrong-reference": false,
  expired: false,
  "future-dated": false,
  frozen: false,
  conflict: false,
  aborted: false,
  refused: false,
  pending: true,
  busy: true,
  internal: true,
  "account-refused": false,
  "account-taken": false,
  "bad-possession": false,
  declined: false,
  "wrong-currency": false,
  "amount-overflow": false,
  "scrip-forged": false,
  "scrip-spent": false,
  "scrip-expired": false,
  "wrong-issuer": false,
  "not-owner": false,
  "bad-proof": false,
  insufficient: false,
  "paid-out": false,
  "too-late": false,
  "intent-mismatch": false,
  "scrip-mismatch": false,
  "same-party": false,
  "unknown-item": false,
  "price-mismatch": false,
  "in-use": false,
  "statement-due": true,
  "signature-needed": false,
  "delivery-failed": false,
  "over-max": false,
  "over-budget": false,
  "insufficient-funds": false,
  "bad-amount": false,
  "bad-phrase": false,
  "not-pinned": false,
  "wrong-root": false,
  "account-needed": false,
  unreachable: true,
  "store-locked": true,
  "store-damaged": false,
  closed: false,
};

/** Whether a text is a code of the table. */
export const isErrorCode = (text: string): text is ErrorCode => Object.hasOwn(codes, text);

/** Whether the very same bytes may be sent again: what came of them is not known. */
export const isToRepeat = (code: ErrorCode): boolean => codes[code];

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
