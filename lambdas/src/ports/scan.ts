/** The whole table, page by page, for the one who checks the books. */
import type { Item, Key } from "./store.ts";

export interface ScanPage {
  /** `item` is undefined where an attribute is of a kind that no store of ours writes. */
  readonly items: readonly { readonly key: Key; readonly item: Item | undefined }[];
  /** Where the next page begins, when there is one: plain JSON. */
  readonly next?: Key;
}

export interface Scan {
  /**
   * At most so many items behind this key, every item once, in an order of the store's own. Strongly consistent: sums
   * must hold all that was committed before the page was asked for.
   */
  page(after: Key | undefined, limit: number): Promise<ScanPage>;
}
