/** The meanings of errors, at hand from the start: `#meanings` for all but browsers. */
import { type ErrorCode, errors } from "../error-table.ts";

/** What a code means, as far as it can be said now. */
export const meaningOf = (code: ErrorCode): string => errors[code].meaning;

/** Tells the table if it is still to come, once it is there. */
export const whenLoaded: (tell: (table: typeof errors) => void) => void = () => {};
