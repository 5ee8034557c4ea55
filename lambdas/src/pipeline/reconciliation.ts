/** What checking the books needs. */
import type { Runtime } from "../ports/runtime.ts";
import type { Scan } from "../ports/scan.ts";
import type { Store } from "../ports/store.ts";

/** It reads: what it is given can neither commit nor be written to. */
export interface Reconciliation {
  readonly store: Pick<Store, "get" | "list">;
  readonly scan: Scan;
  readonly runtime: Pick<Runtime, "now">;
  /** ISO 4217. */
  readonly currency: string;
}
