/** The meanings of errors in a page: loaded when the first error comes up. `#meanings` where a bundler builds for a browser. */
import type { ErrorCode, errors } from "../error-table.ts";

let loaded: typeof errors | undefined;
let loading: Promise<typeof errors> | undefined;

/** What a code means, as far as it can be said now: the code itself says it shortly. */
export const meaningOf = (code: ErrorCode): string => loaded?.[code].meaning ?? code;

/** Tells the table if it is still to come, once it is there. */
export function whenLoaded(tell: (table: typeof errors) => void): void {
  if (loaded !== undefined) return;
  loading ??= import("../error-table.ts").then((part) => {
    loaded = part.errors;
    return loaded;
  });
  loading.then(tell, () => {
    // It cannot be had, as where the network is what failed: the code stands for itself, and the next error tries again.
    loading = undefined;
  });
}
